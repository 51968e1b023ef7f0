"""Costs: what a vendor asks for a product."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from batches import journal


@journal.track
class ProductCost(models.Model):
    """What the store pays a vendor for a product."""

    product = models.ForeignKey(
        "products.Product",
        on_delete=models.CASCADE,
        # The index of the unique constraint begins with it.
        db_index=False,
        related_name="costs",
        verbose_name=_("product"),
    )
    vendor = models.ForeignKey(
        "products.Vendor", on_delete=models.PROTECT, related_name="costs", verbose_name=_("vendor")
    )
    vendor_item_code = models.CharField(
        _("vendor item code"), max_length=40, blank=True, default="", db_default=""
    )
    case_size = models.PositiveIntegerField(
        _("case size"), default=1, db_default=1, help_text=_("Sellable units in a case.")
    )
    case_cost = models.DecimalField(
        _("case cost"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("US dollars for one case."),
    )
    unit_cost = models.DecimalField(
        _("unit cost"), max_digits=10, decimal_places=4, help_text=_("US dollars for one sellable unit.")
    )
    preferred = models.BooleanField(
        _("preferred"),
        default=False,
        db_default=False,
        help_text=_("The store orders from this vendor first."),
    )

    class Meta:
        verbose_name = _("cost")
        verbose_name_plural = _("costs")
        constraints = [
            models.UniqueConstraint(
                fields=["product", "vendor"],
                name="cost_product_vendor_unique",
                violation_error_message=_("The product has a cost from this vendor."),
            ),
            models.UniqueConstraint(
                fields=["product"],
                condition=models.Q(preferred=True),
                name="cost_one_preferred",
                violation_error_message=_("The product has another preferred vendor."),
            ),
            models.CheckConstraint(
                condition=models.Q(case_size__gte=1),
                name="cost_case_size_range",
                violation_error_message=_("A case holds at least 1."),
            ),
            models.CheckConstraint(
                condition=models.Q(case_cost__gte=0, case_cost__lt=100_000_000),
                name="cost_case_cost_range",
                violation_error_message=_("A cost is at least 0."),
            ),
            models.CheckConstraint(
                condition=models.Q(unit_cost__gte=0, unit_cost__lt=1_000_000),
                name="cost_unit_cost_range",
                violation_error_message=_("A cost is at least 0."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit_cost}"

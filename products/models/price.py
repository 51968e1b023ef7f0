"""Prices that hold for a time."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from batches import journal


@journal.track
class ProductPrice(models.Model):
    """A sale or member price from `starts` up to, but not including, `ends`; without an end it stays."""

    class Kind(models.TextChoices):
        SALE = "sale", _("sale")
        MEMBER = "member", _("member")

    product = models.ForeignKey(
        "products.Product",
        on_delete=models.CASCADE,
        # The index of the exclusion constraint begins with it.
        db_index=False,
        related_name="prices",
        verbose_name=_("product"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    amount = models.DecimalField(
        _("amount"), max_digits=9, decimal_places=2, help_text=_("US dollars for one sellable unit.")
    )
    starts = models.DateTimeField(_("starts"))
    ends = models.DateTimeField(
        _("ends"), null=True, blank=True, help_text=_("The first moment when it no longer holds.")
    )

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends__gt=models.F("starts")),
                name="price_ends_after_start",
                violation_error_message=_("A price ends after it starts."),
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gte=0, amount__lt=10_000_000),
                name="price_amount_range",
                violation_error_message=_("A price is at least 0."),
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["sale", "member"]),
                name="price_kind_known",
                violation_error_message=_("The kind of a price is sale or member."),
            ),
            ExclusionConstraint(
                name="price_no_two_at_once",
                expressions=[
                    ("product", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    (
                        models.Func(
                            "starts", "ends", function="tstzrange", output_field=DateTimeRangeField()
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                violation_error_message=_("The product has another price of this kind at that time."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"

    def clean(self) -> None:
        # Before the database builds a range of it, which it refuses when turned round.
        if self.starts and self.ends and self.ends <= self.starts:
            raise ValidationError({"ends": _("A price ends after it starts.")})

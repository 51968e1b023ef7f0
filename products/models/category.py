"""Categories of goods."""

from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from batches import journal


@journal.track
class Category(models.Model):
    """A kind of goods, such as Ice cream."""

    name = models.CharField(_("name"), max_length=100)
    department = models.ForeignKey(
        "products.Department",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="categories",
        verbose_name=_("department"),
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Upper("name"),
                name="category_name_unique",
                violation_error_message=_("There is a category of this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

"""Brands."""

from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from batches import journal


@journal.track
class Brand(models.Model):
    """The name under which goods are sold."""

    name = models.CharField(_("name"), max_length=100)

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Upper("name"),
                name="brand_name_unique",
                violation_error_message=_("There is a brand of this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

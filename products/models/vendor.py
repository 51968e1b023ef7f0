"""Vendors, who sell to the store."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from batches import journal


@journal.track
class Vendor(models.Model):
    """A company that the store buys from."""

    code = models.CharField(
        _("code"), max_length=20, unique=True, help_text=_("The store's short name for it.")
    )
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        verbose_name = _("vendor")
        verbose_name_plural = _("vendors")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name

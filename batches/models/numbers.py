"""The number that every batch has, whatever its type."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class BatchNumber(models.Model):
    """One number out of one sequence for all types; also the row that work on a batch locks."""

    number = models.BigAutoField(_("number"), primary_key=True)
    type = models.CharField(_("type"), max_length=50, help_text=_("Key of the batch type."))
    made = models.DateTimeField(_("made"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("batch number")
        verbose_name_plural = _("batch numbers")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.number:08d}"

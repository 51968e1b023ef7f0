"""The number that every batch has, whatever its type."""

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class BatchNumber(models.Model):
    """One number out of one sequence for all types; also the row that work on a batch locks."""

    number = models.BigAutoField(_("number"), primary_key=True)
    type = models.CharField(_("type"), max_length=50, help_text=_("Key of the batch type."))
    made = models.DateTimeField(_("made"), db_default=Now(), editable=False)
    # A hold: nothing of the batch is removed until it is released.
    held = models.DateTimeField(_("held since"), null=True, editable=False)
    held_by_name = models.CharField(_("held by"), max_length=150, default="", editable=False)
    held_reason = models.CharField(_("why it is held"), max_length=200, default="", editable=False)
    # From the first of these moments on nobody reads rows any more; at the second they and the files are gone.
    purge_begun = models.DateTimeField(_("removal begun"), null=True, editable=False)
    purged = models.DateTimeField(_("rows removed"), null=True, editable=False)
    journal_purged = models.DateTimeField(_("history removed"), null=True, editable=False)
    figures = models.JSONField(
        _("figures"), default=dict, editable=False, help_text=_("Of the rows that were removed.")
    )
    # Plain numbers, as the parts of a batch outlive each other.
    part_of = models.BigIntegerField(
        _("part of"),
        null=True,
        editable=False,
        help_text=_("Number of the batch that was split; it has its own, once it was."),
    )
    moved_records = models.PositiveIntegerField(
        _("moved records"),
        default=0,
        editable=False,
        help_text=_("Records of the file that left for others."),
    )

    class Meta:
        verbose_name = _("batch number")
        verbose_name_plural = _("batch numbers")
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["part_of"], condition=models.Q(part_of__isnull=False), name="batches_number_parts"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number:08d}"

    @property
    def is_held(self) -> bool:
        """Tell whether somebody holds the batch, so that nothing of it may be removed."""
        return self.held is not None

    @property
    def is_purged(self) -> bool:
        """Tell whether the rows are removed, or are being removed: nobody may read them then."""
        return self.purge_begun is not None

    def kept_figures(self) -> dict[str, Any] | None:
        """Return the figures of rows that are gone; None while the rows are there."""
        return self.figures if self.is_purged else None

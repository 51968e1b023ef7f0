"""What belongs to a batch but is no row: unreadable records, and the figures of a revision."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .numbers import BatchNumber


class Unreadable(models.Model):
    """A record of a file that could not become a row, with its place and text."""

    batch = models.ForeignKey(BatchNumber, models.CASCADE, related_name="unreadable", verbose_name=_("batch"))
    source_row = models.PositiveIntegerField(_("line in the file"))
    code = models.CharField(_("code"), max_length=50)
    text = models.TextField(_("text"))
    message = models.TextField(_("reason"))
    params = models.JSONField(_("parameters"), default=dict)
    dropped = models.BooleanField(_("dropped"), default=False)
    dropped_reason = models.CharField(_("why it is dropped"), max_length=200, default="", blank=True)

    class Meta:
        verbose_name = _("unreadable record")
        verbose_name_plural = _("unreadable records")
        ordering = ["batch", "source_row"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.batch_id:08d}:{self.source_row}"


class Summary(models.Model):
    """Counts and findings of one revision of a batch, for one row scope; rebuilt, never counted up."""

    batch = models.ForeignKey(BatchNumber, models.CASCADE, related_name="summaries", verbose_name=_("batch"))
    scope = models.CharField(
        _("scope"), max_length=64, default="", help_text=_("Digest of the row scope; empty = all rows.")
    )
    revision = models.PositiveIntegerField(_("revision"))
    data = models.JSONField(_("figures"))

    class Meta:
        verbose_name = _("summary")
        verbose_name_plural = _("summaries")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["batch", "scope"], name="batches_summary_unique")]

    def __str__(self) -> str:
        return f"{self.batch_id:08d} r{self.revision}"

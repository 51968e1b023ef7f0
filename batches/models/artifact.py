"""A file that a run made for somebody: rows that were too many to be sent at once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .numbers import BatchNumber


class Artifact(models.Model):
    """Rows of a batch in a file, for the person who asked; it goes with its batch."""

    batch = models.ForeignKey(BatchNumber, models.CASCADE, related_name="artifacts", verbose_name=_("batch"))
    # No foreign key: a run is the control row of work, and what it made may outlive it.
    run = models.BigIntegerField(_("run"), null=True)
    kind = models.CharField(_("kind"), max_length=10)
    name = models.CharField(_("name"), max_length=255)
    file = models.FileField(_("file"), max_length=200)
    filter = models.JSONField(_("filter"), default=dict)
    rows = models.PositiveBigIntegerField(_("rows"))
    size = models.PositiveBigIntegerField(_("size"))
    scope = models.CharField(
        _("scope"), max_length=32, blank=True, default="", help_text=_("Key of the part of the rows it has.")
    )
    made_for = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("made for")
    )
    made_for_name = models.CharField(_("made for"), max_length=150, default="")
    created = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("saved file")
        verbose_name_plural = _("saved files")
        ordering = ["-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

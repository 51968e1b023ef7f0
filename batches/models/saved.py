"""What is remembered of one file for the next: how it is read and mapped, and what names in it stand for."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SavedMapping(models.Model):
    """How files with the same headings are read and mapped. Saved when a batch was filled; named, and offered next time."""

    type = models.CharField(_("batch type"), max_length=50)
    source = models.CharField(
        _("sender"),
        max_length=100,
        default="",
        blank=True,
        help_text=_("Who sends such files, such as a vendor's code; empty where the type does not tell."),
    )
    name = models.CharField(_("name"), max_length=100)
    fingerprint = models.CharField(
        _("fingerprint"), max_length=64, help_text=_("SHA-256 of the headings, folded, in their order.")
    )
    headings = models.JSONField(_("headings"), default=list)
    mapping = models.JSONField(_("mapping"), default=dict, help_text=_("As on the batch: field -> column."))
    reading = models.JSONField(_("reading"), default=dict, help_text=_("How the file is read, as chosen."))
    options = models.JSONField(_("options"), default=dict, help_text=_("The batch's options, as text."))
    created = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by_name = models.CharField(_("created by"), max_length=150, default="", blank=True)
    used = models.DateTimeField(_("last used"), null=True, blank=True)
    used_times = models.PositiveIntegerField(_("times used"), default=0)
    used_file = models.CharField(_("last file"), max_length=255, default="", blank=True)
    used_batch = models.BigIntegerField(_("last batch"), null=True, blank=True)

    class Meta:
        verbose_name = _("saved mapping")
        verbose_name_plural = _("saved mappings")
        ordering = ["type", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["type", "name"],
                name="batches_mapping_name_unique",
                violation_error_message=_("There is a mapping of this name for the type already."),
            ),
            models.UniqueConstraint(
                fields=["type", "source", "fingerprint"],
                name="batches_mapping_unique",
                violation_error_message=_("There is a mapping for these headings and this sender already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SavedValue(models.Model):
    """What a name in the files of a sender stands for: "FRZN FOODS" is the department Frozen. Used when rows are looked up."""

    type = models.CharField(_("batch type"), max_length=50)
    source = models.CharField(_("sender"), max_length=100, default="", blank=True)
    field = models.CharField(_("field"), max_length=63, help_text=_("The row's field that holds the name."))
    text = models.CharField(
        _("text in the file"), max_length=200, help_text=_("In capitals, without blanks around it.")
    )
    value = models.CharField(_("stands for"), max_length=200, help_text=_("What is put in its place."))
    created = models.DateTimeField(_("created"), auto_now_add=True)
    created_by_name = models.CharField(_("created by"), max_length=150, default="", blank=True)

    class Meta:
        verbose_name = _("saved value")
        verbose_name_plural = _("saved values")
        ordering = ["type", "field", "text"]
        constraints = [
            models.UniqueConstraint(
                fields=["type", "source", "field", "text"],
                name="batches_value_unique",
                violation_error_message=_("This text has a meaning here already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.text} = {self.value}"

"""Abstract header of a batch: what it is, where it stands, who made and executed it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..states import Status
from .numbers import BatchNumber

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


def upload_path(instance: models.Model, name: str) -> str:
    """Return a generated place for an upload; the sender's name is kept in a column only."""
    token = uuid.uuid4().hex
    return f"batches/{token[:2]}/{token}"


class BatchQuerySet(models.QuerySet):
    """Headers, with the questions that have a name."""

    def open(self) -> BatchQuerySet:
        """Return batches that still wait for somebody."""
        return self.filter(status__in=[Status.DRAFT, Status.REVIEW, Status.READY])


def _person(verbose: Any) -> models.ForeignKey:
    """Return a foreign key to a user that the batch outlives (the name is copied beside)."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=verbose,
    )


class BatchBase(models.Model):
    """Header of a batch; each type has its own table, so its options are typed columns."""

    ref = models.OneToOneField(
        BatchNumber,
        models.CASCADE,
        primary_key=True,
        db_column="number",
        related_name="+",
        editable=False,
        verbose_name=_("number"),
    )
    description = models.CharField(_("description"), max_length=200, blank=True, default="")
    notes = models.TextField(_("notes"), blank=True, default="")
    status = models.CharField(
        _("state"), max_length=12, choices=Status.choices, default=Status.DRAFT, editable=False, db_index=True
    )
    revision = models.PositiveIntegerField(_("revision"), default=0, editable=False)
    source_batch = models.ForeignKey(
        BatchNumber,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("made from"),
    )
    records = models.PositiveIntegerField(_("records"), null=True, editable=False)
    blank_records = models.PositiveIntegerField(_("blank records"), default=0, editable=False)
    created = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = _person(_("created by"))
    created_by_name = models.CharField(_("created by"), max_length=150, default="", editable=False)
    executed = models.DateTimeField(_("executed"), null=True, editable=False)
    executed_by = _person(_("executed by"))
    executed_by_name = models.CharField(_("executed by"), max_length=150, default="", editable=False)
    reverted = models.DateTimeField(_("undone"), null=True, editable=False)
    reverted_by = _person(_("undone by"))
    reverted_by_name = models.CharField(_("undone by"), max_length=150, default="", editable=False)

    objects = BatchQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["-ref"]
        default_permissions = (
            "view",
            "add",
            "change",
            "delete",
            "submit",
            "approve",
            "execute",
            "revert",
            "withdraw",
            "purge",
        )

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.shown_number}"

    @property
    def number(self) -> int:
        """Return the batch's number."""
        return self.ref_id

    @property
    def shown_number(self) -> str:
        """Return the number as people read it: eight digits."""
        return f"{self.ref_id:08d}"

    @property
    def is_part(self) -> bool:
        """Tell whether rows were moved from this batch to another, or to this one from another."""
        return self.ref.part_of is not None

    @property
    def was_split_off(self) -> bool:
        """Tell whether this batch was made for rows that were moved from another."""
        return self.is_part and self.ref.part_of != self.ref_id

    def parts(self) -> list[int]:
        """Return the numbers of the batches among which the rows of one batch were divided, this one's too."""
        if not self.is_part:
            return [self.ref_id]
        found = BatchNumber.objects.filter(part_of=self.ref.part_of)
        return list(found.order_by("number").values_list("number", flat=True))

    def stamp(self, verb: str, user: AbstractBaseUser | None, name: str) -> dict[str, Any]:
        """Return the columns that record who did `verb` (created, executed or reverted)."""
        return {f"{verb}_by": user, f"{verb}_by_name": name[:150]}


class FileBatchMixin(models.Model):
    """What a batch that was made from an uploaded file remembers of it."""

    file = models.FileField(_("file"), upload_to=upload_path, max_length=200, blank=True)
    original_name = models.CharField(_("file name"), max_length=255, blank=True, default="", editable=False)
    sha256 = models.CharField(
        _("SHA-256"), max_length=64, blank=True, default="", editable=False, db_index=True
    )
    sheet = models.CharField(_("sheet"), max_length=255, blank=True, default="", editable=False)
    heading_row = models.PositiveIntegerField(_("heading row"), default=1, editable=False)
    encoding = models.CharField(_("encoding"), max_length=40, blank=True, default="", editable=False)
    delimiter = models.CharField(_("delimiter"), max_length=4, blank=True, default="", editable=False)
    reading = models.JSONField(_("reading"), default=dict, blank=True, editable=False)
    ignored_records = models.PositiveIntegerField(
        _("ignored records"),
        default=0,
        editable=False,
        help_text=_("Above the first row of data, and totals at the end."),
    )
    mapping = models.JSONField(
        _("mapping"),
        default=dict,
        blank=True,
        editable=False,
        help_text=_("Field of the row -> heading in the file."),
    )

    class Meta:
        abstract = True


class QueryBatchMixin(models.Model):
    """The filter as submitted: where the batch's rows came from, and how to ask again."""

    query = models.JSONField(_("query"), default=dict, blank=True, editable=False)

    class Meta:
        abstract = True

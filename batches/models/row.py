"""Abstract row of a batch: one pending change to production."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..states import BEFORE, COMMON, EFFECTIVE, RowAction, RowStatus


class BatchKey(models.ForeignKey):
    """The row's batch. No database constraint: the runner holds the batch's lock, and a constraint costs 1.8x to 4.6x at populate."""

    def __init__(self, to: Any, on_delete: Any = models.CASCADE, **kwargs: Any) -> None:
        kwargs.setdefault("related_name", "rows")
        kwargs.setdefault("db_constraint", False)
        kwargs.setdefault("db_index", False)
        kwargs.setdefault("editable", False)
        super().__init__(to, on_delete, **kwargs)


class Link(models.ForeignKey):
    """A row's link to production: unconstrained, so that production never waits for a pending batch.

    A target that is gone is found by the live check when the batch is executed.
    """

    def __init__(self, to: Any, on_delete: Any = models.DO_NOTHING, **kwargs: Any) -> None:
        kwargs.setdefault("related_name", "+")
        kwargs.setdefault("db_constraint", False)
        kwargs.setdefault("db_index", False)
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", True)
        super().__init__(to, on_delete, **kwargs)


# Rows that take part in an execution; one that changes nothing does not, also where something is to be looked at.
TAKES_PART = models.Q(removed=False, status__in=EFFECTIVE) & ~models.Q(action=RowAction.UNCHANGED)


class RowQuerySet(models.QuerySet):
    """Rows, with the questions that have a name."""

    def included(self) -> RowQuerySet:
        """Return rows that nobody excluded."""
        return self.filter(removed=False)

    def effective(self) -> RowQuerySet:
        """Return rows that take part in an execution."""
        return self.filter(TAKES_PART)

    def pending(self) -> RowQuerySet:
        """Return rows without an outcome yet."""
        return self.filter(status__in=BEFORE)


class BatchRowBase(models.Model):
    """One pending change. Excluded rows stay; cells that could not be read keep their text in `raw`."""

    sequence = models.PositiveIntegerField(_("row"), editable=False)
    status = models.CharField(
        _("status"), max_length=9, choices=RowStatus.choices, default=RowStatus.OK, editable=False
    )
    action = models.CharField(
        _("action"),
        max_length=9,
        choices=RowAction.choices,
        default=RowAction.NONE,
        blank=True,
        editable=False,
    )
    removed = models.BooleanField(_("excluded"), default=False, editable=False)
    removed_reason = models.CharField(_("reason"), max_length=200, default="", blank=True, editable=False)
    issues = models.JSONField(
        _("findings"),
        null=True,
        editable=False,
        help_text=_("List of field, code, severity, params; null means none."),
    )
    raw = models.JSONField(
        _("text as read"),
        null=True,
        editable=False,
        help_text=_("Field -> text of cells that could not be converted."),
    )
    base = models.JSONField(
        _("before deletion"),
        null=True,
        editable=False,
        help_text=_("Whole target as it was when checked, for deletes."),
    )
    source_row = models.PositiveIntegerField(_("line in the file"), null=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=0, editable=False)
    applied_at = models.DateTimeField(_("written at"), null=True, editable=False)

    objects = RowQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["sequence"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["batch", "sequence"], name="%(app_label)s_%(class)s_sequence")
        ]
        indexes = [
            models.Index(
                fields=["batch", "status", "sequence"],
                name="%(class)s_rare",
                condition=~models.Q(status__in=COMMON),
            )
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.sequence}"

    def flag(
        self, code: str, message: str = "", *, field: str = "", severity: str = "", **params: Any
    ) -> None:
        """Note a finding on this row; `severity` and `message` come from the type's findings if they are not given."""
        entry: dict[str, Any] = {
            "code": code,
            "field": field,
            "severity": str(severity or "warning"),
            "own": True,
        }
        if message:
            entry["message"] = str(message)
        if params:
            plain = (str, int, bool, type(None))
            entry["params"] = {k: v if isinstance(v, plain) else str(v) for k, v in params.items()}
        self.issues = [*(self.issues or []), entry]

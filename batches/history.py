"""The history of an object out of the journal, in words that people read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import models, router
from django.utils import formats
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from . import journal

Values = dict[str, Any]


@dataclass(frozen=True)
class FieldChange:
    """One field before and after, in words; "" is empty."""

    name: str
    label: str
    old: str
    new: str


@dataclass(frozen=True)
class Entry:
    """One write to the object: `action` is "insert", "update" or "delete"."""

    id: int
    when: datetime
    action: str
    changes: tuple[FieldChange, ...]
    run: int | None
    user: str
    # Later entries were removed, so that what it changed cannot be told any more.
    gap: bool = False

    @property
    def label(self) -> str:
        """Created, Changed or Deleted."""
        labels = {
            journal.INSERT: _("Created"),
            journal.UPDATE: _("Changed"),
            journal.DELETE: _("Deleted"),
        }
        return labels[self.action]


@dataclass(frozen=True)
class RunNote:
    """What a run was: its batch and the person who asked for it."""

    batch: int
    batch_type: str
    kind: str
    person: str


def history(obj: models.Model, limit: int = 50, before: int | None = None) -> list[Entry]:
    """Return the writes to an object, the latest first; `before` (an entry's id) turns the page.

    The journal holds the row before each update and delete: what a write made of it is the row before the next
    write, or the row as it is now.
    """
    model = type(obj)
    journalled = journal.event_model(model)._base_manager.using(obj._state.db)
    events: models.QuerySet[Any] = journalled.filter(**{model._meta.pk.name: obj.pk})
    page = events.filter(pgh_id__lt=before) if before is not None else events
    rows: list[Any] = list(page.order_by("-pgh_id").values()[:limit])
    later: Any = (
        events.filter(pgh_id__gte=before).order_by("pgh_id").values().first() if before is not None else None
    )
    if later is None:
        later = model._base_manager.using(obj._state.db).filter(pk=obj.pk).values().first()
    return _entries(model, list(zip(rows, [later or {}, *rows], strict=False)))


def written(model: type[models.Model], run: int, after: int = 0, limit: int = 50) -> list[tuple[Any, Entry]]:
    """Return what a run wrote to the objects of a model, in order: (key, entry); `after` (an entry's id) turns the page."""
    using = router.db_for_read(model)
    events: models.QuerySet[Any] = journal.event_model(model)._base_manager.using(using)
    mine = events.filter(pgh_run=run)
    if not after:
        # Not the least number, for which the planner would walk through all entries that are older than the run.
        after = (mine.aggregate(first=models.Min(models.F("pgh_id") + 0))["first"] or 1) - 1
    key = model._meta.pk.name
    same = events.filter(**{key: models.OuterRef(key)}, pgh_id__gt=models.OuterRef("pgh_id")).order_by(
        "pgh_id"
    )
    page = mine.filter(pgh_id__gt=after).order_by("pgh_id")
    rows: list[Any] = list(page.annotate(next_id=models.Subquery(same.values("pgh_id")[:1])).values()[:limit])
    nexts = {
        row["pgh_id"]: row
        for row in events.filter(pk__in=[r["next_id"] for r in rows if r["next_id"]]).values()
    }
    last = [row[model._meta.pk.attname] for row in rows if not row["next_id"]]
    there = {
        row[model._meta.pk.attname]: row
        for row in model._base_manager.using(using).filter(pk__in=last).values()
    }
    pairs = [(row, nexts.get(row["next_id"]) or there.get(row[model._meta.pk.attname]) or {}) for row in rows]
    return [
        (row[model._meta.pk.attname], entry) for row, entry in zip(rows, _entries(model, pairs), strict=True)
    ]


def _entries(model: type[models.Model], pairs: list[tuple[Values, Values]]) -> list[Entry]:
    """Return the writes, each given as its entry in the journal and what came of it."""
    words = _Words(
        _shown_fields(model, [row for row, _later in pairs]), [values for pair in pairs for values in pair]
    )
    entries = []
    for row, later in pairs:
        old = {} if row["pgh_label"] == journal.INSERT else row
        new = {journal.INSERT: row, journal.UPDATE: later, journal.DELETE: {}}[row["pgh_label"]]
        gap = row["pgh_gap"] and row["pgh_label"] == journal.UPDATE
        entries.append(
            Entry(
                id=row["pgh_id"],
                when=row["pgh_created_at"],
                action=row["pgh_label"],
                changes=() if gap else tuple(words.changes(old, new)),
                run=row["pgh_run"],
                user=row["pgh_user"] or "",
                gap=gap,
            )
        )
    return entries


def describe_runs(ids: Iterable[int | None]) -> dict[int, RunNote]:
    """Return what the runs were, by their numbers; one that is gone is left out."""
    wanted = {number for number in ids if number is not None}
    if not wanted:
        return {}
    runs = apps.get_model("batches", "Run")._default_manager.filter(pk__in=wanted).select_related("batch")
    return {
        run.pk: RunNote(
            batch=run.batch_id,
            batch_type=run.batch.type,
            kind=run.get_kind_display(),
            person=run.requested_by_name,
        )
        for run in runs
    }


def _shown_fields(model: type[models.Model], rows: list[Values]) -> list[models.Field]:
    """The fields that a person can change and that the journal holds."""
    held = set(rows[0]) if rows else set()
    return [
        field
        for field in model._meta.concrete_fields
        if field.editable and not field.primary_key and field.attname in held
    ]


class _Words:
    """Turns values into words, with one query for each foreign key."""

    def __init__(self, fields: list[models.Field], rows: list[Values]) -> None:
        self.fields = fields
        self.labels: dict[str, dict[Any, str]] = {}
        for field in fields:
            if isinstance(field, models.ForeignKey):
                keys = {row[field.attname] for row in rows if row.get(field.attname) is not None}
                self.labels[field.attname] = _labels(field, keys)

    def changes(self, old: Values, new: Values) -> Iterable[FieldChange]:
        for field in self.fields:
            name = field.attname
            if old.get(name) != new.get(name):
                before, after = self.word(field, old.get(name)), self.word(field, new.get(name))
                if before or after:
                    yield FieldChange(field.name, _sentence_case(field.verbose_name), before, after)

    def word(self, field: models.Field, value: Any) -> str:
        if value is None or value == "":
            return ""
        if isinstance(field, models.ForeignKey):
            return self.labels[field.attname].get(value, str(value))
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if field.choices:
            return str(dict(field.flatchoices).get(value, value))
        if isinstance(value, datetime):
            return str(formats.localize(localtime(value)))
        if isinstance(value, Decimal):
            return formats.number_format(value)
        return str(formats.localize(value)) if not isinstance(value, str) else value


def _labels(field: models.ForeignKey, keys: set[Any]) -> dict[Any, str]:
    if not keys:
        return {}
    target = field.target_field.attname
    related = field.related_model._base_manager.filter(**{f"{target}__in": keys})
    return {getattr(obj, target): str(obj) for obj in related}


def _sentence_case(text: Any) -> str:
    words = str(text)
    return words[:1].upper() + words[1:]

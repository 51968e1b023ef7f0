"""What the grid shows of a type's rows: each field with what was before, drawn from the declaration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import BooleanField, Case, F, Q, Value, When
from django.utils.text import capfirst

from .handlers import BatchHandler

NUMBERS = (models.DecimalField, models.IntegerField, models.FloatField)
TEXTS = (models.CharField, models.TextField)


@dataclass(frozen=True)
class GridField:
    """A field of the row in the grid.

    `old` is where the value of before lies, `shown` how an old object is named, `source` the field that people correct: the field
    itself, or `x` where the grid shows a `new_x` that the type derives from it.
    """

    name: str
    label: str
    number: bool = False
    old: str = ""
    shown: str = ""
    changed: Q | None = None
    source: str = ""
    link: bool = False

    @property
    def flag(self) -> str:
        """Return the annotation that tells whether the row changes this field."""
        return f"changes_{self.name}"


def grid_fields(handler: BatchHandler) -> list[GridField]:
    """Return the fields that the type's grid shows, in order."""
    names = list(handler.grid) or [column.field for column in handler.get_columns()]
    editable = set(editable_fields(handler))
    return [_grid_field(handler, name, _source(name, editable)) for name in names]


def saved_fields(handler: BatchHandler) -> list[GridField]:
    """Return the fields of a table that can be read in again: the grid's, and the columns that it has no room for."""
    fields = grid_fields(handler)
    shown = {field.source or field.name for field in fields}
    rest = [column.field for column in handler.get_columns() if column.field not in shown]
    return [*fields, *(_grid_field(handler, name, name) for name in rest)]


def _source(name: str, editable: set[str]) -> str:
    if name in editable:
        return name
    given = name.removeprefix("new_")
    return given if given in editable else ""


def editable_fields(handler: BatchHandler) -> list[str]:
    """Return the fields of a row that people may correct."""
    return list(handler.editable) or [column.field for column in handler.get_columns()]


def _grid_field(handler: BatchHandler, name: str, source: str) -> GridField:
    field = model_field(handler, name)
    link = bool(field is not None and field.is_relation)
    plain = GridField(
        name, capfirst(handler.label(name)), isinstance(field, NUMBERS), source=source, link=link
    )
    for target in handler.targets.values():
        for update in target.updates:
            if update.new == name:
                return replace(plain, old=update.old, changed=update.changed())
            shown = _named_by(handler, update.new, name)
            if shown:
                changed = update.changed()
                other = handler.targets.get(update.new)
                if other is not None and other.creates:
                    changed = changed | other.will_create(handler.targets)
                return replace(plain, old=update.old, shown=shown, changed=changed)
    old = f"old_{name}"
    if model_field(handler, old) is not None:
        return replace(plain, old=old, changed=~Q(**{name: F(old)}))
    return plain


def _named_by(handler: BatchHandler, link: str, name: str) -> str:
    """Return by which field of the target the row's field `name` names what the link points to, or ""."""
    for lookup in handler.all_lookups:
        if lookup.to == link and len(lookup.by[0]) == 1:
            (target_field, row_field), *_others = lookup.by[0].items()
            if row_field == name:
                return target_field
    return ""


def model_field(handler: BatchHandler, name: str) -> Any:
    """Return a field of the row model, or None."""
    try:
        return handler.row_model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def search_fields(handler: BatchHandler) -> list[str]:
    """Return where the search looks: what the type says, else the text fields of the grid."""
    if handler.search:
        return list(handler.search)
    return [f.name for f in grid_fields(handler) if isinstance(model_field(handler, f.name), TEXTS)]


def sort_fields(handler: BatchHandler) -> list[str]:
    """Return the fields by which the grid may be sorted: plain columns of the row."""
    return [f.name for f in grid_fields(handler) if model_field(handler, f.name) is not None and not f.link]


def with_changes(rows: models.QuerySet, fields: list[GridField]) -> models.QuerySet:
    """Return rows that know which fields they change, and whose named objects come along."""
    flags = {
        f.flag: Case(When(f.changed, then=Value(True)), default=Value(False), output_field=BooleanField())
        for f in fields
        if f.changed is not None
    }
    links = [f.name for f in fields if f.link] + [
        f.old for f in fields if f.old and _is_link(rows.model, f.old)
    ]
    rows = rows.annotate(**flags)
    return rows.select_related(*links) if links else rows


def _is_link(model: type[models.Model], name: str) -> bool:
    return bool(model._meta.get_field(name).is_relation)


def visible_rows(handler: BatchHandler, user: Any) -> models.QuerySet:
    """Return the batch's rows that a user may see and work on."""
    return handler.rows().filter(handler.scope(user))

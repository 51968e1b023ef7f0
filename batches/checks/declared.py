"""Checks of what a type reads, shows, looks up and derives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.db import models
from django.db.models import F
from django.db.models.functions import Upper

from ..files import Column
from ..handlers import BatchHandler
from ..pipeline import Lookup
from .common import error, field_of, known, unresolved, warning

# Digits of which the largest number surely fits.
SAFE_DIGITS = ((models.SmallIntegerField, 4), (models.BigIntegerField, 18), (models.IntegerField, 9))


def check(handler: BatchHandler) -> list[CheckMessage]:
    """Return what is wrong with a type's columns, grid, options, look-ups and derived fields."""
    return [
        *_columns(handler),
        *_names(handler),
        *_options(handler),
        *_lookups(handler),
        *_derived(handler),
    ]


def _columns(handler: BatchHandler) -> Iterator[CheckMessage]:
    rows = handler.row_model
    seen = set()
    for column in handler.get_columns():
        field = field_of(rows, column.field)
        if field is None or column.field in seen:
            fault = (
                "which is declared twice" if column.field in seen else f"which {rows.__name__} does not have"
            )
            yield error(
                20,
                f"A column fills the field {column.field!r}, {fault}.",
                f"Name each field of {rows.__name__} once; it has: {known(rows)}.",
                handler,
            )
            continue
        seen.add(column.field)
        for fault, hint in _misfits(column, field):
            yield error(
                21,
                f"The column {column.field!r} {fault}; one such cell would cost the whole file.",
                hint,
                handler,
            )


def _misfits(column: Column, field: Any) -> Iterator[tuple[str, str]]:
    """Yield what a cell of the column could be that the row's field cannot hold."""
    if not field.null:
        yield (
            "fills a field that does not allow null, but a cell may be empty or unreadable",
            f"Write null=True in the field {column.field!r}.",
        )
    if field.max_length and (column.max_length is None or column.max_length > field.max_length):
        yield (
            f"takes texts longer than the {field.max_length} characters of its field",
            f"Write max_length={field.max_length} in the Column.",
        )
    if isinstance(field, models.DecimalField):
        places = field.decimal_places or 0
        whole = (field.max_digits or 0) - places
        mine = None if column.max_digits is None else column.max_digits - (column.decimal_places or 0)
        if mine is None or mine > whole or column.decimal_places is None or column.decimal_places > places:
            yield (
                f"takes numbers with more digits than the {field.max_digits} ({places} after the point) of its field",
                f"Write max_digits={field.max_digits}, decimal_places={places} in the Column.",
            )
        return
    for kind, digits in SAFE_DIGITS:
        if isinstance(field, kind):
            if column.max_digits is None or column.max_digits > digits:
                yield (
                    f"takes whole numbers of more than the {digits} digits that surely fit its field",
                    f"Write max_digits={digits} in the Column.",
                )
            break
    if isinstance(field, models.fields.PositiveIntegerRelDbTypeMixin) and (
        column.min_value is None or column.min_value < 0
    ):
        yield ("takes numbers below 0, which its field refuses", "Write min_value=Decimal(0) in the Column.")


def _names(handler: BatchHandler) -> Iterator[CheckMessage]:
    for what in ("grid", "search", "editable"):
        for name in getattr(handler, what):
            if field_of(handler.row_model, name) is None:
                yield error(
                    22,
                    f"`{what}` names the field {name!r}, which {handler.row_model.__name__} does not have.",
                    f"Name fields of {handler.row_model.__name__}: {known(handler.row_model)}.",
                    handler,
                )


def _options(handler: BatchHandler) -> Iterator[CheckMessage]:
    for name in handler.options:
        field = field_of(handler.model, name)
        if field is None or not field.editable:
            fault = "does not have" if field is None else "does not let anybody edit"
            yield error(
                23,
                f"`options` names {name!r}, which {handler.model.__name__} {fault}.",
                f"Name typed, editable columns of the header: {known(handler.model)}.",
                handler,
            )


def _lookups(handler: BatchHandler) -> Iterator[CheckMessage]:
    rows = handler.row_model
    for lookup in handler.get_lookups():
        link = field_of(rows, lookup.to)
        if link is None or not link.is_relation:
            yield error(
                24,
                f"A look-up fills {lookup.to!r}, which is no link of {rows.__name__}.",
                f"Add `{lookup.to} = Link(Target)` to {rows.__name__}.",
                handler,
            )
            continue
        faults = list(_lookup_faults(lookup, link.related_model, rows))
        for fault in faults:
            yield error(
                24,
                f"The look-up of {lookup.to!r} {fault}",
                "Write by=({target field: row field},), with alternatives in the order in which they are tried.",
                handler,
            )
        if not faults and lookup.unique:
            yield from _ambiguous(handler, lookup, link.related_model)


def _lookup_faults(lookup: Lookup, target: type[models.Model], rows: type[models.Model]) -> Iterator[str]:
    if not lookup.by or not all(lookup.by):
        yield "says by nothing."
    for alternative in lookup.by:
        for name, row_field in alternative.items():
            if field_of(target, name) is None:
                yield f"compares {name!r}, which {target.__name__} does not have."
            if field_of(rows, row_field) is None:
                yield f"reads {row_field!r}, which {rows.__name__} does not have."
    if why := unresolved(target, lookup.where):
        yield f"has a `where` that cannot be read: {why}"


def _ambiguous(handler: BatchHandler, lookup: Lookup, target: type[models.Model]) -> Iterator[CheckMessage]:
    for alternative in lookup.by:
        if not _is_unique(target, set(alternative), lookup):
            names = ", ".join(alternative)
            fold = " whatever its case" if lookup.fold else ""
            yield warning(
                1,
                f"The look-up of {lookup.to!r} by {names} counts on one {target.__name__} for each,"
                f" but nothing keeps two from having the same{fold}; then the batch could not be filled.",
                "Write unique=False in the Lookup (the one with the smallest key is taken), or add a UniqueConstraint"
                + (f'(Upper("{next(iter(alternative))}"), …)' if lookup.fold else "")
                + f" to {target.__name__}.",
                handler,
            )


def _is_unique(target: type[models.Model], names: set[str], lookup: Lookup) -> bool:
    """Tell whether the database keeps two targets from having the same key."""
    if not lookup.fold:
        single = {f.name for f in target._meta.concrete_fields if f.unique}
        together = [set(group) for group in target._meta.unique_together]
        if names & single or any(group <= names for group in together):
            return True
    for constraint in target._meta.constraints:
        if not isinstance(constraint, models.UniqueConstraint):
            continue
        if constraint.condition is not None and lookup.where is None:
            continue
        # Whether `where` implies the constraint's condition cannot be told; that somebody wrote it counts.
        if constraint.expressions:
            covered = _upper_names(constraint.expressions) if lookup.fold else None
        else:
            covered = None if lookup.fold else set(constraint.fields)
        if covered and covered <= names:
            return True
    return False


def _upper_names(expressions: Any) -> set[str] | None:
    """Return the fields of Upper(field), … or None if anything else is among them."""
    names = set()
    for expression in expressions:
        inner: list[Any] = expression.get_source_expressions() if isinstance(expression, Upper) else []
        if len(inner) != 1 or not isinstance(inner[0], F):
            return None
        names.add(str(getattr(inner[0], "name", "")))
    return names


def _derived(handler: BatchHandler) -> Iterator[CheckMessage]:
    rows = handler.row_model
    for step in handler.get_derived():
        for name, value in step.items():
            why = (
                f"{rows.__name__} does not have that field."
                if field_of(rows, name) is None
                else unresolved(rows, values=[value] if hasattr(value, "resolve_expression") else [])
            )
            if why:
                yield error(
                    25,
                    f"`derived` fills {name!r}, but: {why}",
                    f"Use fields of {rows.__name__} and of its links as `link__field`; it has: {known(rows)}.",
                    handler,
                )

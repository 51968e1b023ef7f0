"""Checks of a type's class and its two models."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage
from django.db import models

from ..handlers import BatchHandler
from ..models import BatchBase, BatchRowBase
from .common import error

# What may stand there, as far as it is built.
CHOICES: dict[str, tuple[Any, ...]] = {
    "atomic": (True, False, "ask"),
    "on_conflict": ("skip", "stop"),
    "on_error": ("stop", "skip"),
    "write": ("sql", "model"),
}
HOOKS = (
    "get_columns",
    "get_lookups",
    "get_derived",
    "get_findings",
    "get_unique",
    "get_changes",
    "converters",
    "get_delivers_to",
)


def check(handler: type[BatchHandler]) -> list[CheckMessage]:
    """Return what is wrong with a handler's class attributes and models."""
    found = []
    model, row_model = getattr(handler, "model", None), getattr(handler, "row_model", None)
    if not _is(model, BatchBase):
        found.append(
            error(
                1,
                f"{handler.__name__}.model is {model!r}; it must be a model that inherits BatchBase.",
                "Write `class MyBatch(BatchBase): …` and `model = MyBatch` in the handler.",
                handler,
            )
        )
    if not _is(row_model, BatchRowBase):
        found.append(
            error(
                2,
                f"{handler.__name__}.row_model is {row_model!r}; it must be a model that inherits BatchRowBase.",
                "Write `class MyRow(BatchRowBase): batch = BatchKey(MyBatch)` and `row_model = MyRow` in the handler.",
                handler,
            )
        )
    if not handler.title:
        found.append(
            error(
                3,
                f"{handler.__name__} has no title.",
                'Say what people call such a batch: `title = _("Price change")`.',
                handler,
            )
        )
    if _is(model, BatchBase) and _is(row_model, BatchRowBase):
        found += [*_key(handler), *_metas(handler), *_links(handler)]
    return found + _choices(handler)


def _is(model: Any, base: type[models.Model]) -> bool:
    return isinstance(model, type) and issubclass(model, base) and not model._meta.abstract


def _key(handler: type[BatchHandler]) -> list[CheckMessage]:
    """Check the row's foreign key to its batch."""
    header, rows = handler.model.__name__, handler.row_model.__name__
    field: Any = next((f for f in handler.row_model._meta.concrete_fields if f.name == "batch"), None)
    if field is None or not field.is_relation or field.related_model is not handler.model:
        return [
            error(
                4,
                f"{rows} has no foreign key `batch` to {header}.",
                f"Write `batch = BatchKey({header})` in {rows}.",
                handler,
            )
        ]
    found = []
    if field.db_constraint or field.db_index:
        found.append(
            error(
                4,
                f"{rows}.batch has a constraint or an index of its own, which slows every populate.",
                f"Write `batch = BatchKey({header})`; the unique constraint of batch and sequence serves as the index.",
                handler,
            )
        )
    if field.remote_field.related_name != "rows":
        found.append(
            error(
                5,
                f"{rows}.batch has the related name {field.remote_field.related_name!r}; it must be 'rows'.",
                f"Write `batch = BatchKey({header})` without a related_name.",
                handler,
            )
        )
    return found


def _metas(handler: type[BatchHandler]) -> list[CheckMessage]:
    """Check that the models' Meta inherit the framework's: permissions, constraint, index."""
    found = []
    header, rows = handler.model, handler.row_model
    missing = [p for p in BatchBase.Meta.default_permissions if p not in header._meta.default_permissions]
    if missing:
        found.append(
            error(
                6,
                f"{header.__name__} lacks the permissions {', '.join(missing)}.",
                f"Write `class Meta(BatchBase.Meta):` in {header.__name__}.",
                handler,
            )
        )
    unique = any(
        isinstance(c, models.UniqueConstraint) and tuple(c.fields) == ("batch", "sequence")
        for c in rows._meta.constraints
    )
    partial = any(i.fields == ["batch", "status", "sequence"] for i in rows._meta.indexes)
    if not (unique and partial and rows._meta.ordering):
        found.append(
            error(
                7,
                f"{rows.__name__} lacks the order, the unique constraint of batch and sequence or the index of rare statuses.",
                f"Write `class Meta(BatchRowBase.Meta):` in {rows.__name__}.",
                handler,
            )
        )
    return found


def _links(handler: type[BatchHandler]) -> list[CheckMessage]:
    """Check that links to production neither hold production up nor vanish with it."""
    found = []
    fields: list[Any] = list(handler.row_model._meta.concrete_fields)
    for field in fields:
        if not isinstance(field, models.ForeignKey) or field.name == "batch":
            continue
        faults: list[tuple[str, bool]] = [
            ("has a constraint in the database", getattr(field, "db_constraint", False)),
            (
                "does something when the target is deleted",
                field.remote_field.on_delete is not models.DO_NOTHING,
            ),
            ("does not allow null", not field.null),
        ]
        said = [text for text, is_so in faults if is_so]
        if said:
            target = getattr(field.related_model, "__name__", field.related_model)
            found.append(
                error(
                    8,
                    f"{handler.row_model.__name__}.{field.name} {' and '.join(said)};"
                    " a pending row must not hold production up.",
                    f"Write `{field.name} = Link({target})`, and copy the target's natural key beside it.",
                    handler,
                )
            )
    return found


def _choices(handler: type[BatchHandler]) -> list[CheckMessage]:
    found = []
    for name, allowed in CHOICES.items():
        value = getattr(handler, name)
        if value not in allowed:
            shown = " or ".join(repr(one) for one in allowed)
            found.append(
                error(
                    9,
                    f"{handler.__name__}.{name} is {value!r}; it can be {shown}.",
                    f"Write `{name} = {allowed[0]!r}`, or leave it out.",
                    handler,
                )
            )
    return found


def check_hooks(handler: BatchHandler) -> list[CheckMessage]:
    """Return which declarations cannot even be read for a fresh batch."""
    found = []
    for name in HOOKS:
        try:
            declared = getattr(handler, name)()
            declared if isinstance(declared, dict) else list(declared)
        except Exception as problem:
            why = f"{type(problem).__name__}: {problem}".rstrip(".")
            found.append(
                error(
                    10,
                    f"{type(handler).__name__}.{name}() fails for a fresh batch: {why}.",
                    "It is called before any row is there: use the batch's options and their defaults only.",
                    handler,
                )
            )
    return found

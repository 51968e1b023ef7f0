"""Checks of declared changes and of the targets that they write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.db import models
from django.db.models import signals

from .. import journal
from ..changes import Change, Create, Delete, Target, Upsert
from ..handlers import BatchHandler
from ..writes import constant_default
from .common import error, field_of, known, unresolved, warning


def check(handler: BatchHandler) -> list[CheckMessage]:
    """Return what is wrong with a type's changes and their targets."""
    found = []
    for change in handler.get_changes():
        found += _Declaration(handler, change).check()
    if found:
        return found
    for target in handler.targets.values():
        found += [*_unfilled(handler, target), *_key(handler, target), *_skipped(handler, target)]
        if not journal.is_tracked(target.model):
            found.append(
                warning(
                    3,
                    f"{target.model.__name__} is not journalled: what this type writes to it has no history and cannot be undone.",
                    f"Put `@journal.track` on {target.model.__name__} and run makemigrations.",
                    handler,
                )
            )
    return found


class _Declaration:
    """One declared change, read against the models."""

    def __init__(self, handler: BatchHandler, change: Any) -> None:
        self.handler = handler
        self.change = change
        self.rows = handler.row_model
        self.found: list[CheckMessage] = []

    def check(self) -> list[CheckMessage]:
        """Return what is wrong with it."""
        change = self.change
        if isinstance(change, Change):
            link, _, name = change.path.partition(".")
            if not name or "." in name:
                self._wrong(
                    f"has the path {change.path!r}",
                    "Write the path as 'link.field', such as 'product.price'.",
                )
            elif (model := self._target(link)) is not None:
                self._target_field(model, name)
                self._row_field(change.new, "new")
                self._old(change.old)
        elif isinstance(change, Delete):
            self._target(change.to)
        elif isinstance(change, (Create, Upsert)):
            self._create(change)
        else:
            self._wrong("is no declared change", "Use Create, Change, Upsert or Delete of batches.changes.")
        if not self.found and (why := unresolved(self.rows, getattr(change, "when", None))):
            self._add(
                17,
                f"has a condition that cannot be read: {why}",
                "Use fields of the row, or of its links as `link__field`.",
            )
        return self.found

    def _create(self, change: Create | Upsert) -> None:
        model = self._target(change.to)
        if model is None:
            return
        if model is not change.model:
            self._add(
                16,
                f"is declared for {change.model.__name__}, but {self.rows.__name__}.{change.to} links to {model.__name__}",
                f"Write `{type(change).__name__}({model.__name__}, to={change.to!r}, …)`.",
            )
            return
        if not change.key or (isinstance(change.key, str) and change.key not in change.fields):
            self._add(
                13,
                f"has the key {change.key!r}, which is not among its fields",
                "Name as key what makes the target unique, and map it in `fields`, or write key={target field: row field}.",
            )
            return
        pairs = {**change.fields, **(change.key if isinstance(change.key, dict) else {})}
        for name, row_field in pairs.items():
            self._target_field(model, name)
            self._row_field(row_field, f"fields[{name!r}]")
        if isinstance(change, Upsert):
            keys = change.key if isinstance(change.key, dict) else {change.key: ""}
            for name in change.fields:
                if name not in keys:
                    self._old(change.old.get(name, f"old_{name}"))

    def _target(self, link: str) -> type[models.Model] | None:
        field = field_of(self.rows, link)
        if field is None or not field.is_relation:
            links = [f.name for f in self.rows._meta.concrete_fields if isinstance(f, models.ForeignKey)]
            self._wrong(
                f"names the link {link!r}, which {self.rows.__name__} does not have",
                f"Links are: {', '.join(n for n in links if n != 'batch') or 'none'}. Add one with `{link} = Link(Target)`.",
            )
            return None
        related: type[models.Model] = field.related_model
        return related

    def _target_field(self, model: type[models.Model], name: str) -> None:
        if field_of(model, name) is None:
            self._wrong(
                f"names the field {name!r}, which {model.__name__} does not have",
                f"Fields are: {', '.join(f.name for f in model._meta.concrete_fields)}.",
            )

    def _row_field(self, name: str, role: str) -> None:
        if field_of(self.rows, name) is None:
            self._wrong(
                f"takes {role} from {name!r}, which {self.rows.__name__} does not have",
                f"Add the field to {self.rows.__name__}; it has: {known(self.rows)}.",
            )

    def _old(self, name: str) -> None:
        field = field_of(self.rows, name)
        if field is None or not field.null:
            fault = "is missing" if field is None else "does not allow null"
            self._add(
                12,
                f"keeps the value at review in {self.rows.__name__}.{name}, which {fault}",
                f"Write `{name}` in {self.rows.__name__} as the target has it, with null=True and editable=False.",
            )

    def _wrong(self, fault: str, hint: str) -> None:
        self._add(11, fault, hint)

    def _add(self, number: int, fault: str, hint: str) -> None:
        shown = type(self.change).__name__
        to = getattr(self.change, "path", getattr(self.change, "to", self.change))
        self.found.append(error(number, f"{shown}({to!r}) {fault.rstrip('.')}.", hint, self.handler))


def _unfilled(handler: BatchHandler, target: Target) -> Iterator[CheckMessage]:
    """Check that a create leaves no column without a value."""
    if not target.creates:
        return
    for field in target.model._meta.concrete_fields:
        if (
            field.primary_key
            or field.name in target.create_fields
            or getattr(field, "generated", False)
            or getattr(field, "auto_now", False)
            or getattr(field, "auto_now_add", False)
            or field.has_db_default()
            or constant_default(field)[1]
        ):
            continue
        if field.null and not field.has_default():
            continue
        why = (
            "its default is a function, which SQL cannot call" if field.has_default() else "it has no default"
        )
        yield error(
            14,
            f"Creating {target.model.__name__} leaves its column {field.name!r} without a value: {why}.",
            f"Map {field.name!r} in `fields`, or give {target.model.__name__}.{field.name} a constant default or a db_default.",
            handler,
        )


def _key(handler: BatchHandler, target: Target) -> Iterator[CheckMessage]:
    """Check that keys of new targets can be allotted before they are inserted."""
    pk = target.model._meta.pk
    if target.creates and not isinstance(pk, (models.AutoField, models.UUIDField)):
        yield error(
            15,
            f"{target.model.__name__}.{pk.name} is a {type(pk).__name__}: no key can be allotted to what a row creates.",
            "Only models with an automatic number or a UUID as primary key can be created by declaration; write execute() instead.",
            handler,
        )


def _skipped(handler: BatchHandler, target: Target) -> Iterator[CheckMessage]:
    """Warn of code of the target that writing by SQL does not call."""
    if not handler.executes_by_changes or handler.write != "sql":
        return
    skipped = []
    model = target.model
    saves = target.creates or target.updates
    if saves and model.save is not models.Model.save:
        skipped.append(f"{model.__name__}.save()")
    if target.deletes and model.delete is not models.Model.delete:
        skipped.append(f"{model.__name__}.delete()")
    for name, sent in (("save", saves), ("delete", target.deletes)):
        for moment in ("pre", "post"):
            signal: Any = getattr(signals, f"{moment}_{name}")
            if sent and signal.has_listeners(model):
                skipped.append(f"receivers of {moment}_{name}")
    if skipped:
        yield warning(
            2,
            f"This type writes {model.__name__} by SQL, which does not call {', '.join(skipped)}.",
            "Do what they do in `derived`, in a database trigger or in a receiver of batches.signals.rows_written;"
            " if it may be left out, silence this check.",
            handler,
        )

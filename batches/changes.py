"""Declared changes: what executing a row does to production, said once.

From a declaration come the base value taken at refresh, before and after in the grid, `unchanged`, the live conflict check, the
set-based write and the rights that it needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import F, Q


@dataclass(frozen=True)
class Create:
    """Create a target. `to` is the row's link, `key` what makes the target unique, `fields` target field -> row field.

    `shared` marks a target that several rows name, such as a group: it is created once, and used if it exists by then.
    """

    model: type[models.Model]
    to: str
    key: str | dict[str, str]
    fields: dict[str, str]
    shared: bool = False
    when: Q | None = None


@dataclass(frozen=True)
class Change:
    """Change one field of a linked target: `path` is "link.field", `new` and `old` are fields of the row."""

    path: str
    new: str
    old: str
    when: Q | None = None


@dataclass(frozen=True)
class Upsert:
    """Change the linked target, or create it where the link is empty. `old` maps target field -> row field of the base value.

    The base value of field `x` lies in the row's field `old_x` unless `old` says otherwise.
    """

    model: type[models.Model]
    to: str
    key: str | dict[str, str]
    fields: dict[str, str]
    old: dict[str, str] = field(default_factory=dict)
    when: Q | None = None


@dataclass(frozen=True)
class Delete:
    """Delete the linked target where `when` holds; never what was changed since review or is referred to."""

    to: str
    when: Q | None = None


Declared = Create | Change | Upsert | Delete


@dataclass(frozen=True)
class FieldChange:
    """One field of a target that rows may change.

    An empty cell keeps what is there. With `clears`, the row field whose emptiness clears it, production's value becomes
    `cleared`: nothing, or the empty text where the target must have one.
    """

    name: str
    new: str
    old: str
    when: Q | None = None
    clears: str = ""
    cleared: str | None = None

    def changed(self) -> Q:
        """Return the condition that a row changes this field."""
        differs = Q(**{f"{self.new}__isnull": False}) & (
            Q(**{f"{self.old}__isnull": True}) | ~Q(**{self.new: F(self.old)})
        )
        if self.clears:
            goes = Q(**{f"{self.clears}__isnull": True, f"{self.old}__isnull": False})
            differs |= goes if self.cleared is None else goes & ~Q(**{self.old: self.cleared})
        return differs if self.when is None else differs & self.when


@dataclass
class Target:
    """All that a type declares about one link of its rows."""

    to: str
    model: type[models.Model]
    row_model: type[models.Model]
    creates: bool = False
    shared: bool = False
    key: dict[str, str] = field(default_factory=dict)
    create_fields: dict[str, str] = field(default_factory=dict)
    create_when: Q | None = None
    updates: list[FieldChange] = field(default_factory=list)
    deletes: bool = False
    delete_when: Q | None = None

    @property
    def link(self) -> str:
        """Return the column of the link in the row table."""
        return str(self.row_model._meta.get_field(self.to).column)  # type: ignore[union-attr]

    def written(self) -> dict[str, str]:
        """Return target field -> row field of all that rows may write."""
        return {**self.create_fields, **{update.name: update.new for update in self.updates}}

    def will_create(self, targets: dict[str, Target]) -> Q:
        """Return the condition that a row creates this target."""
        condition = Q(**{f"{self.to}__isnull": True})
        for row_field in self.key.values():
            other = targets.get(row_field)
            if other is None or not other.creates:
                condition &= Q(**{f"{row_field}__isnull": False})
            elif other.shared:
                condition &= Q(**{f"{row_field}__isnull": False}) | other.will_create(targets)
        return condition if self.create_when is None else condition & self.create_when

    def will_change(self, targets: dict[str, Target]) -> Q:
        """Return the condition that a row changes the linked target."""
        changed = Q(pk__in=[])
        for update in self.updates:
            changed |= update.changed()
            other = targets.get(update.new)
            if other is not None and other.shared:
                changed |= other.will_create(targets)
        return Q(**{f"{self.to}__isnull": False}) & changed

    def will_delete(self) -> Q:
        """Return the condition that a row deletes the linked target."""
        linked = Q(**{f"{self.to}__isnull": False})
        return linked if self.delete_when is None else linked & self.delete_when

    def base_values(self) -> dict[str, Any]:
        """Return row field -> expression of the value in production now."""
        return {update.old: F(f"{self.to}__{update.name}") for update in self.updates}


def bind(
    changes: Iterable[Declared], row_model: type[models.Model], clearing: dict[str, str] | None = None
) -> dict[str, Target]:
    """Gather declared changes by link, in order of first mention. `clearing` is new value's row field -> that which clears it.

    Raises FieldDoesNotExist for a field that the row or the target lacks, ValueError for a malformed declaration.
    """
    targets: dict[str, Target] = {}
    for change in changes:
        if isinstance(change, Change):
            link, _, name = change.path.partition(".")
            if not name or "." in name:
                raise ValueError(f"The path {change.path!r} of a Change is not of the form 'link.field'.")
        else:
            link = change.to
        target = targets.get(link) or targets.setdefault(
            link, Target(link, _model(row_model, link), row_model)
        )
        if isinstance(change, Change):
            target.updates.append(FieldChange(name, change.new, change.old, change.when))
        elif isinstance(change, Delete):
            target.deletes, target.delete_when = True, change.when
        else:
            _bind_create(target, change)
    for target in targets.values():
        _verify(target)
        target.updates = [_clearing(target, update, clearing or {}) for update in target.updates]
    return targets


def _clearing(target: Target, update: FieldChange, clearing: dict[str, str]) -> FieldChange:
    if update.new not in clearing or not may_clear(target, update):
        return update
    field: Any = target.model._meta.get_field(update.name)
    return replace(update, clears=clearing[update.new], cleared=None if field.null else "")


def may_clear(target: Target, update: FieldChange) -> bool:
    """Tell whether production can do without a value of this field."""
    field: Any = target.model._meta.get_field(update.name)
    return bool(field.null or (field.blank and field.empty_strings_allowed))


def _bind_create(target: Target, change: Create | Upsert) -> None:
    key = change.key if isinstance(change.key, dict) else {change.key: change.fields[change.key]}
    target.creates = True
    target.key = key
    target.create_fields = {**key, **change.fields}
    target.create_when = change.when
    if isinstance(change, Create):
        target.shared = change.shared
        return
    target.updates.extend(
        FieldChange(name, new, change.old.get(name, f"old_{name}"), None)
        for name, new in change.fields.items()
        if name not in key
    )


def _model(row_model: type[models.Model], link: str) -> type[models.Model]:
    related = row_model._meta.get_field(link).related_model
    if related is None or isinstance(related, str):
        raise FieldDoesNotExist(f"{row_model.__name__}.{link} is no link to a model.")
    return related


def _verify(target: Target) -> None:
    for name, row_field in target.create_fields.items():
        target.model._meta.get_field(name)
        target.row_model._meta.get_field(row_field)
    for update in target.updates:
        target.model._meta.get_field(update.name)
        target.row_model._meta.get_field(update.new)
        target.row_model._meta.get_field(update.old)

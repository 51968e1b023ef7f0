"""Put declared changes into production by `full_clean()` and `save()`, a row at a time, with the same guarantees as in SQL.

For targets whose `save()` or receivers must run (`write = "model"`). Locks, comparison and conflicts are those of the SQL
writer; each row is written in a savepoint, so that one that production refuses leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, InternalError, models, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from .changes import FieldChange, Target
from .conflicts import Conflicts, Piece
from .models import TAKES_PART
from .pipeline import Lookup
from .refusals import refusal_sentence
from .states import RowStatus

# What production may say to one row; anything else is about the run.
REFUSALS = (ValidationError, IntegrityError, DataError, InternalError)
CHUNK = 2000


class ModelWriter:
    """Writes the declared changes of one type through the models."""

    def __init__(
        self,
        row_model: type[models.Model],
        targets: dict[str, Target],
        lookups: dict[str, Lookup],
        using: str,
    ) -> None:
        self.row_model = row_model
        self.targets = targets
        self.lookups = lookups
        self.using = using
        self.conflicts = Conflicts(row_model, lookups, using)
        # Link -> targets created so far.
        self.made: dict[str, int] = {}

    def write(self, piece: Piece, on_conflict: str = "skip") -> None:
        """Write one piece; afterwards each of its effective rows is applied, failed or a conflict."""
        for target in self.targets.values():
            if target.shared:
                self._create_shared(target, piece)
        self.conflicts.find(self.targets.values(), piece)
        if on_conflict == "stop" and self._all(piece).filter(status=RowStatus.CONFLICT).exists():
            return
        plan = _Plan(self.targets, lambda when: self._keys(piece, when))
        for row in self._rows(piece).iterator(chunk_size=CHUNK):
            self._attempt(row, lambda row=row: self._write(row, plan))  # type: ignore[misc]
        for link, rows in plan.creates.items():
            self.made[link] = self.made.get(link, 0) + len(rows)

    def _all(self, piece: Piece) -> Any:
        rows: Any = self.row_model._base_manager.using(self.using)
        return rows.filter(batch=piece.batch, sequence__range=(piece.first, piece.last))

    def _rows(self, piece: Piece) -> Any:
        rows = self._all(piece).filter(TAKES_PART)
        if piece.only is not None:
            # What the ORM compiled, not what anybody typed.
            rows = rows.filter(sequence__in=RawSQL(piece.only.text, piece.only.params))  # noqa: S611
        return rows.order_by("sequence")

    def _keys(self, piece: Piece, when: Q) -> set[Any]:
        return set(self._rows(piece).order_by().filter(when).values_list("pk", flat=True))

    def _attempt(self, row: Any, work: Callable[[], None]) -> None:
        """Do the work on a row in a savepoint; what production refuses is noted on the row."""
        try:
            with transaction.atomic(using=self.using):
                work()
        except REFUSALS as error:
            row.refresh_from_db(using=self.using)
            row.flag("refused", severity="error", text=refusal_sentence(error))
            row.status = RowStatus.FAILED
            row.save(using=self.using, update_fields=["status", "issues"])

    def _create_shared(self, target: Target, piece: Piece) -> None:
        """Create what several rows name once, and link them to it; one that exists by now is used."""
        needing = self._rows(piece).filter(target.will_create(self.targets))
        for row in needing.iterator(chunk_size=CHUNK):
            self._attempt(row, lambda row=row: self._link_shared(row, target))  # type: ignore[misc]

    def _link_shared(self, row: Any, target: Target) -> None:
        found = self._there(row, target) or self._created(row, target)
        setattr(row, self._attname(target), found.pk)
        row.save(using=self.using, update_fields=[target.to])

    def _there(self, row: Any, target: Target) -> Any:
        lookup = self.lookups[target.to]
        key = {}
        for name, row_field in target.key.items():
            value = self._value(row, row_field)
            key[f"{name}__iexact" if lookup.fold else name] = value.strip() if lookup.fold else value
        objects = target.model._base_manager.using(self.using)
        if lookup.where is not None:
            objects = objects.filter(lookup.where)
        return objects.filter(**key).order_by("pk").first()

    def _write(self, row: Any, plan: _Plan) -> None:
        links = []
        for target in self.targets.values():
            if row.pk in plan.creates[target.to]:
                setattr(row, self._attname(target), self._created(row, target).pk)
                links.append(target.to)
            elif row.pk in plan.deletes[target.to]:
                self._linked(row, target).delete()
            else:
                self._change(
                    row, target, [u for u in target.updates if row.pk in plan.changes[target.to, u.name]]
                )
        row.status, row.applied_at = RowStatus.APPLIED, timezone.now()
        row.save(using=self.using, update_fields=["status", "applied_at", *links])

    def _created(self, row: Any, target: Target) -> Any:
        """Return a new target; columns that the row does not give take the model's defaults."""
        made = target.model()
        for name, row_field in target.create_fields.items():
            value = self._value(row, row_field)
            if value is not None:
                setattr(made, made._meta.get_field(name).attname, value)  # type: ignore[union-attr]
        made.full_clean()
        made.save(using=self.using, force_insert=True)
        return made

    def _change(self, row: Any, target: Target, updates: list[FieldChange]) -> None:
        """Write the fields that a row changes; what production has already is not written again."""
        if not updates:
            return
        found = self._linked(row, target)
        changed = []
        for update in updates:
            attname = found._meta.get_field(update.name).attname
            value = self._value(row, update.new)
            value = update.cleared if value is None else value
            if getattr(found, attname) != value:
                setattr(found, attname, value)
                changed.append(update.name)
        if not changed:
            return
        found.full_clean()
        # Everything, as the model's own save() may set more than what changed; the target is locked.
        found.save(using=self.using)

    def _linked(self, row: Any, target: Target) -> Any:
        return target.model._base_manager.using(self.using).get(pk=getattr(row, self._attname(target)))

    def _attname(self, target: Target) -> str:
        return str(self.row_model._meta.get_field(target.to).attname)  # type: ignore[union-attr]

    def _value(self, row: Any, row_field: str) -> Any:
        return getattr(row, self.row_model._meta.get_field(row_field).attname)  # type: ignore[union-attr]


class _Plan:
    """Which rows of a piece create, change and delete what: keys of rows, found once a piece by the declared conditions."""

    def __init__(self, targets: dict[str, Target], keys: Callable[[Q], Iterable[Any]]) -> None:
        self.creates: dict[str, set[Any]] = {}
        self.deletes: dict[str, set[Any]] = {}
        self.changes: dict[tuple[str, str], set[Any]] = {}
        for to, target in targets.items():
            makes = target.creates and not target.shared
            self.creates[to] = set(keys(target.will_create(targets))) if makes else set()
            self.deletes[to] = set(keys(target.will_delete())) if target.deletes else set()
            for update in target.updates:
                linked = Q(**{f"{to}__isnull": False})
                self.changes[to, update.name] = set(keys(linked & update.changed()))

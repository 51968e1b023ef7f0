"""Find what moved in production since review: lock the targets of a piece, compare, mark the rows that are in conflict."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from . import sql
from .changes import FieldChange, Target
from .findings import unique_fields
from .pipeline import Lookup
from .sql import Sql, quote
from .states import EFFECTIVE, RowStatus


@dataclass(frozen=True)
class Piece:
    """A range of rows of one batch: what a whole hook gets at once.

    `only` limits those that take part further, where the type does: a SELECT of their sequences. `stamp` is when the piece is being
    written: it tells its rows from those that an earlier run has written.
    """

    batch: int
    first: int
    last: int
    only: Sql | None = None
    stamp: datetime | None = None

    def where(self, alias: str, status: tuple[str, ...] | None = EFFECTIVE) -> Sql:
        """Return the condition that a row belongs to the piece, is not excluded and stands so."""
        text = f"{alias}.batch_id = %s AND {alias}.sequence BETWEEN %s AND %s"
        params: tuple[Any, ...] = (self.batch, self.first, self.last)
        if status is not None:
            text += f" AND NOT {alias}.removed AND {alias}.status IN ({', '.join(['%s'] * len(status))})"
            params = (*params, *[str(s) for s in status])
        if status is EFFECTIVE:
            text += f" AND {alias}.action <> 'unchanged'"
            if self.only is not None:
                text += f" AND {alias}.sequence IN ({self.only.text})"
                params = (*params, *self.only.params)
        return Sql(text, params)

    def written(self, alias: str) -> Sql:
        """Return the condition that a row is one of those that are written now."""
        if self.stamp is None:
            raise ValueError("The piece is not being written.")
        where = self.where(alias, (RowStatus.APPLIED,))
        return Sql(f"{where.text} AND {alias}.applied_at = %s", (*where.params, self.stamp))


def column(row_model: type[models.Model], row_field: str) -> str:
    """Return a field's column over the alias r of the row table."""
    return f"r.{sql.column(row_model, row_field)}"


@dataclass(frozen=True)
class _Entry:
    """A finding of rows that meet a condition over the aliases r and t: its code, field and parameters (name -> SQL of text)."""

    code: str
    condition: Sql
    field: str = ""
    shown: dict[str, Sql] = dataclasses.field(default_factory=dict)

    def json(self) -> Sql:
        """Return the SQL of the finding, or null where the condition does not hold."""
        parts, params = [], []  # type: tuple[list[str], list[Any]]
        for name, value in self.shown.items():
            parts.append(f"'{name}', ({value.text})::text")
            params += value.params
        shown = f", 'params', jsonb_build_object({', '.join(parts)})" if parts else ""
        return Sql(
            f"CASE WHEN {self.condition.text} THEN jsonb_build_object('code', %s::text, 'field', %s::text,"
            f" 'severity', 'error'{shown}) END",
            (*self.condition.params, self.code, self.field, *params),
        )


class Conflicts:
    """Locks the targets of a piece, and marks the rows whose target is not what it was at review."""

    def __init__(self, row_model: type[models.Model], lookups: dict[str, Lookup], using: str) -> None:
        self.row_model = row_model
        self.lookups = lookups
        self.using = using
        self.rows = sql.table(row_model)

    def find(self, targets: Iterable[Target], piece: Piece) -> None:
        """Lock the targets of a piece and mark its rows that are in conflict; what several rows name has no conflicts."""
        mine = [target for target in targets if not target.shared]
        for target in mine:
            if target.updates or target.deletes:
                self.lock(target, piece)
        for target in mine:
            self.mark(target, piece)
            self._mark_lost_links(target, {t.to for t in mine}, piece)

    def lock(self, target: Target, piece: Piece) -> None:
        """Lock the targets of a piece in primary key order, so that two batches never wait for each other in a circle."""
        where = piece.where("r")
        pk = sql.pk_column(target.model)
        mode = "FOR UPDATE" if target.deletes else "FOR NO KEY UPDATE"
        sql.run(
            self.using,
            f"SELECT count(*) FROM (SELECT t.{pk} FROM {sql.table(target.model)} t WHERE t.{pk} IN"
            f" (SELECT r.{quote(target.link)} FROM {self.rows} r WHERE {where.text}) ORDER BY t.{pk} {mode}) AS locked",
            where.params,
        )

    def mark(self, target: Target, piece: Piece) -> None:
        """Mark rows whose target is gone, changed since review, in use, or there although it was to be made."""
        if target.updates or target.deletes:
            self._mark_moved(target, piece)
        if target.creates and target.key:
            self._mark_existing(target, piece)

    def mark_taken(self, piece: Piece, rows: Iterable[Any]) -> None:
        """Mark rows of which production has a unique value by now, if they are not conflicts already."""
        condition = Sql(f"r.{sql.pk_column(self.row_model)} = ANY(%s)", (list(rows),))
        self._set_conflicts(piece, [_Entry("taken_now", condition)])

    def _mark_moved(self, target: Target, piece: Piece) -> None:
        pk, link = sql.pk_column(target.model), f"r.{quote(target.link)}"
        entries = [entry for update in target.updates for entry in self._changed(update, target)]
        entries.append(_Entry("gone", Sql(f"(t.{pk} IS NULL AND {link} IS NOT NULL)")))
        if target.deletes:
            entries += self._undeletable(target)
        self._set_conflicts(
            piece, entries, f"LEFT JOIN {sql.table(target.model)} t ON t.{pk} = {link}", f"{link} IS NOT NULL"
        )

    def _changed(self, update: FieldChange, target: Target) -> Iterator[_Entry]:
        """Yield what keeps a field from being changed: it moved since review, or something else has its value by now."""
        taken = self._taken(update, target)
        if taken is not None:
            yield _Entry("taken_now", taken, update.new)
        label = str(target.model._meta.get_field(update.name).verbose_name)  # type: ignore[union-attr]
        shown = {
            "field": Sql("%s", (label,)),
            "was": Sql(self._column(update.old)),
            "now": Sql(f"t.{sql.column(target.model, update.name)}"),
            "want": Sql(self._column(update.new)),
        }
        yield _Entry("changed_since", self._moved(update, target), update.new, shown)

    def _mark_lost_links(self, target: Target, own: set[str], piece: Piece) -> None:
        """Mark rows that would write a link to something that was deleted since review; as a rule there is none."""
        where = piece.where("r")
        for name, row_field in target.written().items():
            field: Any = target.model._meta.get_field(name)
            if row_field in own or not getattr(field, "db_constraint", False):
                continue
            link = self._column(row_field)
            pk = quote(field.target_field.column)
            lost = (
                f"SELECT k FROM (SELECT DISTINCT {link} AS k FROM {self.rows} r WHERE {where.text}) AS linked"
                f" WHERE k IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {sql.table(field.related_model)} l WHERE l.{pk} = k)"
            )
            keys = [key for (key,) in sql.fetch(self.using, lost, where.params)]
            if keys:
                self._set_conflicts(
                    piece, [_Entry("link_gone", Sql(f"{link} = ANY(%s)", (keys,)), row_field)]
                )

    def _undeletable(self, target: Target) -> Iterator[_Entry]:
        """Yield what keeps a delete from being: the target changed since review, or something refers to it."""
        pk = sql.pk_column(target.model)
        when = Sql("TRUE")
        if target.delete_when is not None:
            when = sql.condition(self.row_model, target.delete_when, "r", self.using)
        changed = f"({when.text} AND r.base -> %s IS DISTINCT FROM to_jsonb(t))"
        yield _Entry("changed_since", Sql(changed, (*when.params, target.to)))
        for relation in target.model._meta.related_objects:
            if not getattr(relation.field, "db_constraint", False):
                continue
            used = (
                f"({when.text} AND EXISTS (SELECT 1 FROM {sql.table(relation.related_model)} u"
                f" WHERE u.{quote(relation.field.column)} = t.{pk}))"
            )
            name = str(relation.related_model._meta.verbose_name_plural)
            yield _Entry("in_use", Sql(used, when.params), shown={"by": Sql("%s", (name,))})

    def _mark_existing(self, target: Target, piece: Piece) -> None:
        """Mark rows that were to create something which exists by now."""
        lookup = self.lookups.get(target.to)
        alternatives = lookup.by if lookup else (target.key,)
        links = [name for name in target.key.values() if self.row_model._meta.get_field(name).is_relation]
        options: Any = target.model._meta
        tests: list[str] = []
        params: list[Any] = []
        for alternative in alternatives:
            matched = target.model._base_manager.order_by()
            if lookup is not None and lookup.where is not None:
                matched = matched.filter(lookup.where)
            inner = sql.compiled(
                matched.values_list(*[options.get_field(n).attname for n in alternative]),
                self.using,
            )
            heads = [f"k{n}" for n in range(len(alternative))]
            equal = " AND ".join(
                f"x.{h} = {self._column(n)}" for h, n in zip(heads, alternative.values(), strict=True)
            )
            tests.append(f"EXISTS (SELECT 1 FROM ({inner.text}) AS x({', '.join(heads)}) WHERE {equal})")
            params += inner.params
        linked = "".join(f" AND {self._column(name)} IS NOT NULL" for name in links)
        condition = f"r.{quote(target.link)} IS NULL{linked} AND ({' OR '.join(tests)})"
        if target.create_when is not None:
            # A row that creates nothing has nothing that could be there already.
            when = sql.condition(self.row_model, target.create_when, "r", self.using)
            condition, params = f"{condition} AND {when.text}", [*params, *when.params]
        self._set_conflicts(piece, [_Entry("exists_now", Sql(condition, tuple(params)))])

    def _set_conflicts(
        self, piece: Piece, entries: list[_Entry], join: str = "", limit: str = "TRUE"
    ) -> None:
        """Make rows that meet the condition of an entry conflicts, with the findings of all that they meet."""
        where = piece.where("r")
        pk = sql.pk_column(self.row_model)
        made = [entry.json() for entry in entries]
        conditions = [entry.condition for entry in entries]
        sql.run(
            self.using,
            f"UPDATE {self.rows} mine SET status = 'conflict',"
            f" issues = COALESCE(mine.issues, '[]'::jsonb) || found.entries FROM"
            f" (SELECT r.{pk} AS pk, to_jsonb(array_remove(ARRAY[{', '.join(m.text for m in made)}]::jsonb[], NULL)) AS entries"
            f" FROM {self.rows} r {join} WHERE {where.text} AND {limit} AND ({' OR '.join(c.text for c in conditions)})) found"
            f" WHERE mine.{pk} = found.pk",
            [*(p for m in made for p in m.params), *where.params, *(p for c in conditions for p in c.params)],
        )

    def _column(self, row_field: str) -> str:
        return column(self.row_model, row_field)

    def changes(self, update: FieldChange) -> Sql:
        """Return the condition that a row changes a field."""
        new, old = self._column(update.new), self._column(update.old)
        differs = f"({new} IS NOT NULL AND {new} IS DISTINCT FROM {old})"
        if update.clears:
            empty = "" if update.cleared is None else f" AND {old} <> ''"
            differs = f"({differs} OR ({self._column(update.clears)} IS NULL AND {old} IS NOT NULL{empty}))"
        if update.when is None:
            return Sql(differs)
        when = sql.condition(self.row_model, update.when, "r", self.using)
        return Sql(f"({differs} AND {when.text})", when.params)

    def _taken(self, update: FieldChange, target: Target) -> Sql | None:
        """Return the condition that something else has the new value of a unique field by now; None where the field is not unique."""
        rules = [condition for name, condition in unique_fields(target.model) if name == update.name]
        if not rules:
            return None
        changes = self.changes(update)
        texts, params = [], [*changes.params]
        for rule in rules:
            within = Sql("TRUE") if rule is None else sql.condition(target.model, rule, "x", self.using)
            texts.append(
                f"EXISTS (SELECT 1 FROM {sql.table(target.model)} x WHERE x.{sql.column(target.model, update.name)} ="
                f" {self._column(update.new)} AND x.{sql.pk_column(target.model)} <> t.{sql.pk_column(target.model)}"
                f" AND {within.text})"
            )
            params += within.params
        return Sql(f"({changes.text} AND ({' OR '.join(texts)}))", tuple(params))

    def wanted(self, update: FieldChange) -> str:
        """Return the value that a row which changes a field wants."""
        new = self._column(update.new)
        return new if update.cleared is None else f"COALESCE({new}, '{update.cleared}')"

    def _moved(self, update: FieldChange, target: Target) -> Sql:
        """Return the condition that production is neither as it was at review nor as the row wants it."""
        now = f"t.{sql.column(target.model, update.name)}"
        there = f"t.{sql.pk_column(target.model)} IS NOT NULL"
        changes = self.changes(update)
        return Sql(
            f"({there} AND {changes.text} AND {now} IS DISTINCT FROM {self._column(update.old)}"
            f" AND {now} IS DISTINCT FROM {self.wanted(update)})",
            changes.params,
        )

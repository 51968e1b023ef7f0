"""Put declared changes into production, set-based: lock, compare, mark, write.

For one piece of rows, inside the runner's transaction: targets are locked in primary key order, rows whose target moved since
review become conflicts, the others are marked and then written. Nobody's change is overwritten unseen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import models, transaction
from django.db.models import Q

from . import sql
from .changes import Target
from .conflicts import Conflicts, Piece, column
from .pipeline import Lookup, Pipeline, Stage
from .sql import Sql, quote
from .states import RowStatus

__all__ = ["Piece", "Writer", "constant_default"]


class _Taken(Exception):
    """Rows could not create what they were to, as production has one of its unique values by now."""

    def __init__(self, rows: set[Any]) -> None:
        super().__init__(rows)
        self.rows = rows


class Writer:
    """Writes the declared changes of one type, a piece at a time."""

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
        self.rows = sql.table(row_model)
        self.now = "statement_timestamp()"
        # Link -> targets created so far.
        self.made: dict[str, int] = {}

    def write(self, piece: Piece, on_conflict: str = "skip") -> None:
        """Write one piece; afterwards each of its effective rows is applied or a conflict."""
        refused: set[Any] = set()
        while True:
            try:
                with transaction.atomic(using=self.using):
                    creating = self._write(piece, on_conflict, refused)
                break
            except _Taken as taken:
                # Somebody took a key in this very moment. A row is written whole or not at all, so the piece begins anew
                # without those rows; each round takes at least one of them out.
                if taken.rows <= refused:
                    raise RuntimeError("Rows were not inserted, and none of them says which.") from taken
                refused |= taken.rows
        for link, number in creating.items():
            self.made[link] = self.made.get(link, 0) + number

    def _write(self, piece: Piece, on_conflict: str, refused: set[Any]) -> dict[str, int]:
        """Write the rows that are neither refused nor in conflict; return link -> targets created."""
        self.compare(piece)
        if refused:
            self.conflicts.mark_taken(piece, refused)
        if on_conflict == "stop" and self._count(piece, (RowStatus.CONFLICT,)):
            return {}
        # Rows that an earlier run has written lie in the same range where a batch goes on: they are not written twice.
        piece = replace(piece, stamp=sql.fetch(self.using, "SELECT clock_timestamp()")[0][0])
        creating = self._mark(piece)
        for target in self.targets.values():
            new = creating.get(target.to, 0)
            if new:
                self._insert(target, piece, new)
            if target.updates and self._linked(piece, target) > new:
                self._update(target, piece)
            if target.deletes:
                self._delete(target, piece)
        return creating

    def compare(self, piece: Piece) -> None:
        """Make what several rows name, lock the targets in the order of their keys, and mark the rows that are in conflict."""
        for target in self.targets.values():
            if target.shared:
                self._create_shared(target, piece)
        self.conflicts.find(self.targets.values(), piece)

    def _count(self, piece: Piece, status: tuple[str, ...]) -> int:
        where = piece.where("r", status)
        return sql.fetch(self.using, f"SELECT count(*) FROM {self.rows} r WHERE {where.text}", where.params)[
            0
        ][0]

    def _linked(self, piece: Piece, target: Target) -> int:
        """Return how many rows that are written have a target, be it new or old."""
        where = piece.written("r")
        text = f"SELECT count(r.{quote(target.link)}) FROM {self.rows} r WHERE {where.text}"
        return int(sql.fetch(self.using, text, where.params)[0][0])

    def _create_shared(self, target: Target, piece: Piece) -> None:
        """Create what several rows name (a group, a maker) once, and link all of them to it; one that exists by now is used."""
        lookup = self.lookups[target.to]
        where = piece.where("r")
        condition = self._rows_where(target.create_when)
        keys = [f"r.{sql.column(self.row_model, f)}" for f in target.key.values()]
        filled = "".join(f" AND {k} IS NOT NULL" for k in keys)
        need = f"{where.text} AND r.{quote(target.link)} IS NULL{filled}{condition.text}"
        params = (*where.params, *condition.params)
        if not sql.fetch(self.using, f"SELECT EXISTS (SELECT 1 FROM {self.rows} r WHERE {need})", params)[0][
            0
        ]:
            return
        columns, values, value_params = self._insert_values(target)
        folded = [f"upper(btrim({k}))" if lookup.fold else k for k in keys]
        self._link_shared(lookup, need, params)
        sql.run(
            self.using,
            f"INSERT INTO {sql.table(target.model)} ({', '.join(columns)}) SELECT {', '.join(values)} FROM"
            f" (SELECT DISTINCT ON ({', '.join(folded)}) r.* FROM {self.rows} r WHERE {need}"
            f" ORDER BY {', '.join(folded)}, r.sequence) r ON CONFLICT DO NOTHING",
            (*value_params, *params),
        )
        self._link_shared(lookup, need, params)

    def _link_shared(self, lookup: Lookup, need: str, params: tuple[Any, ...]) -> None:
        """Link the rows to what is there by now."""
        pipeline = Pipeline(self.row_model, [Stage(lookups=(lookup,))], self.using)
        columns = ", ".join(f"r.{quote(c)}" for c in pipeline.columns)
        pipeline.update(Sql(f"SELECT {columns} FROM {self.rows} r WHERE {need}", params))

    def _rows_where(self, condition: Q | None) -> Sql:
        """Return ' AND …' limiting the alias r to rows that meet a condition of the type."""
        if condition is None:
            return Sql("")
        made = sql.condition(self.row_model, condition, "r", self.using)
        return Sql(f" AND {made.text}", made.params)

    def _column(self, row_field: str) -> str:
        return f"r.{sql.column(self.row_model, row_field)}"

    def _mark(self, piece: Piece) -> dict[str, int]:
        """Mark the rows that will be written and allot the keys of what they create; return link -> number of creates."""
        creating = [t for t in self.targets.values() if t.creates and not t.shared]
        sets: list[str] = []
        params: list[Any] = []
        counts: list[str] = []
        for target in creating:
            condition = self._creates(target)
            counts.append(f"count(*) FILTER (WHERE {condition.text})")
            sets.append(
                f", {quote(target.link)} = CASE WHEN {condition.text} THEN {self._new_key(target)} ELSE r.{quote(target.link)} END"
            )
            params += condition.params
        where = piece.where("r")
        numbers: tuple[Any, ...] = ()
        if creating:
            numbers = sql.fetch(
                self.using,
                f"SELECT {', '.join(counts)} FROM {self.rows} r WHERE {where.text}",
                (*params, *where.params),
            )[0]
        sql.run(
            self.using,
            f"UPDATE {self.rows} r SET status = 'applied', applied_at = %s{''.join(sets)} WHERE {where.text}",
            (piece.stamp, *params, *where.params),
        )
        return {target.to: number for target, number in zip(creating, numbers, strict=True)}

    def _creates(self, target: Target) -> Sql:
        """Return the condition that a row creates this target, over the alias r before keys are allotted."""
        parts = [f"r.{quote(target.link)} IS NULL"]
        for row_field in target.key.values():
            other = self.targets.get(row_field)
            if other is None or not other.creates or other.shared:
                parts.append(f"{column(self.row_model, row_field)} IS NOT NULL")
        if target.updates:
            parts.append(
                "("
                + " OR ".join(f"{column(self.row_model, u.new)} IS NOT NULL" for u in target.updates)
                + ")"
            )
        condition = self._rows_where(target.create_when)
        return Sql(" AND ".join(parts) + condition.text, condition.params)

    def _new_key(self, target: Target) -> str:
        """Return the SQL of a new primary key of the target."""
        pk = target.model._meta.pk
        if isinstance(pk, models.UUIDField):
            return "gen_random_uuid()"
        sequence = sql.sequence_of(self.using, target.model)
        if sequence is None:
            raise ValueError(f"{target.model.__name__}.{pk.name} has neither a sequence nor is it a UUID.")
        return f"nextval('{sequence}')"

    def _insert_values(self, target: Target) -> tuple[list[str], list[str], list[Any]]:
        """Return columns and values of an INSERT: what the rows give, else the target's own defaults."""
        columns: list[str] = []
        values: list[str] = []
        params: list[Any] = []
        for field in target.model._meta.concrete_fields:
            if field.primary_key or getattr(field, "generated", False):
                continue
            default, has_default = constant_default(field)
            if field.name in target.create_fields:
                value = column(self.row_model, target.create_fields[field.name])
                if has_default and not field.null:
                    value = f"COALESCE({value}, %s)"
                    params.append(default)
                elif field.has_db_default() and not field.null:
                    value = f"COALESCE({value}, {self._db_default(field)})"
            elif getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
                value = self.now
            elif field.has_db_default() or not has_default:
                continue
            else:
                value = "%s"
                params.append(default)
            columns.append(quote(field.column))
            values.append(value)
        return columns, values, params

    def _db_default(self, field: models.Field) -> str:
        (text,) = sql.fetch(
            self.using,
            "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid"
            " AND a.attnum = d.adnum WHERE d.adrelid = %s::regclass AND a.attname = %s",
            [sql.table(field.model), field.column],
        )[0]
        return text.replace("%", "%%")

    def _insert(self, target: Target, piece: Piece, expected: int) -> None:
        """Insert what the piece creates. Raises _Taken if production has one of its unique values by now."""
        columns, values, params = self._insert_values(target)
        pk, link = sql.pk_column(target.model), f"r.{quote(target.link)}"
        there = f"LEFT JOIN {sql.table(target.model)} t ON t.{pk} = {link}"
        where = piece.written("r")
        fresh = f"{where.text} AND {link} IS NOT NULL AND t.{pk} IS NULL"
        written = sql.run(
            self.using,
            f"INSERT INTO {sql.table(target.model)} ({pk}, {', '.join(columns)})"
            f" SELECT {link}, {', '.join(values)} FROM {self.rows} r {there} WHERE {fresh} ORDER BY {link} ON CONFLICT DO NOTHING",
            (*params, *where.params),
        )
        if written < expected:
            text = f"SELECT r.{sql.pk_column(self.row_model)} FROM {self.rows} r {there} WHERE {fresh}"
            raise _Taken({key for (key,) in sql.fetch(self.using, text, where.params)})

    def _update(self, target: Target, piece: Piece) -> None:
        """Write the changed fields of targets that were there before."""
        sets, tests = [], []
        params: list[Any] = []
        for update in target.updates:
            name, new = sql.column(target.model, update.name), self.conflicts.wanted(update)
            changes = self.conflicts.changes(update)
            sets.append(f"{name} = CASE WHEN {changes.text} THEN {new} ELSE t.{name} END")
            tests.append(f"({changes.text} AND t.{name} IS DISTINCT FROM {new})")
            params += changes.params
        sets += [
            f"{quote(f.column)} = {self.now}"
            for f in target.model._meta.concrete_fields
            if getattr(f, "auto_now", False)
        ]
        where = piece.written("r")
        sql.run(
            self.using,
            f"UPDATE {sql.table(target.model)} t SET {', '.join(sets)} FROM {self.rows} r"
            f" WHERE {where.text} AND t.{sql.pk_column(target.model)} = r.{quote(target.link)} AND ({' OR '.join(tests)})",
            (*params, *where.params, *params),
        )

    def _delete(self, target: Target, piece: Piece) -> None:
        where, condition = piece.written("r"), self._rows_where(target.delete_when)
        sql.run(
            self.using,
            f"DELETE FROM {sql.table(target.model)} t USING {self.rows} r"
            f" WHERE {where.text} AND t.{sql.pk_column(target.model)} = r.{quote(target.link)}{condition.text}",
            (*where.params, *condition.params),
        )


def constant_default(field: models.Field) -> tuple[Any, bool]:
    """Return (value, True) of a field's constant default, or (None, False) where there is none that SQL can use."""
    if field.has_default():
        return (None, False) if callable(field.default) else (field.get_default(), True)
    if not field.null and field.empty_strings_allowed and field.blank:
        return "", True
    return None, False

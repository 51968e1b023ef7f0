"""Findings across rows: several rows of one batch for one thing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import models

from . import sql
from .findings import Unique
from .pipeline import status_of
from .states import BEFORE

if TYPE_CHECKING:
    from .handlers import BatchHandler


class PeerCheck:
    """Adds and removes the findings about rows that share something; rows that stand right are not written."""

    def __init__(self, handler: BatchHandler) -> None:
        self.handler = handler
        self.model = handler.row_model
        self.table = sql.table(self.model)

    def run(self, row_ids: Iterable[int] | None = None) -> None:
        """Check all rows, or those that share something with the given ones and those that are noted already."""
        ids = None if row_ids is None else list(row_ids)
        # Nothing is known yet about rows that were just inserted: for one row a loop would be right, for all it takes minutes.
        self._loops(ids is not None)
        rules = self.handler.unique_rules if ids is not None else self._concerned()
        for rule in rules:
            self._check(rule, ids)
        self._loops(True)

    def _concerned(self) -> list[Unique]:
        """Return the rules that rows break, or broke when they were checked last: as a rule none, and the costly part is left."""
        rules = self.handler.unique_rules
        if not rules:
            return []
        noted = ", ".join(["COALESCE(bool_or(issues @> %s::jsonb), false)"] * len(rules))
        shared = ", ".join(map(self._any_shared, rules))
        batch = self.handler.batch.pk
        entries = [json.dumps([{"code": rule.code}]) for rule in rules]
        found = sql.fetch(
            self.handler.using,
            f"SELECT {noted}, {shared} FROM {self.table} WHERE batch_id = %s",
            [*entries, batch],
        )[0]
        half = len(rules)
        return [rule for n, rule in enumerate(rules) if found[n] or found[half + n]]

    def _any_shared(self, rule: Unique) -> str:
        """Return the SQL of whether several rows share something: an aggregate, so that one scan serves all rules."""
        columns = [sql.column(self.model, name) for name in rule.fields]
        given = " AND ".join(["NOT removed", *[f"{c} IS NOT NULL" for c in columns]])
        sorted_by = columns[0]
        if len(columns) > 1:
            sorted_by = f"ROW({', '.join(columns)})"
        elif self._is_plain_text(rule.fields[0]):
            # In the order of bytes, which is several times as quick as that of a language; what is equal is the same.
            sorted_by += ' COLLATE "C"'
        return f"count(*) FILTER (WHERE {given}) <> count(DISTINCT {sorted_by}) FILTER (WHERE {given})"

    def _is_plain_text(self, name: str) -> bool:
        """Tell whether a field is text without a collation of its own, under which other words may be equal."""
        field = self.model._meta.get_field(name)
        return isinstance(field, models.CharField | models.TextField) and not field.db_collation

    def _shared(self, rule: Unique) -> str:
        """Return the SELECT of what several rows of a batch (its parameter) share."""
        columns = [sql.column(self.model, name) for name in rule.fields]
        names = ", ".join(columns)
        given = " AND ".join(f"{c} IS NOT NULL" for c in columns)
        return (
            f"SELECT {names} FROM {self.table} WHERE batch_id = %s AND NOT removed AND {given}"
            f" GROUP BY {names} HAVING count(*) > 1"
        )

    def _loops(self, on: bool) -> None:
        sql.run(self.handler.using, "SELECT set_config('enable_nestloop', %s, true)", ["on" if on else "off"])

    def _check(self, rule: Unique, ids: list[int] | None) -> None:
        columns = [sql.column(self.model, name) for name in rule.fields]
        names = ", ".join(columns)
        batch = self.handler.batch.pk
        noted = json.dumps([{"code": rule.code}])
        entry = json.dumps(
            [{"code": rule.code, "field": rule.fields[0], "severity": str(rule.severity), "keep": True}]
        )
        pk = sql.pk_column(self.model)
        near = ""
        near_params: list[Any] = []
        if ids is not None:
            mine = ", ".join(f"q.{c}" for c in columns)
            near = f" AND (q.issues @> %s::jsonb OR ({mine}) IN (SELECT {names} FROM {self.table} WHERE {pk} = ANY(%s)))"
            near_params = [noted, ids]
        same = " AND ".join(f"d.{c} = q.{c}" for c in columns)
        has = "COALESCE(q.issues @> %s::jsonb, false)"
        twice = f"(d.{columns[0]} IS NOT NULL AND NOT q.removed)"
        without = "(SELECT jsonb_agg(e) FROM jsonb_array_elements(q.issues) e WHERE e ->> 'code' <> %s)"
        statuses = ", ".join(f"'{s}'" for s in BEFORE)
        sql.run(
            self.handler.using,
            f"WITH d AS ({self._shared(rule)})"
            f" UPDATE {self.table} mine SET issues = found.issues, status = {status_of('found.issues', 'mine.action')}"
            f" FROM (SELECT q.{pk} AS pk, CASE WHEN {twice} THEN COALESCE(q.issues, '[]'::jsonb) || %s::jsonb ELSE {without} END"
            f" AS issues FROM {self.table} q LEFT JOIN d ON {same} WHERE q.batch_id = %s AND q.status IN ({statuses})"
            f" AND {twice} <> {has}{near}) found WHERE mine.{pk} = found.pk",
            [batch, entry, rule.code, batch, noted, *near_params],
        )

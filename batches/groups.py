"""Rows that share what only one of them may have: one decision settles all groups of them, in a statement or two."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db.models import DateField, DecimalField, F, IntegerField, Q, QuerySet
from django.utils.translation import gettext as _

from . import sql
from .findings import Unique
from .sql import Sql
from .states import BEFORE, Severity

if TYPE_CHECKING:
    from .handlers import BatchHandler

KEEPS = ("first", "last", "highest", "lowest", "none")
GIVE_UP, EXCLUDE = "give_up", "exclude"
GIVEN_UP = ("given_up_to", "given_up")
# Stands for the number of the row that is kept in a reason that the database completes.
ROW = "\ue000"


@dataclass(frozen=True)
class Decision:
    """Which row of each group keeps what they share (by the field `by` for highest and lowest), and what becomes of the others."""

    keep: str
    others: str
    by: str = ""

    def order(self) -> str:
        """Return the SQL of the order in which the rows of a group come; one without a value to compare by comes late."""
        compared = {"highest": "q.compared DESC NULLS LAST, ", "lowest": "q.compared ASC NULLS LAST, "}
        return compared.get(self.keep, "") + ("q.sequence DESC" if self.keep == "last" else "q.sequence")


def rule_of(handler: BatchHandler, code: str) -> Unique | None:
    """Return the rule about shared values that has this code."""
    return next((rule for rule in handler.unique_rules if rule.code == code), None)


def rule_that_gave_up(handler: BatchHandler, code: str, field: str) -> Unique | None:
    """Return the rule by which rows gave up a field, for the finding that says so."""
    if code not in GIVEN_UP:
        return None
    return next((rule for rule in handler.unique_rules if rule.gives_up == field), None)


def comparable(handler: BatchHandler, rule: Unique) -> list[str]:
    """Return the dates and numbers by which the rows of a group can be compared: those that the file has."""
    mapping: dict[str, Any] = getattr(handler.batch, "mapping", None) or {}
    names = [c.field for c in handler.get_columns() if not mapping or c.field in mapping] or list(
        handler.grid
    )
    kinds = (DateField, DecimalField, IntegerField)
    fields: Any = {field.name: field for field in sql.concrete(handler.row_model)}
    return [n for n in names if n not in rule.fields and isinstance(fields.get(n), kinds)]


class Groups:
    """The groups of a rule that one person may settle: all of whose rows they may work on, and of which `chosen` has one."""

    def __init__(
        self, handler: BatchHandler, rule: Unique, user: Any, chosen: QuerySet | None = None
    ) -> None:
        self.handler = handler
        self.rule = rule
        self.model = handler.row_model
        self.using = handler.using
        self.table = sql.table(self.model)
        self.columns = [sql.column(self.model, name) for name in rule.fields]
        self.scope = handler.scope(user)
        self.chosen = chosen

    # ---- which they are

    def rows(self) -> QuerySet:
        """Return all rows that count and have what is shared."""
        given = {f"{name}__isnull": False for name in self.rule.fields}
        return self.handler.rows().order_by().filter(removed=False, status__in=BEFORE, **given)

    def _among(self, rows: QuerySet, group: str = "") -> Sql:
        """Return the condition that the row `q` shares what some rows have."""
        mine = ", ".join(f"q.{column}" for column in self.columns)
        try:
            found = sql.compiled(rows.order_by().values_list(*self.rule.fields), self.using)
        except EmptyResultSet:
            return Sql("FALSE")
        names = ", ".join(f"k{n}" for n in range(len(self.columns)))
        return Sql(f"({mine}) IN (SELECT {names} FROM ({found.text}) k({names}){group})", found.params)

    def members(self, decision: Decision | None = None) -> Sql:
        """Return the rows of the groups: key, sequence, group (k0, k1, …), what is compared by, whether production has it."""
        names = ", ".join(f"k{n}" for n in range(len(self.columns)))
        conditions = [self._among(self.rows(), f" GROUP BY {names} HAVING count(*) > 1")]
        if self.chosen is not None:
            conditions.append(self._among(self.chosen.filter(batch=self.handler.batch.pk)))
        if self.scope:
            inside = self.rows().filter(self.scope).values("pk")
            outside = self._among(self.rows().exclude(pk__in=inside))
            conditions.append(Sql(f"NOT {outside.text}", outside.params))
        held = self._held()
        compared = f"q.{sql.column(self.model, decision.by)}" if decision and decision.by else "NULL"
        statuses = ", ".join(f"'{status}'" for status in BEFORE)
        keys = ", ".join(f"q.{column} AS k{n}" for n, column in enumerate(self.columns))
        text = (
            f"SELECT q.{sql.pk_column(self.model)} AS pk, q.sequence, {keys}, {compared} AS compared,"
            f" COALESCE({held.text}, false) AS held FROM {self.table} q WHERE q.batch_id = %s AND NOT q.removed"
            f" AND q.status IN ({statuses})"
            f" AND {' AND '.join(condition.text for condition in conditions)}"
        )
        inner = [param for condition in conditions for param in condition.params]
        return Sql(text, (*held.params, self.handler.batch.pk, *inner))

    def _held(self) -> Sql:
        """Return the condition that what a row links to has the shared value in production already."""
        for target in self.handler.targets.values():
            for update in target.updates:
                if self.rule.gives_up and update.new == self.rule.gives_up:
                    same = Q(**{update.old: F(update.new)})
                    return sql.condition(self.model, same, "q", self.using)
        return Sql("false")

    def ranked(self, decision: Decision) -> Sql:
        """Return the rows of the groups with their place in the order of the decision, and the number of the row that is kept.

        Where production has the value already, the row of what has it comes first: it would be taken for all the others.
        """
        members = self.members(decision)
        names = ", ".join(f"q.k{n}" for n in range(len(self.columns)))
        keeper = "NULL::integer" if decision.keep == "none" else "first_value(q.sequence) OVER w"
        place = "2" if decision.keep == "none" else "row_number() OVER w"
        text = (
            f"SELECT q.pk, {place} AS place, {keeper} AS keeper FROM ({members.text}) q"
            f" WINDOW w AS (PARTITION BY {names} ORDER BY q.held DESC, {decision.order()})"
        )
        return Sql(text, members.params)

    # ---- what a decision does

    def counts(self) -> dict[str, int]:
        """Return how many groups and rows there are, and in how many groups production has the value already."""
        members = self.members()
        names = ", ".join(f"k{n}" for n in range(len(self.columns)))
        groups, rows, held = sql.fetch(
            self.using,
            f"SELECT count(*), COALESCE(sum(n), 0), count(*) FILTER (WHERE held) FROM (SELECT count(*) AS n, bool_or(held) AS held"
            f" FROM ({members.text}) q GROUP BY {names}) g",
            members.params,
        )[0]
        return {"groups": groups, "rows": int(rows), "held": held}

    def decided_by(self, field: str) -> int:
        """Return in how many groups one row alone has the highest value of a field: elsewhere the first of several is kept."""
        members = self.members(Decision("highest", EXCLUDE, field))
        names = ", ".join(f"k{n}" for n in range(len(self.columns)))
        return sql.fetch(
            self.using,
            f"SELECT count(*) FROM (SELECT 1 FROM (SELECT {names}, rank() OVER (PARTITION BY {names} ORDER BY compared DESC"
            f" NULLS LAST) AS place FROM ({members.text}) q) r GROUP BY {names} HAVING count(*) FILTER (WHERE place = 1) = 1) g",
            members.params,
        )[0][0]

    def samples(self, groups: int, rows: int) -> list[list[int]]:
        """Return the keys of the first rows of the first groups."""
        members = self.members()
        names = ", ".join(f"k{n}" for n in range(len(self.columns)))
        found = sql.fetch(
            self.using,
            f"SELECT (array_agg(pk ORDER BY sequence))[1:{int(rows)}] FROM ({members.text}) q GROUP BY {names}"
            f" ORDER BY min(sequence) LIMIT {int(groups)}",
            members.params,
        )
        return [list(pks) for (pks,) in found]

    # ---- carry it out; each returns the keys of the rows changed

    def exclude(self, decision: Decision) -> list[int]:
        """Exclude all rows but the one that is kept, with the reason."""
        label = self.handler.label(self.rule.fields[0])
        reason = _("Row %(row)s has the same (%(label)s) and is kept.") % {"row": ROW, "label": label}
        if decision.keep == "none":
            reason = _("Several rows have the same (%(label)s).") % {"label": label}
        ranked = self.ranked(decision)
        found = sql.fetch(
            self.using,
            f"UPDATE {self.table} mine SET removed = true, version = mine.version + 1,"
            " removed_reason = left(replace(%s, %s, COALESCE(ranked.keeper, 0)::text), 200)"
            f" FROM ({ranked.text}) ranked WHERE mine.{sql.pk_column(self.model)} = ranked.pk AND ranked.place > 1"
            f" RETURNING mine.{sql.pk_column(self.model)}",
            [reason, ROW, *ranked.params],
        )
        return [pk for (pk,) in found]

    def give_up(self, decision: Decision) -> list[int]:
        """Empty the shared field of all rows but the one that is kept. A notice keeps the value, and what was found about it."""
        field = self.rule.gives_up
        column, pk = sql.column(self.model, field), sql.pk_column(self.model)
        ranked = self.ranked(decision)
        code = "given_up" if decision.keep == "none" else "given_up_to"
        notice = {"code": code, "field": field, "severity": str(Severity.NOTICE), "keep": True}
        about = "e ->> 'field' = %s AND (e -> 'keep')::boolean"
        before = f"(SELECT COALESCE(jsonb_agg(e), '[]') FROM jsonb_array_elements(mine.issues) e WHERE {about} AND e ->> 'code' <> %s)"
        rest = f"(SELECT jsonb_agg(e) FROM jsonb_array_elements(mine.issues) e WHERE ({about}) IS NOT TRUE)"
        found = sql.fetch(
            self.using,
            f"UPDATE {self.table} mine SET {column} = NULL, version = mine.version + 1, issues = COALESCE({rest}, '[]')"
            " || jsonb_build_array(%s::jsonb || jsonb_build_object('params', jsonb_build_object("
            f"'value', mine.{column}::text, 'to', ranked.keeper), 'before', {before}))"
            f" FROM ({ranked.text}) ranked WHERE mine.{pk} = ranked.pk AND ranked.place > 1 RETURNING mine.{pk}",
            [field, json.dumps(notice), field, self.rule.code, *ranked.params],
        )
        return [pk for (pk,) in found]

    def given_up(self) -> QuerySet:
        """Return the rows that gave the shared field up, as far as the person may work on them."""
        noted = Q()
        for code in GIVEN_UP:
            noted |= Q(issues__contains=[{"code": code, "field": self.rule.gives_up}])
        rows = self.handler.rows().order_by().filter(noted, self.scope, status__in=BEFORE)
        return rows if self.chosen is None else rows.filter(pk__in=self.chosen.order_by().values("pk"))

    def put_back(self) -> list[int]:
        """Give rows back what they gave up, and what was found about it; one that was given another value since keeps that."""
        field = self.rule.gives_up
        column, pk = sql.column(self.model, field), sql.pk_column(self.model)
        kind = self.model._meta.get_field(field).db_type(sql.connections[self.using])
        try:
            rows = sql.compiled(self.given_up().values_list("pk"), self.using)
        except EmptyResultSet:
            return []
        rest = "(SELECT jsonb_agg(o) FROM jsonb_array_elements(q.issues) o WHERE o IS DISTINCT FROM e)"
        found = sql.fetch(
            self.using,
            f"UPDATE {self.table} mine SET {column} = (found.e -> 'params' ->> 'value')::{kind}, version = mine.version + 1,"
            f" issues = NULLIF(COALESCE(found.rest, '[]') || COALESCE(found.e -> 'before', '[]'), '[]')"
            f" FROM (SELECT q.{pk} AS pk, e, {rest} AS rest FROM {self.table} q, jsonb_array_elements(q.issues) e"
            f" WHERE q.{pk} IN ({rows.text}) AND e ->> 'code' = ANY(%s) AND e ->> 'field' = %s) found"
            f" WHERE mine.{pk} = found.pk AND mine.{column} IS NULL RETURNING mine.{pk}",
            [*rows.params, list(GIVEN_UP), field],
        )
        return [pk for (pk,) in found]

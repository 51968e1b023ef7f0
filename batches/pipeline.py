"""Derive a row's look-ups, base values, action and findings in one statement.

Every stage is a SELECT over a sub-select that bears the row table's own name, so the ORM can compile any expression against the
row model, and it reads what the stage before derived. The same chain feeds an INSERT (populate) and a
guarded UPDATE (refresh): each row is written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import Combinable
from django.db.models.sql.datastructures import BaseTable

from . import sql
from .sql import Sql, quote

STATUS_OF = """CASE WHEN {issues} @> '[{{"severity": "error"}}]' THEN 'error'
 WHEN {issues} @> '[{{"severity": "warning"}}]' THEN 'warning'
 WHEN {action} = 'unchanged' THEN 'unchanged' ELSE 'ok' END"""


def status_of(issues: str, action: str) -> str:
    """Return the SQL of a row's status from its findings and action."""
    return STATUS_OF.format(issues=issues, action=action)


@dataclass(frozen=True)
class Lookup:
    """Fill the link `to` by looking its target up.

    `by` holds alternatives, tried in order: field of the target -> field of the row. `where` limits the targets, `fold` ignores
    case and surrounding blanks, `unique` tells that the key is unique among the targets that count. `missing` is the code of the
    finding for a row that names a target which does not exist.
    """

    to: str
    by: tuple[dict[str, str], ...]
    where: Q | None = None
    fold: bool = False
    unique: bool = True
    missing: str = ""

    def needs(self) -> set[str]:
        """Return the row's fields that this look-up reads."""
        return {name for alternative in self.by for name in alternative.values()}


@dataclass(frozen=True)
class Stage:
    """Columns that one SELECT derives from the stage before."""

    values: dict[str, Any] = field(default_factory=dict)
    lookups: tuple[Lookup, ...] = ()
    barrier: bool = False
    # Row field -> (link, field of its target): what a look-up takes along of the target that it finds.
    along: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Step:
    """A stage in SQL: what stands before and behind the source that it reads."""

    head: Sql
    tail: Sql


# Stands for the source in the ORM's SQL, and among its parameters.
_HERE = "\x00source\x00"


class _Source(BaseTable):
    """The place of the row table in a stage's SELECT, where the stage before is put.

    A common table expression of that name would be simpler, but the planner does not merge a query that has one into the next: every
    stage would be a node that copies all columns, and conditions on columns that the file has not would be tested for each row.
    """

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        return _HERE, [_HERE]


def _folded(stages: Sequence[Stage]) -> list[Stage]:
    """Let look-ups take plain values of their target along, where a stage behind them would join it once more."""
    folded = list(stages)
    found: dict[str, int] = {}
    for place, stage in enumerate(folded):
        if not stage.values:
            found |= {k.to: place for k in stage.lookups if k.unique and len(k.by) == 1}
            continue
        for name, value in stage.values.items():
            link, _, path = getattr(value, "name", "").partition("__") if type(value) is F else ("", "", "")
            if link in found and path and "__" not in path:
                earlier = folded[found[link]]
                folded[found[link]] = replace(earlier, along={**earlier.along, name: (link, path)})
        taken = {name for earlier in folded[:place] for name in earlier.along}
        folded[place] = replace(stage, values={n: v for n, v in stage.values.items() if n not in taken})
        break
    return folded


class Pipeline:
    """The chain of stages of one row model."""

    def __init__(self, model: type[models.Model], stages: Sequence[Stage], using: str) -> None:
        self.model = model
        self.using = using
        self.table = sql.table(model)
        self.fields = sql.concrete(model)
        self.columns = [f.column for f in self.fields]
        self.steps = [self._compile(stage) for stage in _folded(stages) if stage.values or stage.lookups]
        self.derived = sorted({quote(c) for stage in stages for c in self._derived(stage)})

    def _derived(self, stage: Stage) -> set[str]:
        names = set(stage.values) | {lookup.to for lookup in stage.lookups}
        return {self._column(name) for name in names}

    def _compile(self, stage: Stage) -> _Step:
        return self._lookup_select(stage) if stage.lookups else self._value_select(stage)

    def _lookup_select(self, stage: Stage) -> _Step:
        """Return the SELECT that fills links by left joins."""
        joins: list[str] = []
        params: list[Any] = []
        found: dict[str, str] = {}
        for lookup in stage.lookups:
            keys = []
            along = {name: path for name, (link, path) in stage.along.items() if link == lookup.to}
            for alternative in lookup.by:
                alias = f"j{len(joins)}"
                join = self._join(lookup, alternative, alias, list(along.values()))
                joins.append(join.text)
                params.extend(join.params)
                keys.append(f"{alias}.pk")
                found |= {self._column(name): f"{alias}.a{n}" for n, name in enumerate(along)}
            found[self._column(lookup.to)] = f"COALESCE({', '.join(keys)})"
        select = ", ".join(found.get(str(c), f"{self.table}.{quote(c)}") for c in self.columns)
        return _Step(Sql(f"SELECT {select} FROM "), Sql(" ".join(["", *joins]), tuple(params)))

    def _column(self, name: str) -> str:
        return str(self.model._meta.get_field(name).column)  # type: ignore[union-attr]

    def _join(self, lookup: Lookup, alternative: dict[str, str], alias: str, along: list[str]) -> Sql:
        target = self.model._meta.get_field(lookup.to).related_model
        queryset = target._base_manager.order_by()  # type: ignore[union-attr]
        if lookup.where is not None:
            queryset = queryset.filter(lookup.where)
        names = [target._meta.get_field(name).attname for name in [*alternative, *along]]  # type: ignore[union-attr]
        inner = sql.compiled(queryset.values_list("pk", *names), self.using)
        heads = [f"k{n}" for n in range(len(alternative))]
        carried = [f"a{n}" for n in range(len(along))]
        source = f"({inner.text}) AS {alias}({', '.join(['pk', *heads, *carried])})"
        if not lookup.unique:
            shown = [f"upper({h})" if lookup.fold else h for h in heads]
            source = (
                f"(SELECT min(pk) AS pk, {', '.join(f'{s} AS {h}' for s, h in zip(shown, heads, strict=True))}"
                f" FROM {source} GROUP BY {', '.join(shown)}) AS {alias}"
            )
        conditions = []
        for head, name in zip(heads, alternative.values(), strict=True):
            mine = f"{self.table}.{sql.column(self.model, name)}"
            conditions.append(
                f"upper({alias}.{head}) = upper(btrim({mine}))" if lookup.fold else f"{alias}.{head} = {mine}"
            )
        return Sql(f"LEFT JOIN {source} ON {' AND '.join(conditions)}", inner.params)

    def _value_select(self, stage: Stage) -> _Step:
        """Return the SELECT that the ORM makes of expressions; they may span the row's links."""
        by_column = {self.model._meta.get_field(n).column: value for n, value in stage.values.items()}  # type: ignore[union-attr]
        names: list[str] = []
        annotations: dict[str, Any] = {}
        for f in self.fields:
            if f.column in by_column:
                alias = f"new_{len(annotations)}_"
                value = by_column[f.column]
                annotations[alias] = (
                    value
                    if isinstance(value, (Combinable, Q)) or hasattr(value, "resolve_expression")
                    else models.Value(value)
                )
                names.append(alias)
            else:
                names.append(f.attname)
        queryset = self.model._base_manager.order_by().annotate(**annotations).values_list(*names)
        query: Any = queryset.query
        query.alias_map[query.get_initial_alias()] = _Source(
            self.model._meta.db_table, query.get_initial_alias()
        )
        made = sql.compiled(queryset, self.using)
        head, tail = made.text.split(_HERE)
        before = next(n for n, param in enumerate(made.params) if param is _HERE)
        # A barrier keeps the planner from pulling the sub-select up and evaluating costly expressions once per use.
        return _Step(
            Sql(head, made.params[:before]),
            Sql(tail + (" OFFSET 0" if stage.barrier else ""), made.params[before + 1 :]),
        )

    def over(self, source: Sql) -> Sql:
        """Return the SELECT of all stages over `source`, which yields every column of the row model in order."""
        heads = ", ".join(quote(c) for c in self.columns)
        text, params = source.text, source.params
        for step in self.steps:
            text = f"{step.head.text}({text}) AS {self.table} ({heads}){step.tail.text}"
            params = (*step.head.params, *params, *step.tail.params)
        return Sql(f"SELECT * FROM ({text}) AS derived({heads})", params)

    def insert(self, source: Sql) -> int:
        """Insert what the chain makes of `source`; return the rows written."""
        heads = ", ".join(
            quote(c) for f, c in zip(self.fields, self.columns, strict=True) if not f.primary_key
        )
        chain = self.over(source)
        return sql.run(
            self.using,
            f"INSERT INTO {self.table} ({heads}) SELECT {heads} FROM ({chain.text}) AS chain",
            chain.params,
        )

    def refresh(self, rows: models.QuerySet) -> int:
        """Bring rows up to date; those that would not change are not written. Returns the rows written."""
        # Said once more of the rows that are written: else the planner reads all rows of all batches to find these.
        near = sql.where_of(rows, "mine", self.using) if sql.is_plain(rows) else Sql("TRUE")
        return self.update(self.rows(rows), near)

    def update(self, source: Sql, near: Sql = Sql("TRUE")) -> int:  # noqa: B008 - it cannot be changed
        """Bring the rows that `source` yields, all of which are `near`, up to date; rows that would not change are not written."""
        if not self.derived:
            return 0
        pk = sql.pk_column(self.model)
        chain = self.over(source)
        new = ", ".join(f"chain.{c}" for c in self.derived)
        old = ", ".join(f"mine.{c}" for c in self.derived)
        return sql.run(
            self.using,
            f"UPDATE {self.table} AS mine SET ({', '.join(self.derived)}) = ROW({new}) FROM ({chain.text}) AS chain"
            f" WHERE {near.text} AND mine.{pk} = chain.{pk} AND ROW({old}) IS DISTINCT FROM ROW({new})",
            (*chain.params, *near.params),
        )

    def rows(self, queryset: models.QuerySet) -> Sql:
        """Return the source that yields the row model's columns of a queryset."""
        return sql.compiled(queryset.order_by().values_list(*[f.attname for f in self.fields]), self.using)

"""Undo what a batch wrote, set-based, out of the journal: whichever code wrote it, the triggers saw it.

For each object that the batch's executions touched: the *base* is the row before their first write, *after* is the row as their
last write left it. A field goes back to its base where production still has what the batch put there; an object of which such a
field was changed since is kept whole. What the batch created is deleted only if nobody touched it and nothing refers to it;
what it deleted comes back with its key.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from . import journal, sql
from .handlers import BatchHandler
from .log import user_name
from .models import Run
from .sql import quote
from .states import RowStatus, Status
from .touched import row_links, runs_of

UNDO, KEPT, IN_USE = "undo", "kept", "in_use"


def touched_models(runs: list[int], using: str) -> list[type[models.Model]]:
    """Return the journalled models that runs wrote to, those that refer to others before those that they refer to."""
    found = [
        model
        for model in journal.tracked_models()
        if journal.event_model(model)._base_manager.using(using).filter(pgh_run__in=runs).exists()
    ]
    ordered: list[type[models.Model]] = []

    def visit(model: type[models.Model], path: tuple[type[models.Model], ...]) -> None:
        if model in ordered or model in path:
            return
        for other in found:
            if any(field.related_model is model for field in _foreign_keys(other)):
                visit(other, (*path, model))
        ordered.append(model)

    for model in found:
        visit(model, ())
    return ordered


def _foreign_keys(model: type[models.Model]) -> list[Any]:
    fields: list[Any] = list(model._meta.local_concrete_fields)
    return [f for f in fields if isinstance(f, models.ForeignKey) and f.db_constraint]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Kept:
    """An object that is not put back: which (in words and by key), why, and by whom it was changed since."""

    label: str
    key: Any
    outcome: str
    field: str
    was: str
    now: str
    who: str


class ModelUndo:
    """The part of an undo that is about one model, with a temporary table of the objects: what becomes of each."""

    def __init__(self, model: type[models.Model], number: int, runs: list[int], using: str) -> None:
        self.model = model
        self.using = using
        self.runs = runs
        self.table = quote(f"batches_undo_{number}")
        self.target = sql.table(model)
        self.events = sql.table(journal.event_model(model))
        self.pk = sql.pk_column(model)

    @cached_property
    def fields(self) -> list[models.Field]:
        """The columns that the journal holds, without the key and generated ones."""
        held = {field.name for field in journal.event_model(self.model)._meta.concrete_fields}
        return [
            field
            for field in self.model._meta.concrete_fields
            if field.name in held and not field.primary_key and not getattr(field, "generated", False)
        ]

    def _moves_by_itself(self, field: models.Field) -> bool:
        return bool(getattr(field, "auto_now", False))

    def lock(self) -> None:
        """Lock what is there of the objects, in the order of their keys, also against new references to them."""
        sql.run(
            self.using,
            f"SELECT count(*) FROM (SELECT t.{self.pk} FROM {self.target} t WHERE t.{self.pk} IN"
            f" (SELECT e.{self.pk} FROM {self.events} e WHERE e.pgh_run = ANY(%s)) ORDER BY t.{self.pk} FOR UPDATE) AS locked",
            [self.runs],
        )

    def plan(self) -> None:
        """Make the table of objects: their first event of ours, the first after our last, and what becomes of them."""
        sql.run(self.using, f"DROP TABLE IF EXISTS {self.table}")
        sql.run(
            self.using,
            f"CREATE TEMPORARY TABLE {self.table} ON COMMIT DROP AS SELECT o.pk, o.first_id, o.last_id, f.pgh_label AS first_label,"
            f" l.pgh_label AS last_label, n.pgh_id AS next_id, '{UNDO}'::text AS outcome, ''::text AS field, ''::text AS was,"
            " ''::text AS now, ''::text AS who FROM"
            f" (SELECT e.{self.pk} AS pk, min(e.pgh_id) AS first_id, max(e.pgh_id) AS last_id FROM {self.events} e"
            f" WHERE e.pgh_run = ANY(%s) GROUP BY e.{self.pk}) o"
            f" JOIN {self.events} f ON f.pgh_id = o.first_id JOIN {self.events} l ON l.pgh_id = o.last_id"
            f" LEFT JOIN LATERAL (SELECT x.pgh_id FROM {self.events} x WHERE x.{self.pk} = o.pk AND x.pgh_id > o.last_id"
            " ORDER BY x.pgh_id LIMIT 1) n ON true",
            [self.runs],
        )
        sql.run(self.using, f"CREATE INDEX ON {self.table} (pk)")
        sql.run(self.using, f"ANALYZE {self.table}")
        self._keep_between()
        self._keep_created()
        self._keep_deleted()
        self._keep_changed()

    def _who(self, event: str) -> str:
        """Return the SQL of who wrote an event: the person, or the batch."""
        runs = sql.table(Run)
        return (
            f"COALESCE(NULLIF({event}.pgh_user, ''), (SELECT concat(r.requested_by_name, ', ', lpad(r.batch_id::text, 8, '0'))"
            f" FROM {runs} r WHERE r.id = {event}.pgh_run), 'not named')"
        )

    def _keep(self, joins: str, condition: str, shown: str = "", params: tuple[Any, ...] = ()) -> None:
        sql.run(
            self.using,
            f"UPDATE {self.table} u SET outcome = '{KEPT}'{shown} FROM {self.table} v {joins}"
            f" WHERE v.pk = u.pk AND u.outcome = '{UNDO}' AND ({condition})",
            params,
        )

    def _keep_between(self) -> None:
        """Somebody else's write between two of ours: what it changed cannot be told apart from what we did."""
        self._keep(
            f"JOIN {self.events} x ON x.{self.pk} = v.pk AND x.pgh_id > v.first_id AND x.pgh_id < v.last_id"
            " AND (x.pgh_run IS NULL OR x.pgh_run <> ALL(%s))",
            "v.first_id < v.last_id",
            f", who = {self._who('x')}",
            (self.runs,),
        )

    def _keep_created(self) -> None:
        """What was created and changed since stays; one that is gone already needs nothing."""
        self._keep(
            f"JOIN {self.events} n ON n.pgh_id = v.next_id JOIN {self.target} t ON t.{self.pk} = v.pk",
            "u.first_label = 'insert'",
            f", who = {self._who('n')}",
        )

    def _keep_deleted(self) -> None:
        """What was deleted and is there again by now, stays as it is now."""
        self._keep(
            f"JOIN {self.target} t ON t.{self.pk} = v.pk LEFT JOIN {self.events} n ON n.pgh_id = v.next_id",
            "u.last_label = 'delete' AND u.first_label <> 'insert'",
            f", who = {self._who('n')}",
        )

    def _after(self, field: models.Field) -> str:
        """Return the SQL of a value as the batch left it: what the next write found, else what is there."""
        column = quote(field.column)
        return f"CASE WHEN v.next_id IS NULL THEN t.{column} ELSE n.{column} END"

    def _keep_changed(self) -> None:
        """What was changed stays where a field that the batch wrote has another value by now, or where it is gone."""
        names, was, now, moved = [], [], [], []
        params: list[Any] = []
        for field in self.fields:
            if self._moves_by_itself(field):
                continue
            column, after = quote(field.column), self._after(field)
            differs = f"(f.{column} IS DISTINCT FROM {after} AND t.{column} IS DISTINCT FROM {after})"
            moved.append(differs)
            names.append(f"WHEN {differs} THEN %s::text")
            params.append(str(field.verbose_name))
            was.append(f"WHEN {differs} THEN f.{column}::text")
            now.append(f"WHEN {differs} THEN t.{column}::text")
        joins = (
            f"JOIN {self.events} f ON f.pgh_id = v.first_id LEFT JOIN {self.target} t ON t.{self.pk} = v.pk"
            f" LEFT JOIN {self.events} n ON n.pgh_id = v.next_id"
        )
        ours = "u.first_label = 'update' AND u.last_label = 'update'"
        gone = f"t.{self.pk} IS NULL"
        if moved:
            shown = "".join(
                f", {name} = COALESCE(CASE WHEN {gone} THEN '' {' '.join(cases)} END, '')"
                for name, cases in (("field", names), ("was", was), ("now", now))
            )
            shown += f", who = {self._last_writer()}"
            self._keep(joins, f"{ours} AND ({gone} OR {' OR '.join(moved)})", shown, tuple(params))

    def _last_writer(self) -> str:
        """Return the SQL of who wrote the object last: whose value stands there now."""
        return (
            f"COALESCE((SELECT {self._who('x')} FROM {self.events} x WHERE x.{self.pk} = v.pk AND x.pgh_id >= v.next_id"
            " ORDER BY x.pgh_id DESC LIMIT 1), '')"
        )

    def delete_created(self) -> None:
        """Delete what was created, as far as nothing refers to it."""
        sql.run(
            self.using,
            f"DELETE FROM {self.target} t USING {self.table} u WHERE t.{self.pk} = u.pk AND u.outcome = '{UNDO}'"
            f" AND u.first_label = 'insert'{''.join(f' AND NOT {used}' for used in self._uses())}",
        )

    def mark_in_use(self) -> None:
        """Mark what was created and is still there: something refers to it."""
        sql.run(
            self.using,
            f"UPDATE {self.table} u SET outcome = '{IN_USE}' FROM {self.target} t"
            f" WHERE t.{self.pk} = u.pk AND u.outcome = '{UNDO}' AND u.first_label = 'insert'",
        )

    def _uses(self) -> list[str]:
        """Return the conditions that something refers to a target t; rows of batches and the journal do not hold it."""
        return [
            f"EXISTS (SELECT 1 FROM {sql.table(model)} x WHERE x.{quote(field.column)} = t.{quote(field.target_field.column)})"
            for model in apps.get_models(include_auto_created=True)
            if not model._meta.proxy and model._meta.managed
            for field in _foreign_keys(model)
            if field.related_model is self.model
        ]

    def insert_deleted(self) -> None:
        """Bring back what was deleted, with its key."""
        columns = ", ".join([self.pk, *(quote(field.column) for field in self.fields)])
        values = ", ".join([f"f.{self.pk}", *(f"f.{quote(field.column)}" for field in self.fields)])
        # A column of identity takes a given key only where that is said.
        sql.run(
            self.using,
            f"INSERT INTO {self.target} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {self.table} u"
            f" JOIN {self.events} f ON f.pgh_id = u.first_id WHERE u.outcome = '{UNDO}' AND u.last_label = 'delete'"
            " AND u.first_label <> 'insert' ORDER BY u.pk",
        )

    def restore_changed(self) -> None:
        """Put changed fields back to their base values; a time of last change only where nobody wrote since."""
        if not self.fields:
            return
        sets = []
        for field in self.fields:
            column = quote(field.column)
            if self._moves_by_itself(field):
                sets.append(
                    f"{column} = CASE WHEN v.next_id IS NULL THEN f.{column} ELSE statement_timestamp() END"
                )
            else:
                after = self._after(field)
                sets.append(
                    f"{column} = CASE WHEN f.{column} IS DISTINCT FROM {after} THEN f.{column} ELSE t.{column} END"
                )
        sql.run(
            self.using,
            f"UPDATE {self.target} t SET {', '.join(sets)} FROM {self.table} v JOIN {self.events} f ON f.pgh_id = v.first_id"
            f" LEFT JOIN {self.events} n ON n.pgh_id = v.next_id"
            f" WHERE t.{self.pk} = v.pk AND v.outcome = '{UNDO}' AND v.first_label = 'update' AND v.last_label = 'update'",
        )

    def counts(self) -> dict[str, int]:
        """Return outcome -> objects."""
        return dict(sql.fetch(self.using, f"SELECT outcome, count(*) FROM {self.table} GROUP BY outcome"))

    def kept(self, limit: int) -> list[Kept]:
        """Return the first objects that are not put back."""
        rows = sql.fetch(
            self.using,
            f"SELECT pk, outcome, field, was, now, who FROM {self.table} WHERE outcome <> '{UNDO}' ORDER BY pk LIMIT %s",
            [limit],
        )
        related = [field.name for field in _foreign_keys(self.model)]
        there = (
            self.model._base_manager.using(self.using).select_related(*related).in_bulk([r[0] for r in rows])
        )
        label = self.model._meta.verbose_name
        return [Kept(f"{label} {there.get(key, key)}", key, *rest) for key, *rest in rows]


class Undo:
    """The undo of one batch, in the caller's transaction."""

    def __init__(self, handler: BatchHandler) -> None:
        self.handler = handler
        self.using = handler.using
        self.runs = runs_of(handler.batch.pk, self.using)
        touched = touched_models(self.runs, self.using)
        self.parts = [ModelUndo(model, n, self.runs, self.using) for n, model in enumerate(touched)]

    def plan(self, lock: bool = True) -> None:
        """Find out what becomes of each object."""
        for part in reversed(self.parts) if lock else []:
            part.lock()
        for part in self.parts:
            part.plan()

    def write(self) -> None:
        """Put production back, then mark the rows."""
        # Twice: what stands in the way of an old value goes first; what was referred to by a new one is free only afterwards.
        for part in self.parts:
            part.delete_created()
        for part in reversed(self.parts):
            part.insert_deleted()
        for part in reversed(self.parts):
            part.restore_changed()
        for part in self.parts:
            part.delete_created()
            part.mark_in_use()
        self._mark_rows()

    def _mark_rows(self) -> None:
        rows = sql.table(self.handler.row_model)
        by_model = {part.model: part for part in self.parts}
        for link, model in row_links(self.handler).items():
            part = by_model.get(model)
            if part is None:
                continue
            column = quote(self.handler.row_model._meta.get_field(link).column)  # type: ignore[union-attr]
            sql.run(
                self.using,
                f"UPDATE {rows} r SET status = %s, issues = COALESCE(r.issues, '[]'::jsonb) || jsonb_build_array("
                " jsonb_build_object('code', CASE WHEN u.outcome = 'in_use' THEN 'undo_in_use' WHEN u.field = ''"
                " THEN 'undo_touched' ELSE 'undo_changed' END, 'field', '', 'severity', 'warning', 'params',"
                " jsonb_build_object('field', u.field, 'was', u.was, 'now', u.now, 'who', u.who)))"
                f" FROM {part.table} u WHERE r.batch_id = %s AND r.status IN (%s, %s) AND r.{column} = u.pk AND u.outcome <> %s",
                [RowStatus.KEPT, self.handler.batch.pk, RowStatus.APPLIED, RowStatus.KEPT, UNDO],
            )
        self.handler.rows().order_by().filter(status=RowStatus.APPLIED).update(status=RowStatus.REVERTED)

    def counts(self) -> dict[str, int]:
        """Return outcome -> objects of all models."""
        total = {UNDO: 0, KEPT: 0, IN_USE: 0}
        for part in self.parts:
            for outcome, number in part.counts().items():
                total[outcome] += number
        return total

    def kept(self, limit: int = 50) -> list[Kept]:
        """Return the first objects that are not put back."""
        found: list[Kept] = []
        for part in self.parts:
            found += part.kept(limit - len(found))
        return found


def revert(handler: BatchHandler, run: Run, keeper: Any) -> dict[str, Any]:
    """Undo a batch in the run's transaction; return what the log says of it."""
    undo = Undo(handler)
    undo.plan()
    keeper.check()
    undo.write()
    counts = undo.counts()
    batch: Any = handler.batch
    batch.status = Status.REVERTED
    batch.reverted, batch.reverted_by = timezone.now(), run.requested_by
    batch.reverted_by_name = user_name(run.requested_by)[:150]
    said = _("%(undone)d objects were put back, %(kept)d kept as changed since, %(used)d in use.") % {
        "undone": counts[UNDO], "kept": counts[KEPT], "used": counts[IN_USE],
    }  # fmt: skip
    return {"objects": counts, "said": said}


def preview(handler: BatchHandler, limit: int = 50) -> tuple[dict[str, int], list[Kept]]:
    """Return outcome -> objects as an undo would find them now, and the first that it would keep; nothing is changed or locked.

    What refers to something that the batch created is found only while it is undone.
    """
    with transaction.atomic(using=handler.using):
        undo = Undo(handler)
        undo.plan(lock=False)
        found = undo.counts(), undo.kept(limit)
        for part in undo.parts:
            sql.run(handler.using, f"DROP TABLE {part.table}")
    return found

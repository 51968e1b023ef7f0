"""The part of an undo that is about one model: what becomes of each object that the batch touched, and doing it, set-based."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import DatabaseError, DataError, IntegrityError, InternalError, models, transaction

from . import journal, sql
from .models import Run
from .refusals import reason_of
from .sql import Sql, quote

UNDO, KEPT, IN_USE, FAILED = "undo", "kept", "in_use", "failed"
# So many objects that production refuses are no matter of single ones any more: each is sought by halving.
MOST_FAILED = 1_000


def foreign_keys(model: type[models.Model]) -> list[Any]:
    """Return the keys of a model that the database holds to."""
    fields: list[Any] = list(model._meta.local_concrete_fields)
    return [f for f in fields if isinstance(f, models.ForeignKey) and f.db_constraint]  # type: ignore[attr-defined]


# Which objects of the table, from which number to which; None for all.
Numbers = tuple[int, int] | None


def _in(alias: str, within: Numbers) -> str:
    return "" if within is None else f" AND {alias}.n BETWEEN {within[0]} AND {within[1]}"


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

    def __init__(
        self,
        model: type[models.Model],
        number: int,
        runs: list[int],
        using: str,
        undone: list[int],
        only: Sql,
    ) -> None:
        """`runs` wrote, `undone` took back what was written before them; `only` limits the objects, over events e."""
        self.model = model
        self.using = using
        self.runs = runs
        self.table = quote(f"batches_undo_{number}")
        self.target = sql.table(model)
        self.events = sql.table(journal.event_model(model))
        self.pk = sql.pk_column(model)
        self.refused = 0
        self.numbered = False
        self.mine = Sql(f"e.pgh_run = ANY(%s) AND {only.text}", (runs, *only.params))
        if undone:
            # What was taken back once is as if it had never been written.
            later = f"SELECT 1 FROM {self.events} y WHERE y.{self.pk} = e.{self.pk} AND y.pgh_run = ANY(%s) AND y.pgh_id > e.pgh_id"
            self.mine = Sql(f"{self.mine.text} AND NOT EXISTS ({later})", (*self.mine.params, undone))

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
            f" (SELECT e.{self.pk} FROM {self.events} e WHERE {self.mine.text}) ORDER BY t.{self.pk} FOR UPDATE) AS locked",
            self.mine.params,
        )

    def plan(self, *, all_objects: bool = True) -> None:
        """Make the table of objects: their first and last event of ours, the first one after it, and what becomes of them.

        Every write is journalled, so an object that nobody wrote since our first event can always be put back: a plan without
        `all_objects` leaves those out.
        """
        ours = f"(SELECT e.{self.pk} AS pk, min(e.pgh_id) AS first_id, max(e.pgh_id) AS last_id FROM {self.events} e"
        ours += f" WHERE {self.mine.text}{'' if all_objects else self._since()} GROUP BY e.{self.pk})"
        self.numbered = False
        sql.run(self.using, f"DROP TABLE IF EXISTS {self.table}")
        sql.run(
            self.using,
            f"CREATE TEMPORARY TABLE {self.table} ON COMMIT DROP AS SELECT o.pk, o.first_id, o.last_id,"
            f" f.pgh_label = '{journal.INSERT}' AS created, l.pgh_label = '{journal.DELETE}' AS deleted, n.pgh_id AS next_id,"
            f" '{UNDO}'::text AS outcome, ''::text AS field, ''::text AS was, ''::text AS now, ''::text AS who FROM {ours} o"
            f" JOIN {self.events} f ON f.pgh_id = o.first_id JOIN {self.events} l ON l.pgh_id = o.last_id"
            f" LEFT JOIN LATERAL (SELECT x.pgh_id FROM {self.events} x WHERE x.{self.pk} = o.pk AND x.pgh_id > o.last_id"
            " ORDER BY x.pgh_id LIMIT 1) n ON true",
            [*self.mine.params, *([] if all_objects else [self.runs, self.runs])],
        )
        sql.run(self.using, f"CREATE INDEX ON {self.table} (pk)")
        sql.run(self.using, f"ANALYZE {self.table}")
        self._keep_between()
        self._keep_created()
        self._keep_deleted()
        self._keep_changed()

    def _since(self) -> str:
        """Return the condition that somebody else wrote an object after we began."""
        return (
            f" AND e.{self.pk} IN (SELECT x.{self.pk} FROM {self.events} x WHERE x.pgh_id >"
            f" (SELECT min(y.pgh_id) FROM {self.events} y WHERE y.pgh_run = ANY(%s))"
            " AND (x.pgh_run IS NULL OR x.pgh_run <> ALL(%s)))"
        )

    def objects(self) -> int:
        """Return how many objects the batch wrote to."""
        text = f"SELECT count(DISTINCT e.{self.pk}) FROM {self.events} e WHERE {self.mine.text}"
        return int(sql.fetch(self.using, text, self.mine.params)[0][0])

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
            "u.created",
            f", who = {self._who('n')}",
        )

    def _keep_deleted(self) -> None:
        """What was deleted and is there again by now, stays as it is now."""
        self._keep(
            f"JOIN {self.target} t ON t.{self.pk} = v.pk LEFT JOIN {self.events} n ON n.pgh_id = v.next_id",
            "u.deleted AND NOT u.created",
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
        ours = "NOT u.created AND NOT u.deleted"
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
        """Delete what was created, as far as nothing refers to it and production lets it."""
        self._carefully(self._delete_created)

    def _delete_created(self, within: Numbers) -> None:
        sql.run(
            self.using,
            f"DELETE FROM {self.target} t USING {self.table} u WHERE t.{self.pk} = u.pk AND u.outcome = '{UNDO}'"
            f" AND u.created{''.join(f' AND NOT {used}' for used in self._uses())}{_in('u', within)}",
        )

    def mark_in_use(self) -> None:
        """Mark what was created and is still there: something refers to it."""
        sql.run(
            self.using,
            f"UPDATE {self.table} u SET outcome = '{IN_USE}' FROM {self.target} t"
            f" WHERE t.{self.pk} = u.pk AND u.outcome = '{UNDO}' AND u.created",
        )

    def _uses(self) -> list[str]:
        """Return the conditions that something refers to a target t; rows of batches and the journal do not hold it."""
        return [
            f"EXISTS (SELECT 1 FROM {sql.table(model)} x WHERE x.{quote(field.column)} = t.{quote(field.target_field.column)})"
            for model in apps.get_models(include_auto_created=True)
            if not model._meta.proxy and model._meta.managed
            for field in foreign_keys(model)
            if field.related_model is self.model
        ]

    def insert_deleted(self) -> None:
        """Bring back what was deleted, with its key, as far as production lets it."""
        self._carefully(self._insert_deleted)

    def restore_changed(self) -> None:
        """Put changed fields back, as far as production lets it; a time of last change only where nobody wrote since."""
        self._carefully(self._restore_changed)

    def _carefully(self, write: Callable[[Numbers], None], within: Numbers = None) -> None:
        """Write what is numbered so, all at first; where production refuses it, halve it until the object is found and mark that.

        Raises the error of the last one where too many are refused.
        """
        try:
            with transaction.atomic(using=self.using):
                write(within)
                # A reference to something that is gone by now would be found at the commit, when nothing can be done for the others.
                sql.run(self.using, "SET CONSTRAINTS ALL IMMEDIATE")
                sql.run(self.using, "SET CONSTRAINTS ALL DEFERRED")
        except (IntegrityError, DataError, InternalError) as error:
            if sql.may_pass(error) or sql.connection_lost(error):
                raise
            first, last = within or (1, self._number())
            if first == last:
                self._refuse(first, error)
                return
            middle = (first + last) // 2
            self._carefully(write, (first, middle))
            self._carefully(write, (middle + 1, last))

    def _number(self) -> int:
        """Number the objects, which is only needed where one is refused; return how many they are."""
        if not self.numbered:
            sql.run(self.using, f"ALTER TABLE {self.table} ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY")
            sql.run(self.using, f"CREATE INDEX ON {self.table} (n)")
            self.numbered = True
        return int(sql.fetch(self.using, f"SELECT count(*) FROM {self.table}")[0][0])

    def _refuse(self, number: int, error: DatabaseError) -> None:
        self.refused += 1
        if self.refused > MOST_FAILED:
            raise error
        sql.run(
            self.using,
            f"UPDATE {self.table} SET outcome = '{FAILED}', now = %s WHERE n = %s",
            [reason_of([self.model], error), number],
        )

    def _insert_deleted(self, within: Numbers) -> None:
        columns = ", ".join([self.pk, *(quote(field.column) for field in self.fields)])
        values = ", ".join([f"f.{self.pk}", *(f"f.{quote(field.column)}" for field in self.fields)])
        # A column of identity takes a given key only where that is said.
        sql.run(
            self.using,
            f"INSERT INTO {self.target} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {self.table} u"
            f" JOIN {self.events} f ON f.pgh_id = u.first_id WHERE u.outcome = '{UNDO}' AND u.deleted AND NOT u.created"
            f"{_in('u', within)} ORDER BY u.pk",
        )

    def _restore_changed(self, within: Numbers) -> None:
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
            f" WHERE t.{self.pk} = v.pk AND v.outcome = '{UNDO}' AND NOT v.created AND NOT v.deleted{_in('v', within)}",
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
        related = [field.name for field in foreign_keys(self.model)]
        there = (
            self.model._base_manager.using(self.using).select_related(*related).in_bulk([r[0] for r in rows])
        )
        label = self.model._meta.verbose_name
        return [Kept(f"{label} {there.get(key, key)}", key, *rest) for key, *rest in rows]

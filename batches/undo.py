"""Undo what a batch wrote, set-based, out of the journal: whichever code wrote it, the triggers saw it.

For each object that the batch's executions touched: the *base* is the row before their first write, *after* is the row as their
last write left it. A field goes back to its base where production still has what the batch put there; an object of which such a
field was changed since is kept whole. What the batch created is deleted only if nobody touched it and nothing refers to it;
what it deleted comes back with its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import Any

from django.db import DatabaseError, models, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext as _

from . import journal, outbox, rights, sql
from .choosing import choose
from .conf import conf
from .handlers import BatchHandler
from .log import user_name
from .models import Run
from .sql import Sql, quote
from .states import WRITTEN, RowStatus, RunKind, Status
from .touched import all_links, row_links, runs_of
from .undo_model import FAILED, IN_USE, KEPT, UNDO, Kept, ModelUndo, foreign_keys

# The table of the rows that are undone, where those are not all.
ROWS = quote("batches_undo_rows")


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
            if any(field.related_model is model for field in foreign_keys(other)):
                visit(other, (*path, model))
        ordered.append(model)

    for model in found:
        visit(model, ())
    return ordered


class Undo:
    """The undo of one batch, or of those of its rows that match a filter, in the caller's transaction."""

    def __init__(
        self,
        handler: BatchHandler,
        chosen: Mapping[str, str] | None = None,
        *,
        span: tuple[int, int] | None = None,
        shared: Mapping[str, list[Any]] | None = None,
    ) -> None:
        """`span` limits it to a range of rows, of which those that link to `shared` objects (link -> keys) are left out."""
        self.handler = handler
        self.span = span
        self.shared = shared or {}
        self.using = handler.using
        self.chosen = chosen or {}
        runs = runs_of(handler.batch.pk, self.using)
        undone = runs_of(handler.batch.pk, self.using, RunKind.REVERT)
        if self.some:
            found = sql.compiled(self._matching().values_list("pk"), self.using)
            self._note(ROWS, Sql(f"SELECT m.pk FROM ({found.text}) AS m(pk)", found.params))
        self.parts: list[ModelUndo] = []
        for model in touched_models(runs, self.using):
            only = self._only(model, len(self.parts)) if self.some else Sql("TRUE")
            if only is not None:
                self.parts.append(ModelUndo(model, len(self.parts), runs, self.using, undone, only))

    def _note(self, table: str, found: Sql) -> None:
        """Keep what a query finds for this transaction: it is asked for several times, and the planner knows then how much it is."""
        sql.run(self.using, f"DROP TABLE IF EXISTS {table}")
        sql.run(self.using, f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS {found.text}", found.params)
        sql.run(self.using, f"ANALYZE {table}")

    def rows(self) -> Any:
        """Return the rows that are undone: what was kept once may be put back now."""
        rows = self.handler.rows().order_by().filter(status__in=WRITTEN)
        # As they matched when it began: a filter may ask how a row stands, which changes.
        return rows.filter(pk__in=RawSQL(f"SELECT pk FROM {ROWS}", ())) if self.some else rows  # noqa: S611

    def _matching(self) -> Any:
        rows = choose(self.handler, self.handler.rows().order_by().filter(status__in=WRITTEN), self.chosen)
        if self.span is not None:
            # What no row stands for is undone with the rest, so a row that stands for nothing waits for that.
            stands = [models.Q(**{f"{link}__isnull": False}) for link in row_links(self.handler)]
            rows = rows.filter(reduce(or_, stands, models.Q(pk=None)), sequence__range=self.span)
            for link, keys in self.shared.items():
                rows = rows.exclude(**{f"{link}__in": keys})
        return rows

    @property
    def some(self) -> bool:
        """Tell whether only some of the batch's rows are undone."""
        return bool(self.chosen) or self.span is not None

    def _only(self, model: type[models.Model], number: int) -> Sql | None:
        """Return the condition that an object with the key e.pk belongs to chosen rows and to no others; None where none can."""
        links = [link for link, other in self._links().items() if other is model]
        if not links:
            return None
        keys = quote(f"batches_undo_keys_{number}")
        self._note(keys, self._keys(links))
        return Sql(f"e.{sql.pk_column(model)} IN (SELECT k.pk FROM {keys} k)")

    def _keys(self, links: list[str]) -> Sql:
        """Return the query of what the chosen rows link to, and no other that is written; a range has rows that share nothing."""
        table, pk = sql.table(self.handler.row_model), sql.pk_column(self.handler.row_model)
        columns = [sql.column(self.handler.row_model, link) for link in links]
        # In a range nothing is shared, so that the other rows need not be read.
        join = "JOIN" if self.span is not None else "LEFT JOIN"
        texts = [
            f"SELECT r.{column} AS pk, m.pk IS NOT NULL AS mine FROM {table} r {join} {ROWS} m ON m.pk = r.{pk}"
            " WHERE r.batch_id = %s AND r.status IN (%s, %s)"
            for column in columns
        ]
        text = f"SELECT pk FROM ({' UNION ALL '.join(texts)}) AS l WHERE pk IS NOT NULL GROUP BY pk HAVING bool_and(mine)"
        return Sql(text, (self.handler.batch.pk, *WRITTEN) * len(texts))

    def _links(self) -> dict[str, type[models.Model]]:
        """Return the links by which objects belong to rows; what several rows share is no matter of a range of them."""
        return all_links(self.handler) if self.span is None else row_links(self.handler)

    def plan(self) -> None:
        """Lock the objects and find out what becomes of each."""
        for part in reversed(self.parts):
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
        # As a rule no row was kept before; what was said of one then may be true no longer.
        again = self.rows().filter(status=RowStatus.KEPT)
        if again.exists():
            mine = sql.compiled(again.values_list("pk"), self.using)
            said = "jsonb_path_query_array(COALESCE(r.issues, '[]'::jsonb), '$[*] ? (!(@.code starts with \"undo_\"))')"
            text = f"UPDATE {rows} r SET status = %s, issues = {said} WHERE r.{sql.pk_column(self.handler.row_model)} IN ({mine.text})"
            sql.run(self.using, text, (RowStatus.APPLIED, *mine.params))
        limit = (
            f" AND r.{sql.pk_column(self.handler.row_model)} IN (SELECT pk FROM {ROWS})" if self.some else ""
        )
        by_model = {part.model: part for part in self.parts}
        for link, model in row_links(self.handler).items():
            part = by_model.get(model)
            if part is None:
                continue
            column = quote(self.handler.row_model._meta.get_field(link).column)  # type: ignore[union-attr]
            sql.run(
                self.using,
                f"UPDATE {rows} r SET status = %s, issues = COALESCE(r.issues, '[]'::jsonb) || jsonb_build_array("
                " jsonb_build_object('code', CASE u.outcome WHEN 'in_use' THEN 'undo_in_use' WHEN 'failed' THEN 'undo_failed' ELSE"
                " CASE u.field WHEN '' THEN 'undo_touched' ELSE 'undo_changed' END END, 'field', '', 'severity', 'warning', 'params',"
                " jsonb_build_object('field', u.field, 'was', u.was, 'now', u.now, 'who', u.who)))"
                f" FROM {part.table} u WHERE r.batch_id = %s AND r.status IN (%s, %s) AND r.{column} = u.pk"
                f" AND u.outcome <> %s{limit}",
                [RowStatus.KEPT, self.handler.batch.pk, *WRITTEN, UNDO],
            )
        self.rows().filter(status=RowStatus.APPLIED).update(status=RowStatus.REVERTED)

    def counts(self) -> dict[str, int]:
        """Return outcome -> objects of all models."""
        total = {UNDO: 0, KEPT: 0, IN_USE: 0, FAILED: 0}
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


def shared_objects(handler: BatchHandler) -> dict[str, list[Any]]:
    """Return the objects to which more than one written row of the batch belongs: link -> keys; as a rule there are none."""
    found = {}
    for link in row_links(handler):
        rows = handler.rows().order_by().filter(status__in=WRITTEN).exclude(**{link: None})
        many = rows.values(link).annotate(n=models.Count("pk")).filter(n__gt=1)
        keys = list(many.values_list(link, flat=True))
        if keys:
            found[link] = keys
    return found


def revert(handler: BatchHandler, run: Run, keeper: Any) -> dict[str, Any]:
    """Undo a batch in the run's transaction; return what the log says of it."""
    undo = Undo(handler, run.params.get("filter"))
    # First of all, so that nothing more is sent while the rest is undone.
    outbox.stand_still(handler.batch.pk, handler.using)
    undo.plan()
    keeper.check()
    undo.write()
    cancelled = cancel_undone(handler)
    counts = undo.counts()
    _mark_batch(handler, run, whole=not undo.chosen)
    said = _("%(undone)d objects were put back, %(kept)d kept as changed since, %(used)d in use.") % {
        "undone": counts[UNDO], "kept": counts[KEPT], "used": counts[IN_USE],
    }  # fmt: skip
    if counts[FAILED]:
        said += " " + _("Production refused to put %(n)d back.") % {"n": counts[FAILED]}
    if handler.delivers:
        box = outbox.outbox_of(handler.batch.pk, handler.using)
        words = {"cancelled": cancelled, "sent": box.sent}
        said += " " + _("Deliveries: %(cancelled)d will not be sent, %(sent)d were sent before.") % words
        return {"objects": counts, "said": said, "deliveries": box.counts()}
    return {"objects": counts, "said": said}


def cancel_undone(handler: BatchHandler, span: tuple[int, int] | None = None) -> int:
    """Send nothing more of the rows that are undone, or those of them in a range; return how many deliveries those are.

    Only afterwards it is known which they are: what stays written is told to others still.
    """
    if not handler.delivers:
        return 0
    number, using = handler.batch.pk, handler.using
    if span is None and not handler.rows().filter(status__in=WRITTEN).exists():
        return outbox.cancel(number, using)
    undone = handler.rows().filter(status=RowStatus.REVERTED)
    return outbox.cancel(number, using, undone if span is None else undone.filter(sequence__range=span))


def _mark_batch(handler: BatchHandler, run: Run, *, whole: bool) -> None:
    """Note on the batch where it is now: as long as a row is written or to be, it is executed, unless all was to be undone."""
    batch: Any = handler.batch
    written = handler.rows().filter(status__in=WRITTEN)
    if not whole and (written.exists() or rights.has_pending(handler)):
        batch.status = Status.EXECUTED
        return
    if rights.has_pending(handler):
        # What an execution had not reached is not reached any more.
        reason = _("The batch was undone before this row was reached.")
        rights.pending_rows(handler).order_by().update(status=RowStatus.LEFT, removed_reason=reason)
    batch.status = Status.REVERTED
    batch.reverted, batch.reverted_by = timezone.now(), run.requested_by
    batch.reverted_by_name = user_name(run.requested_by)[:150]


def preview(
    handler: BatchHandler, limit: int = 50, chosen: Mapping[str, str] | None = None
) -> tuple[dict[str, int], list[Kept]]:
    """Return outcome -> objects as an undo would find them now, and the first that it would keep; nothing is changed.

    Up to `AT_ONCE_ROWS` objects, the undo is done and taken back, which tells also what is in use and what production refuses.
    With more of them, or where somebody holds one, only what was changed since is looked for; the others are counted as put back.
    """
    with transaction.atomic(using=handler.using):
        objects = sum(part.objects() for part in Undo(handler, chosen).parts)
    if objects <= conf("AT_ONCE_ROWS"):
        with suppress(DatabaseError), transaction.atomic(using=handler.using):
            sql.run(handler.using, "SELECT set_config('lock_timeout', '1s', true)")
            undo = Undo(handler, chosen)
            undo.plan()
            undo.write()
            found = undo.counts(), undo.kept(limit)
            transaction.set_rollback(True, using=handler.using)
            return found
    with transaction.atomic(using=handler.using):
        undo = Undo(handler, chosen)
        for part in undo.parts:
            part.plan(all_objects=False)
        counts, kept = undo.counts(), undo.kept(limit)
        for part in undo.parts:
            sql.run(handler.using, f"DROP TABLE {part.table}")
    return counts | {UNDO: objects - counts[KEPT]}, kept

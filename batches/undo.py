"""Undo what a batch wrote, set-based, out of the journal: whichever code wrote it, the triggers saw it.

For each object that the batch's executions touched: the *base* is the row before their first write, *after* is the row as their
last write left it. A field goes back to its base where production still has what the batch put there; an object of which such a
field was changed since is kept whole. What the batch created is deleted only if nobody touched it and nothing refers to it;
what it deleted comes back with its key.
"""

from __future__ import annotations

from typing import Any

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
from .undo_model import IN_USE, KEPT, UNDO, Kept, ModelUndo, foreign_keys


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
    """The undo of one batch, in the caller's transaction."""

    def __init__(self, handler: BatchHandler) -> None:
        self.handler = handler
        self.using = handler.using
        self.runs = runs_of(handler.batch.pk, self.using)
        touched = touched_models(self.runs, self.using)
        self.parts = [ModelUndo(model, n, self.runs, self.using) for n, model in enumerate(touched)]

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
        for part in undo.parts:
            part.plan(all_objects=False)
        counts, kept = undo.counts(), undo.kept(limit)
        for part in undo.parts:
            sql.run(handler.using, f"DROP TABLE {part.table}")
    return counts | {UNDO: sum(part.objects() for part in undo.parts) - counts[KEPT]}, kept

"""Execute a range of rows: write, mark, look at what was not written, announce. Who calls it owns the transaction."""

from __future__ import annotations

import logging
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from . import outbox, rights
from .exceptions import RunFailed
from .handlers import BatchHandler
from .log import user_name
from .models import Run
from .signals import rows_written
from .states import RowStatus, Status
from .takeup import takes_up
from .writes import Piece

logger = logging.getLogger("batches")


def must_be_confirmed(handler: BatchHandler, run: Run) -> None:
    """Raise RunFailed where the batch can't be executed as it is, or is not what was confirmed."""
    # Rows that failed or were undone take part only once they are taken up again.
    present = {"again"} if takes_up(run) else None
    reason = rights.why_not_execute(handler, present)
    if reason:
        raise RunFailed(reason)
    expected = run.params.get("revision")
    if expected is not None and expected != handler.batch.revision:
        raise RunFailed(_("The batch changed since you confirmed; look at it again."))


def execute_piece(handler: BatchHandler, piece: Piece, run: Run) -> None:
    """Execute one range of rows, and write what they have to tell other systems.

    Raises RunFailed where the type does not go on after what it met.
    """
    before = outbox.written_before(handler, piece)
    _write(handler, piece, run)
    outbox.enqueue(handler, piece, run, before)


def _write(handler: BatchHandler, piece: Piece, run: Run) -> None:
    if handler.executes_by_changes:
        before = _heard_before(handler, piece)
        handler.writer.write(piece, handler.on_conflict)
        _announce(handler, piece, run, before)
    else:
        handler.execute(handler.piece_rows(piece))
        # A hook that returns has written its rows; one that cannot write a row says so on the row, or raises.
        handler.piece_rows(piece).update(status=RowStatus.APPLIED, applied_at=Now())
    bad = handler.piece_rows(piece, effective=False).filter(status__in=[RowStatus.CONFLICT, RowStatus.FAILED])
    if handler.on_conflict == "stop":
        conflicts = bad.filter(status=RowStatus.CONFLICT).count()
        if conflicts:
            if not run.is_chunked:
                text = _(
                    "%(n)d rows were changed since review, so nothing was written. Check the batch again."
                )
            else:
                text = _("%(n)d of the next rows were changed since review, so the run ended before them.")
            raise RunFailed(text % {"n": conflicts})
    if not run.is_chunked and handler.on_error == "stop":
        failed = bad.filter(status=RowStatus.FAILED).first()
        if failed is not None:
            raise RunFailed(
                _("Row %(row)d failed, so nothing was written: %(text)s")
                % {"row": failed.sequence, "text": failure_of(handler, failed)}
            )


def failure_of(handler: BatchHandler, row: Any) -> str:
    """Return what stands on a row that was not written."""
    return "; ".join(handler.message(entry) for entry in row.issues or [])


def mark_executed(handler: BatchHandler, user: Any) -> None:
    """Note on the batch that it is executed, when and by whom; the caller saves it."""
    batch = handler.batch
    batch.status = Status.EXECUTED
    batch.executed = timezone.now()
    batch.executed_by = user
    batch.executed_by_name = user_name(user)[:150]
    batch.reverted, batch.reverted_by, batch.reverted_by_name = None, None, ""


def _heard_before(handler: BatchHandler, piece: Piece) -> list[int]:
    """Return which rows of a piece an earlier run wrote, so that they are announced once; none is read where nobody listens."""
    if not any(rows_written.has_listeners(target.model) for target in handler.targets.values()):
        return []
    rows = handler.piece_rows(piece, effective=False).filter(status=RowStatus.APPLIED)
    return list(rows.order_by().values_list("sequence", flat=True))


def _announce(handler: BatchHandler, piece: Piece, run: Run, before: list[int]) -> None:
    """Send the signal about what a piece wrote after commit; the keys are only read if somebody listens."""
    for target in handler.targets.values():
        if not rows_written.has_listeners(target.model):
            continue
        applied = handler.piece_rows(piece, effective=False).filter(status=RowStatus.APPLIED)
        if before:
            applied = applied.exclude(sequence__in=before)
        pks = list(
            applied.exclude(**{f"{target.to}__isnull": True}).values_list(f"{target.to}_id", flat=True)
        )
        transaction.on_commit(
            lambda model=target.model, pks=pks: _send(model, pks, run),  # type: ignore[misc]
            using=handler.using,
        )


def _send(model: type[models.Model], pks: list[Any], run: Run) -> None:
    """Tell the receivers; what one of them raises is logged, as the rows are written whatever it does."""
    answers = rows_written.send_robust(model, model=model, pks=pks, batch=run.batch_id, run=run.pk)
    for receiver, answer in answers:
        if isinstance(answer, Exception):
            logger.error("run %s: receiver %r of rows_written failed", run.pk, receiver, exc_info=answer)

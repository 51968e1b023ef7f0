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
from .takeup import failure_of, takes_up
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
    told = bool(handler.get_delivers_to()) or any(map(rows_written.has_listeners, _models(handler)))
    # What an earlier run has written is told once; where nobody is told, no row is read for it.
    before = list(_applied(handler, piece).values_list("sequence", flat=True)) if told else []
    _write(handler, piece, run)
    if told:
        written = (
            _applied(handler, piece).exclude(sequence__in=before) if before else _applied(handler, piece)
        )
        _announce(handler, written, run)
        outbox.enqueue(handler, piece, run, written)


def _applied(handler: BatchHandler, piece: Piece) -> Any:
    return handler.piece_rows(piece, effective=False).filter(status=RowStatus.APPLIED).order_by()


def _models(handler: BatchHandler) -> set[type[models.Model]]:
    return {target.model for target in handler.targets.values()}


def _write(handler: BatchHandler, piece: Piece, run: Run) -> None:
    if handler.executes_by_changes:
        handler.writer.write(piece, handler.on_conflict)
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


def mark_executed(handler: BatchHandler, user: Any) -> None:
    """Note on the batch that it is executed, when and by whom; the caller saves it."""
    batch = handler.batch
    batch.status = Status.EXECUTED
    batch.executed = timezone.now()
    batch.executed_by = user
    batch.executed_by_name = user_name(user)[:150]
    batch.reverted, batch.reverted_by, batch.reverted_by_name = None, None, ""


def _announce(handler: BatchHandler, written: Any, run: Run) -> None:
    """Send the signal about the rows that a piece wrote after commit; the keys are only read if somebody listens."""
    for target in handler.targets.values():
        if not rows_written.has_listeners(target.model):
            continue
        linked = written.exclude(**{f"{target.to}__isnull": True})
        pks = list(linked.values_list(f"{target.to}_id", flat=True))
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

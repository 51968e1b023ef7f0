"""Execute in chunks, each in a transaction of its own with its cursor: for batches that shall not hold their locks for minutes.

Whatever dies, a chunk is written with its outcomes, its history and its step, or not at all; the next attempt begins behind the
last step. A row that production refuses is found by halving its chunk, and parked with the reason.
"""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.db.models import Count, Max
from django.utils.translation import gettext as _

from . import journal, rights, sql
from .conf import conf
from .exceptions import BatchError, LeaseLost, Paused, RunFailed, Stopped
from .execution import execute_piece, failure_of, mark_executed, must_be_confirmed
from .handlers import BatchHandler
from .log import Door, log
from .models import Run, RunStep
from .refusals import database_reason, refusal_sentence
from .states import RowStatus, RunState
from .words import whole

if TYPE_CHECKING:
    from .runner import Runner

logger = logging.getLogger("batches")
# Rows of the first chunk, where the settings allow so many.
FIRST = 2_000
# Seconds that a chunk is to take: as long as somebody who wants one of its rows may have to wait.
TARGET = 1.0
TRIES = 6
# So many rows that production refuses are no matter of single rows any more: each costs a transaction to be found.
MOST_FAILED = 1_000


def next_size(size: int, seconds: float) -> int:
    """Return how many rows the next chunk has after one of `size` rows took so long; it at most doubles or halves."""
    factor = min(2.0, max(0.5, TARGET / max(seconds, 0.001)))
    return max(conf("CHUNK_MIN_ROWS"), min(conf("CHUNK_MAX_ROWS"), round(size * factor)))


def reached(run: Run, using: str) -> int:
    """Return the sequence of the last row that a chunk of the run has committed; 0 if there is none."""
    return int(RunStep.objects.using(using).filter(run=run).aggregate(last=Max("cursor"))["last"] or 0)


def step_counts(run: Run) -> dict[str, int]:
    """Return row status -> rows that the chunks of a run left so."""
    total: dict[str, int] = {}
    for counts in RunStep.objects.filter(run=run, final=False).values_list("counts", flat=True):
        for status, number in counts.items():
            total[status] = total.get(status, 0) + number
    return total


class Chunks:
    """The chunks of one attempt at a run."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.run = runner.run
        self.using = runner.using
        self.last = int(self.run.params["last"])
        self.failed = 0
        self.handler: BatchHandler

    def work(self) -> None:
        """Write what is left, chunk by chunk, then close the run. Raises Paused or Stopped between two chunks."""
        if RunStep.objects.using(self.using).filter(run=self.run, final=True).exists():
            return
        self.handler = self.runner.fresh_handler()
        cursor = reached(self.run, self.using)
        self._begin(first=not cursor)
        keeper = self.runner.keeper
        keeper.total, keeper.done = self.last, cursor
        size = min(FIRST, conf("CHUNK_MAX_ROWS"))
        while cursor < self.last:
            self.heed()
            end = min(cursor + size, self.last)
            began = time.monotonic()
            self._chunk(cursor + 1, end)
            cursor = keeper.done = end
            size = next_size(size, time.monotonic() - began)
        self._close()

    def _begin(self, first: bool) -> None:
        """Check everything once before the first chunk, as one transaction would."""
        with transaction.atomic(using=self.using):
            self.runner.guard()
            self.runner.allowed(self.handler)
            if first:
                must_be_confirmed(self.handler, self.run)

    def heed(self) -> None:
        """Do what was asked of the run meanwhile. Raises Stopped, Paused or LeaseLost."""
        self.runner.keeper.check()
        runs = Run.objects.using(self.using).filter(pk=self.run.pk)
        attempt, stop, pause = runs.values_list("attempt", "stop_requested", "pause_requested").get()
        if attempt != self.run.attempt:
            raise LeaseLost
        if stop:
            raise Stopped
        # Who says “Go on” at this very moment takes the request back, and then it does go on.
        if pause and runs.filter(attempt=attempt, pause_requested=True).update(
            state=RunState.PAUSED,
            pause_requested=False,
            owner="",
            lease_until=None,
            done=self.runner.keeper.done,
            total=self.last,
        ):
            raise Paused

    def _chunk(self, first: int, last: int) -> None:
        """Write a range of rows and commit. What passes by itself is tried again; a row that is refused is parked."""
        for attempt in range(1, TRIES + 1):
            try:
                with transaction.atomic(using=self.using):
                    self._write(first, last)
                return
            except BatchError:
                raise
            except Exception as error:
                if sql.connection_lost(error):
                    raise
                if not sql.may_pass(error):
                    self._isolate(first, last, error)
                    return
                if self.runner.inline or attempt == TRIES:
                    raise
                logger.info("run %s: rows %s-%s met %s", self.run.pk, first, last, sql.sqlstate(error))
                # Two that met in a circle must not meet again: each waits for a time of its own.
                time.sleep(random.uniform(0.05, 0.1) * 2**attempt)  # noqa: S311
                self.heed()

    def _write(self, first: int, last: int) -> None:
        self.runner.guard()
        piece = self.handler.piece(first, last)
        self.runner.allowed(self.handler, self.handler.piece_rows(piece))
        journal.set_run(self.run.pk, using=self.using)
        execute_piece(self.handler, piece, self.run)
        self._step(first, last)
        journal.clear_run(using=self.using)

    def _step(self, first: int, last: int) -> None:
        rows = self.handler.rows().filter(sequence__range=(first, last))
        counts = rows_by_status(rows)
        RunStep.objects.using(self.using).create(
            run=self.run, attempt=self.run.attempt, cursor=last, counts=counts, final=False
        )
        self.runner.fence()

    def _isolate(self, first: int, last: int, error: Exception) -> None:
        """Halve a range until the row is found that is refused, so that the others are written."""
        if first < last:
            middle = (first + last) // 2
            self._chunk(first, middle)
            self.heed()
            self._chunk(middle + 1, last)
            return
        logger.info("run %s: row %s is refused: %s", self.run.pk, first, error)
        with transaction.atomic(using=self.using):
            self.runner.guard()
            row = self.handler.rows().get(sequence=first)
            row.flag("refused", severity="error", text=self._reason(error))
            row.status = RowStatus.FAILED
            row.save(using=self.using, update_fields=["status", "issues"])
            self._step(first, last)
        self.failed += 1
        if self.handler.on_error == "stop":
            raise RunFailed(
                _("Row %(row)d failed: %(text)s") % {"row": first, "text": failure_of(self.handler, row)}
            )
        if self.failed >= MOST_FAILED:
            raise RunFailed(
                _("%(n)d rows failed, the last of them row %(row)d: %(text)s")
                % {"n": self.failed, "row": first, "text": failure_of(self.handler, row)}
            )

    def _reason(self, error: Exception) -> str:
        if isinstance(error, DatabaseError):
            return database_reason(self.handler.targets.values(), error)
        if isinstance(error, ValidationError):
            return refusal_sentence(error)
        logger.exception("run %s: a hook failed", self.run.pk, exc_info=error)
        return f"{type(error).__name__}: {error}"

    def _close(self) -> None:
        """Say that all chunks are done, in a transaction of its own; it may be repeated until it is committed."""
        with transaction.atomic(using=self.using):
            self.runner.guard()
            self.handler.make_artifacts()
            close(self.runner, self.handler, _("Done."))
            self.runner.fence(heed_stop=True)


def close(runner: Runner, handler: BatchHandler, said: str) -> dict[str, Any]:
    """Mark the batch executed, whole or in part, with the run's last step and its log entry; return the counts of its rows."""
    batch, run, using = handler.batch, runner.run, runner.using
    old = batch.status
    mark_executed(handler, run.requested_by)
    batch.revision += 1
    batch.save(using=using)
    counts = rows_by_status(handler.rows())
    cursor = reached(run, using)
    RunStep.objects.using(using).create(run=run, attempt=run.attempt, cursor=cursor, counts=counts)
    log(
        batch,
        run.kind,
        run.requested_by,
        Door(run.door),
        old=old,
        new=batch.status,
        run=run.pk,
        comment=said,
        data={"counts": counts},
    )
    return counts


def in_part(handler: BatchHandler, reason: str) -> str:
    """Return the sentence about an execution that ended before its last row."""
    written = handler.rows().filter(status=RowStatus.APPLIED).count()
    pending = rights.pending_rows(handler).count()
    return _("%(reason)s %(written)s rows are written, %(pending)s are not yet.") % {
        "reason": reason, "written": whole(written), "pending": whole(pending),
    }  # fmt: skip


def rows_by_status(rows: Any) -> dict[str, int]:
    """Return row status -> number of rows."""
    return dict(rows.order_by().values_list("status").annotate(n=Count("pk")))

"""Execute in chunks, each in a transaction of its own with its cursor: for batches that shall not hold their locks for minutes.

Whatever dies, a chunk is written with its outcomes, its history and its step, or not at all; the next attempt begins behind the
last step. A row that production refuses is found by halving its chunk, and parked with the reason.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from django.db.models import BigIntegerField, Count, Max, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from . import journal, rights, sql
from .conf import conf
from .exceptions import BatchError, Interrupted, LeaseLost, Paused, RunFailed, Stopped
from .execution import execute_piece, mark_executed, must_be_confirmed
from .handlers import BatchHandler
from .lease import ENDING, give_back
from .models import Run, RunStep
from .states import WRITTEN, RowStatus, RunKind, RunState, Status
from .takeup import failure_of, take_up, to_be_taken_up
from .words import whole

if TYPE_CHECKING:
    from .runner import Runner

logger = logging.getLogger("batches")
# Rows of the first chunk, where the settings allow so many.
FIRST = 2_000
# Seconds that a chunk is to take: as long as somebody who wants one of its rows may have to wait.
TARGET = 1.0
# Seconds between two chunks that are left to those whom the first made wait.
HOLD_BACK = 0.3
TRIES = 6
# So many rows that production refuses are no matter of single rows any more: each costs a transaction to be found.
MOST_FAILED = 1_000


# How rows stand that a run is through with.
EXECUTED = (RowStatus.APPLIED, RowStatus.CONFLICT, RowStatus.FAILED)
UNDONE = (RowStatus.REVERTED, RowStatus.KEPT)


def next_size(size: int, seconds: float) -> int:
    """Return how many rows the next chunk has after one of `size` rows took so long; it at most doubles or halves."""
    factor = min(2.0, max(0.5, TARGET / max(seconds, 0.001)))
    return max(conf("CHUNK_MIN_ROWS"), min(conf("CHUNK_MAX_ROWS"), round(size * factor)))


def reached(run: Run, using: str) -> int:
    """Return the sequence of the last row that a chunk of the run has committed; 0 if there is none."""
    return int(RunStep.objects.using(using).filter(run=run).aggregate(last=Max("cursor"))["last"] or 0)


def step_counts(run: Run) -> dict[str, int]:
    """Return row status -> rows that the chunks of a run left so, as far as they are outcomes."""
    sums = {
        str(status): Sum(Cast(KeyTextTransform(str(status), "counts"), BigIntegerField()))
        for status in (UNDONE if run.kind == RunKind.REVERT else EXECUTED)
    }
    return {s: n or 0 for s, n in RunStep.objects.filter(run=run, final=False).aggregate(**sums).items()}


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
        keeper = self.runner.keeper
        keeper.total, keeper.done = self.last, reached(self.run, self.using)
        self.runner.patiently(self._begin, TRIES)
        cursor = keeper.done
        size = min(FIRST, conf("CHUNK_MAX_ROWS"))
        while cursor < self.last:
            self.heed()
            end = min(cursor + size, self.last)
            began = time.monotonic()
            self._chunk(cursor + 1, end)
            cursor = keeper.done = end
            size = next_size(size, time.monotonic() - began)
            if keeper.held_up():
                size = self._hold_back(size)
        self.runner.made = self.handler.writer.made
        self.runner.patiently(self._close, TRIES)

    def _hold_back(self, size: int) -> int:
        """Leave room for those who had to wait, and return how many rows the next chunk has then: so that it takes less time."""
        logger.info("run %s: holds back, as somebody waits for what it locks", self.run.pk)
        time.sleep(HOLD_BACK)
        return max(conf("CHUNK_MIN_ROWS"), size // 2)

    def _begin(self) -> None:
        """Check everything once before this attempt's first chunk, as one transaction would."""
        self.runner.guard()
        self.runner.allowed(self.handler)
        if not self.runner.keeper.done:
            must_be_confirmed(self.handler, self.run)

    def heed(self) -> None:
        """Do what was asked of the run meanwhile. Raises Stopped, Paused or LeaseLost."""
        self.runner.keeper.check()
        if ENDING.is_set():
            logger.info("run %s: given back, as this process ends", self.run.pk)
            give_back(self.run)
            raise Interrupted
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
            blocked=0,
        ):
            raise Paused

    def _chunk(self, first: int, last: int) -> None:
        """Write a range of rows and commit. A row that is refused is parked. Raises RunFailed where the type does not go on."""
        before = self._parked(first, last)
        try:
            self.runner.patiently(lambda: self._write(first, last), TRIES)
        except BatchError:
            raise
        except Exception as error:
            if sql.connection_lost(error) or sql.may_pass(error):
                raise
            self._isolate(first, last, error)
        else:
            self._count_failed(first, last, before)

    def _write(self, first: int, last: int) -> None:
        self.runner.guard()
        self._do(first, last)
        self._step(first, last)
        journal.clear_run(using=self.using)

    def _do(self, first: int, last: int) -> None:
        take_up(self.handler, self.run, first, last)
        piece = self.handler.piece(first, last)
        self.runner.allowed(self.handler, self.handler.piece_rows(piece))
        journal.set_run(self.run.pk, using=self.using)
        execute_piece(self.handler, piece, self.run)

    def _step(self, first: int, last: int) -> None:
        counts = rows_by_status(self.handler.rows().filter(sequence__range=(first, last)))
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
        logger.info("run %s: row %s is refused", self.run.pk, first, exc_info=error)
        self.runner.patiently(lambda: self._park(first, self.runner.reason(error)), TRIES)
        self._count_failed(first, last, [])

    def _park(self, sequence: int, reason: str) -> None:
        self.runner.guard()
        take_up(self.handler, self.run, sequence, sequence)
        row = self.handler.rows().get(sequence=sequence)
        row.flag("refused", severity="error", text=reason)
        row.status = RowStatus.FAILED
        row.save(using=self.using, update_fields=["status", "issues"])
        self._step(sequence, sequence)

    def _parked(self, first: int, last: int) -> list[int]:
        """Return the rows of a range that failed in an earlier run and are not for this one."""
        failed = rights.failed_rows(self.handler).filter(sequence__range=(first, last))
        mine = to_be_taken_up(self.handler, self.run).filter(sequence__range=(first, last))
        return list(failed.exclude(pk__in=mine.values("pk")).values_list("sequence", flat=True))

    def _count_failed(self, first: int, last: int, before: list[int]) -> None:
        """Raise RunFailed after rows that failed now, where the type does not go on or where they are too many."""
        failed = self.handler.rows().filter(sequence__range=(first, last), status=RowStatus.FAILED)
        failed = failed.exclude(sequence__in=before)
        self.failed += failed.count()
        row = failed.last()
        if row is None or (self.handler.on_error == "skip" and self.failed < MOST_FAILED):
            return
        words = {"n": self.failed, "row": row.sequence, "text": failure_of(self.handler, row)}
        if self.failed == 1:
            raise RunFailed(_("Row %(row)d failed: %(text)s") % words)
        raise RunFailed(_("%(n)d rows failed, the last of them row %(row)d: %(text)s") % words)

    def _close(self) -> None:
        """Say that all chunks are done."""
        self.runner.guard()
        handler = self.runner.fresh_handler()
        old = handler.batch.status
        handler.make_artifacts()
        mark_executed(handler, self.run.requested_by)
        self.runner.record(handler, old, _("Done."))
        self.runner.fence(heed_stop=True)


def end_in_part(runner: Runner, reason: str) -> str:
    """Mark a batch executed whose run ended before its last row, in the caller's transaction; return the sentence about it."""
    handler = runner.fresh_handler()
    if runner.run.kind == RunKind.REVERT:
        return _undone_in_part(runner, handler, reason)
    written = handler.rows().filter(status=RowStatus.APPLIED).count()
    # Rows that were to be taken up stand as they did until they are reached.
    left = to_be_taken_up(handler, runner.run).filter(sequence__gt=reached(runner.run, runner.using))
    pending = rights.pending_rows(handler).count() + left.count()
    sentence = _("%(reason)s %(written)s rows are written, %(pending)s are not yet.") % {
        "reason": reason, "written": whole(written), "pending": whole(pending),
    }  # fmt: skip
    old = handler.batch.status
    mark_executed(handler, runner.run.requested_by)
    runner.record(handler, old, sentence)
    return sentence


def _undone_in_part(runner: Runner, handler: BatchHandler, reason: str) -> str:
    counts = rows_by_status(handler.rows().filter(status__in=[RowStatus.REVERTED, *WRITTEN]))
    sentence = _("%(reason)s %(undone)s rows are put back, %(left)s are still written.") % {
        "reason": reason, "undone": whole(counts.pop(RowStatus.REVERTED, 0)), "left": whole(sum(counts.values())),
    }  # fmt: skip
    old = handler.batch.status
    handler.batch.status = Status.EXECUTED
    runner.record(handler, old, sentence)
    return sentence


def rows_by_status(rows: Any) -> dict[str, int]:
    """Return row status -> number of rows."""
    return dict(rows.order_by().values_list("status").annotate(n=Count("pk")))

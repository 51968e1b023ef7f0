"""SIGSTOP of a worker, another takes its run over, SIGCONT: what was asleep writes nothing."""

import os
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import override_settings

from batches import actions, journal
from batches.lease import claim
from batches.models import Run, RunStep
from batches.runner import Runner, resume
from tests.toys.models import ThingEvent

from ..harness import ended, spawn, until
from .crew import speak_into
from .ground import Book, audit_executed, boss, clear, start
from .report import Report
from .rounds import clock

SIZES = {"small": (100, 3), "ci": (200, 10), "long": (400, 100)}
CHUNK = 20
WHERE = ("between two chunks", "just before a commit", "anywhere", "while it claims the run")
WHEN = ("before the other has begun", "while the other works", "when the other is done")


class StopAt:
    """An execute wrapper that sends this process to sleep at the `n`th statement of a kind."""

    def __init__(self, where: str, n: int) -> None:
        self.where = where
        self.left = n

    def __call__(self, execute, statement, params, many, context):
        if self._matches(str(statement), params):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGSTOP)
        return execute(statement, params, many, context)

    def _matches(self, statement: str, params: Any) -> bool:
        if self.where == WHERE[0]:
            return not connection.in_atomic_block and "stop_requested" in statement
        if self.where == WHERE[1]:
            # After the last look at the fence, the writes' mark is taken away; then comes the commit.
            return "set_config" in statement and list(params or [])[:2] == [journal.RUN_SETTING, ""]
        if self.where == WHERE[3]:
            return "owner = %s" in statement
        return True


def trial(size: str, seed: int, case: tuple[bool, str, str] | None = None, times: int = 0) -> Report:
    """Let workers sleep in each place and wake at each time, in chunks and in one transaction."""
    rows, rounds = SIZES[size]
    report = Report("zombies", seed)
    rng = Random(seed)
    quick = {"CHUNK_MIN_ROWS": CHUNK, "CHUNK_MAX_ROWS": CHUNK, "PIECE_ROWS": CHUNK}
    with (
        report.timed(),
        override_settings(BATCHES=settings.BATCHES | quick),
        tempfile.TemporaryDirectory(prefix="batchsite-zombies-") as folder,
    ):
        number = 0
        while report.counted.get("stopped", 0) < (times or rounds):
            number += 1
            # Four and three have no common factor, so twelve rounds have every pair of them.
            where, when = WHERE[number % len(WHERE)], WHEN[number % len(WHEN)]
            chunked = where == WHERE[0] or rng.random() < 0.5
            chunked, where, when = case or (chunked, where, when)
            book = Book(f"Z{number}-", rows, chunked=chunked)
            _round(book, StopAt(where, _moment(rng, where, book)), when, report, Path(folder) / "log")
    report.must_be(report.counted.get("rows by zombies", 0), 0, "rows written by what was asleep")
    return report


def _moment(rng: Random, where: str, book: Book) -> int:
    """Return which of the statements that match is the last one before sleep."""
    if where == WHERE[2]:
        return rng.randint(1, 90)
    return rng.randint(1, 3) if book.chunked and where != WHERE[3] else 1


def _round(book: Book, stop: StopAt, when: str, report: Report, log: Path) -> None:
    clear()
    user = boss()
    book.make(user)
    book.produce()
    actions.populate(book.batch, user)
    book.disturb()
    run = start(book.batch, "execute", user, chunked=book.chunked)

    def sleepy() -> None:
        speak_into(log)
        with connection.execute_wrapper(stop):
            resume(run.pk)

    zombie = spawn(sleepy)
    _pid, status = os.waitpid(zombie, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        return  # it was done before it came to that statement
    at = clock()
    run.refresh_from_db()
    report.count("stopped")
    others: list[int] = []
    try:
        _wake(zombie, run, when, others, report, log)
    finally:
        for pid in (zombie, *others):
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                ended(pid)
    step = RunStep.objects.filter(run=run, at__gt=at).order_by("pk").first()
    run.refresh_from_db()
    report.recovered += run.finished is not None
    if step:
        report.waited((step.at - at).total_seconds())
    audit_executed(book, report)


def _wake(zombie: int, run: Run, when: str, others: list[int], report: Report, log: Path) -> None:
    """Let another take the run over and do it, and wake the zombie before, meanwhile or afterwards."""
    if when == WHEN[0]:
        mine: list[Run] = []
        until(lambda: bool(mine.append(found) or True) if (found := claim(run.pk, "other")) else False)
        _ends_without_writing(zombie, run, report)
        with suppress(Exception):  # where something is wrong, the audit says what
            Runner(mine[0]).go()
        return

    def other() -> None:
        speak_into(log)
        until(lambda: resume(run.pk) is not None or Run.objects.get(pk=run.pk).finished is not None, 60)

    others.append(spawn(other))
    if when == WHEN[1]:
        asleep = run.attempt
        until(lambda: Run.objects.get(pk=run.pk).attempt > asleep)
        os.kill(zombie, signal.SIGCONT)
        ended(zombie)
        ended(others.pop())
    else:
        ended(others.pop())
        _ends_without_writing(zombie, run, report)


def _ends_without_writing(zombie: int, run: Run, report: Report) -> None:
    """Wake what is asleep, wait for its end, and count what it wrote."""
    before = _written(run)
    os.kill(zombie, signal.SIGCONT)
    ended(zombie)
    after = _written(run)
    report.count("rows by zombies", after[0] - before[0])
    report.must_be(after, before, f"run {run.pk}: things, steps and state after the zombie woke")


def _written(run: Run) -> tuple[Any, ...]:
    run.refresh_from_db()
    events = ThingEvent.objects.filter(pgh_run=run.pk)
    return events.count(), RunStep.objects.filter(run=run).count(), run.state, run.attempt

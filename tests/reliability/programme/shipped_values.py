"""One kill with the settings as they are shipped: noticed within 30 seconds, gone on with within 60, and nobody does anything."""

import tempfile
from pathlib import Path

from django.db import connection
from django.test import override_settings

from batches import actions
from batches.conf import DEFAULTS
from batches.models import Run, RunStep
from batches.runner import resume
from batches.states import RunState

from ..harness import KillAt, ended, killed, spawn, until
from .crew import Crew
from .ground import Book, audit_executed, boss, clear, start
from .report import Report
from .rounds import clock

# Rows of more than one of the chunks that are shipped.
SIZES = {"small": 3_000, "ci": 6_000, "long": 40_000}
NOTICED, RESUMED = 30, 60


class KillAfterStep(KillAt):
    """Kills this process at the first statement after the first chunk is committed."""

    def __call__(self, execute, statement, params, many, context):
        if self.seen and not connection.in_atomic_block:
            self.n = self.seen + 1
        if 'INSERT INTO "batches_runstep"' in str(statement) or self.seen:
            return super().__call__(execute, statement, params, many, context)
        return execute(statement, params, many, context)


def trial(size: str, seed: int) -> Report:
    """Kill a worker between two chunks while another one is idle."""
    report = Report("shipped_values", seed)
    with report.timed(), override_settings(BATCHES={}), tempfile.TemporaryDirectory() as folder:
        clear()
        user = boss()
        book = Book("V-", SIZES[size])
        book.make(user)
        book.produce()
        actions.populate(book.batch, user)
        report.count("conflicts made", book.disturb())
        run = start(book.batch, "execute", user, chunked=True)

        def doomed() -> None:
            with connection.execute_wrapper(KillAfterStep(-1)):
                resume(run.pk)

        report.must(killed(ended(spawn(doomed))), "it was not killed")
        at = clock()
        report.count("kills")
        with Crew(1, Path(folder) / "log") as crew:
            until(lambda: _noticed(run), NOTICED)
            report.count("seconds until it was noticed", round((clock() - at).total_seconds()))
            until(lambda: RunStep.objects.filter(run=run, attempt=2).exists(), RESUMED)
            until(lambda: Run.objects.get(pk=run.pk).finished is not None, RESUMED)
        report.must_be(crew.odd(), 0, "errors that nobody foresaw, in what the worker said")
        step = RunStep.objects.filter(run=run, attempt=2).earliest("pk")
        report.waited((step.at - at).total_seconds())
        report.recovered = 1
        report.must_be(DEFAULTS["LEASE_SECONDS"] < NOTICED, True, "a lease ends before it must be noticed")
        audit_executed(book, report)
    return report


def _noticed(run: Run) -> bool:
    now = Run.objects.get(pk=run.pk)
    return now.attempt > 1 or now.state == RunState.INTERRUPTED

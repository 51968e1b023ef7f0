"""kill -9 just before each statement of a run, and after its last: filling, checking, executing in both ways, undoing.

The tests of `./test` do so with a few rows, and ask more of each; here there are as many rows as the programme says.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import override_settings

from batches import actions
from batches.models import Run
from batches.registry import find_batch
from batches.runner import resume
from tests.toys.batches import ThingFileHandler

from ..harness import KillAt, forked, killed, statements, until
from .ground import Book, audit_executed, audit_populated, audit_reverted, boss, changed, clear
from .report import Report

# (rows, of how many statements one is a point)
SIZES = {"small": (20, 1), "ci": (20, 5), "long": (500, 1)}
KINDS = ("populate", "refresh", "execute", "execute in chunks", "revert")
# Where a batch is when the verb has not begun, or has been done.
BEFORE = {"populate": "draft", "refresh": "review", "execute": "review", "revert": "executed"}
AFTER = {"populate": "review", "refresh": "review", "execute": "executed", "revert": "reverted"}


def trial(size: str, seed: int, kinds: tuple[str, ...] = KINDS, until_fault: bool = False) -> Report:
    """Kill at every point of each kind of run; with `until_fault` from the last one back, and no more than it takes."""
    rows, step = SIZES[size]
    report = Report("statement_kills", seed)
    rng = Random(seed)
    chunk = max(rows // 4, 5)
    quick = {"LEASE_SECONDS": 0.2, "RENEW_SECONDS": 0.05, "CHUNK_MIN_ROWS": chunk, "CHUNK_MAX_ROWS": chunk}
    with report.timed(), override_settings(BATCHES=settings.BATCHES | quick | {"PIECE_ROWS": chunk}):
        for kind in kinds:
            verb = kind.split()[0]
            with changed(ThingFileHandler, atomic="chunks" not in kind):
                book = _prepared("S0-", rows, verb)
                points = statements(lambda verb=verb, book=book: _do(verb, book.batch.pk))
                report.count("statements", points)
                for n in range(points + 1, 0, -step):
                    _point(_prepared(f"S{rng.randrange(10**6)}-", rows, verb), verb, n, points, report)
                    if until_fault and report.faults:
                        return report
    return report


def _prepared(prefix: str, rows: int, verb: str) -> Book:
    clear()
    user = boss()
    book = Book(prefix, rows)
    book.make(user)
    book.produce()
    if verb != "populate":
        actions.populate(book.batch, user)
    if verb in ("execute", "revert"):
        book.disturb()
        book.before = book.look()
    if verb == "revert":
        actions.execute(book.batch, user)
    return book


def _do(verb: str, pk: int) -> Any:
    return getattr(actions, verb)(find_batch(pk), boss())


def _point(book: Book, verb: str, n: int, points: int, report: Report) -> None:
    """Kill at one statement (the one after the last is after the last), let another go on, and compare."""

    def doomed() -> None:
        with connection.execute_wrapper(KillAt(min(n, points), after=n > points)):
            _do(verb, book.batch.pk)

    met = int(killed(forked(doomed)))
    report.count("kills", met)
    until(lambda: _quiet(book.batch.pk))
    report.recovered += met
    begun = Run.objects.filter(batch_id=book.batch.pk, kind=verb).exists()
    if not begun:
        report.must_be(
            find_batch(book.batch.pk).status,
            BEFORE[verb],
            f"{verb}, statement {n}: before anything had begun",
        )
        _do(verb, book.batch.pk)
    audit: dict[str, Callable[[Book, Report], None]] = {"execute": audit_executed, "revert": audit_reverted}
    audit.get(verb, audit_populated)(book, report)
    report.must_be(find_batch(book.batch.pk).status, AFTER[verb], f"{verb}, statement {n}: the end")


def _quiet(pk: int) -> bool:
    for run in Run.objects.filter(batch_id=pk, finished=None):
        resume(run.pk)
    return not Run.objects.filter(batch_id=pk, finished=None).exists()

"""Rounds of whole lives of batches, from the file to the undo, while something is killed all the time."""

import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

from django.db import transaction

from batches.models import Run, RunStep

from .ground import Book, active, audit_executed, audit_populated, audit_reverted, boss, clear, scalar, start
from .report import Report

# So many seconds without anything committed, and the trial gives up: nobody recovered.
STUCK = 60.0


class Stuck(Exception):
    """Nothing was committed for too long."""


@dataclass
class Struck:
    """One run that a kill met: which attempt of it, and when by the database's clock."""

    kill: int
    run: int
    kind: str
    attempt: int
    at: Any


@dataclass
class Killer:
    """Kills until it has done so as often as it was to; what it kills is said by those who inherit."""

    rng: Random
    left: int
    struck: list[Struck] = field(default_factory=list)
    kills: int = 0

    def strike(self, batches: list[Any]) -> None:
        """Kill something that works on one of the batches, if anything does."""
        raise NotImplementedError

    def note(self, runs: list[Run], at: Any) -> bool:
        """Note the kill if any of these runs was under way when it came; return whether one was."""
        before = {run.pk: run for run in runs}
        met = [run for run in Run.objects.filter(pk__in=before) if run.finished is None]
        if not met:
            return False
        self.kills += 1
        self.left -= 1
        self.struck += [Struck(self.kills, run.pk, run.kind, before[run.pk].attempt, at) for run in met]
        return True


def play(books: list[Book], killer: Killer, report: Report, *, stuck: float = STUCK) -> None:
    """Let batches live from draft to undo, all at once, and compare after each step with what must be."""
    clear()
    user = boss()
    batches = [book.make(user) for book in books]
    for book in books:
        book.produce()
    shares = _shares(killer.left)
    for batch in batches:
        start(batch, "populate", user)
    _work(batches, killer, shares["populate"], stuck)
    for book in books:
        audit_populated(book, report)
    for batch in batches:
        batch.refresh_from_db()
        start(batch, "refresh", user)
    _work(batches, killer, shares["refresh"], stuck)
    for book in books:
        audit_populated(book, report)
        report.count("conflicts made", book.disturb())
        book.before = book.look()
    for book in books:
        book.batch.refresh_from_db()
        start(book.batch, "execute", user, chunked=book.chunked)
    _work(batches, killer, shares["execute"], stuck)
    for book in books:
        audit_executed(book, report)
    for batch in batches:
        batch.refresh_from_db()
        start(batch, "revert", user)
    _work(batches, killer, shares["revert"], stuck)
    for book in books:
        audit_reverted(book, report)


def _shares(kills: int) -> dict[str, int]:
    """Divide kills between the phases; what is not used up in one is there for the next round."""
    share = max(kills // 8, 1)
    return {"populate": share, "refresh": share, "execute": max(kills - 3 * share, 1), "revert": share}


def _work(batches: list[Any], killer: Killer, share: int, stuck: float) -> None:
    """Wait until no run of the batches is under way, killing up to `share` times meanwhile."""
    end = killer.kills + share
    moved, seen = time.monotonic(), None
    while active(batches).exists():
        if killer.left > 0 and killer.kills < end:
            killer.strike(batches)
        else:
            time.sleep(0.05)
        pks = [batch.pk for batch in batches]
        now = (
            RunStep.objects.filter(run__batch_id__in=pks).count(),
            Run.objects.filter(batch_id__in=pks, finished=None).count(),
            killer.kills,
        )
        if now != seen:
            moved, seen = time.monotonic(), now
        elif time.monotonic() - moved > stuck:
            raise Stuck(f"nothing was committed for {stuck:g} s")


def judge(killer: Killer, report: Report) -> None:
    """Find for each kill what another attempt committed next: whether it was recovered, and how long that took.

    Where the same run was killed again before that, the time is taken from the last of these kills. The server carries a
    statement out although who sent it dies; where that was the last one of a run, there is nothing to recover.
    """
    report.count("kills", killer.kills)
    behind: dict[int, bool] = {}
    for n, hit in enumerate(killer.struck):
        report.count(f"of {hit.kind}")
        step = RunStep.objects.filter(run=hit.run, attempt__gt=hit.attempt).order_by("pk").first()
        run = Run.objects.get(pk=hit.run)
        if run.attempt == hit.attempt and run.finished is not None:
            report.count("in the last statement of a run")
            behind.setdefault(hit.kill, True)
            continue
        moments = [at for at in (step and step.at, run.finished) if at is not None and at > hit.at]
        behind[hit.kill] = behind.get(hit.kill, True) and bool(moments)
        if not moments:
            continue
        progress = min(moments)
        again = [other for other in killer.struck[n + 1 :] if other.run == hit.run and other.at < progress]
        if not again:
            report.waited((progress - hit.at).total_seconds())
    report.recovered += sum(behind.values())
    report.must_be(report.recovered, killer.kills, "kills that were recovered from")


def clock() -> Any:
    """Return the database's time."""
    with transaction.atomic():
        return scalar("SELECT clock_timestamp()")

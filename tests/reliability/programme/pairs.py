"""Each two verbs at once: what comes of it is what comes of one after the other, or of one while the other is told why not.

Each pair meets a batch that is a draft, in review, executed in part, undone, or has a run that a worker is about to do; afterwards
production, journal and rows agree with each other, whatever the outcome.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import combinations_with_replacement
from random import Random
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection, connections
from django.test import override_settings
from django.utils import timezone

from batches import actions
from batches.bulk import Said
from batches.exceptions import BatchError, Interrupted, LeaseLost
from batches.models import Event, Run
from batches.registry import find_batch
from batches.runner import resume
from batches.states import ACTIVE, WORKING, RunState
from tests.toys.batches import ThingFileHandler
from tests.toys.models import Thing, ThingEvent

from ..harness import AtStep, until
from .ground import boss, changed, clear
from .report import Report

# Tries of each pair.
SIZES = {"small": 1, "ci": 1, "long": 10}
FILE = b"code,name,price\nP1,new,11\nP2,new,12\nP3,new,13\nP4,new,14\nN1,made,15\n"
Verb = Callable[[Any, Any], Any]


def _rows(batch: Any) -> Any:
    return ThingFileHandler(batch).rows()


def _edit(batch: Any, user: Any) -> Any:
    # Where it is deleted already, this is what a page that was open before would send.
    row = _rows(batch).filter(sequence=1).first()
    return actions.edit_row(batch, user, row.pk if row else 0, {"price": "21"})


def _own(start: Callable[[], Run], batch: Any) -> str:
    return str(actions.work(batch, start()).state)


def _resume(batch: Any, user: Any) -> str:
    run = actions.resume(batch, user, own=True)
    return str(actions.work(batch, run).state) if run.attempt == 1 and run.owner else "done"


def _worker(batch: Any, user: Any) -> str:
    run = Run.objects.filter(batch_id=batch.pk, state__in=ACTIVE).first()
    done = resume(run.pk) if run else None
    return str(done.state) if done else "nothing"


VERBS: dict[str, Verb] = {
    "prepare": lambda batch, user: actions.change_options(batch, user, {"description": "said"}),
    "populate": actions.populate,
    "repopulate": actions.repopulate,
    "refresh": actions.refresh,
    "edit": _edit,
    "add_row": lambda batch, user: actions.add_row(
        batch, user, {"code": "N9", "name": "added", "price": "19"}
    ),
    "exclude": lambda batch, user: actions.exclude(batch, user, _rows(batch).filter(sequence__lte=2)),
    "include": lambda batch, user: actions.include(batch, user, _rows(batch).filter(sequence=5)),
    "bulk_change": lambda batch, user: actions.bulk_change(batch, user, Said("price", "amount", "30")).rows,
    "execute": actions.execute,
    "export": lambda batch, user: _own(lambda: actions.export(batch, user, "csv", own=True), batch),
    "stop": actions.stop,
    "pause": actions.pause,
    "resume": _resume,
    "close": lambda batch, user: actions.close(batch, user, reason="over"),
    "revert": actions.revert,
    "retry": lambda batch, user: _own(lambda: actions.retry(batch, user, own=True), batch),
    "reapply": lambda batch, user: _own(lambda: actions.reapply(batch, user, own=True), batch),
    "carry_on": lambda batch, user: actions.carry_on(batch, user).rows,
    "split": lambda batch, user: actions.split(batch, user, {"q": "P1"}).rows,
    "deliver": actions.deliver,
    "hold": lambda batch, user: actions.hold(batch, user, reason="asked"),
    "release": lambda batch, user: actions.release(batch, user, reason="answered"),
    "purge": lambda batch, user: actions.purge(batch, user, before=timezone.now() + timedelta(days=1)).rows,
    "withdraw": actions.withdraw,
    "discard": actions.discard,
    "delete": actions.delete,
    "worker": _worker,
}
# Where a batch is -> the verbs that meet there.
PLACES: dict[str, tuple[str, ...]] = {
    "draft": ("prepare", "populate", "withdraw", "discard", "delete", "hold", "purge"),
    "review": ("edit", "exclude", "include", "bulk_change", "add_row", "refresh", "repopulate", "execute", "export", "stop",
               "split", "withdraw", "delete"),
    "begun": ("worker", "stop", "pause", "resume", "edit", "delete"),
    "part": ("resume", "close", "revert", "export", "stop", "execute", "retry", "carry_on", "deliver", "release"),
    "undone": ("reapply", "export", "hold", "purge"),
}  # fmt: skip


def prepared(place: str, user: Any) -> Any:
    """Return a batch that is at that place, and production as it was before."""
    clear()
    Thing.objects.bulk_create([Thing(code=f"P{i}", name="old", price=i) for i in range(1, 5)])
    batch = actions.make("toy_file", user, file=ContentFile(FILE, name="p.csv"))
    if place == "draft":
        return batch
    actions.populate(batch, user)
    if place == "review":
        actions.exclude(batch, user, _rows(batch).filter(sequence=5))
        return batch
    if place == "begun":
        actions.start(batch, "execute", user)
        return batch
    if place == "undone":
        actions.execute(batch, user)
        actions.revert(batch, user)
        return batch
    with connection.execute_wrapper(AtStep(lambda: actions.stop(find_batch(batch.pk), user), 1)):
        actions.execute(batch, user)
    return batch


def attempt(name: str, batch: Any, user: Any) -> str:
    """Do a verb; return how it ended in a word. Whatever else it raises is nothing that a person should meet."""
    try:
        found = VERBS[name](batch, user)
    except (LeaseLost, Interrupted):
        raise
    except BatchError:
        return "refused"
    if isinstance(found, str):
        return found
    return str(found.state) if isinstance(found, Run) and name != "pause" else "done"


def look(pk: int) -> tuple[Any, ...]:
    """Return what there is by now: state, rows, production."""
    things = sorted(Thing.objects.values_list("code", "name", "price"))
    try:
        batch: Any = find_batch(pk)
    except BatchError:
        return ("gone", (), tuple(things))
    rows = _rows(batch).order_by("sequence").values_list("sequence", "code", "price", "status", "removed")
    return (batch.status, batch.description, tuple(rows), tuple(things))


def drain(pk: int) -> None:
    """Do what a worker would do, until nothing of the batch is left to do."""

    def quiet() -> bool:
        waiting = Run.objects.filter(batch_id=pk, state__in=ACTIVE).exclude(state=RunState.PAUSED)
        for run in waiting:
            resume(run.pk)
        return not waiting.exists()

    until(quiet)


def together(one: str, two: str, batch: Any, user: Any, rng: Random) -> tuple[list[str], list[str]]:
    """Do two verbs at once, each in a thread with a connection of its own; return their words, and what nobody foresaw."""
    barrier = threading.Barrier(2)
    words = ["", ""]
    odd: list[str] = []
    delays = [0.0, rng.choice([0.0, rng.uniform(0.0, 0.03)])]
    rng.shuffle(delays)

    def run(n: int, name: str) -> None:
        try:
            mine = find_batch(batch.pk)
            barrier.wait()
            threading.Event().wait(delays[n])
            words[n] = attempt(name, mine, user)
        except Exception as error:
            odd.append(f"{name}: {error!r:.300}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate((one, two))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain(batch.pk)
    return words, odd


class Allowed:
    """What may come of two verbs at a place, found by doing them one after the other."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.known: dict[tuple[str, ...], tuple[Any, ...]] = {}

    def after(self, place: str, *names: str) -> tuple[Any, ...]:
        """Return the words and what there is after doing verbs one after the other."""
        key = (place, *names)
        if key not in self.known:
            batch = prepared(place, self.user)
            words = []
            for name in names:
                try:
                    words.append(attempt(name, find_batch(batch.pk), self.user))
                except BatchError:
                    words.append("refused")  # it is deleted
            drain(batch.pk)
            self.known[key] = (tuple(words), look(batch.pk))
        return self.known[key]

    def holds(self, place: str, one: str, two: str, words: list[str], found: tuple[Any, ...]) -> bool:
        """Tell whether an outcome is allowed."""
        first, second = words
        if second in ("refused", "nothing") and self.after(place, one) == ((first,), found):
            return True
        if first in ("refused", "nothing") and self.after(place, two) == ((second,), found):
            return True
        # Both were too early or too late for each other, or a run was stopped, which leaves nothing of it.
        quiet = {"refused", "nothing", "stopped"} | ({"done"} if "stop" in (one, two) else set())
        if set(words) <= quiet and found == self.after(place)[1]:
            return True
        if self._stopped_too_late(place, one, two, words, found):
            return True
        if self.after(place, one, two) == ((first, second), found):
            return True
        ((late, early), seen) = self.after(place, two, one)
        return ((early, late), seen) == ((first, second), found)

    def _stopped_too_late(
        self, place: str, one: str, two: str, words: list[str], found: tuple[Any, ...]
    ) -> bool:
        """Tell whether a run was asked to stop between its last look at such requests and its commit, and was done."""
        return any(
            verb == "stop" and word == "done" and self.after(place, other) == ((ended,), found)
            for verb, word, other, ended in ((one, words[0], two, words[1]), (two, words[1], one, words[0]))
        )


def trial(size: str, seed: int, only: tuple[str, str, str] | None = None, times: int = 0) -> Report:
    """Let each pair of verbs meet at each place, or `only` one, until there is a fault."""
    report = Report("pairs", seed)
    rng = Random(seed)
    quick = {"CHUNK_MIN_ROWS": 2, "CHUNK_MAX_ROWS": 2, "PIECE_ROWS": 2, "LEASE_SECONDS": 10.0}
    with (
        report.timed(),
        override_settings(BATCHES=settings.BATCHES | quick),
        changed(ThingFileHandler, atomic=False),
    ):
        user = boss()
        allowed = Allowed(user)
        for _ in range(times):
            if not report.faults:
                _meet(*only, allowed, rng, report)
        for place, verbs in PLACES.items() if not only else ():
            for one, two in combinations_with_replacement(verbs, 2):
                report.count("pairs")
                for _ in range(SIZES[size]):
                    _meet(place, one, two, allowed, rng, report)
    return report


def _meet(place: str, one: str, two: str, allowed: Allowed, rng: Random, report: Report) -> None:
    batch = prepared(place, allowed.user)
    words, odd = together(one, two, batch, allowed.user, rng)
    found = look(batch.pk)
    name = f"{place}: {one} ({words[0]}) x {two} ({words[1]})"
    report.count("meetings")
    report.must_be(odd, [], f"{place}: {one} x {two}, errors that nobody foresaw")
    if not odd and place in ("draft", "review"):
        report.must(
            allowed.holds(place, one, two, words, found),
            f"{name}: comes to what no order comes to: {found!r:.600}",
        )
    audit(batch.pk, name, report)


def audit(pk: int, name: str, report: Report) -> None:
    """Make sure that state, rows, production and journal agree."""
    runs = list(Run.objects.filter(batch_id=pk, kind="execute").values_list("pk", flat=True))
    written_by = ThingEvent.objects.filter(pgh_run__in=runs).order_by("pgh_id").values_list("code", flat=True)
    events = list(written_by)
    # What was undone in between is written again.
    undone = (
        Run.objects.filter(batch_id=pk, kind="revert").order_by("-pk").values_list("pk", flat=True).first()
    )
    since = list(written_by.filter(pgh_run__gt=undone or 0))
    report.double(len(since) - len(set(since)), name)
    report.must(Event.objects.filter(batch=pk).exists(), f"{name}: the log says nothing")
    try:
        batch: Any = find_batch(pk)
    except BatchError:
        report.must(not events, f"{name}: deleted, and it wrote {events}")
        return
    rows = {row.code: row for row in _rows(batch)}
    resting = Run.objects.filter(batch_id=pk, state=RunState.PAUSED).exists()
    report.must(resting or batch.status not in WORKING, f"{name}: stuck in {batch.status}")
    written = {code for code, row in rows.items() if row.status in ("applied", "reverted", "kept")}
    report.must_be(set(events), written, f"{name}: things written, and rows that say so")
    report.applied += len(written)
    there = dict(Thing.objects.values_list("code", "price"))
    for code, row in rows.items():
        if row.status == "applied":
            report.must_be(there.get(code), row.price, f"{name}: {code} in production")
        elif code.startswith("P"):
            report.must_be(there.get(code), int(code[1:]), f"{name}: {code}, which was not written")
        else:
            report.must(code not in there, f"{name}: {code} is there")

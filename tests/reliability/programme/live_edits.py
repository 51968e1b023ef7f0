"""Two batches over the same things while five people edit them, and an undo after fifty later edits.

The journal tells who wrote each thing first. That one's row is written, every other row that wants the thing is a conflict, and
no value of somebody else is ever under a batch's.
"""

import csv
import io
import tempfile
import threading
from collections import Counter, defaultdict
from contextlib import ExitStack
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from django.core.files.base import ContentFile
from django.db import connections, transaction

from batches import actions, journal
from batches.models import Run
from batches.registry import find_batch
from batches.testing import make_batch, run_batch
from tests.toys.models import Thing, ThingEvent

from ..harness import until
from .crew import Crew
from .ground import active, boss, clear, scalar, start
from .report import Report

SIZES = {"small": (60, 1), "ci": (2_000, 2), "long": (10_000, 20)}
BUYERS = ("ann", "bob", "cleo", "dan", "eve")
LATER = 50
WAITING = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)"


class Buyers:
    """Five people, each in a thread with a connection of its own, who give things prices that nobody else gives."""

    def __init__(self, keys: list[int], rng: Random) -> None:
        self.keys = keys
        self.rng = rng
        self.prices = count(500_000)
        self.lock = threading.Lock()
        self.made: Counter[str] = Counter()
        self.errors: list[str] = []
        self.end, self.held, self.let_go = threading.Event(), threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=self._buy, args=[name]) for name in BUYERS]
        # One who has changed something and has not committed yet when the batches come.
        self.threads.append(threading.Thread(target=self._hold, args=[keys[len(keys) // 2]]))

    def edit(self, name: str, key: int) -> None:
        """Give one thing a new price, as a form would."""
        with self.lock:
            price = Decimal(next(self.prices)) / 100
        with journal.acting(name):
            thing = Thing.objects.select_for_update().get(pk=key)
            thing.price = price
            thing.save(update_fields=["price", "modified"])
            self.made[name] += 1

    def _buy(self, name: str) -> None:
        rng = Random(self.rng.random())
        try:
            while not self.end.is_set():
                self.edit(name, rng.choice(self.keys))
                self.end.wait(rng.uniform(0.0, 0.03))
        except Exception as error:
            self.errors.append(repr(error))
        finally:
            connections.close_all()

    def _hold(self, key: int) -> None:
        with transaction.atomic():
            self.edit("eve", key)
            self.held.set()
            self.let_go.wait(20)
        connections.close_all()


def trial(size: str, seed: int) -> Report:
    """Play the rounds, then the undo."""
    things, rounds = SIZES[size]
    report = Report("live_edits", seed)
    rng = Random(seed)
    with report.timed():
        for number in range(rounds):
            _two_batches(things, bool(number % 2), rng, report)
        _undo(things, rng, report)
    return report


def _produce(n: int) -> list[int]:
    clear()
    Thing.objects.bulk_create(
        [Thing(code=f"E{i:06d}", name="old", price=Decimal(i % 2_000 + 2)) for i in range(n)]
    )
    return list(Thing.objects.order_by("pk").values_list("pk", flat=True))


def _file() -> ContentFile:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["code", "name", "price"])
    writer.writerows([code, "new", price + 1] for code, price in Thing.objects.values_list("code", "price"))
    return ContentFile(text.getvalue().encode(), name="prices.csv")


def _two_batches(things: int, chunked: bool, rng: Random, report: Report) -> None:
    keys = _produce(things)
    user = boss()
    base = dict(Thing.objects.values_list("pk", "price"))
    batches = [
        make_batch("toy_price", user=user, options={"factor": "2"}),
        make_batch("toy_file", user=user, file=_file()),
    ]
    buyers = Buyers(keys, rng)
    for key in rng.sample(keys, things // 10):
        buyers.edit(rng.choice(BUYERS), key)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="batchsite-edits-"))
        crew = stack.enter_context(Crew(2, Path(folder) / "log"))
        for thread in buyers.threads:
            thread.start()
        try:
            buyers.held.wait(20)
            for batch in batches:
                start(batch, "execute", user, chunked=chunked)
            until(lambda: scalar(WAITING) or not active(batches).exists(), 60)
            buyers.let_go.set()
            until(lambda: not active(batches).exists(), 120)
        finally:
            buyers.let_go.set()
            buyers.end.set()
            for thread in buyers.threads:
                thread.join()
        report.must_be(crew.odd(), 0, "errors that nobody foresaw, in what the workers said")
    report.must_be(buyers.errors, [], "what buyers met")
    report.count("rounds")
    report.count("edits", sum(buyers.made.values()))
    _audit([find_batch(batch.pk) for batch in batches], base, buyers, report)


def _audit(batches: list[Any], base: dict[int, Decimal], buyers: Buyers, report: Report) -> None:
    """Compare the rows with the journal, thing by thing."""
    runs = {Run.objects.get(batch_id=batch.pk, kind="execute").pk: batch for batch in batches}
    timeline: dict[int, list[tuple[int | None, Decimal, str]]] = defaultdict(list)
    events = ThingEvent.objects.filter(pgh_label="update", id__in=base).order_by("pgh_id")
    for key, run, old, who in events.values_list("id", "pgh_run", "price", "pgh_user"):
        timeline[key].append((run, old, who or ""))
    by_people = Counter(who for entries in timeline.values() for run, _old, who in entries if run is None)
    report.lose(sum((buyers.made - by_people).values()), "edits of buyers")
    covered = sum(
        run is not None and old != base[key] for key, entries in timeline.items() for run, old, _ in entries
    )
    report.lose(covered, "values of others that a batch wrote over")
    made = shown = 0
    for run, batch in runs.items():
        report.must_be(batch.status, "executed", f"batch {batch.pk}, its state")
        first = {key for key, entries in timeline.items() if entries[0][0] == run}
        rows = {
            key: (status, issues)
            for key, status, issues in batch.rows.values_list("thing_id", "status", "issues")
        }
        written = {key for key, (status, _) in rows.items() if status == "applied"}
        conflicts = {key for key, (status, _) in rows.items() if status == "conflict"}
        times = Counter(key for key, entries in timeline.items() for entry in entries if entry[0] == run)
        report.applied += len(written & times.keys())
        report.lose(len(written - times.keys()), f"batch {batch.pk}, things")
        report.double(sum(n > 1 for n in times.values()), f"batch {batch.pk}, things")
        report.must_be(
            written ^ first,
            set(),
            f"batch {batch.pk}: rows written although others were first, or not although not",
        )
        report.must_be(
            conflicts ^ (rows.keys() - first),
            set(),
            f"batch {batch.pk}: conflicts shown that were none, or the reverse",
        )
        made, shown = made + len(rows.keys() - first), shown + len(conflicts)
        for key in conflicts:
            now = {Decimal(e["params"]["now"]) for e in rows[key][1] if e["field"] in ("price", "new_price")}
            held = {old for _run, old, _who in timeline[key][1:]} | {Thing.objects.get(pk=key).price}
            report.must(
                now and now <= held, f"batch {batch.pk}, thing {key}: shown as now is {now}, held were {held}"
            )
    report.count("conflicts made", made)
    report.count("conflicts shown", shown)


def _undo(things: int, rng: Random, report: Report) -> None:
    """Undo a batch of which fifty things were edited since by five people: these are kept and named, all others go back."""
    keys = _produce(max(things, 2 * LATER))
    user = boss()
    base = dict(Thing.objects.values_list("pk", "price"))
    batch = run_batch("toy_price", user=user, options={"factor": "2"})
    edited = {key: (BUYERS[n % 5], Decimal(7_000 + n)) for n, key in enumerate(rng.sample(keys, LATER))}
    for key, (name, price) in edited.items():
        with journal.acting(name):
            Thing.objects.filter(pk=key).update(price=price)
    actions.revert(batch, user)
    want = {key: edited[key][1] if key in edited else price for key, price in base.items()}
    found = dict(Thing.objects.values_list("pk", "price"))
    wrong = sum(found.get(key) != price for key, price in want.items())
    report.must_be(wrong, 0, "things that the undo left wrong")
    kept = {
        key: {entry["params"]["who"] for entry in issues if entry["code"] == "undo_changed"}
        for key, issues in batch.rows.filter(status="kept").values_list("thing_id", "issues")
    }
    report.must_be(
        kept, {key: {name} for key, (name, _) in edited.items()}, "what the undo kept, and who it named"
    )
    report.count("later edits kept by the undo", len(kept))

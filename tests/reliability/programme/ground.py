"""What the trials work on: a user, things in boxes, files of many rows, and what must come of each."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db import connection

from batches import actions, journal
from batches.models import Run, RunStep
from batches.registry import find_batch, registry
from batches.states import ACTIVE
from tests.toys.batches import ThingFileHandler
from tests.toys.models import BoxEvent, Thing, ThingEvent

from .report import Report

# A dead worker is noticed after a second; every second run of a trial has a chunk of its own for some hundred rows.
QUICK: dict[str, Any] = {
    "LEASE_SECONDS": 1.0,
    "RENEW_SECONDS": 0.2,
    "POLL_SECONDS": 0.1,
    "IDLE_TIMEOUT_MS": 1_000,
    "CHUNK_MIN_ROWS": 200,
    "CHUNK_MAX_ROWS": 200,
    "PIECE_ROWS": 1_000,
}
HEADINGS = ("code", "name", "price", "box")
LOOK = "SELECT md5(string_agg(t::text, '|' ORDER BY t.id)) FROM {table} t WHERE {column} LIKE %s"


def boss() -> Any:
    """Return a superuser."""
    users = get_user_model().objects
    return users.filter(username="boss").first() or users.create_superuser("boss", password="boss")


def clear() -> None:
    """Empty production; what earlier trials journalled stays, and belongs to their runs."""
    with connection.cursor() as cursor:
        for table in ("toys_tag", "toys_thing", "toys_box"):
            cursor.execute(f"DELETE FROM {table}")


def scalar(statement: str, params: Any = ()) -> Any:
    """Return the one value of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()[0]


@contextmanager
def changed(owner: Any, **values: Any) -> Iterator[None]:
    """Let attributes of a class or module have other values for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setattr(owner, name, value)
        yield


def start(batch: Any, verb: str, user: Any, *, chunked: bool = False) -> Run:
    """Start a run for whichever worker comes; how it writes is noted in it."""
    handler: Any = registry.for_model(type(batch))
    with changed(handler, atomic=not chunked):
        return actions.start(batch, verb, user)


def active(batches: list[Any]) -> Any:
    """Return the runs of batches that are waiting or under way."""
    return Run.objects.filter(batch_id__in=[batch.pk for batch in batches], state__in=ACTIVE)


@dataclass
class Book:
    """A file of things to make and to change, and what must be in production once it is executed.

    Of twenty rows, eleven change a thing, six make one, two meet what somebody changed since, one changes nothing.
    """

    prefix: str
    rows: int
    chunked: bool = True
    batch: Any = None
    before: tuple[Any, ...] = ()
    kinds: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i in range(self.rows):
            kind = "unchanged" if i % 20 == 7 else "conflict" if i % 10 == 9 else "change"
            self.kinds[f"{self.prefix}{i:06d}"] = "make" if i % 10 in (3, 6, 8) else kind

    @cached_property
    def prices(self) -> dict[str, int]:
        """What each thing costs before."""
        return {code: i % 4_000 for i, code in enumerate(self.kinds)}

    def produce(self) -> None:
        """Put into production what is to be changed."""
        Thing.objects.bulk_create(
            [
                Thing(code=code, name="old", price=Decimal(self.prices[code]))
                for code, kind in self.kinds.items()
                if kind != "make"
            ],
            batch_size=5_000,
        )

    def make(self, user: Any) -> Any:
        """Make a draft of the file."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(HEADINGS)
        for i, (code, kind) in enumerate(self.kinds.items()):
            box = f"{self.prefix}{i % 5}"
            same = kind == "unchanged"
            writer.writerow(
                [code, "old" if same else "new", self.prices[code] + (not same), "" if same else box]
            )
        file = ContentFile(text.getvalue().encode(), name=f"{self.prefix}.csv")
        self.batch = actions.make(ThingFileHandler.key, user, file=file)
        return self.batch

    def disturb(self) -> int:
        """Let somebody change what is to be met as a conflict; return how many things."""
        codes = [code for code, kind in self.kinds.items() if kind == "conflict"]
        with journal.acting("mary"):
            return Thing.objects.filter(code__in=codes).update(price=8_000)

    def look(self) -> tuple[Any, ...]:
        """Return digests of all that is in production of this file."""
        return tuple(
            scalar(LOOK.format(table=table, column=column), [f"{self.prefix}%"])
            for table, column in (("toys_thing", "code"), ("toys_box", "name"))
        )

    @cached_property
    def expected(self) -> dict[str, tuple[str, int, str | None]]:
        """Thing -> name, price and box, once the batch is executed."""
        found: dict[str, tuple[str, int, str | None]] = {}
        for i, (code, kind) in enumerate(self.kinds.items()):
            new = ("new", self.prices[code] + 1, f"{self.prefix}{i % 5}")
            old = ("old", 8_000 if kind == "conflict" else self.prices[code], None)
            found[code] = new if kind in ("make", "change") else old
        return found


def audit_populated(book: Book, report: Report) -> None:
    """Compare the rows of a filled batch with its file."""
    batch = find_batch(book.batch.pk)
    name = f"batch {batch.pk}"
    report.must_be(batch.status, "review", f"{name}, its state")
    codes = Counter(batch.rows.values_list("code", flat=True))
    report.lose(len(book.kinds.keys() - codes.keys()), f"{name}, rows")
    report.double(sum(1 for n in codes.values() if n > 1), f"{name}, rows")
    states = Counter(batch.rows.values_list("status", flat=True))
    same = sum(kind == "unchanged" for kind in book.kinds.values())
    report.must_be(dict(states), {"ok": book.rows - same, "unchanged": same}, f"{name}, its rows")


def audit_executed(book: Book, report: Report) -> None:
    """Compare production, the journal and the rows with what had to come of an execution."""
    batch = find_batch(book.batch.pk)
    name = f"batch {batch.pk}"
    report.must_be(batch.status, "executed", f"{name}, its state")
    runs = list(Run.objects.filter(batch_id=batch.pk, kind="execute").values_list("pk", flat=True))
    events = Counter(ThingEvent.objects.filter(pgh_run__in=runs).values_list("code", flat=True))
    written = {code for code, kind in book.kinds.items() if kind in ("make", "change")}
    lost = written - events.keys()
    report.applied += len(written) - len(lost)
    report.lose(len(lost), f"{name}, things")
    report.double(sum(1 for n in events.values() if n > 1), f"{name}, things")
    report.must_be(events.keys() - written, set(), f"{name}, things that were not to be written")
    boxes = Counter(
        BoxEvent.objects.filter(pgh_run__in=runs, pgh_label="insert").values_list("name", flat=True)
    )
    report.double(sum(1 for n in boxes.values() if n > 1), f"{name}, boxes")
    things = Thing.objects.filter(code__startswith=book.prefix).values_list(
        "code", "name", "price", "box__name"
    )
    there = {code: (label, int(price), box) for code, label, price, box in things}
    wrong = {
        code for code in there.keys() | book.expected.keys() if there.get(code) != book.expected.get(code)
    }
    report.must_be(wrong - lost, set(), f"{name}, things that are not as they must be")
    words = {"make": "applied", "change": "applied", "conflict": "conflict", "unchanged": "unchanged"}
    outcomes = dict(batch.rows.values_list("code", "status"))
    odd = {code for code, kind in book.kinds.items() if outcomes.get(code) != words[kind]}
    report.must_be(odd, set(), f"{name}, rows whose outcome is wrong")
    audit_steps(runs, report)


def audit_steps(runs: list[int], report: Report) -> None:
    """Make sure that each chunk of finished runs has one step, in the order of rows and attempts, and each run one last word."""
    for run in Run.objects.filter(pk__in=runs):
        steps = list(RunStep.objects.filter(run=run).order_by("pk").values_list("cursor", "attempt", "final"))
        cursors = [cursor for cursor, _attempt, final in steps if not final]
        attempts = [attempt for _cursor, attempt, _final in steps]
        report.must(
            cursors == sorted(set(cursors)) and attempts == sorted(attempts),
            f"run {run.pk}: steps out of order or double: {steps!r:.300}",
        )
        report.must_be([final for *_rest, final in steps].count(True), 1, f"run {run.pk}, last steps")
        report.must_be(run.state, "succeeded", f"run {run.pk}, its state")


def audit_reverted(book: Book, report: Report) -> None:
    """Make sure that production is as it was before the execution, and that each thing was put back once."""
    batch = find_batch(book.batch.pk)
    name = f"batch {batch.pk}"
    report.must_be(batch.status, "reverted", f"{name}, its state")
    report.must_be(book.look(), book.before, f"{name}, production after the undo")
    run = Run.objects.get(batch_id=batch.pk, kind="revert")
    events = Counter(ThingEvent.objects.filter(pgh_run=run.pk).values_list("code", flat=True))
    written = {code for code, kind in book.kinds.items() if kind in ("make", "change")}
    report.lose(len(written - events.keys()), f"{name}, things put back")
    report.double(sum(1 for n in events.values() if n > 1), f"{name}, things put back")
    audit_steps([run.pk], report)

"""A purge may die at any statement, is seen as what it is meanwhile, waits for nobody, and goes on when it is called again."""

import json
import threading
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.urls import reverse
from django.utils import timezone

from batches import actions, journal
from batches.figures import figures
from batches.models import BatchNumber, Event, Run, Unreadable
from batches.purging import Elsewhere, Purge
from batches.registry import find_batch
from batches.testing import make_batch
from tests.toys.models import Thing, ThingFileBatch, ThingFileRow

from .harness import KillAt, forked, in_thread, killed, statements

pytestmark = pytest.mark.django_db(transaction=True)
# Seconds that work under the lock waits for it.
WAITS = 5
BOOK = "code,name,price,box\nA,one,5,\nB,two,9,\nC,three,8,\nD,four,8,,too,many\n"


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture(autouse=True)
def small_ranges(settings):
    settings.BATCHES = {"CHUNK_MAX_ROWS": 2}


def old(boss, executed=True):
    """Return the number of a batch that ended long ago: three rows, an unreadable record, a file, and a history."""
    Thing.objects.all().delete()
    batch = make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))
    if executed:
        actions.execute(batch, boss)
        ThingFileBatch.objects.filter(pk=batch.pk).update(executed=timezone.now() - timedelta(days=2000))
    return batch.pk


def what_is_left(number):
    """Return what the tables and the storage have of a batch."""
    runs = list(Run.objects.filter(batch_id=number).values_list("pk", flat=True))
    return {
        "rows": ThingFileRow.objects.filter(batch_id=number).count(),
        "unreadable": Unreadable.objects.filter(batch_id=number).count(),
        "journal": sum(
            journal.event_model(m)._base_manager.filter(pgh_run__in=runs).count()
            for m in journal.tracked_models()
        ),
    }


def test_kill_at_every_statement_of_a_purge(boss, client):
    client.force_login(boss)
    first = old(boss)
    assert what_is_left(first) == {"rows": 3, "unreadable": 1, "journal": 3}
    points = statements(lambda: actions.purge(find_batch(first), boss))
    kills, seen = 0, set()
    for n in range(1, points + 2):
        number = old(boss)
        file = ThingFileBatch.objects.get(pk=number).file.name
        kills += killed(
            forked(lambda number=number, n=n: _killed_at(number, min(n, points), after=n > points))
        )
        batch, left = find_batch(number), what_is_left(number)
        seen.add(tuple(left.values()))
        # Whatever is left: who looks sees a batch whose rows are there, or one that says that they are not.
        page = client.get(batch_url(number)).text
        told = "under the retention rule; 3 had been written" in page
        assert told == batch.ref.is_purged
        assert told or (left == {"rows": 3, "unreadable": 1, "journal": 3}), (
            f"statement {n}: something is gone unsaid"
        )
        assert default_storage.exists(file) or told
        assert figures(batch)["counts"] == {"applied": 3}
        if batch.ref.journal_purged is None:
            actions.purge(batch, boss)
        batch = find_batch(number)
        assert what_is_left(number) == {"rows": 0, "unreadable": 0, "journal": 0}, f"statement {n}"
        assert not default_storage.exists(file), f"statement {n}: the file is left"
        assert (batch.status, bool(batch.file), figures(batch)["counts"]) == (
            "executed",
            False,
            {"applied": 3},
        )
        logged = [
            e.data.get("journal", {}).get("toys.Thing", 0)
            for e in Event.objects.filter(batch=number, verb="purge")
        ]
        assert sum(logged) == 3, f"statement {n}: each entry of the history is in the log once"
    print(f"purge: {points} statements, {kills} kills, {len(seen)} different states in between")
    assert kills >= points
    assert {(3, 1, 3), (1, 1, 3), (0, 1, 3), (0, 0, 3), (0, 0, 1), (0, 0, 0)} <= seen


def test_kill_at_every_statement_of_the_purge_of_what_goes_altogether(boss, settings):
    def withdrawn():
        number = old(boss, executed=False)
        actions.withdraw(find_batch(number), boss)
        return number

    settings.BATCHES = {"CHUNK_MAX_ROWS": 2, "KEEP_BY_TYPE": {"toy_file": {"rows": 0, "undo": 0}}}
    first = withdrawn()
    points = statements(lambda: actions.purge(find_batch(first), boss))
    kills = 0
    # Until the header goes it is as above, so that some are enough there.
    for n in [*range(1, points - 25, 5), *range(points - 25, points + 1)]:
        number = withdrawn()
        file = ThingFileBatch.objects.get(pk=number).file.name
        kills += killed(forked(lambda number=number, n=n: _killed_at(number, n, after=n == points)))
        if BatchNumber.objects.filter(pk=number).exists():
            actions.purge(find_batch(number), boss)
        assert not BatchNumber.objects.filter(pk=number).exists(), f"statement {n}"
        assert what_is_left(number) == {"rows": 0, "unreadable": 0, "journal": 0}
        assert not ThingFileBatch.objects.filter(pk=number).exists()
        assert not default_storage.exists(file), f"statement {n}: the file is left"
    assert kills > 25


def batch_url(number):
    return reverse("admin:toys_thingfilebatch_change", args=[number])


def _killed_at(number, n, after):
    user = get_user_model().objects.get(username="boss")
    with connection.execute_wrapper(KillAt(n, after)):
        actions.purge(find_batch(number), user)


def test_a_batch_that_somebody_works_on_is_skipped_and_not_waited_for(boss):
    busy, free = old(boss), old(boss)
    locked, done = threading.Event(), threading.Event()

    def work():
        with transaction.atomic():
            list(BatchNumber.objects.select_for_update(no_key=True).filter(pk=busy))
            locked.set()
            done.wait(20)
        connections.close_all()

    somebody = threading.Thread(target=work)
    somebody.start()
    try:
        assert locked.wait(10)
        began = time.monotonic()
        with pytest.raises(Elsewhere):
            actions.purge(find_batch(busy), boss)
        assert time.monotonic() - began < WAITS, "it waited for the lock"
        out = StringIO()
        with pytest.raises(SystemExit) as end:
            call_command("purge_batches", "--user", "boss", "--json", stdout=out)
        told = {line["number"]: line["outcome"] for line in json.loads(out.getvalue())}
    finally:
        done.set()
        somebody.join()
    assert (end.value.code, told) == (3, {busy: "in_use", free: "purged"})
    assert what_is_left(busy)["rows"] == 3
    assert what_is_left(free) == {"rows": 0, "unreadable": 0, "journal": 0}
    call_command("purge_batches", "--user", "boss", stdout=StringIO())
    assert what_is_left(busy) == {"rows": 0, "unreadable": 0, "journal": 0}


def at_first_range(work):
    """Return an execute wrapper that does `work` in another thread before the second range of rows."""
    calls = []

    def wrapper(execute, statement, params, many, context):
        if str(statement).startswith('DELETE FROM "toys_thingfilerow"'):
            calls.append(statement)
        elif len(calls) == 1 and "set_config" in str(statement):
            calls.append("done")
            in_thread(work)
        return execute(statement, params, many, context)

    return wrapper


def test_a_hold_stops_what_has_begun_and_everybody_reads_the_same_sentence(boss, client):
    number = old(boss)
    client.force_login(boss)
    pages = []

    def somebody():
        page = client.get(reverse("batches:rows_csv", args=[number]), follow=True)
        pages.append(page.text)
        actions.hold(find_batch(number), boss, reason="found in time")

    with connection.execute_wrapper(at_first_range(somebody)):
        with pytest.raises(Exception, match="found in time"):
            actions.purge(find_batch(number), boss)
    assert what_is_left(number) == {"rows": 1, "unreadable": 1, "journal": 3}
    assert "Its rows are being removed under the retention rule" in pages[0]
    actions.release(find_batch(number), boss)
    actions.purge(find_batch(number), boss)
    assert what_is_left(number) == {"rows": 0, "unreadable": 0, "journal": 0}


def test_two_purges_at_once_are_as_one(boss):
    number = old(boss)

    def another():
        actions.purge(find_batch(number), boss)

    with connection.execute_wrapper(at_first_range(another)):
        actions.purge(find_batch(number), boss)
    assert what_is_left(number) == {"rows": 0, "unreadable": 0, "journal": 0}
    logged = [
        e.data.get("journal", {}).get("toys.Thing", 0)
        for e in Event.objects.filter(batch=number, verb="purge")
    ]
    assert sum(logged) == 3


def test_file_of_two_goes_where_one_is_deleted_while_the_other_is_purged(boss, monkeypatch):
    whole = make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))
    part = actions.split(whole, boss, {"q": "two"}).batch
    actions.execute(part, boss)
    ThingFileBatch.objects.filter(pk=part.pk).update(executed=timezone.now() - timedelta(days=2000))
    remove = Purge._remove_deliveries

    def meanwhile(purge):
        # The purge has looked who else has the file, and still has it itself.
        in_thread(lambda: actions.delete(find_batch(whole.pk), boss))
        remove(purge)

    monkeypatch.setattr(Purge, "_remove_deliveries", meanwhile)
    actions.purge(find_batch(part.pk), boss)
    assert not default_storage.exists(whole.file.name)

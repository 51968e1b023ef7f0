"""A key that somebody takes while the batch is being written, and errors that come after the commit."""

import threading
from contextlib import suppress
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db import connection, connections, transaction

from batches import actions, runner
from batches.changes import Change, Create, Upsert
from batches.figures import figures
from batches.models import Run
from batches.pipeline import Lookup
from batches.signals import rows_written
from batches.testing import make_batch
from tests.toys.batches import PriceHandler, ThingFileHandler
from tests.toys.models import Box, Thing

from .harness import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def two_targets(monkeypatch):
    """Let a row of the toy file change a thing's price and create a box of its own."""
    monkeypatch.setattr(
        ThingFileHandler,
        "lookups",
        [Lookup("thing", ({"code": "code"},)), Lookup("box", ({"name": "box_name"},))],
    )
    monkeypatch.setattr(
        ThingFileHandler,
        "changes",
        [
            Change("thing.price", new="price", old="old_price"),
            Upsert(Box, to="box", key="name", fields={"name": "box_name"}),
        ],
    )


def is_waiting():
    """Tell whether any session waits for another's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')"
        )
        return cursor.fetchone()[0]


def test_a_row_whose_second_target_was_taken_in_this_moment_is_not_written_at_all(boss, two_targets):
    for n in (1, 2):
        Thing.objects.create(code=f"T{n}", price=Decimal(n))
    text = b"code,price,box\nT1,10,Mine\nT2,20,Yours\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(text, name="n.csv"))
    assert figures(batch)["counts"] == {"ok": 2}

    def execute():
        actions.execute(batch, boss)
        connections.close_all()

    thread = threading.Thread(target=execute)
    with transaction.atomic():
        Box.objects.create(name="Yours")
        thread.start()
        until(is_waiting)
    thread.join()
    assert figures(batch)["counts"] == {"applied": 1, "conflict": 1}
    assert {t.code: int(t.price) for t in Thing.objects.all()} == {"T1": 10, "T2": 2}
    assert sorted(Box.objects.values_list("name", flat=True)) == ["Mine", "Yours"]
    row = batch.rows.get(status="conflict")
    assert (row.box_id, row.applied_at, [e["code"] for e in row.issues]) == (None, None, ["exists_now"])


def fail():
    raise ValueError("after the commit")


def test_what_fails_after_the_commit_does_not_call_the_batch_unwritten(boss, monkeypatch):
    Thing.objects.create(code="T1", price=Decimal(1))
    monkeypatch.setattr(PriceHandler, "make_artifacts", lambda self: transaction.on_commit(fail))
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    actions.execute(batch, boss)
    batch.refresh_from_db()
    assert (batch.status, figures(batch)["counts"]) == ("executed", {"applied": 1})
    run = Run.objects.get(batch_id=batch.pk, kind="execute")
    assert (run.state, run.error, run.counts) == ("succeeded", "", {"applied": 1})
    assert Thing.objects.get().price == 2


def test_ctrl_c_after_the_commit_stops_the_command_and_leaves_the_batch_executed(boss, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    Thing.objects.create(code="T1", price=Decimal(1))
    monkeypatch.setattr(PriceHandler, "make_artifacts", lambda self: transaction.on_commit(interrupt))
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    with pytest.raises(KeyboardInterrupt):
        actions.execute(batch, boss)
    batch.refresh_from_db()
    assert (batch.status, Run.objects.get(batch_id=batch.pk, kind="execute").state) == (
        "executed",
        "succeeded",
    )


def test_a_receiver_that_fails_keeps_no_other_from_hearing(boss, caplog):
    heard = []

    def broken(sender, **kwargs):
        fail()

    def hears(sender, pks, **kwargs):
        heard.extend(pks)

    thing = Thing.objects.create(code="T1", price=Decimal(1))
    rows_written.connect(broken, sender=Thing)
    rows_written.connect(hears, sender=Thing)
    try:
        batch = make_batch("toy_price", user=boss, options={"factor": "2"})
        actions.execute(batch, boss)
    finally:
        for receiver in (broken, hears):
            with suppress(KeyError):
                rows_written.disconnect(receiver, sender=Thing)
    assert heard == [thing.pk]
    assert "rows_written failed" in caplog.text
    assert Run.objects.get(batch_id=batch.pk, kind="execute").state == "succeeded"


def test_a_table_that_another_session_holds_for_maintenance_fails_no_batch(
    boss, monkeypatch, settings, caplog
):
    """Figures for the planner are taken after the commit: whatever keeps them from being taken, the batch is executed."""
    settings.BATCHES = {"LOCK_TIMEOUT_MS": 50}
    monkeypatch.setattr(runner, "ANALYZE_ROWS", 1)
    monkeypatch.setattr(
        PriceHandler, "populate", lambda self: self.copy_rows([{"code": "N1", "new_price": 5}])
    )
    new = Create(Thing, to="thing", key="code", fields={"code": "code", "price": "new_price"})
    monkeypatch.setattr(PriceHandler, "changes", [new])
    monkeypatch.setattr(PriceHandler, "lookups", [Lookup("thing", ({"code": "code"},))])
    batch = make_batch("toy_price", user=boss)
    held, done = threading.Event(), threading.Event()

    def maintain():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE toys_thing IN SHARE UPDATE EXCLUSIVE MODE")
            held.set()
            done.wait(30)
        connections.close_all()

    thread = threading.Thread(target=maintain)
    thread.start()
    held.wait(30)
    try:
        actions.execute(batch, boss)
    finally:
        done.set()
        thread.join()
    assert "no figures were taken" in caplog.text
    assert (batch.status, Run.objects.get(batch_id=batch.pk, kind="execute").state) == (
        "executed",
        "succeeded",
    )
    assert Thing.objects.get().price == 5

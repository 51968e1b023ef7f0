"""A change of many rows whose worker dies, or that is stopped: all of the rows are changed once, or none."""

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from batches import actions
from batches.bulk import Bulk, Said
from batches.lease import waiting
from batches.models import Event, Run
from batches.registry import find_batch
from batches.runner import resume
from batches.testing import make_batch
from tests.toys.models import Box, Thing

from .harness import KillAt, forked, in_thread, killed, statements, until

pytestmark = pytest.mark.django_db(transaction=True)
ADDED = Said("new_price", "amount", "10")


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def quick(settings, monkeypatch):
    """Let five rows be many, changed two at a time, and leases be short."""
    settings.BATCHES = {
        "LEASE_SECONDS": 0.15,
        "RENEW_SECONDS": 0.04,
        "POLL_SECONDS": 0.05,
        "PIECE_ROWS": 2,
        "AT_ONCE_ROWS": 1,
    }
    monkeypatch.setattr("batches.longwork.PIECE", 2)


@pytest.fixture
def batch(boss):
    box = Box.objects.create(name="First")
    Thing.objects.bulk_create([Thing(code=f"T{i}", price=Decimal(i), box=box) for i in range(1, 6)])
    return make_batch("toy_price", user=boss)


def prices(batch):
    return [int(p) for p in batch.rows.order_by("sequence").values_list("new_price", flat=True)]


def carry_on(run):
    """Do what a worker does until the run does not wait any more."""

    def done():
        for run_id in waiting(0):
            resume(run_id)
        return not Run.objects.get(pk=run.pk).is_active

    until(done)


def test_kill_at_every_statement_of_a_bulk_change_changes_each_row_once(boss, quick, batch):
    before = [1, 2, 3, 4, 5]
    whole = actions.bulk_change(batch, boss, ADDED).run
    points = statements(lambda: resume(whole.pk))
    assert prices(batch) == [11, 12, 13, 14, 15]
    assert points > 10
    kills = 0
    for n in range(1, points + 1):
        batch.rows.update(version=0)
        for row in batch.rows.all():
            batch.rows.filter(pk=row.pk).update(new_price=row.sequence)
        assert prices(batch) == before
        batch = find_batch(batch.pk)
        revision = batch.revision
        run = actions.bulk_change(batch, boss, ADDED).run
        kills += killed(forked(lambda n=n, run=run: _killed_at(run.pk, n)))
        carry_on(run)
        where = f"statement {n}"
        assert Run.objects.get(pk=run.pk).state == "succeeded", where
        assert prices(batch) == [11, 12, 13, 14, 15], where
        assert set(batch.rows.values_list("version", flat=True)) == {1}, where
        batch = find_batch(batch.pk)
        assert (batch.status, batch.revision) == ("review", revision + 1), where
        told = Event.objects.filter(run=run.pk, verb="bulk_change", data__has_key="counts")
        assert told.count() == 1, where
    assert kills >= points - 1


def _killed_at(run_id, n):
    with connection.execute_wrapper(KillAt(n)):
        resume(run_id)


def test_a_stop_in_the_middle_leaves_every_row_as_it_was(boss, quick, batch, monkeypatch):
    run = actions.bulk_change(batch, boss, ADDED).run
    whole = Bulk.write

    def stopping(bulk, first, last):
        found = whole(bulk, first, last)
        if first == 1:
            in_thread(lambda: actions.stop(find_batch(batch.pk), boss))
            until(lambda: bulk.handler.progress.__self__.stop_requested)
        return found

    monkeypatch.setattr(Bulk, "write", stopping)
    assert resume(run.pk).state == "stopped"
    assert prices(batch) == [1, 2, 3, 4, 5]
    assert (find_batch(batch.pk).status, find_batch(batch.pk).revision) == ("review", batch.revision)

"""Rows are saved by a worker that dies, or that is stopped: one file is there and noted, or none."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from batches import actions, artifacts
from batches.models import Artifact, Run
from batches.registry import find_batch
from batches.runner import resume
from batches.testing import make_batch
from tests.toys.models import Box, Thing

from .harness import KillAt, forked, in_thread, killed, statements, until
from .test_bulk_change import carry_on

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture(autouse=True)
def quick(settings, monkeypatch, tmp_path):
    """Let leases be short, and let each row be looked at."""
    settings.BATCHES = {"LEASE_SECONDS": 0.15, "RENEW_SECONDS": 0.04, "POLL_SECONDS": 0.05}
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr("batches.artifacts.HEED_ROWS", 1)
    monkeypatch.setattr("batches.artifacts.HEED_BYTES", 100)


@pytest.fixture
def batch(boss):
    box = Box.objects.create(name="First")
    Thing.objects.bulk_create([Thing(code=f"T{i}", price=Decimal(i), box=box) for i in range(1, 6)])
    return make_batch("toy_price", user=boss)


@pytest.fixture
def stored(tmp_path):
    """Return a function that returns the names in storage."""
    return lambda: {
        path.relative_to(tmp_path).as_posix() for path in Path(tmp_path).rglob("*") if path.is_file()
    }


def noted():
    return set(Artifact.objects.values_list("file", flat=True))


def test_kill_at_every_statement_leaves_one_whole_file(boss, batch, stored):
    whole = actions.export(batch, boss, "csv")
    points = statements(lambda: resume(whole.pk))
    made = Artifact.objects.get()
    expected = made.file.open("rb").read()
    assert points > 10
    kills, left = 0, 0
    for n in range(1, points + 1):
        run = actions.export(batch, boss, "csv")
        kills += killed(forked(lambda n=n, run=run: _killed_at(run.pk, n)))
        left += len(stored() - noted())
        carry_on(run)
        assert Run.objects.get(pk=run.pk).state == "succeeded", n
        made = Artifact.objects.get(run=run.pk)
        assert made.file.open("rb").read() == expected, n
        assert stored() == noted(), f"statement {n}: what is in storage is not what is noted"
    assert kills >= points - 1
    assert left, "No kill came while the file was stored; the test proves nothing."
    assert find_batch(batch.pk).revision == batch.revision


def _killed_at(run_id, n):
    with connection.execute_wrapper(KillAt(n)):
        resume(run_id)


def test_a_run_that_died_and_then_was_stopped_leaves_nothing(boss, batch, stored):
    probe = actions.export(batch, boss, "xlsx")
    points = statements(lambda: resume(probe.pk))
    left = 0
    for n in range(points // 2, points, 3):
        before = noted()
        run = actions.export(batch, boss, "xlsx")
        assert killed(forked(lambda n=n, run=run: _killed_at(run.pk, n)))
        if noted() != before:
            carry_on(run)
            continue
        left += len(stored() - noted())
        actions.stop(batch, boss)
        carry_on(run)
        assert Run.objects.get(pk=run.pk).state == "stopped", n
        assert stored() == noted(), n
    assert left, "No kill came while the file was stored; the test proves nothing."


@pytest.mark.parametrize("where", ["rows", "storing", "noted"])
def test_a_stop_in_the_middle_leaves_nothing(boss, batch, stored, monkeypatch, where):
    run = actions.export(batch, boss, "csv")
    before = stored()

    def stopping(keeper):
        in_thread(lambda: actions.stop(find_batch(batch.pk), boss))
        until(lambda: keeper.stop_requested)

    whole, store, chunks = artifacts._heedful, artifacts._store, artifacts._Heedful.chunks

    def lines(found, keeper):
        for n, line in enumerate(whole(found, keeper)):
            if n == 1:
                stopping(keeper)
            yield line

    def pieces(content, size=None):
        for n, piece in enumerate(chunks(content, size)):
            yield piece
            if n == 0:
                assert stored() > before
                stopping(content.keeper)

    def noting(handler, run, content, **more):
        made = store(handler, run, content, **more)
        assert stored() > before
        stopping(content.keeper)
        return made

    name, stand_in = {
        "rows": ("batches.artifacts._heedful", lines),
        "storing": ("batches.artifacts._Heedful.chunks", pieces),
        "noted": ("batches.artifacts._store", noting),
    }[where]
    monkeypatch.setattr(name, stand_in)
    assert resume(run.pk).state == "stopped"
    assert stored() == before
    assert not noted()

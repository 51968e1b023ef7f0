"""Undo in chunks: whatever dies or is asked in between, production is put back once, and it goes on where it was."""

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db import connection
from django.urls import reverse

from batches import actions, undo_chunks
from batches.figures import figures
from batches.models import Event, Run, RunStep
from batches.registry import find_batch
from batches.testing import make_batch
from batches.words import completeness
from tests.toys.batches import DoubleHandler, PriceHandler, ThingFileHandler
from tests.toys.models import Box, Thing, ThingEvent

from .harness import KillAt, forked, killed, statements
from .test_chunked import (
    DOUBLED,
    ROWS,
    AtStep,
    _carry_on,
    batch,
    boss,
    doubled,
    executed_while,
    in_chunks,
    prices,
)

__all__ = ["batch", "boss", "in_chunks"]
pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [1, 2, 3, 4, 5]


@pytest.fixture
def executed(batch, boss):
    actions.execute(batch, boss)
    assert prices() == DOUBLED
    return batch


def undone_while(batch, boss, work, n=1):
    """Undo the batch, and do something after its first chunk, or after the `n`th; return the run."""
    with connection.execute_wrapper(AtStep(work, n)):
        return actions.revert(batch, boss)


def put_back():
    """Return how many changes of prices an undo has journalled."""
    runs = Run.objects.filter(kind="revert").values("pk")
    return ThingEvent.objects.filter(pgh_label="update", pgh_run__in=runs).count()


def test_chunks_are_committed_one_by_one(executed, boss):
    Thing.objects.filter(code="T3").update(price=99)
    seen = []
    run = undone_while(executed, boss, lambda: seen.append(prices()))
    assert seen == [[1, 2, 99, 8, 10]]
    assert (run.state, executed.status, prices()) == ("succeeded", "reverted", [1, 2, 99, 4, 5])
    assert figures(executed)["counts"] == {"reverted": 4, "kept": 1}
    steps = RunStep.objects.filter(run=run, final=False).order_by("pk").values_list("cursor", flat=True)
    assert list(steps) == [2, 4, 5]
    assert (
        Event.objects.filter(run=run.pk, verb="revert").latest("pk").comment
        == "4 rows were put back, 1 kept."
    )


def test_pause_stop_and_again(executed, boss, client):
    client.force_login(boss)
    run = undone_while(executed, boss, lambda: actions.pause(find_batch(executed.pk), boss))
    assert (run.state, prices()) == ("paused", [1, 2, 6, 8, 10])
    page = client.get(reverse("batches:batch", args=[executed.pk]), follow=True).text
    assert "2 put back" in page
    actions.stop(find_batch(executed.pk), boss)
    _carry_on(executed.pk)
    executed.refresh_from_db()
    run.refresh_from_db()
    assert run.error == "Stopped by a person. 2 rows are put back, 3 are still written."
    assert completeness(executed.status, figures(executed)) == "Executed in part: 3 written, 2 not (2 undone)"
    actions.revert(executed, boss)
    assert (executed.status, prices(), put_back()) == ("reverted", BEFORE, ROWS)


def test_batch_that_was_executed_at_once_is_undone_at_once(boss, monkeypatch):
    monkeypatch.setattr(PriceHandler, "atomic", "ask")
    batch = doubled(boss)
    actions.execute(batch, boss, in_chunks=False)
    assert not actions.revert(batch, boss).is_chunked
    actions.work(batch, actions.reapply(batch, boss, own=True))
    assert prices() == DOUBLED


def test_filter_that_matches_all_that_is_written_leaves_the_rest_to_go_on(batch, boss):
    executed_while(batch, boss, lambda: actions.stop(find_batch(batch.pk), boss))
    actions.revert(batch, boss, {"status": "applied"})
    assert (batch.status, prices()) == ("executed", BEFORE)
    assert figures(batch)["counts"] == {"ok": 3, "reverted": 2}
    actions.work(batch, actions.resume(batch, boss, own=True))
    assert prices() == [1, 2, 6, 8, 10]


def test_rows_of_a_filter(executed, boss):
    actions.revert(executed, boss, {"q": "T4"})
    assert (executed.status, prices()) == ("executed", [2, 4, 6, 4, 10])
    actions.revert(executed, boss)
    assert (executed.status, prices()) == ("reverted", BEFORE)


@pytest.mark.parametrize("most", [10_000, 0])
def test_what_rows_share_goes_with_the_last_transaction(boss, monkeypatch, most):
    monkeypatch.setattr(ThingFileHandler, "atomic", False)
    monkeypatch.setattr(undo_chunks, "MOST_SHARED", most)
    rows = "".join(f"N{n},{n},Mine\n" for n in range(1, 6))
    batch = make_batch(
        "toy_file", user=boss, file=ContentFile(f"code,price,box\n{rows}".encode(), name="n.csv")
    )
    actions.execute(batch, boss)
    # Two rows that stand for the same thing: neither may be marked before it is decided what becomes of it.
    first = Thing.objects.get(code="N1")
    ThingFileHandler(batch).rows().filter(code="N5").update(thing=first)
    seen = []
    undone_while(batch, boss, lambda: seen.append((Thing.objects.count(), Box.objects.count())))
    assert seen == [(4, 1) if most else (5, 1)]
    assert (Thing.objects.count(), Box.objects.count()) == (0, 0)
    assert figures(batch)["counts"] == {"reverted": 5}
    assert batch.status == "reverted"


def test_hook_of_a_type_without_declared_changes(boss, monkeypatch):
    monkeypatch.setattr(DoubleHandler, "atomic", False)
    doubled(boss)
    batch = make_batch("toy_double", user=boss)
    actions.execute(batch, boss)
    assert prices() == DOUBLED
    actions.revert(batch, boss)
    assert (prices(), figures(batch)["counts"]) == (BEFORE, {"reverted": 5})


def test_kill_at_every_fifth_statement(boss):
    whole = doubled(boss)
    actions.execute(whole, boss)
    points = statements(lambda: actions.revert(whole, boss))
    kills = half = 0
    for n in range(1, points + 2, 5):
        for model in (Thing, Box):
            model.objects.all().delete()
        batch = doubled(boss)
        actions.execute(batch, boss)
        before = put_back()
        kills += killed(forked(lambda pk=batch.pk, n=n: _killed_at(pk, min(n, points), after=n > points)))
        half += 0 < put_back() - before < ROWS
        _carry_on(batch.pk)
        batch = find_batch(batch.pk)
        if batch.status == "executed":
            assert prices() == DOUBLED, f"statement {n}: nothing had begun"
            actions.revert(batch, boss)
        assert (batch.status, prices(), put_back() - before) == ("reverted", BEFORE, ROWS), f"statement {n}"
        assert figures(batch)["counts"] == {"reverted": ROWS}, f"statement {n}"
    print(f"chunked undo: {points} statements, {kills} kills, {half} in the middle, lost 0, doubled 0")
    assert kills >= points // 5
    assert half > 2


def _killed_at(pk, n, after):
    user = get_user_model().objects.get(username="boss")
    with connection.execute_wrapper(KillAt(n, after)):
        actions.revert(find_batch(pk), user)

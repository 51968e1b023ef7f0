"""What is told is what was written, at every moment."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from batches import actions
from batches.exceptions import RunFailed
from batches.models import Delivery, Run
from batches.outbox import outbox_of
from batches.registry import find_batch
from batches.runner import Runner, resume
from batches.targets import Parcel
from tests.toys.batches import TellHandler
from tests.toys.models import Thing

from ..harness import KillAt, forked, killed, statements, until
from .till import DOUBLED, ROWS, applied_rows, prices, told, told_rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_deliveries_are_those_of_the_rows_that_were_written(batch, boss):
    Thing.objects.filter(code="T2").update(price=7)
    actions.exclude(batch, boss, batch.rows.filter(code="T4"))
    run = actions.execute(batch, boss)
    assert prices() == [2, 7, 6, 4, 10]
    assert told_rows(batch) == applied_rows(batch) == [1, 3, 5]
    delivery = Delivery.objects.get(row=3)
    assert delivery.key == f"{batch.pk:08d}-{run.pk}-000003-drop_folder"
    assert delivery.payload == {"code": "T3", "price": "6.00", "was": "3.00"}
    assert outbox_of(batch.pk).words() == "written 3; sent 0, waiting 3"
    Runner(run, inline=True).go()
    assert told_rows(batch) == [1, 3, 5]


@pytest.mark.parametrize(("chunked", "step"), [(False, 6), (True, 6)], ids=["one transaction", "chunks"])
def test_kill_at_statements_of_an_execution(boss, chunked, step, request):
    """kill -9 before each statement (here every sixth) and after the last: told is what is written, always."""
    if chunked:
        request.getfixturevalue("in_chunks")
    first = told(boss)
    points = statements(lambda: actions.execute(first, boss))
    kills = half = 0
    for n in [*range(1, points + 1, step), points + 1]:
        Thing.objects.all().delete()
        batch = told(boss)
        status = forked(lambda pk=batch.pk, n=n: _killed_at(pk, min(n, points), after=n > points))
        kills += killed(status)
        found = told_rows(batch)
        assert found == applied_rows(batch), f"statement {n}"
        half += 0 < len(found) < ROWS
        _carry_on(batch.pk)
        batch = find_batch(batch.pk)
        if batch.status == "review":
            assert found == []
            actions.execute(batch, boss)
        assert (batch.status, prices()) == ("executed", DOUBLED), f"statement {n}"
        assert told_rows(batch) == applied_rows(batch) == [1, 2, 3, 4, 5], f"statement {n}"
    print(f"{points} statements, {kills} kills, {half} in the middle, lost 0, doubled 0")
    assert kills >= points / step
    assert bool(half) == chunked


def _killed_at(pk, n, after):
    user = get_user_model().objects.get(username="boss")
    with connection.execute_wrapper(KillAt(n, after)):
        actions.execute(find_batch(pk), user)


def _carry_on(pk):
    def done():
        for run in Run.objects.filter(batch_id=pk, finished=None):
            resume(run.pk)
        return not Run.objects.filter(batch_id=pk, finished=None).exists()

    until(done)


def test_rows_that_an_earlier_run_wrote_are_not_told_again(batch, boss, in_chunks, monkeypatch):
    monkeypatch.setattr(TellHandler, "on_conflict", "stop")
    Thing.objects.filter(code="T4").update(price=7)
    with pytest.raises(RunFailed):
        actions.execute(batch, boss)
    assert told_rows(batch) == [1, 2]
    Thing.objects.filter(code="T4").update(price=4)
    actions.work(batch, actions.resume(batch, boss, own=True))
    assert prices() == DOUBLED
    assert told_rows(batch) == [1, 2, 3, 4, 5]
    assert len(set(Delivery.objects.values_list("lot__run", flat=True))) == 2


@pytest.mark.parametrize(
    ("parcels", "said"),
    [
        (lambda rows: [Parcel(1, "elsewhere", {})], "Row 1 is delivered to 'elsewhere', which is not among"),
        (lambda rows: [Parcel(1, "drop_folder", {})] * 2, "Row 1 is delivered to 'drop_folder' twice"),
        (lambda rows: [Parcel(9, "drop_folder", {})], "deliver() was not given row 9"),
    ],
)
def test_what_the_type_must_not_deliver_undoes_the_execution(batch, boss, monkeypatch, parcels, said):
    monkeypatch.setattr(TellHandler, "deliver", lambda self, rows: parcels(rows))
    with pytest.raises(RunFailed) as failed:
        actions.execute(batch, boss)
    assert said in str(failed.value)
    assert (batch.status, prices(), told_rows(batch)) == ("review", [1, 2, 3, 4, 5], [])

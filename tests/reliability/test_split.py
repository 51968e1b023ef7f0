"""A split that dies or meets a fault at any statement, or is asked for twice at once: each row is in exactly one batch."""

import threading
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, connections

from batches import actions
from batches.contract.pictures import picture
from batches.exceptions import Refused
from batches.models import BatchNumber, Event
from batches.registry import find_batch
from batches.testing import make_batch
from tests.toys.models import Box, PriceBatch, PriceRow, Thing

from .harness import KillAt, forked, killed, statements

pytestmark = pytest.mark.django_db(transaction=True)
CHOSEN = {"q": "A"}


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def make(boss):
    box = Box.objects.create(name="First")
    Thing.objects.bulk_create(
        [Thing(code=f"{c}{i}", price=Decimal(i), box=box) for c in "AB" for i in (1, 2, 3)]
    )
    return lambda: make_batch("toy_price", user=boss)


class Fault(OperationalError):
    pass


def fault_at(n):
    """Return an execute wrapper that fails after statement `n` was carried out."""
    seen = 0

    def wrapper(execute, statement, params, many, context):
        nonlocal seen
        seen += 1
        result = execute(statement, params, many, context)
        if seen == n:
            raise Fault(statement)
        return result

    return wrapper


def all_or_nothing(batch, before, where):
    """Check that the rows lie in the one batch or in two, never in none or both; return whether it was split."""
    others = BatchNumber.objects.filter(part_of=batch.pk).exclude(pk=batch.pk)
    mine = set(batch.rows.values_list("code", flat=True))
    fresh, told = find_batch(batch.pk), Event.objects.filter(batch=batch.pk, verb="split").count()
    done = others.exists()
    theirs = set(PriceRow.objects.filter(batch__in=others.values("pk")).values_list("code", flat=True))
    rows = PriceRow.objects.filter(batch__in=[batch.pk, *others.values_list("pk", flat=True)])
    assert picture(rows, ["batch"]) == before, where
    assert theirs == ({"A1", "A2", "A3"} if done else set()), where
    assert len(mine) + len(theirs) == 6, where
    assert (fresh.revision, told, fresh.is_part) == ((2, 1, True) if done else (1, 0, False)), where
    # Neither a header without a number nor a number without a header is left.
    headers = set(PriceBatch.objects.values_list("pk", flat=True))
    assert set(BatchNumber.objects.values_list("pk", flat=True)) == headers, where
    return done


def test_kill_at_every_statement_moves_all_or_nothing(boss, make):
    trial = make()
    points = statements(lambda: actions.split(trial, boss, CHOSEN))
    assert points > 15
    kills = outcomes = 0
    for n in range(1, points + 1):
        for after in (False, True):
            batch = make()
            before = picture(batch.rows.all(), ["batch"])

            def work(batch=batch, n=n, after=after):
                with connection.execute_wrapper(KillAt(n, after)):
                    actions.split(batch, boss, CHOSEN)

            kills += killed(forked(work))
            outcomes += all_or_nothing(batch, before, f"{'after' if after else 'before'} statement {n}")
    assert kills == 2 * points
    assert outcomes >= 1, "the last statement comes after the commit"


def test_a_fault_after_every_statement_moves_all_or_nothing_and_the_next_try_all(boss, make):
    trial = make()
    points = statements(lambda: actions.split(trial, boss, CHOSEN))
    for n in range(1, points + 1):
        batch = make()
        before = picture(batch.rows.all(), ["batch"])
        with pytest.raises(Fault), connection.execute_wrapper(fault_at(n)):
            actions.split(batch, boss, CHOSEN)
        if not all_or_nothing(batch, before, f"statement {n}"):
            assert actions.split(batch, boss, CHOSEN, expected=3).rows == 3
            assert all_or_nothing(batch, before, f"the try after statement {n}")


def test_two_at_once_move_each_row_once(boss, make):
    batch = make()
    before = picture(batch.rows.all(), ["batch"])
    start, said = threading.Barrier(6), []

    def press():
        try:
            start.wait(10)
            said.append(actions.split(find_batch(batch.pk), boss, CHOSEN, expected=3).rows)
        except Refused as refused:
            said.append(str(refused))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count(3) == 1, said
    assert said.count("3 rows matched when you pressed, now 0 do; look again.") == 5, said
    assert BatchNumber.objects.filter(part_of=batch.pk).count() == 2
    rows = PriceRow.objects.filter(batch__in=find_batch(batch.pk).parts())
    assert picture(rows, ["batch"]) == before

"""Rows that are tried again are told once each, however they were written and whatever dies."""

import pytest
from django.db import connection

from batches import actions
from batches.outbox import send_due
from batches.registry import find_batch
from tests.toys.batches import TellHandler
from tests.toys.models import Thing

from ..harness import KillAt, forked, killed, statements
from ..test_chunked import _carry_on
from ..test_retry import rule
from .till import applied_rows, told, told_rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def passing_by(in_chunks, recorded, monkeypatch):
    monkeypatch.setattr(TellHandler, "on_error", "skip")
    yield
    rule(None)


def failed(boss):
    """Return an executed batch of which rows 3 and 4 failed; nothing is in their way any more."""
    Thing.objects.all().delete()
    rule("price NOT IN (6, 8)")
    batch = told(boss)
    actions.execute(batch, boss)
    rule(None)
    return batch


def tried_again(batch):
    actions.work(batch, actions.retry(batch, batch.created_by, own=True))


@pytest.mark.parametrize("atomic", [True, False])
def test_each_row_is_told_once_for_each_time_it_is_written(boss, recorded, monkeypatch, atomic):
    batch = failed(boss)
    assert told_rows(batch) == applied_rows(batch) == [1, 2, 5]
    monkeypatch.setattr(TellHandler, "atomic", atomic)
    tried_again(batch)
    assert told_rows(batch) == [1, 2, 3, 4, 5]
    actions.revert(batch, boss, {"q": "T3"})
    actions.work(batch, actions.reapply(batch, boss, own=True))
    assert told_rows(batch) == [1, 2, 3, 3, 4, 5]
    send_due()
    assert sorted(row for _key, rows in recorded.sent for row in rows) == [1, 2, 3, 4, 5]


def test_kill_at_every_sixth_statement_of_another_try(boss):
    whole = failed(boss)
    points = statements(lambda: tried_again(whole))
    kills = 0
    for n in range(1, points + 2, 6):
        batch = failed(boss)
        kills += killed(forked(lambda pk=batch.pk, n=n: _killed_at(pk, min(n, points), after=n > points)))
        assert told_rows(batch) == applied_rows(batch), f"statement {n}"
        _carry_on(batch.pk)
        batch = find_batch(batch.pk)
        if batch.rows.filter(status="failed").exists():
            tried_again(batch)
        assert told_rows(batch) == applied_rows(batch) == [1, 2, 3, 4, 5], f"statement {n}"
    assert kills >= points // 6


def _killed_at(pk, n, after):
    with connection.execute_wrapper(KillAt(n, after)):
        tried_again(find_batch(pk))

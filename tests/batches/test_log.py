"""The log is append-only, names who did what through which door, and outlives the batch."""

import pgtrigger
import pytest
from django.db import DatabaseError, connection, transaction

from batches import actions
from batches.models import BatchNumber, Event, Run, Unreadable
from batches.testing import make_batch
from tests.toys.models import PriceRow

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    ["UPDATE batches_event SET user_name = 'x'", "DELETE FROM batches_event", "TRUNCATE batches_event"],
)
def test_no_entry_can_be_changed_or_removed(boss, things, statement):
    make_batch("toy_price", user=boss)
    pgtrigger.install("batches.Event:no_truncate")
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert Event.objects.exists()


def test_each_step_is_logged(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    row = batch.rows.first()
    actions.edit_row(batch, boss, row.pk, {"new_price": "9"}, version=0)
    actions.exclude(batch, boss, batch.rows.filter(pk=row.pk), reason="wrong")
    actions.execute(batch, boss, door=actions.PAGE)
    events = list(Event.objects.filter(batch=batch.pk))
    assert [e.verb for e in events] == [
        "make",
        "populate",
        "populate",
        "edit",
        "exclude",
        "execute",
        "execute",
    ]
    assert events[3].data == {"row": 1, "changes": {"new_price": ["2.00", "9"]}}
    assert events[4].comment == "wrong"
    assert (events[5].door, events[5].old, events[5].new, events[5].user_name) == (
        "page",
        "review",
        "executing",
        "boss",
    )
    assert events[6].data["counts"] == {"applied": 2, "warning": 1}


def test_deleting_leaves_the_log_and_nothing_else(boss, things):
    batch = make_batch("toy_price", user=boss)
    number = batch.pk
    actions.delete(batch, boss)
    assert not BatchNumber.objects.filter(pk=number).exists()
    assert not PriceRow.objects.filter(batch_id=number).exists()
    assert not Run.objects.filter(batch_id=number).exists()
    assert not Unreadable.objects.filter(batch_id=number).exists()
    assert Event.objects.filter(batch=number).last().verb == "delete"

"""An undo cancels what is not sent, and the lock of a lot decides who was first."""

import threading

import pytest
from django.db import connection, connections

from batches import actions
from batches.exceptions import NotSent
from batches.models import Delivery, DeliveryLot, Event
from batches.outbox import outbox_of, send_due
from batches.registry import find_batch
from tests.batches.aging import aged

from ..harness import in_thread, until
from .till import ROWS, make_due, prices

pytestmark = pytest.mark.django_db(transaction=True)


def test_undo_cancels_what_is_not_sent_and_tells_what_is(recorded, executed, boss):
    def once(lot):
        if "-000003-" in lot.key:
            raise NotSent("The line is down.")

    recorded.before = once
    send_due()
    run = actions.revert(executed, boss)
    assert prices() == [1, 2, 3, 4, 5]
    assert outbox_of(executed.pk).words() == "written 5; sent 2, cancelled 3"
    event = executed_log(run)
    assert event.comment.endswith("Deliveries: 3 will not be sent, 2 were sent before.")
    assert event.data["deliveries"] == {"written": 5, "sent": 2, "waiting": 0, "failed": 0, "cancelled": 3}
    recorded.before = None
    make_due()
    assert send_due() == 0


def test_undo_of_some_rows_cancels_theirs_alone(recorded, executed, boss):
    run = actions.revert(executed, boss, {"q": "T2"})
    assert prices() == [2, 2, 6, 8, 10]
    assert outbox_of(executed.pk).words() == "written 5; sent 0, waiting 4, cancelled 1"
    assert executed_log(run).data["deliveries"]["cancelled"] == 1
    send_due()
    assert sorted(row for _key, rows in recorded.sent for row in rows) == [1, 3, 4, 5]
    assert outbox_of(executed.pk).words() == "written 5; sent 4, cancelled 1"


def test_undo_of_some_rows_takes_nothing_out_of_a_lot_that_was_tried(recorded, executed, boss):
    def down(lot):
        raise NotSent("The line is down.")

    recorded.before = down
    send_due()
    actions.revert(executed, boss, {"q": "T2"})
    assert outbox_of(executed.pk).cancelled == 0
    recorded.before = None
    until(lambda: (make_due(), send_due(), outbox_of(executed.pk).sent == ROWS)[-1])
    assert sorted(row for _key, rows in recorded.sent for row in rows) == [1, 2, 3, 4, 5]


def test_lot_that_somebody_lets_be_sent_again_stays_as_it_was_sent(recorded, executed, boss, settings):
    """Its answer may have been lost: whoever has it knows its key, and must not get other content under it."""
    settings.BATCHES = settings.BATCHES | {"DELIVER_TRIES": 1}
    arrived = []

    def lost(lot):
        arrived.append((lot.key, list(lot.deliveries.values_list("row", flat=True))))
        raise NotSent("No answer came.")

    recorded.before = lost
    send_due()
    assert outbox_of(executed.pk).failed == ROWS
    actions.deliver(executed, boss)
    assert outbox_of(executed.pk).tried == 2
    actions.revert(executed, boss, {"q": "T2"})
    recorded.before = None
    send_due()
    assert recorded.sent[0] == arrived[0]
    assert outbox_of(executed.pk).sent == ROWS


def test_tried_lot_of_which_no_row_is_left_written_is_not_sent(recorded, executed, boss):
    def down(lot):
        raise NotSent("The line is down.")

    recorded.before = down
    send_due()
    actions.revert(executed, boss, {"q": "T1"})
    assert outbox_of(executed.pk).cancelled == 0
    run = actions.revert(executed, boss, {"q": "T"})
    assert executed.status == "reverted"
    assert outbox_of(executed.pk).words() == "written 5; sent 0, cancelled 5"
    assert executed_log(run).comment.endswith("Deliveries: 5 will not be sent, 0 were sent before.")
    recorded.before = None
    make_due()
    assert (send_due(), recorded.sent) == (0, [])


def test_what_an_undo_leaves_written_is_told_still(recorded, executed, boss):
    with connection.cursor() as cursor:
        # Production refuses to take one back.
        cursor.execute("ALTER TABLE toys_thing ADD CONSTRAINT a_rule CHECK (price <> 2) NOT VALID")
    try:
        actions.revert(executed, boss, {"q": "T2"})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE toys_thing DROP CONSTRAINT a_rule")
    assert (executed.rows.get(code="T2").status, prices()) == ("kept", [2, 4, 6, 8, 10])
    assert outbox_of(executed.pk).words() == "written 5; sent 0, waiting 5"


def test_what_is_written_again_is_told_again(recorded, executed, boss):
    send_due()
    actions.revert(executed, boss)
    actions.work(executed, actions.reapply(executed, boss, own=True))
    send_due()
    assert outbox_of(executed.pk).words() == "written 10; sent 10"
    assert len({key for key, _rows in recorded.sent}) == len(recorded.sent)


def test_going_on_tells_nothing_twice(recorded, executed, boss):
    actions.revert(executed, boss, {"q": "T2"})
    actions.work(executed, actions.reapply(executed, boss, {"q": "T2"}, own=True))
    send_due()
    assert sorted(row for _key, rows in recorded.sent for row in rows) == [1, 2, 3, 4, 5]


def test_purge_removes_what_was_told_and_leaves_the_numbers(recorded, executed, boss):
    send_due()
    aged(executed, 2000)
    actions.purge(find_batch(executed.pk), boss)
    assert not Delivery.objects.filter(lot__batch=executed.pk).exists()
    assert outbox_of(executed.pk).words() == "written 5; sent 5"


def executed_log(run):
    return Event.objects.filter(run=run.pk, verb="revert").latest("pk")


def test_undo_that_comes_while_a_lot_is_sent_waits_and_finds_it_sent(recorded, executed, boss, settings):
    settings.BATCHES = settings.BATCHES | {"DELIVER_SECONDS": 20.0}
    undoing = threading.Thread(
        target=lambda: (actions.revert(find_batch(executed.pk), boss), connections.close_all())
    )

    def meanwhile(lot):
        recorded.before = None
        undoing.start()
        until(_somebody_waits)

    recorded.before = meanwhile
    send_due()
    undoing.join()
    assert find_batch(executed.pk).status == "reverted"
    sent = {key for key, _rows in recorded.sent}
    marked = set(DeliveryLot.objects.filter(state="sent").values_list("key", flat=True))
    assert sent == marked
    assert "-000001-" in min(sent), "what was being sent is not taken for unsent"
    assert outbox_of(executed.pk).cancelled == ROWS - outbox_of(executed.pk).sent


def _somebody_waits():
    """Tell whether somebody waits for a lot; asked from elsewhere, as a transaction sees the same activity all the time."""
    found = []

    def look():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s",
                ["%batches_deliverylot%"],
            )
            found.append(cursor.fetchone()[0])

    in_thread(look)
    return found[0] > 0


def test_undo_that_fails_lets_the_rest_be_sent(recorded, executed, boss, monkeypatch):
    monkeypatch.setattr("batches.undo.Undo.write", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        actions.revert(executed, boss)
    assert send_due() == 3


def test_purge_says_in_the_log_what_was_never_sent(recorded, executed, boss):
    recorded.before = lambda lot: DeliveryLot.objects.exclude(pk=lot.pk).update(state="failed")
    send_due()
    aged(executed, 2000)
    actions.purge(find_batch(executed.pk), boss)
    assert outbox_of(executed.pk).words() == "written 5; sent 2, cancelled 3"
    said = Event.objects.get(batch=executed.pk, verb="purge", data__has_key="cancelled")
    assert (said.comment, said.data) == ("3 deliveries were never sent.", {"cancelled": 3})


def test_tried_lots_are_not_sent_after_an_undo_in_chunks(
    in_chunks, settings, recorded, batch, boss, monkeypatch
):
    """A lot goes with the chunk that undoes the last of its rows."""
    monkeypatch.setattr(recorded, "most", 3)
    settings.BATCHES = settings.BATCHES | {"CHUNK_MIN_ROWS": 5, "CHUNK_MAX_ROWS": 5}
    actions.execute(batch, boss)

    def down(lot):
        raise NotSent("The line is down.")

    recorded.before = down
    send_due()
    settings.BATCHES = settings.BATCHES | {"CHUNK_MIN_ROWS": 2, "CHUNK_MAX_ROWS": 2}
    actions.revert(batch, boss)
    assert prices() == [1, 2, 3, 4, 5]
    assert outbox_of(batch.pk).words() == "written 5; sent 0, cancelled 5"

"""What cannot be sent is tried again, says why, and waits for a person in the end."""

import errno
import os

import pytest
from django.db import OperationalError

from batches import actions, outbox
from batches.exceptions import NotSent, Refused, Rejected
from batches.models import DeliveryLot
from batches.outbox import outbox_of, send_due

from .till import files, make_due

pytestmark = pytest.mark.django_db(transaction=True)


def test_failing_target_is_tried_again_later_and_longer(recorded, executed, settings):
    settings.BATCHES = settings.BATCHES | {"DELIVER_WAIT_SECONDS": 100.0}

    def down(lot):
        raise NotSent("The line is down.")

    recorded.before = down
    assert send_due() == 0
    lot = DeliveryLot.objects.first()
    assert (lot.attempts, lot.state, lot.last_error) == (1, "waiting", "The line is down.")
    assert send_due() == 0
    assert DeliveryLot.objects.first().attempts == 1, "not before its time"
    waits = [outbox.wait_after(n) for n in (1, 2, 3, 30)]
    assert [round(wait / 100 / 2**n) for n, wait in enumerate(waits[:3])] == [1, 1, 1]
    assert 2_700 <= waits[3] <= 4_500, "an hour at most, and a quarter"
    assert outbox.wait_after(1) != outbox.wait_after(1)
    recorded.before = None
    make_due()
    assert send_due() == 3
    assert DeliveryLot.objects.first().last_error == ""


def test_what_failed_too_often_waits_for_a_person_with_all_behind_it(recorded, executed, boss):
    def down(lot):
        raise ValueError("NUL \0 in it")

    recorded.before = down
    for _n in range(3):
        make_due()
        assert send_due() == 0
    box = outbox_of(executed.pk)
    assert box.words() == "written 5; sent 0, failed 5"
    assert box.error == "The target failed (ValueError: NUL ␀ in it)."
    make_due()
    assert send_due() == 0
    recorded.before = None
    assert actions.deliver(executed, boss) == 5
    assert send_due() == 3
    assert outbox_of(executed.pk).words() == "written 5; sent 5"
    with pytest.raises(Refused, match="Nothing is left to send"):
        actions.deliver(executed, boss)


def test_rejected_lot_fails_alone_and_at_once(recorded, executed):
    def no_second(lot):
        if "-000003-" in lot.key:
            raise Rejected("It holds a code that the till does not know.")

    recorded.before = no_second
    assert send_due() == 2
    assert [rows for _key, rows in recorded.sent] == [[1, 2], [5]]
    assert outbox_of(executed.pk).words() == "written 5; sent 3, failed 2"


def test_missing_folder_says_what_to_do(executed, settings, tmp_path):
    gone = tmp_path / "gone"
    settings.BATCHES = settings.BATCHES | {"DROP_FOLDER": str(gone)}
    assert send_due() == 0
    error = outbox_of(executed.pk).error
    assert error == f"The folder {gone} is not there; make it, or name another one in BATCHES['DROP_FOLDER']."
    gone.mkdir()
    make_due()
    assert send_due() == 1


def test_full_disk_leaves_no_file_and_is_tried_again(executed, tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert send_due() == 0
    assert files(tmp_path) == {}
    assert "No space left on device" in outbox_of(executed.pk).error
    monkeypatch.undo()
    make_due()
    assert send_due() == 1


def test_target_that_is_not_configured_any_more_says_so(executed, settings):
    settings.BATCHES = settings.BATCHES | {"DELIVER_TO": {}}
    assert send_due() == 0
    assert (
        outbox_of(executed.pk).error
        == "There is no target 'drop_folder'; name its class in BATCHES['DELIVER_TO']."
    )


def test_target_whose_own_database_is_away_is_no_trouble_of_ours(recorded, executed):
    def away(lot):
        raise OperationalError("connection refused")

    recorded.before = away
    assert send_due() == 0
    assert outbox_of(executed.pk).error == "The target failed (OperationalError: connection refused)."


def test_folder_whose_names_cannot_be_synced_is_good_enough(executed, tmp_path, monkeypatch):
    synced, real = [], os.fsync

    def no_names(number):
        synced.append(number)
        if len(synced) > 1:
            raise OSError(errno.EINVAL, "Invalid argument")
        real(number)

    monkeypatch.setattr(os, "fsync", no_names)
    assert send_due() == 1
    assert len(synced) == 2

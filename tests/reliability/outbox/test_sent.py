"""At least once with a stable key: whatever dies, and however many send."""

import os
import signal
import threading

import pytest
from django.db import OperationalError, connection, connections

from batches import actions
from batches.management.commands.worker import Loop
from batches.models import DeliveryLot
from batches.outbox import outbox_of, send_due
from tests.toys.models import Thing

from ..harness import KillAt, forked, in_thread, killed, statements, until
from .till import ROWS, files, lines, make_due, told

pytestmark = pytest.mark.django_db(transaction=True)


def test_file_has_the_lines_and_is_escaped(batch, boss, tmp_path):
    code = '=HYPERLINK("x")'
    Thing.objects.filter(code="T1").update(code=code)
    batch.rows.filter(code="T1").update(code=code)
    run = actions.execute(batch, boss)
    assert files(tmp_path) == {}, "nothing is sent by the execution itself"
    assert send_due() == 1
    name = f"{batch.pk:08d}-{run.pk}-000001-drop_folder.csv"
    assert list(files(tmp_path)) == [name]
    heading, first, *rest = lines(tmp_path / name)
    assert heading == ["key", "row", "code", "price", "was"]
    assert first == [name.removesuffix(".csv"), "1", "'" + code, "2.00", "1.00"]
    assert len(rest) == ROWS - 1
    assert outbox_of(batch.pk).words() == "written 5; sent 5"
    assert send_due() == 0


def test_kill_between_sending_and_marking_gives_the_same_file(executed, settings, tmp_path):
    settings.BATCHES = settings.BATCHES | {
        "DELIVER_TO": {"drop_folder": "tests.reliability.outbox.till.DiesAfterSending"}
    }
    assert killed(forked(send_due))
    before = files(tmp_path)
    assert len(before) == 1
    assert outbox_of(executed.pk).words() == "written 5; sent 0, waiting 5"
    assert send_due() == 0, "the claim of the dead sender lasts for a moment"
    del settings.BATCHES["DELIVER_TO"]
    until(lambda: send_due() == 1)
    assert files(tmp_path) == before
    assert outbox_of(executed.pk).words() == "written 5; sent 5"


def test_kill_at_every_statement_of_sending(boss, tmp_path):
    """Whichever statement of a sender it dies at, one file is there in the end and everything is marked."""
    actions.execute(told(boss), boss)
    points = statements(send_due)
    kills = 0
    for n in range(1, points + 2):
        Thing.objects.all().delete()
        batch = told(boss)
        actions.execute(batch, boss)
        kills += killed(forked(lambda n=n: _sending_killed_at(min(n, points), after=n > points)))
        until(lambda number=batch.pk: send_due() >= 0 and outbox_of(number).sent == ROWS)
        (path,) = tmp_path.glob(f"{batch.pk:08d}-*.csv")
        assert [line[1] for line in lines(path)[1:]] == ["1", "2", "3", "4", "5"]
    assert kills == points + 1
    assert not list(tmp_path.glob(".*")), "what a dead sender left is gone"


def _sending_killed_at(n, after):
    with connection.execute_wrapper(KillAt(n, after)):
        send_due()


def test_kill_while_the_file_is_written_leaves_no_file_of_that_name(executed, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: os.kill(os.getpid(), signal.SIGKILL))
    assert killed(forked(send_due))
    assert [name.endswith(".part") for name in files(tmp_path)] == [True]
    monkeypatch.undo()
    until(lambda: send_due() == 1)
    (name,) = files(tmp_path)
    assert name.endswith(".csv")


def test_two_senders_at_once_send_each_lot_once_and_in_order(boss, recorded):
    for _n in range(4):
        Thing.objects.all().delete()
        actions.execute(told(boss), boss)
    barrier = threading.Barrier(2)

    def work():
        barrier.wait(10)
        until(lambda: send_due() == 0 and not DeliveryLot.objects.filter(state="waiting").exists())
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recorded.sent) == DeliveryLot.objects.count() == 12
    assert len(set(dict(recorded.sent))) == 12
    found = {}
    for key, rows in recorded.sent:
        found.setdefault(key[:8], []).extend(rows)
    assert list(found.values()) == [[1, 2, 3, 4, 5]] * 4


def test_later_lot_waits_for_the_one_before_it(recorded, executed):
    def busy(lot):
        recorded.before = None
        in_thread(lambda: seen.append(send_due()))

    seen = []
    recorded.before = busy
    send_due()
    assert seen == [0], "another sender finds nothing to do meanwhile"
    assert [rows for _key, rows in recorded.sent] == [[1, 2], [3, 4], [5]]


def test_sender_that_takes_too_long_loses_its_claim_and_marks_nothing(recorded, executed):
    def sleepy(lot):
        recorded.before = None
        in_thread(lambda: until(lambda: send_due() == 3))

    recorded.before = sleepy
    with pytest.raises(OperationalError):
        send_due()
    connection.close()
    # What it sent all the same, the receiver knows by its key.
    assert [rows for _key, rows in recorded.sent] == [[1, 2], [3, 4], [5], [1, 2]]
    assert len({key for key, _rows in recorded.sent}) == 3
    assert outbox_of(executed.pk).words() == "written 5; sent 5"


def test_sender_that_never_comes_back_fails_in_the_end(executed, settings):
    settings.BATCHES = settings.BATCHES | {
        "DELIVER_TO": {"drop_folder": "tests.reliability.outbox.till.DiesAfterSending"}
    }
    for _n in range(3):
        make_due()
        assert killed(forked(send_due))
    make_due()
    assert send_due() == 0
    box = outbox_of(executed.pk)
    assert (box.failed, box.waiting) == (5, 0)
    assert "ended with its sender" in box.error


def test_worker_sends_beside_its_runs(executed, tmp_path):
    loop = Loop()
    working = threading.Thread(target=lambda: (loop.forever(), connections.close_all()))
    working.start()
    until(lambda: outbox_of(executed.pk).sent == ROWS)
    loop.ending.set()
    working.join()
    assert len(files(tmp_path)) == 1

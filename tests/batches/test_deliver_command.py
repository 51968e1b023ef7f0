"""`deliver_batch` sends what is not sent, and the other commands tell how far it is."""

import pytest

from batches import actions
from batches.models import DeliveryLot
from batches.testing import make_batch

from .test_commands import as_json, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings, tmp_path):
    folder = tmp_path / "drop"
    settings.BATCHES = {"DROP_FOLDER": str(folder), "DELIVER_TRIES": 1}
    return folder


@pytest.fixture
def number(folder, things, boss):
    batch = make_batch("toy_tell", user=boss)
    actions.execute(batch, boss)
    return str(batch.pk)


def test_everything_is_sent(number, folder):
    folder.mkdir()
    shown = as_json("deliver_batch", number, "--user", "boss")
    assert shown["deliveries"] == {"written": 3, "sent": 3, "waiting": 0, "failed": 0, "cancelled": 0}
    assert len(list(folder.iterdir())) == 1
    _out, err = run("deliver_batch", number, "--user", "boss", code=1)
    assert err == "Nothing is left to send.\n"


def test_failing_says_why_and_another_try_succeeds(number, folder):
    out, err = run("deliver_batch", number, "--user", "boss", code=1)
    assert "To other systems: written 3; sent 0, failed 3\n" in out
    assert err.startswith("3 deliveries are not sent: The folder ")
    assert "make it, or name another one" in err
    folder.mkdir()
    run("deliver_batch", number, "--user", "boss")
    assert "written 3; sent 3" in run("show_batch", number)[0]


def test_worker_sends_what_is_left_to_it(number, folder):
    folder.mkdir()
    DeliveryLot.objects.update(state="failed")
    out, _err = run("deliver_batch", number, "--user", "boss", "--background")
    assert "waiting 3" in out
    run("worker", "--once")
    assert "written 3; sent 3" in run("show_batch", number)[0]


def test_batch_that_tells_nobody(things, boss):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    assert as_json("show_batch", str(batch.pk))["deliveries"] is None
    _out, err = run("deliver_batch", str(batch.pk), "--user", "boss", code=1)
    assert err == "“Send again” needs the state “Executed”; this batch is “In review”.\n"


def test_right_to_execute_is_needed(number, nobody):
    _out, err = run("deliver_batch", number, "--user", "nobody", code=1)
    assert err.startswith("You have no permission for “Send again”")

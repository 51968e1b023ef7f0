"""Pages say what other systems are told: before the click, while it is sent, when it fails, and before an undo."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from batches import actions
from batches.exceptions import NotSent
from batches.models import DeliveryLot, Event
from batches.outbox import outbox_of, send_due
from batches.targets import DeliveryTarget
from batches.testing import make_batch
from tests.toys.batches import TellHandler
from tests.toys.models import Thing

from .conftest import batch_url, text

SENTENCE = "The till shows a new price as soon as it reads the file."


class Down(DeliveryTarget):
    """Takes nothing."""

    most = 2

    def send(self, lot, deliveries):
        raise NotSent("The till <b>sleeps</b>.")


@pytest.fixture
def folder(settings, tmp_path):
    settings.BATCHES = {"DROP_FOLDER": str(tmp_path), "DELIVER_TRIES": 1}
    return tmp_path


@pytest.fixture
def down(settings, folder):
    settings.BATCHES = settings.BATCHES | {"DELIVER_TO": {"drop_folder": f"{__name__}.Down"}}


@pytest.fixture
def batch(folder, things, boss):
    return make_batch("toy_tell", user=boss)


def url(name, batch):
    return reverse(f"batches:{name}", args=[batch.pk])


def test_what_cannot_be_taken_back_is_said_before_the_click(web, batch, boss):
    page = text(web.get(url("execute", batch)))
    assert "Other systems are told, which an undo cannot take back." in page
    assert SENTENCE in page
    other = make_batch("toy_price", user=boss, options={"factor": "2"})
    assert "Other systems" not in text(web.get(url("execute", other)))


def test_type_that_does_not_deliver_here_says_nothing(web, batch, boss, monkeypatch):
    monkeypatch.setattr(TellHandler, "delivers_to", [])
    assert SENTENCE not in text(web.get(url("execute", batch)))
    actions.execute(batch, boss)
    assert "To other systems" not in text(web.get(batch_url(batch)))
    assert not DeliveryLot.objects.exists()


def test_page_says_how_far_the_deliveries_are(web, batch, boss):
    assert "To other systems" not in text(web.get(batch_url(batch)))
    actions.execute(batch, boss)
    assert "written 3; sent 0, waiting 3." in text(web.get(batch_url(batch)))
    send_due()
    page = text(web.get(batch_url(batch)))
    assert "written 3; sent 3." in page
    assert "Send again" not in page


def test_failed_deliveries_say_why_and_are_sent_again(web, down, batch, boss, settings):
    actions.execute(batch, boss)
    send_due()
    page = text(web.get(batch_url(batch)))
    assert "written 3; sent 0, failed 3." in page
    assert "It failed: The till &lt;b&gt;sleeps&lt;/b&gt;." in page
    del settings.BATCHES["DELIVER_TO"]
    page = text(web.post(url("deliver", batch), follow=True))
    assert "A worker sends 3 deliveries now." in page
    assert "written 3; sent 0, waiting 3." in page
    assert Event.objects.filter(batch=batch.pk, verb="deliver").latest("pk").data == {"deliveries": 3}
    send_due()
    assert outbox_of(batch.pk).sent == 3
    assert "Nothing is left to send." in text(web.post(url("deliver", batch), follow=True))


def test_waiting_deliveries_say_when_they_are_tried_again(web, down, batch, boss, settings):
    settings.BATCHES = settings.BATCHES | {"DELIVER_TRIES": 5, "DELIVER_WAIT_SECONDS": 500.0}
    actions.execute(batch, boss)
    send_due()
    page = text(web.get(batch_url(batch)))
    assert "The last try did not succeed: The till &lt;b&gt;sleeps&lt;/b&gt;. Next try: " in page
    assert "Send again" in page


def test_sending_again_needs_the_right_to_execute(client_of, user_with, down, batch, boss):
    actions.execute(batch, boss)
    send_due()
    client = client_of(user_with("view_tellbatch", "change_tellbatch"))
    assert "Send again" not in text(client.get(batch_url(batch)))
    assert client.post(url("deliver", batch)).status_code == 403
    assert outbox_of(batch.pk).failed == 3


def test_undo_page_says_what_was_sent_and_what_will_not_be(web, down, batch, boss, settings):
    actions.execute(batch, boss)
    send_due()
    page = text(web.get(url("revert", batch)))
    assert "cannot be taken back" not in page
    assert (
        "3 deliveries are not sent yet and will not be. 2 of them were tried and may have arrived all the same."
        in page
    )
    del settings.BATCHES["DELIVER_TO"]
    lot = DeliveryLot.objects.order_by("pk").first()
    DeliveryLot.objects.filter(pk=lot.pk).update(state="sent")
    page = text(web.get(url("revert", batch)))
    assert "2 deliveries to other systems were sent already and cannot be taken back." in page
    assert SENTENCE in page
    assert "1 delivery is not sent yet and will not be." in page
    actions.revert(batch, boss)
    page = text(web.get(batch_url(batch)))
    assert "written 3; sent 2, cancelled 1." in page
    assert "Send again" not in page


def test_undo_page_of_some_rows_counts_no_deliveries_of_others(web, folder, batch, boss):
    actions.execute(batch, boss)
    page = text(web.get(url("revert", batch) + "?q=1"))
    assert "3 deliveries are not sent yet and will not be." not in page
    assert "is not sent any more where nobody tried yet" in page
    actions.revert(batch, boss, {"q": "1"})
    assert (outbox_of(batch.pk).waiting, outbox_of(batch.pk).cancelled) == (2, 1)


def test_deliveries_cost_the_page_one_query_however_many_there_are(web, down, batch, boss):
    actions.execute(batch, boss)
    few = _queries(web, batch)
    Thing.objects.bulk_create([Thing(code=f"L{n}", price=n) for n in range(1, 60)])
    lots = make_batch("toy_tell", user=boss)
    actions.execute(lots, boss)
    assert DeliveryLot.objects.filter(batch=lots.pk).count() == 31
    assert _queries(web, lots) == few


def _queries(web, batch):
    web.get(batch_url(batch))
    with CaptureQueriesContext(connection) as found:
        web.get(batch_url(batch))
    asked = [query["sql"] for query in found if "deliverylot" in query["sql"]]
    assert len(asked) == 1
    return len(found)

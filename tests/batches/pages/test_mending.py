"""The pages of records that could not become rows."""

import pytest
from django.core.files.base import ContentFile
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.exceptions import Forbidden
from batches.models import Unreadable
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler

from .conftest import batch_url, text

TORN = b"Code,Name,Color,Cost\nT1,a,red,1\nT2,<b>\nT3,c,d,red,4\n"


@pytest.fixture
def torn(things, boss):
    return make_batch("toy_file", user=boss, file=ContentFile(TORN, name="torn.csv"))


def mend_url(batch, line):
    return reverse(
        "batches:mend", args=[batch.pk, Unreadable.objects.get(batch=batch.pk, source_row=line).pk]
    )


def test_the_lists_lead_to_a_record_and_the_record_to_its_row(web, torn):
    url = mend_url(torn, 3)
    for page in (batch_url(torn), reverse("batches:unreadable", args=[torn.pk])):
        assert url in text(web.get(page))
    html = text(web.get(url))
    assert "T2,&lt;b&gt;" in html
    assert "missing" in html
    assert "2 / 4" in html
    assert "Row 3 has 2 cell(s), but 4 were expected" in html
    assert "no heading" in text(web.get(mend_url(torn, 4)))
    html = text(web.post(url, {"text": "T2,b,green,2", "look": "1"}))
    assert "It can be read so." in html
    assert Unreadable.objects.filter(batch=torn.pk).count() == 2
    html = text(web.post(url, {"text": "T2,b,green", "add": "1"}))
    assert "Row 3 has 3 cell(s)" in html
    assert "T2,b,green" in html
    answer = web.post(url, {"text": "T2,b,red,2\r\n", "add": "1"}, follow=True)
    assert "The record is row 2 now." in text(answer)
    assert torn.rows.get(sequence=2).code == "T2"
    assert web.get(url).status_code == 404


def test_a_bare_quote_is_named_by_row_and_column_and_mended(web, boss, things):
    data = """Code,Name,Color,Cost\nT1,a,red,1\nT2,37°36'37.8"N 121°2'17.9"W,red,2\n""".encode()
    batch = make_batch("toy_file", user=boss, file=ContentFile(data, name="places.csv"))
    assert batch.rows.count() == 1
    url = mend_url(batch, 3)
    html = text(web.get(url))
    assert "Row 3, column 2" in html
    still = text(web.post(url, {"text": """T2,37°36'37.8"N,red,2""", "add": "1"}))
    assert "Row 3, column 2" in still
    mended = """T2,"37°36'37.8""N 121°2'17.9""W",red,2"""
    assert "The record is row 2 now." in text(web.post(url, {"text": mended, "add": "1"}, follow=True))
    assert batch.rows.get(sequence=2).name == """37°36'37.8"N 121°2'17.9"W"""
    assert not Unreadable.objects.filter(batch=batch.pk).exists()


def test_a_record_is_dropped_with_a_reason_and_taken_back(web, torn):
    url = mend_url(torn, 4)
    answer = web.post(url, {"drop": "1", "reason": "a test of theirs"}, follow=True)
    assert "Line 4 is dropped." in text(answer)
    assert "a test of theirs" in text(web.get(batch_url(torn)))
    assert "This record is dropped." in text(web.get(url))
    answer = web.post(url, {"take_back": "1"}, follow=True)
    assert "Line 4 is taken back." in text(answer)
    assert "a test of theirs" not in text(web.get(reverse("batches:unreadable", args=[torn.pk])))


def test_who_may_only_look_mends_and_drops_nothing(client_of, user_with, torn):
    client = client_of(user_with("view_thingfilebatch"))
    url = mend_url(torn, 3)
    assert url not in text(client.get(batch_url(torn)))
    assert url not in text(client.get(reverse("batches:unreadable", args=[torn.pk])))
    for data in ({"text": "T2,b,red,2", "add": "1"}, {"drop": "1"}):
        assert client.post(url, data).status_code == 403
    assert Unreadable.objects.filter(batch=torn.pk, dropped=False).count() == 2


def test_a_record_that_is_not_there_is_not_found(web, torn):
    for pk in (0, 2**62, 2**80):
        assert web.get(reverse("batches:mend", args=[torn.pk, pk])).status_code == 404


def test_records_are_not_shown_to_who_sees_a_part_of_the_rows_only(client_of, user_with, torn, monkeypatch):
    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q(code="T1"))
    client = client_of(user_with("view_thingfilebatch", "change_thingfilebatch"))
    url = mend_url(torn, 3)
    assert url not in text(client.get(batch_url(torn)))
    for asked in (url, reverse("batches:unreadable", args=[torn.pk])):
        assert client.get(asked).status_code == 403
    assert client.post(url, {"text": "T1,b,red,2", "add": "1"}).status_code == 403
    record = Unreadable.objects.get(batch=torn.pk, source_row=3)
    other = user_with("change_thingfilebatch", name="other")
    with pytest.raises(Forbidden):
        actions.mend_record(torn, other, record.pk, "T1,b,red,2")

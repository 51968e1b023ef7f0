"""The pages on which unknown values are mapped once for all rows, remembered and forgotten."""

import re

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from batches.models import SavedValue
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler
from tests.toys.models import Thing

from .conftest import batch_url, text

BOOK = b"Code,Name,Color\nA1,one,crimson\nA2,two,RED\nA3,three,Crimson\nA4,four,azure\nA5,five,blue\n"


@pytest.fixture
def colours(things, boss):
    return make_batch("toy_file", user=boss, file=ContentFile(BOOK, name="colours.csv"))


def unknown_url(batch):
    return reverse("batches:unknown", args=[batch.pk, "not_a_choice", "colour"])


def test_values_that_production_does_not_take_are_mapped_too(web, colours, boss):
    assert unknown_url(colours) in text(web.get(batch_url(colours)))
    html = text(web.get(unknown_url(colours)))
    rows = re.findall(r'name="value" value="([^"]*)".*?b-num">(\d+)<', html)
    assert rows[0][1] == "2"  # however it is written
    assert {value.lower(): n for value, n in rows} == {"crimson": "2", "azure": "1", "red": "1"}
    assert '<option value="blue">' in html
    data = {"value": ["crimson", "azure", "RED"], "name": ["Red", "blue", "red"], "remember": "on"}
    answer = web.post(unknown_url(colours), data, follow=True)
    assert "4 rows were given a name that exists." in text(answer)
    values = list(colours.rows.order_by("sequence").values_list("colour", flat=True))
    assert values == ["red", "red", "red", "blue", "blue"]
    assert not colours.rows.filter(status="error").exists()
    following = make_batch("toy_file", user=boss, file=ContentFile(BOOK, name="following.csv"))
    assert not following.rows.filter(status="error").exists()
    html = text(web.get(batch_url(following)))
    assert "was read as" in html
    assert reverse("batches:remembered", args=[following.pk]) in html


def test_a_value_that_does_not_exist_is_refused_and_nothing_is_remembered(web, colours):
    answer = web.post(unknown_url(colours), {"value": ["azure"], "name": ["green"], "remember": "on"})
    assert "choose one that exists" in text(answer)
    assert not SavedValue.objects.exists()


def test_without_the_tick_nothing_is_remembered(web, colours):
    web.post(unknown_url(colours), {"value": ["azure"], "name": ["blue"]})
    assert colours.rows.get(code="A4").colour == "blue"
    assert not SavedValue.objects.exists()


def test_what_is_remembered_is_listed_for_its_sender_and_forgotten(web, colours, monkeypatch):
    for source, word in (("V1", "AZURE"), ("V2", "CYAN")):
        SavedValue.objects.create(type="toy_file", source=source, field="colour", text=word, value="blue")
    monkeypatch.setattr(ThingFileHandler, "source_of", lambda self: "V1")
    url = reverse("batches:remembered", args=[colours.pk])
    html = text(web.get(url))
    assert "“V1”" in html
    assert "AZURE" in html
    assert "CYAN" not in html
    assert "1 name is remembered" in text(web.get(unknown_url(colours)))
    other = SavedValue.objects.get(source="V2")
    assert "not remembered any more" in text(web.post(url, {"forget": str(other.pk)}, follow=True))
    mine = SavedValue.objects.get(source="V1")
    assert "AZURE stands for nothing any more." in text(web.post(url, {"forget": str(mine.pk)}, follow=True))
    assert list(SavedValue.objects.all()) == [other]
    assert "not remembered any more" in text(web.post(url, {"forget": "x"}, follow=True))


def test_who_may_only_look_sees_neither_page(client_of, user_with, colours):
    client = client_of(user_with("view_thingfilebatch"))
    for url in (unknown_url(colours), reverse("batches:remembered", args=[colours.pk])):
        assert client.get(url).status_code == 403
        assert client.post(url, {"value": ["azure"], "name": ["blue"], "forget": "1"}).status_code == 403


def test_the_admin_lists_what_is_remembered_and_changes_what_it_stands_for(web):
    saved = SavedValue.objects.create(type="toy_file", field="colour", text="AZURE", value="blue")
    assert "AZURE" in text(web.get(reverse("admin:batches_savedvalue_changelist")))
    web.post(reverse("admin:batches_savedvalue_change", args=[saved.pk]), {"value": "red", "text": "X"})
    saved.refresh_from_db()
    assert (saved.text, saved.value) == ("AZURE", "red")
    assert web.get(reverse("admin:batches_savedvalue_add")).status_code == 403
    assert Thing.objects.count() == 0

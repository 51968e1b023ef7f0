"""Names that nobody knows: mapped once for all rows, and read so in the sender's next file."""

import datetime

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from batches import actions
from batches.exceptions import Forbidden, Refused
from batches.figures import figures
from batches.models import Event, SavedValue
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler
from tests.toys.models import Box

BOOK = (
    "Code,Name,Color,Box\nA1,one,crimson,Frst\nA2,two,RED,frst \nA3,three,Crimson,Scnd\nA4,four,blue,First\n"
)


@pytest.fixture
def book(things, boss):
    return make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))


def again(boss):
    return make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="again.csv"))


def boxes(batch):
    return list(batch.rows.order_by("sequence").values_list("box_name", flat=True))


def test_a_name_is_given_to_all_rows_that_mean_it(book, boss):
    before = book.revision
    names = {"FRST": "First", "Scnd": "Second"}
    assert actions.map_values(book, boss, book.rows.all(), "box_name", names) == 3
    assert boxes(book) == ["First", "First", "Second", "First"]
    assert book.rows.filter(box__name="First").count() == 3
    assert book.revision == before + 1
    event = Event.objects.filter(batch=book.pk).latest("pk")
    assert (event.verb, event.data["rows"], event.data["names"]) == ("edit", 3, names)
    assert not SavedValue.objects.exists()


def test_only_the_rows_that_were_meant_are_changed(book, boss):
    assert actions.map_values(book, boss, book.rows.filter(code="A2"), "box_name", {"Frst": "First"}) == 1
    assert boxes(book) == ["Frst", "First", "Scnd", "First"]


def test_what_is_remembered_is_read_so_in_the_next_file(book, boss):
    actions.map_values(book, boss, book.rows.all(), "box_name", {"Frst": "First"}, remember=True)
    SavedValue.objects.update(
        created=datetime.datetime(2026, 11, 3, 12, tzinfo=timezone.get_current_timezone())
    )
    batch = again(boss)
    assert boxes(batch) == ["First", "First", "Scnd", "First"]
    assert batch.rows.filter(box__name="First").count() == 3
    row = batch.rows.get(code="A1")
    assert row.status == "error"  # its colour
    sentences = [actions.handler_of(batch).message(entry) for entry in row.issues]
    assert "Frst was read as First, as decided on Nov. 3, 2026." in sentences
    actions.refresh(batch, boss)
    assert sum(g["n"] for g in figures(batch)["issues"] if g["code"] == "remembered") == 2


def test_a_later_decision_takes_the_place_of_an_earlier_one(book, boss):
    actions.map_values(book, boss, book.rows.all(), "box_name", {"Frst": "Scnd"}, remember=True)
    actions.map_values(book, boss, book.rows.all(), "box_name", {"Scnd": "Second"}, remember=True)
    assert dict(SavedValue.objects.values_list("text", "value")) == {"FRST": "Second", "SCND": "Second"}
    actions.map_values(book, boss, book.rows.all(), "box_name", {"Second": "First"}, remember=True)
    assert set(SavedValue.objects.values_list("value", flat=True)) == {"First"}


def test_what_one_sender_means_is_not_said_of_another(book, boss, monkeypatch):
    actions.map_values(book, boss, book.rows.all(), "box_name", {"Frst": "First"}, remember=True)
    monkeypatch.setattr(ThingFileHandler, "source_of", lambda self: "V2")
    assert boxes(again(boss))[0] == "Frst"


def test_a_meaning_that_the_column_cannot_hold_is_left(book, boss):
    SavedValue.objects.create(type="toy_file", field="box_name", text="FRST", value="x" * 60)
    batch = again(boss)
    assert boxes(batch)[0] == "Frst"


def test_a_value_is_forgotten_by_who_may_change_the_batch(book, boss, nobody):
    actions.map_values(book, boss, book.rows.all(), "box_name", {"Frst": "First"}, remember=True)
    kept = SavedValue.objects.get()
    with pytest.raises(Forbidden):
        actions.forget_value(book, nobody, kept.pk)
    assert actions.forget_value(book, boss, kept.pk) == "FRST"
    assert boxes(again(boss))[0] == "Frst"
    assert "FRST stands for First" in Event.objects.filter(batch=book.pk).latest("pk").comment
    with pytest.raises(Refused, match="not remembered any more"):
        actions.forget_value(book, boss, kept.pk)


def test_names_that_do_not_fit_change_nothing(book, boss, nobody):
    for names in ({}, {"Frst": ""}, {"Frst": "x" * 60}, {"Frst": "a\0b"}):
        with pytest.raises(Refused):
            actions.map_values(book, boss, book.rows.all(), "box_name", names)
    with pytest.raises(Refused, match="cannot be edited"):
        actions.map_values(book, boss, book.rows.all(), "status", {"ok": "error"})
    with pytest.raises(Forbidden):
        actions.map_values(book, nobody, book.rows.all(), "box_name", {"Frst": "First"})
    assert boxes(book)[0] == "Frst"
    assert not Box.objects.filter(name="x" * 60).exists()

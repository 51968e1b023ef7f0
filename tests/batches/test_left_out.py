"""What reading left out is counted, and the sum with rows and unreadable records holds."""

import json
from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from batches import actions
from batches.figures import batch_json, not_rows
from batches.models import Unreadable
from batches.testing import make_batch

from .pages.conftest import batch_url, text

pytestmark = pytest.mark.django_db
HEAD = "Code,Name,,Color,Cost\n"
BOOK = (
    HEAD
    + "a note,,,,\nT1,one,,red,1\n\n\nT2,torn\nT3,three,,red,3\nT4,four,,red,4\n\n\nT5,five,,red,5\n"
    + "Total,,,,13\nGrand total,,,,13\n"
)


def made(boss, content, **choices):
    batch = actions.make("toy_file", boss, file=ContentFile(content.encode(), name="book.csv"))
    if choices:
        actions.set_reading(batch, boss, choices)
    actions.populate(batch, boss)
    return batch


def sum_of(data):
    return data["rows"] - data["added"] + len(data["unreadable"]) + data["blank"]


def test_records_are_rows_and_unreadable_and_blank_and_others_are_counted_apart(things, boss):
    batch = made(boss, BOOK, first_row=3, skip_end=2)
    data = batch_json(batch)
    assert (data["rows"], len(data["unreadable"]), data["blank"], data["ignored"]) == (4, 1, 4, 3)
    assert data["records"] == 9 == sum_of(data)
    assert data["dropped_columns"] == 1
    assert not_rows(batch) == (
        "4 blank rows, 1 row above the data, 2 rows of totals and 1 empty column were left out."
    )


def test_the_sum_holds_when_a_record_is_mended_or_dropped(things, boss):
    batch = made(boss, HEAD + "T1,one,,red,1\nT2,torn\nT3,torn\nT4,four,,red,4\n")
    one, other = Unreadable.objects.filter(batch=batch.pk)
    actions.mend_record(batch, boss, one.pk, "T2,two,,red,2")
    actions.drop_record(batch, boss, other.pk, reason="no more sold")
    data = batch_json(batch)
    assert [entry["dropped"] for entry in data["unreadable"]] == [True]
    assert data["records"] == 4 == sum_of(data)


def test_the_sum_holds_when_a_row_is_added_by_hand(things, boss):
    batch = made(boss, HEAD + "T1,one,,red,1\nT2,two,,red,2\n")
    actions.add_row(batch, boss, {"code": "T3", "name": "three"})
    data = batch_json(batch)
    assert (data["records"], data["rows"], data["added"]) == (2, 3, 1)
    assert data["records"] == sum_of(data)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("Code,Name\nT1,one\n", ""),
        ("Code,Name\nT1,one\n\nT2,two\n", "1 blank row was left out."),
        ("Code,Name\nT1,one\n\n\nT2,two\n", "2 blank rows were left out."),
    ],
)
def test_the_sentence_says_what_there_is(things, boss, content, sentence):
    assert not_rows(made(boss, content)) == sentence


def test_page_and_command_say_it(client, things, boss):
    batch = made(boss, BOOK, first_row=3, skip_end=2)
    client.force_login(boss)
    assert "Of 12 records in the file: " + not_rows(batch) in text(client.get(batch_url(batch)))
    lines, printed = StringIO(), StringIO()
    call_command("show_batch", str(batch.pk), stdout=lines)
    assert not_rows(batch) in lines.getvalue()
    call_command("show_batch", str(batch.pk), "--json", stdout=printed)
    data = json.loads(printed.getvalue())
    assert (data["records"], data["ignored"]) == (9, 3)
    assert data["records"] == sum_of(data)


def test_nothing_is_said_where_nothing_was_left_out(client, things, boss):
    batch = make_batch("toy_file", user=boss, file=ContentFile(b"Code,Name\nT1,one\n", name="a.csv"))
    client.force_login(boss)
    assert "b-not-rows" not in text(client.get(batch_url(batch)))

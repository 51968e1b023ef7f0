"""Records that could not become rows: read again as a person corrected them, or dropped."""

from decimal import Decimal
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from batches import actions
from batches.exceptions import Forbidden, Refused
from batches.figures import batch_json, figures
from batches.files import Reader, Reading
from batches.files.mending import read_record, split_record
from batches.models import Event, Unreadable
from batches.testing import make_batch
from batches.words import left_out
from tests.toys.batches import ThingFileHandler

TORN = b"Code,Name,Color,Cost\nT1,a,red,1\nT2,b\n\nT3,c,d,red,4\nT4,caf\xc3\xa9 \xff,red,4\nT5,e,red,5\n"


@pytest.fixture
def torn(things, boss):
    return make_batch("toy_file", user=boss, file=ContentFile(TORN, name="torn.csv"))


def record(batch, line):
    return Unreadable.objects.get(batch=batch.pk, source_row=line)


def tally(batch):
    return (
        batch.rows.count(),
        Unreadable.objects.filter(batch=batch.pk).count(),
        batch.blank_records,
        batch.records,
    )


def test_a_corrected_record_becomes_a_row_like_the_others(torn, boss):
    assert tally(torn) == (2, 3, 1, 6)
    row = actions.mend_record(torn, boss, record(torn, 2 + 1).pk, 'T2,"b, with a comma",blue,2.50')
    assert (row.sequence, row.source_row, row.code, row.name, row.price) == (
        3,
        3,
        "T2",
        "b, with a comma",
        Decimal("2.50"),
    )
    assert (row.action, row.status, row.thing.code) == ("update", "ok", "T2")
    assert tally(torn) == (3, 2, 1, 6)
    assert figures(torn)["unreadable"] == 2
    event = Event.objects.filter(batch=torn.pk).latest("pk")
    assert (event.verb, event.data["row"], event.data["line"], event.data["was"]) == ("edit", 3, 3, "T2,b")


def test_a_cell_that_is_no_value_does_not_cost_the_mended_row(torn, boss):
    row = actions.mend_record(torn, boss, record(torn, 5).pk, "T3,c,red,much")
    assert (row.status, row.raw) == ("error", {"price": "much"})
    actions.edit_row(torn, boss, row.pk, {"price": "4"})
    row.refresh_from_db()
    assert (row.status, row.price) == ("ok", Decimal(4))


def test_a_mended_row_is_compared_with_the_others(torn, boss):
    actions.mend_record(torn, boss, record(torn, 5).pk, "T1,c,red,4")
    assert [g["code"] for g in figures(torn)["issues"]] == ["several_rows"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("T2,b", "Row 3 has 2 cell"),
        ('T2,"b,red,2', "not closed in this row"),
        ('T2,b",red,2', "has a quote"),
        ("T2,b,red,2\nT9,b,red,2", "This is 2 records"),
        ("", "All cells are empty"),
        (",,,", "All cells are empty"),
        ("T2,b\0,red,2", "cannot be stored"),
    ],
)
def test_what_still_cannot_be_read_is_told_and_changes_nothing(torn, boss, text, sentence):
    with pytest.raises(Refused, match=sentence):
        actions.mend_record(torn, boss, record(torn, 3).pk, text)
    assert tally(torn) == (2, 3, 1, 6)


def test_a_dropped_record_stays_among_the_records(torn, boss):
    before = torn.revision
    actions.drop_record(torn, boss, record(torn, 3).pk, reason="not ours")
    assert (record(torn, 3).dropped, record(torn, 3).dropped_reason) == (True, "not ours")
    assert tally(torn) == (2, 3, 1, 6)
    assert [entry["dropped"] for entry in batch_json(torn)["unreadable"]] == [True, False, False]
    assert (figures(torn)["unreadable"], figures(torn)["dropped"]) == (2, 1)
    assert left_out(figures(torn)) == {"excluded": 0, "error": 0, "unreadable": 2, "dropped": 1, "total": 3}
    assert torn.revision == before + 1
    event = Event.objects.filter(batch=torn.pk).latest("pk")
    assert (event.verb, event.comment) == ("exclude", "Line 3 of the file was dropped. not ours")
    actions.drop_record(torn, boss, record(torn, 3).pk, drop=False)
    assert (record(torn, 3).dropped, record(torn, 3).dropped_reason) == (False, "")
    assert (figures(torn)["unreadable"], figures(torn)["dropped"]) == (3, 0)


def test_the_page_counts_what_is_unreadable_still_and_leads_to_what_was_dropped(torn, boss, client):
    client.force_login(boss)

    def page():
        answer = client.get(reverse("batches:batch", args=[torn.pk]), follow=True)
        tiles = [tile for group in answer.context["tiles"] for tile in group["tiles"]]
        return answer.content.decode(), [tile["n"] for tile in tiles if tile["word"] == "Unreadable"]

    actions.drop_record(torn, boss, record(torn, 3).pk, reason="not ours")
    words, unreadable = page()
    assert unreadable == ["2"]
    assert "1 record was dropped." in words
    assert "Mend line 3" not in words
    assert "Mend line 5" in words
    for line in (5, 6):
        actions.drop_record(torn, boss, record(torn, line).pk)
    words, unreadable = page()
    assert unreadable == []
    assert "3 records were dropped." in words
    executed = client.get(reverse("batches:execute", args=[torn.pk])).content.decode()
    assert "3 unreadable and dropped" in executed
    listed = client.get(reverse("batches:unreadable", args=[torn.pk])).content.decode()
    assert "not ours" in listed


def test_rights_and_states_hold_for_records_too(torn, boss, nobody):
    pk = record(torn, 3).pk
    with pytest.raises(Forbidden):
        actions.mend_record(torn, nobody, pk, "T2,b,red,2")
    with pytest.raises(Forbidden):
        actions.drop_record(torn, nobody, pk)
    with pytest.raises(Refused, match="no such unreadable record"):
        actions.mend_record(torn, boss, 2**60, "T2,b,red,2")
    actions.withdraw(torn, boss)
    with pytest.raises(Refused, match="In review"):
        actions.mend_record(torn, boss, pk, "T2,b,red,2")


def test_a_record_of_another_batch_is_not_mended(torn, boss):
    other = make_batch("toy_file", user=boss, file=ContentFile(TORN, name="other.csv"))
    with pytest.raises(Refused, match="no such unreadable record"):
        actions.mend_record(torn, boss, record(other, 3).pk, "T2,b,red,2")


def test_a_type_that_checks_in_python_checks_mended_rows(torn, boss, monkeypatch):
    monkeypatch.setattr(ThingFileHandler, "refresh_row", lambda self, row: row.flag("seen"))
    row = actions.mend_record(torn, boss, record(torn, 3).pk, "T2,b,red,2")
    assert [entry["code"] for entry in row.issues] == ["seen"]


def test_a_record_is_shown_as_far_as_it_splits():
    reading = Reading("csv", "utf-8", ",", headings=["a", "b"], columns=[0, 2], extra=1)
    assert [tuple(cell) for cell in split_record(reading, "1,x,2,9")] == [
        ("a", "1", "A"),
        ("", "x", "B"),
        ("b", "2", "C"),
        ("", "9", "D"),
    ]
    assert [tuple(cell) for cell in split_record(reading, "1")] == [("a", "1", "A"), ("b", None, "C")]
    assert read_record(reading, "1,,2", 7) == (["1", "2"], "")
    assert "Row 7 has the value 'x' in column B" in read_record(reading, "1,x,2", 7)[1]


def test_a_record_of_a_sheet_is_mended_with_tabs():
    reading = Reading("xlsx", sheet="S", headings=["a", "b"], heading_row=3, skip_end=2, first_row=9)
    assert read_record(reading, "1\t2, 3", 12) == (["1", "2, 3"], "")


def test_a_record_with_a_value_under_no_heading_is_kept_so_that_it_splits_again():
    lines = b'a,b,\n"1, or ""one""",2,\n"x, y",4,5\n'
    reading = Reading("csv", "utf-8", ",", headings=["a", "b"], columns=[0, 1], extra=1)
    reader = Reader(BytesIO(lines), reading, "torn.csv")
    assert [cells for _line, cells in reader.records()] == [['1, or "one"', "2"]]
    (bad,) = reader.unreadable
    assert bad.text == '"x, y",4,5'
    assert [cell.cell for cell in split_record(reading, bad.text)] == ["x, y", "4", "5"]

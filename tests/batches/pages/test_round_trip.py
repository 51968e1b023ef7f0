"""What is saved opens as a valid import: nothing to map, and the same rows come back."""

import io
from datetime import datetime
from decimal import Decimal

import openpyxl
import pytest
from django.core.files.base import ContentFile
from django.db.models import Q
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from batches import files
from batches.export import Table
from batches.files import CellError, Reader, converter, sniff
from batches.registry import registry
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler
from tests.toys.models import ThingFileBatch

FIELDS = ("code", "name", "colour", "price", "box_name", "raw", "action")
KINDS = ["csv", "xlsx"]
NAMES = {column.field: column for column in ThingFileHandler.columns}
PRICE = converter(NAMES["price"])


def saved(web, batch, kind, query=""):
    """Return what the page sends when the rows are saved."""
    answer = web.get(reverse(f"batches:rows_{kind}", args=[batch.pk]) + query)
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    return b"".join(answer.streaming_content)


def values(batch):
    return list(batch.rows.order_by("sequence").values_list(*FIELDS))


def in_process(batch, kind):
    """Return the rows as a file, without a request."""
    table, file = Table(registry.for_model(type(batch))(batch), batch.rows.all()), io.BytesIO()
    {"csv": files.write_csv, "xlsx": files.write_xlsx}[kind](table.headings, table.lines(), file)
    return file


def is_unread(text):
    try:
        PRICE(text)
    except CellError:
        return True
    return False


# What PostgreSQL can hold, but for what a sheet loses: \x1e and \x1f part cells there, and two are no characters.
letters = st.characters(
    codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0\x1e\x1f\ufffe\uffff"
)
risky = st.sampled_from(
    ["=1+1", "+1", "-x", "@a", "'=1", "''+2", "'quoted'", "\uff1d1", "-5", "0042", "1E5", "_x000D_", "a\r\nb"]
)
texts = (st.text(letters, max_size=12) | risky).map(str.strip).map(lambda text: text or None)
unread = (risky | st.text(letters, min_size=1, max_size=12)).filter(is_unread)
prices = st.decimals(min_value=-9999, max_value=9999, places=2)
cells_of_a_thing = {"name": texts, "colour": texts, "box_name": texts, "price": prices | st.none()}
rows_of_things = st.lists(
    st.fixed_dictionaries({**cells_of_a_thing, "unread": unread | st.none()}), min_size=1, max_size=6
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_things)
@example(rows=[{"name": text, "colour": "red", "box_name": None, "price": Decimal("-5.00"), "unread": None}
               for text in ("=1+1", "'=1", "''=1", "-5", "0042")])  # fmt: skip
@example(
    rows=[{"name": None, "colour": None, "box_name": None, "price": None, "unread": "=cmd|' /C calc'!A0"}]
)
def test_any_rows_come_back_as_they_were(boss, things, kind, rows):
    content = "Code,Name,Colour,Price,Box\n" + "".join(f"{n:05},,,1,\n" for n in range(len(rows)))
    batch = make_batch("toy_file", user=boss, file=ContentFile(content.encode(), name="codes.csv"))
    for row, given_values in zip(batch.rows.order_by("sequence"), rows, strict=True):
        told = dict(given_values)
        text = told.pop("unread")
        if text is not None:
            told |= {"price": None, "raw": {"price": text}}
        batch.rows.filter(pk=row.pk).update(**told)
    file = in_process(batch, kind)
    name = f"again.{kind}"
    reading = sniff(file, name)
    records = [
        dict(zip(reading.headings, cells, strict=True)) for _, cells in Reader(file, reading, name).records()
    ]
    assert [record["Code"] for record in records] == [f"{n:05}" for n in range(len(rows))]
    again = make_batch("toy_file", user=boss, file=ContentFile(file.getvalue(), name=name))
    found = [row[:-1] for row in values(again)]
    assert found == [row[:-1] for row in values(batch)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", ["", "?status=error", "?q=T", "?action=update"])
def test_rows_of_any_filter_open_as_an_import(web, boss, book, kind, query):
    content = saved(web, book, kind, query)
    again = make_batch("toy_file", user=boss, file=ContentFile(content, name=f"again.{kind}"))
    kept = {row[0]: row for row in values(book)}
    assert again.rows.count() >= 1
    assert [row[:5] for row in values(again)] == [kept[row[0]][:5] for row in values(again)]
    assert set(again.mapping) >= {"code", "name", "colour", "box_name"}


def test_a_column_that_the_file_lacks_is_not_saved(web, boss, things):
    file = ContentFile(b"Code,Cost\nT1,1.50\n", name="costs.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    headings = saved(web, batch, "csv").decode("utf-8-sig").splitlines()[0].split(",")
    assert headings[:2] == ["Code", "Price"]
    assert "Colour" not in headings
    batch.rows.update(colour="red")
    assert "Colour" in saved(web, batch, "csv").decode("utf-8-sig").splitlines()[0]


@pytest.mark.parametrize("key", [handler.key for handler in registry.all() if handler.columns])
def test_headings_map_themselves_for_every_type(key, db):
    handler = registry.get(key)(registry.get(key).model())
    columns = list(handler.get_columns())
    handler.batch.mapping = {column.field: column.field for column in columns}
    headings = Table(handler, handler.row_model._default_manager.none()).headings
    found = files.suggest(headings, [], columns)
    assert {field: headings[index] for field, index in found.items()} == {
        column.field: str(column.label) for column in columns
    }


def test_codes_are_text_in_a_sheet_and_prices_numbers(web, boss, things):
    file = ContentFile(b"Code,Name,Cost\n0042,=1+1,-1.50\n", name="codes.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    sheet = openpyxl.load_workbook(io.BytesIO(saved(web, batch, "xlsx"))).active
    code, name, price = sheet["A2"], sheet["B2"], sheet["C2"]
    assert (code.value, code.data_type, code.number_format) == ("0042", "s", "@")
    assert (name.value, name.data_type, name.quotePrefix) == ("=1+1", "s", True)
    assert (price.value, price.data_type) == (-1.5, "n")


def test_the_name_of_the_file_says_as_of_when(web, book):
    answer = web.get(reverse("batches:rows_csv", args=[book.pk]))
    stamp = answer["Content-Disposition"].rpartition(f"{book.shown_number}-")[2].partition(".")[0]
    assert datetime.strptime(stamp, "%Y-%m-%d-%H%M")


def test_what_a_sheet_cannot_hold_is_told_on_the_page(web, boss, things):
    file = ContentFile(f"Code,Name\nT1,{'x' * 40_000}\n".encode(), name="long.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    answer = web.get(reverse("batches:rows_xlsx", args=[batch.pk]), follow=True)
    assert "which a sheet cannot hold" in answer.content.decode()
    assert ("x" * 40_000).encode() in saved(web, batch, "csv")


def test_who_sees_a_part_of_the_rows_saves_that_part(boss, things, book, monkeypatch, client_of, user_with):
    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q() if user == boss else Q(code="T1"))
    client = client_of(user_with("view_thingfilebatch"))
    content = saved(client, book, "csv").decode()
    assert "thing one" in content
    assert "thing nine" not in content
    assert ThingFileBatch.objects.get().rows.count() == 4

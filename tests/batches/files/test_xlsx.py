"""Workbooks are read in a child with limits: rightly, or refused with a sentence."""

import datetime
import io
import os
import tempfile
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches.exceptions import FileRefused
from batches.files import Reader, preview, sniff

from .books import PARTS, book_of, csv_file

TWO = '<row r="1"><c r="A1" t="str"><v>a</v></c><c r="B1" t="str"><v>b</v></c></row>'


def saved(*sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file


def read(file, name="vendor.xlsx"):
    reader = Reader(file, sniff(file, name), name)
    rows = list(reader.records())
    assert reader.total == len(rows) + len(reader.unreadable) + reader.blank
    return rows, reader


def refused(file, name="vendor.xlsx"):
    started = time.monotonic()
    left = set(os.listdir(tempfile.gettempdir()))
    with pytest.raises(FileRefused) as caught:
        read(file, name)
    assert time.monotonic() - started <= 5
    assert repr(name) in str(caught.value)
    new = set(os.listdir(tempfile.gettempdir())) - left
    assert not [entry for entry in new if entry.startswith("tmp")]
    return caught.value.details["code"]


def test_cells_read_as_people_see_them():
    moment = datetime.datetime(2026, 1, 31, 13, 45)
    row = [12345678901, 0.1 + 0.2, 0.00001, "007", True, datetime.date(2026, 1, 31), moment, -2.5]
    rows, _ = read(saved(("S", [list("abcdefgh"), row])))
    assert rows == [
        (2, ["12345678901", "0.3", "0.00001", "007", "TRUE", "2026-01-31", "2026-01-31 13:45:00", "-2.5"])
    ]


def test_a_number_that_lost_digits_keeps_its_exponent():
    rows, _ = read(saved(("S", [["a", "b"], [12345678901234567, "x"]])))
    assert "e+16" in rows[0][1][0]


def test_an_error_is_not_an_empty_cell():
    rows, _ = read(book_of(TWO + '<row r="2"><c r="A2" t="e"><v>#N/A</v></c><c r="B2"><v>5</v></c></row>'))
    assert rows == [(2, ["#N/A", "5"])]


def test_rows_are_numbered_as_in_the_sheet_and_blank_ones_counted():
    rows, reader = read(saved(("S", [[], ["a", "b"], [1, 2], [], [3, 4]])))
    assert [row for row, _ in rows] == [3, 5]
    assert (reader.reading.heading_row, reader.blank, reader.total) == (2, 1, 3)


def test_a_table_that_begins_in_column_b():
    rows, _ = read(saved(("S", [[None, "a", "b"], [None, 1, 2]])))
    assert rows == [(2, ["1", "2"])]


def test_the_visible_sheet_with_most_rows_is_proposed():
    file = saved(("Notes", [["n", "m"], [1, 2]]), ("Prices", [["a", "b"], [1, 2], [3, 4]]))
    reading = sniff(file, "a.xlsx")
    assert (reading.sheet, reading.sheets, reading.headings) == ("Prices", ["Notes", "Prices"], ["a", "b"])
    assert preview(file, reading, 1) == [(2, ["1", "2"])]


def test_a_blank_heading_is_named_by_its_letter():
    reading = sniff(saved(("S", [[None, "a", None, "b"], [None, 1, 2, 3]])), "a.xlsx")
    assert reading.headings == ["a", "Column C", "b"]


def test_a_column_without_heading_is_kept_for_a_single_value_far_below():
    rows, reader = read(saved(("S", [["a", "b"]] + [[1, 2]] * 1500 + [[3, 4, "x"]])))
    assert rows[-1] == (1502, ["3", "4", "x"])
    assert reader.reading.headings == ["a", "b", "Column C"]


BOMBS = {
    "two far cells": lambda: book_of(TWO + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    "ratio of 1000": lambda: book_of(TWO, after=" " * 50_000_000),
    "many parts": lambda: book_of(TWO, {f"x/{n}.xml": "<a/>" for n in range(1001)}),
    "document type": lambda: book_of(TWO, before="<!DOCTYPE a>"),
    "entities": lambda: book_of(TWO, before='<!-- x --><!doctype a [<!ENTITY b "cc">]>'),
    "macros": lambda: book_of(TWO, {"xl/vbaProject.bin": "x"}),
    "no parts": lambda: csv_file(b"PK\x03\x04" + b"x" * 500),
    "cut off": lambda: csv_file(book_of(TWO).getvalue()[:900]),
    "a ZIP of something else": lambda: book_of("", {"xl/workbook.xml": "<a/>"}),
    "a password": lambda: csv_file(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000 + "EncryptedPackage".encode("utf-16-le")
    ),
    "text": lambda: csv_file("a,b\n1,2\n"),
}
CODES = {
    "two far cells": "workbook_costly",
    "ratio of 1000": "workbook_limit",
    "many parts": "workbook_limit",
    "document type": "workbook_unsafe",
    "entities": "workbook_unsafe",
    "macros": "macros",
    "no parts": "bad_workbook",
    "cut off": "bad_workbook",
    "a ZIP of something else": "bad_workbook",
    "a password": "encrypted",
    "text": "not_workbook",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_hostile_or_broken_workbook_is_refused_at_once(bomb):
    assert refused(BOMBS[bomb]()) == CODES[bomb]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_second_part_of_the_same_name_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in [*PARTS.items(), ("xl/WORKBOOK.xml", "x")]:
            archive.writestr(name, content)
    assert refused(file) == "workbook_unsafe"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a.xlsb", "other_format"),
        ("a.numbers", "other_format"),
        ("a.xlsm", "macros"),
        ("a.xls", "not_workbook"),
        ("a.ods", "not_workbook"),
    ],
)
def test_what_is_no_workbook_that_is_read_is_refused_by_name(name, code):
    assert refused(csv_file("a,b\n1,2\n"), name) == code


def test_a_workbook_named_csv_is_refused():
    assert refused(saved(("S", [["a", "b"], [1, 2]])), "vendor.csv") == "is_workbook"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's list of a process's children")
def test_a_reader_that_is_left_early_leaves_no_child(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(saved(("S", [["a", "b"]] + [[n, n] for n in range(3000)])).getvalue())
    before = children()  # whatever else the process has started: a database, a browser
    records = Reader(path, sniff(path, "a.xlsx"), "a.xlsx").records()
    next(records)
    assert len(children() - before) == 1
    records.close()
    assert not children() - before


def children():
    """Return the process numbers of this process's children, ended ones that nobody has waited for included."""
    return {
        int(number)
        for thread in Path("/proc/self/task").iterdir()
        for number in (thread / "children").read_text().split()
    }


texts = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), min_size=1, max_size=10)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(texts, st.integers(-(10**14), 10**14), st.decimals(-9999, 9999, places=2)),
        min_size=1,
        max_size=8,
    )
)
def test_what_openpyxl_writes_is_read_back(rows):
    rows = [
        (text, number, money) for text, number, money in rows if not text.startswith("=") and "_x" not in text
    ]
    file = saved(("S", [["a", "b", "c"], ["x", 1, 2], *rows]))
    found = [cells for _, cells in read(file)[0]][1:]
    assert [(text, int(number), float(money)) for text, number, money in found] == [
        (text, number, float(money)) for text, number, money in rows
    ]

"""What is written cannot run in a spreadsheet, and is read back as it was."""

import io
import os
import tempfile
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batches.exceptions import FileRefused
from batches.files import Column, Reader, converter, sniff, write_csv, write_xlsx
from batches.files.guard import guard, unguard

RISKY = [
    "=1+1",
    "+1",
    "-x",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "'=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "-1+1",
]
TEXT = converter(Column("text", "Text"))


def written(write, rows, headings=("code", "text", "amount")):
    file = io.BytesIO()
    assert write(headings, rows, file) == len(rows)
    return file


def read_back(file, name):
    return [cells for _, cells in Reader(file, sniff(file, name), name).records()]


@pytest.mark.parametrize("text", RISKY)
def test_csv_guards_what_a_spreadsheet_would_run(text):
    file = written(write_csv, [["1", text, 1]])
    cell = read_back(file, "a.csv")[0][1]
    assert cell == "'" + text
    assert TEXT(cell) == text.strip()


def test_negative_numbers_stay_numbers():
    file = written(write_csv, [["1", "-5.50", Decimal("-5.50")]])
    assert file.getvalue().endswith(b"\r\n1,-5.50,-5.50\r\n")
    sheet = openpyxl.load_workbook(written(write_xlsx, [["1", "x", Decimal("-5.50")]])).active
    assert (sheet["C2"].data_type, sheet["C2"].value) == ("n", -5.5)


@pytest.mark.parametrize("text", [text for text in RISKY if not set(text) & set("\t\r")])
def test_xlsx_keeps_text_as_text(text):
    file = written(write_xlsx, [["0123", text, 1]])
    sheet = openpyxl.load_workbook(file).active
    assert (sheet["B2"].data_type, sheet["B2"].value, sheet["B2"].quotePrefix) == ("s", text, True)
    assert (sheet["A2"].value, sheet["A2"].number_format) == ("0123", "@")


def test_numbers_that_a_sheet_would_round_are_text():
    rows = [["1", "x", Decimal("1234567890123456.78")], ["2", "y", 12345678901234567]]
    found = read_back(written(write_xlsx, rows), "a.xlsx")
    assert [cells[2] for cells in found] == ["1234567890123456.78", "12345678901234567"]


def test_other_values():
    assert written(write_csv, [[None, True, 1.5]]).getvalue().endswith(b"\r\n,true,1.5\r\n")
    assert read_back(written(write_csv, [["", "x", "\u00e9"]]), "a.csv") == [["", "x", "\u00e9"]]


def test_a_failing_export_leaves_nothing_behind():
    left = set(os.listdir(tempfile.gettempdir()))
    with pytest.raises(FileRefused):
        write_xlsx(["a"], [["x" * 40_000]], io.BytesIO())
    assert not [entry for entry in set(os.listdir(tempfile.gettempdir())) - left if "openpyxl" in entry]


@given(st.text())
def test_unguard_is_the_inverse_of_guard(text):
    assert unguard(guard(text)) == text


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0\ufffe\uffff\x1e\x1f"),
    max_size=12,
)
rows_of_texts = st.lists(
    st.lists(texts, min_size=3, max_size=3).filter(lambda row: row[0].strip()), min_size=1
)


@given(rows_of_texts)
@example([["0", "", "\r"]])
def test_csv_is_read_back(rows):
    reading = sniff(written(write_csv, [["x", "y", "z"]] * 5), "a.csv")
    file = written(write_csv, rows)
    found = [[TEXT(cell) or "" for cell in cells] for _, cells in Reader(file, reading, "a.csv").records()]
    assert found == [[cell.strip() for cell in row] for row in rows]


@settings(max_examples=10, deadline=None)
@given(rows_of_texts)
def test_xlsx_is_read_back(rows):
    found = read_back(written(write_xlsx, [["x", "y", "z"], *rows]), "a.xlsx")[1:]
    assert [[cell.strip() for cell in row] for row in found] == [
        [cell.strip() for cell in row] for row in rows
    ]

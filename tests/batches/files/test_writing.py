"""What is written cannot run in a spreadsheet, and is read back as it was."""

import io
import os
import tempfile
import tracemalloc
from datetime import UTC, date, datetime, time
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batches.exceptions import FileRefused
from batches.files import Column, Reader, converter, sheet, sniff, write_csv, write_xlsx
from batches.files.convert import ERRORS
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
    # An apostrophe of the text's own is doubled, as reading takes one off.
    kept = "'" + text if text[0] == "'" else text
    assert (sheet["B2"].data_type, sheet["B2"].value, sheet["B2"].quotePrefix) == ("s", kept, True)
    assert TEXT(read_back(file, "a.xlsx")[0][1]) == text.strip()
    assert (sheet["A2"].value, sheet["A2"].number_format) == ("0123", "@")


def test_numbers_that_a_sheet_would_round_are_text():
    rows = [["1", "x", Decimal("1234567890123456.78")], ["2", "y", 12345678901234567]]
    found = read_back(written(write_xlsx, rows), "a.xlsx")
    assert [cells[2] for cells in found] == ["1234567890123456.78", "12345678901234567"]


def test_other_values():
    assert written(write_csv, [[None, True, 1.5]]).getvalue().endswith(b"\r\n,true,1.5\r\n")
    assert read_back(written(write_csv, [["", "x", "\u00e9"]]), "a.csv") == [["", "x", "\u00e9"]]


def test_dates_moments_and_other_values_of_a_sheet():
    values = [
        date(2024, 2, 29),
        datetime(2024, 2, 29, 12, 30),
        date(1899, 1, 1),
        True,
        0.1,
        float("nan"),
        Decimal("NaN"),
    ]
    values += [datetime(2024, 1, 1, tzinfo=UTC), time(1, 2), None, "", Decimal("1E+3"), 0]
    file = written(write_xlsx, [values], [f"c{n}" for n in range(len(values))])
    cells = [cell.value for cell in openpyxl.load_workbook(file).active[2]]
    assert cells == [datetime(2024, 2, 29), datetime(2024, 2, 29, 12, 30), "1899-01-01", True, 0.1, "nan", "NaN",
                     "2024-01-01 00:00:00+00:00", "01:02:00", None, None, 1000, 0]  # fmt: skip
    read = read_back(file, "a.xlsx")[0]
    assert read[:5] == ["2024-02-29", "2024-02-29 12:30:00", "1899-01-01", "TRUE", "0.1"]


def test_what_a_sheet_cannot_hold_is_refused(monkeypatch):
    with pytest.raises(FileRefused, match="Row 2"):
        write_xlsx(["a"], [["x" * 32_768]], io.BytesIO())
    with monkeypatch.context() as patched:
        patched.setattr(sheet, "MAX_BYTES", 200_000)
        with pytest.raises(FileRefused, match=r"at most \d{3} rows"):
            write_xlsx(["a"], [["x" * 100]] * 5000, io.BytesIO())
    monkeypatch.setattr(sheet, "MAX_ROWS", 3)
    assert write_xlsx(["a"], [["1"]] * 2, io.BytesIO()) == 2
    with pytest.raises(FileRefused, match="at most 3 rows"):
        write_xlsx(["a"], [["1"]] * 3, io.BytesIO())


def test_many_rows_take_no_more_memory_than_few():
    def peak(rows):
        tracemalloc.start()
        write_xlsx(["a", "b"], ((f"{n:06}", n) for n in range(rows)), Nowhere())
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(20_000) < 1.2 * peak(2_000)


class Nowhere(io.RawIOBase):
    """A file that keeps nothing."""

    def writable(self):
        return True

    def write(self, data):
        return len(data)


def test_a_failing_export_leaves_nothing_behind():
    left = set(os.listdir(tempfile.gettempdir()))
    with pytest.raises(FileRefused):
        write_xlsx(["a"], [["x" * 40_000]], io.BytesIO())
    assert not [entry for entry in set(os.listdir(tempfile.gettempdir())) - left if "xlsx" in entry]


@given(st.text())
def test_unguard_is_the_inverse_of_guard(text):
    assert unguard(guard(text)) == text


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0\ufffe\uffff\x1e\x1f"),
    max_size=12,
).filter(lambda text: text.strip() not in ERRORS)
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
    assert [[TEXT(cell) or "" for cell in row] for row in found] == [
        [cell.strip() for cell in row] for row in rows
    ]

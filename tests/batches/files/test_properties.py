"""Whatever a program writes is read back; whatever is broken is told at its place, and nothing breaks the reader."""

import csv
import io
import random

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches.exceptions import FileRefused
from batches.files import ENCODINGS, Reader, Reading, preview, raw_lines, read_headings, sniff, survey

from .books import csv_file, ods_of, xls_of

DELIMITERS = [",", ";", "\t", "|"]
QUOTING = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]
UNICODE = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
ONE_BYTE = ["cp1252", "iso8859-1", "iso8859-2", "iso8859-7", "iso8859-15", "cp1251"]
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0\ufeff"), max_size=10
)
tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(texts, min_size=width, max_size=width), min_size=1, max_size=10)
)


@settings(max_examples=150, deadline=None)
@given(
    rows=tables,
    delimiter=st.sampled_from(DELIMITERS),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from(QUOTING),
    encoding=st.sampled_from(UNICODE + ONE_BYTE),
)
def test_what_pythons_csv_writes_in_any_dialect_is_read_back(rows, delimiter, ending, quoting, encoding):
    rows = [[cell.encode(encoding, "ignore").decode(encoding) for cell in row] for row in rows]
    if ending == "\n":  # the csv module leaves a return without quotes then, and "x\r\n" has one meaning
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    headings = [f"h{n}" for n in range(len(rows[0]))]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    rows = [["x"] * len(headings), *rows]
    writer.writerows([headings, *rows])
    file = csv_file(buffer.getvalue(), encoding)
    reading = read_headings(file, Reading("csv", encoding, delimiter), "a.csv")
    reader = Reader(file, reading, "a.csv")
    assert [cells for _, cells in reader.records()] == [row for row in rows if "".join(row).strip()]
    assert (reading.headings, reader.unreadable) == (headings, [])


cells_of_sheets = st.text(
    st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"),
    max_size=10,
).filter(lambda text: not text.startswith("=") and "_x" not in text)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(cells_of_sheets, min_size=4, max_size=4), min_size=1, max_size=20))
def test_what_openpyxl_writes_is_read_back(rows):
    book = openpyxl.Workbook()
    for row in [["a", "b", "c", "d"], ["x"] * 4, *rows]:
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            cell.data_type = "s"
    file = io.BytesIO()
    book.save(file)
    reading = read_headings(file, Reading("xlsx"), "a.xlsx")
    reading.skip_end = 0
    found = [cells for _, cells in Reader(file, reading, "a.xlsx").records()]
    # A cell of blanks alone is an empty one to the reader of workbooks.
    wanted = [[cell if cell.strip() else "" for cell in row] for row in rows if "".join(row).strip()]
    assert found == [["x"] * 4, *wanted]


WORDS = ["milk", "apple juice", "caf\u00e9", "12.50", "0012", "", "a-b", "ruby's", "5%", "x" * 40, "\u00fc"]


def table(choice, rows, columns):
    """Return records whose first and last cells are always filled, as lists of text ready for a line."""
    made = []
    for number in range(rows):
        cells = [str(number), *(choice.choice(WORDS) for _ in range(columns - 2)), "end"]
        made.append([f'"{cell},{cell}"' if cell and choice.random() < 0.15 else cell for cell in cells])
    return made


def plant(choice, kind, records):
    """Put one malformation at a random place; return its record and its column, from 0 (None: the whole record)."""
    row, column = choice.randrange(len(records)), choice.randrange(1, len(records[0]))
    cells = records[row]
    if kind == "missing":
        del cells[column]
        return row, None
    if kind == "extra":
        cells.insert(column, "more")
        return row, None
    cells[column] = {
        "nul": "a\0b",
        "bytes": "a\udcffb",
        "bare quote": 'a"b',
        "two bare quotes": 'a "b" c',
        "text after": '"a"b',
        "blank before": ' "a"',
        "return": "a\rb",
    }[kind]
    return row, column


KINDS = [
    "missing", "extra", "nul", "bytes", "bare quote", "two bare quotes", "text after", "blank before", "return",
]  # fmt: skip


def planted(seed, encoding="utf-8"):
    """Return a file with one malformation, the line of it, and its column."""
    choice = random.Random(seed)
    records = table(choice, choice.randint(6, 60), choice.randint(3, 7))
    headings = [f"h\u00e9{n}" for n in range(len(records[0]))]  # so it is UTF-8
    kind = KINDS[seed % len(KINDS)]
    row, column = plant(choice, kind, records)
    lines = [",".join(cells) for cells in [headings, *records]]
    content = choice.choice(["\n", "\r\n"]).join([*lines, ""])
    return content.encode("utf-8", "surrogateescape"), kind, row + 2, column and column + 1


def test_a_planted_malformation_is_told_at_its_place():
    columns = right = 0
    for seed in range(450):
        content, kind, line, column = planted(seed)
        reader = Reader(csv_file(content), sniff(csv_file(content), "a.csv"), "a.csv")
        rows = list(reader.records())
        assert [bad.line for bad in reader.unreadable] == [line], (seed, kind)
        assert line not in dict(rows)
        assert reader.total == len(rows) + 1
        if column:
            columns += 1
            right += reader.unreadable[0].params["column"] == column
    assert columns > 300
    assert right >= 0.98 * columns


def test_an_opening_quote_without_an_end_is_told_with_its_row():
    for seed in range(60):
        choice = random.Random(seed)
        records = [[f"{n}", f"item {n}", f"{n}.50", "end"] for n in range(choice.randint(6, 60))]
        row = choice.randrange(len(records))
        records[row][1] = '"item'
        content = "a,b,c,d\n" + "".join(",".join(cells) + "\n" for cells in records)
        with pytest.raises(FileRefused) as caught:
            sniff(csv_file(content), "a.csv")
        assert (caught.value.details["code"], caught.value.details["row"]) == ("open_quote", row + 2)
        assert caught.value.details["column"] == 2


def valid_files():
    """Return one file of each kind that is read."""
    rows = [["code", "name", "price"], *([f"{n:05d}", f"caf\u00e9 {n}", n + 0.5] for n in range(12))]
    text = "\n".join(
        ",".join(f'"{cell}"' if at % 5 == 0 else str(cell) for at, cell in enumerate(row)) for row in rows
    )
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    sheet = io.BytesIO()
    book.save(sheet)
    return {
        "a.csv": text.encode(),
        "b.csv": text.encode("utf-16"),
        "c.csv": text.replace(",", ";").encode("cp1252"),
        "a.xlsx": sheet.getvalue(),
        "a.ods": ods_of(("S", rows)).getvalue(),
        "a.xls": xls_of(("S", rows)).getvalue(),
    }


def flipped(content, choice):
    """Return the content with up to eight bytes changed, at times cut or with a piece repeated."""
    found = bytearray(content)
    for _ in range(choice.choice([1, 1, 2, 8])):
        found[choice.randrange(len(found))] = choice.randrange(256)
    if choice.random() < 0.1:
        del found[choice.randrange(len(found)) :]
    if choice.random() < 0.1:
        at = choice.randrange(len(found) + 1)
        found[at:at] = found[: choice.randrange(200)]
    return bytes(found)


def survives(name, content):
    """Read in every way; return how many records, or None where the file was refused. Anything else is a fault."""
    file = csv_file(content)
    try:
        reading = sniff(file, name)
        reader = Reader(file, reading, name)
        rows = list(reader.records())
        raw_lines(file, reading)
        preview(file, reading)
    except FileRefused:
        return None
    assert reader.total == len(rows) + len(reader.unreadable) + reader.blank + reader.ignored
    assert {len(cells) for _, cells in rows} <= {len(reading.headings)}
    assert Reading.from_json(reading.to_json()) == reading
    return len(rows)


@pytest.mark.parametrize(("name", "times"), [("a.csv", 150), ("b.csv", 100), ("c.csv", 100)])
def test_changed_bytes_of_a_text_file_break_nothing(name, times):
    content = valid_files()[name]
    choice = random.Random(name)
    assert survives(name, content) == 12
    for _ in range(times):
        survives(name, flipped(content, choice))


@pytest.mark.parametrize("name", ["a.xlsx", "a.ods", "a.xls"])
def test_changed_bytes_of_a_workbook_break_nothing(name):
    content = valid_files()[name]
    choice = random.Random(name)
    assert survives(name, content) == 12
    for _ in range(8):
        survives(name, flipped(content, choice))


CONTENTS = [
    "a,b,c\n1,2,3\n4,5,6\nTotal,,9\n",
    "x\n",
    "a;b\n1;2\n3;4\n",
    "Price,,\n\na,b,c\n1,2,3\n",
    'a,"b\nc",d\n1,2,3\n',
]


def test_no_choice_breaks_the_reader():
    choice = random.Random(3)
    read = 0
    for _ in range(400):
        file = csv_file(choice.choice(CONTENTS))
        reading = Reading("csv", choice.choice([*ENCODINGS, "utf-8", "utf-8"]), choice.choice(DELIMITERS))
        reading.heading_row, reading.heading_lines = choice.randrange(5), choice.choice([1, 2])
        reading.first_row, reading.skip_end = choice.randrange(7), choice.choice([0, 1, 3, 99])
        reading.decimal_mark = choice.choice(["", ",", "."])
        try:
            reading = read_headings(file, reading, "a.csv", propose=choice.random() < 0.3)
            reader = Reader(file, reading, "a.csv")
            rows = list(reader.records())
            preview(file, reading)
            raw_lines(file, reading)
            survey(file, reading, "a.csv")
        except FileRefused:
            continue
        assert reader.total == len(rows) + reader.bad + reader.blank + reader.ignored
        read += 1
    assert read > 50


def test_an_encoding_that_needs_a_mark_is_refused_without_one():
    with pytest.raises(FileRefused, match="another encoding"):
        read_headings(csv_file("a,b\n1,2\n"), Reading("csv", "utf-16", ","), "a.csv")

"""XLS and ODS are read as XLSX is: rightly, or refused with a sentence; formulas by the value that was kept."""

import struct

import pytest

from batches.exceptions import FileRefused
from batches.files import Reader, raw_lines, sniff

from .books import MANIFEST, book_of, csv_file, ods_of, ole_of, record, xls_of

ROWS = [["code", "name", "price"], ["00012", "n\u00e4me", 1.5], ["00013", "x", 2]]
READ = [(2, ["00012", "n\u00e4me", "1.5"]), (3, ["00013", "x", "2"])]
MAKERS = {"xls": xls_of, "ods": ods_of}


def read(file, name):
    reader = Reader(file, sniff(file, name), name)
    return list(reader.records()), reader


def refused(file, name):
    with pytest.raises(FileRefused) as caught:
        read(file, name)
    return caught.value.details


@pytest.mark.parametrize("kind", MAKERS)
def test_the_visible_sheet_with_most_rows_is_read(kind):
    file = MAKERS[kind](("Notes", ROWS[:2]), ("Prices", ROWS))
    rows, reader = read(file, f"vendor.{kind}")
    assert rows == READ
    reading = reader.reading
    assert (reading.kind, reading.sheet, reading.sheets) == (kind, "Prices", ["Notes", "Prices"])
    assert raw_lines(file, reading, 1) == [(1, ["code", "name", "price"])]


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", ["vendor.xlsx", "vendor.xls", "vendor.ods", "vendor"])
def test_the_content_tells_the_format_not_the_name(kind, name):
    assert read(MAKERS[kind](("S", ROWS)), name)[0] == READ


@pytest.mark.parametrize("kind", MAKERS)
def test_a_workbook_under_the_name_of_a_text_file_is_refused(kind):
    assert refused(MAKERS[kind](("S", ROWS)), "vendor.csv")["code"] in ("not_text", "is_workbook")


@pytest.mark.parametrize("kind", MAKERS)
def test_texts_with_a_decimal_comma_give_the_numbers_one_too(kind):
    rows = [["code", "cost", "price"], ["a", "1,50", 2.25], ["b", "2,75", 3.5], ["c", "0,99", 4]]
    found, reader = read(MAKERS[kind](("S", rows)), f"a.{kind}")
    assert reader.reading.decimal_mark == ","
    assert found[0][1] == ["a", "1,50", "2,25"]
    assert found[2][1] == ["c", "0,99", "4"]


def formula(result, options=0):
    return result.ljust(8, b"\0") + bytes([options])


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (None, "#N/A"),
        (formula(struct.pack("<d", 7.25)), "7.25"),
        (formula(b"\x02\0\x07\0\0\0\xff\xff"), "#DIV/0!"),
        (formula(struct.pack("<d", 0)), "0"),
    ],
)
def test_formulas_and_errors_of_xls(cell, shown):
    assert read(xls_of(("S", [*ROWS, ["1", "x", cell]])), "a.xls")[0][-1] == (4, ["1", "x", shown])


@pytest.mark.parametrize(
    "cell", [formula(b"\x03\0\0\0\0\0\xff\xff"), formula(struct.pack("<d", 0), options=3)]
)
def test_formulas_of_xls_that_were_never_calculated_are_refused_by_cell(cell):
    details = refused(xls_of(("S", [*ROWS, ["1", cell, 2]])), "a.xls")
    assert (details["code"], details["cell"], details["count"]) == ("formula_without_value", "B4", 1)


CALCULATED = '<table:table-cell table:formula="of:=1+1" office:value-type="float" office:value="2"/>'
NEVER = '<table:table-cell table:formula="of:=IF([.A1]>5;1;2)"/>'
FAULTY = (
    '<table:table-cell table:formula="of:=NA()" office:value-type="string" office:string-value=""'
    ' calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>'
)
THRICE = '<table:table-cell table:number-columns-repeated="3" office:value-type="float" office:value="5"/>'


def test_formulas_and_errors_of_ods():
    assert read(ods_of(("S", [*ROWS, ["1", FAULTY, CALCULATED], [THRICE]])), "a.ods")[0][2:] == [
        (4, ["1", "#N/A", "2"]),
        (5, ["5", "5", "5"]),
    ]


def test_a_formula_of_ods_that_was_never_calculated_is_refused_by_cell():
    details = refused(ods_of(("Other", ROWS[:2]), ("S", [*ROWS, ["1", 2, NEVER]])), "a.ods")
    assert (details["code"], details["sheet"], details["cell"]) == ("formula_without_value", "S", "C4")
    assert read(ods_of(("Other", [[NEVER]]), ("S", ROWS)), "a.ods")[0] == READ


HEAD = "".join(f'<c r="{letter}1" t="str"><v>{letter.lower()}</v></c>' for letter in "AB")
XLSX = '<row r="1">' + HEAD + '</row><row r="2"><c r="A2"><v>1</v></c>{}</row>'


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('<c r="B2"><f>1+1</f><v>2</v></c>', "2"),
        ('<c r="B2"><f>1-1</f><v>0</v></c>', "0"),
        ('<c r="B2" t="str"><f>""</f><v></v></c>', ""),
        ('<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!"),
    ],
)
def test_formulas_of_xlsx_are_read_by_their_kept_value(cell, shown):
    assert read(book_of(XLSX.format(cell)), "a.xlsx")[0] == [(2, ["1", shown])]


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B2"><f>1+1</f><v></v></c>',
        '<c r="B2"><f>1+1</f><v/></c>',
        '<c r="B2" s="1"><f t="shared" si="0"/></c>',
        '<c s="1" r="B2">\n<f>A2&gt;1</f>\n</c>',
    ],
)
def test_a_formula_of_xlsx_that_was_never_calculated_is_refused_by_cell(cell):
    details = refused(book_of(XLSX.format(cell)), "a.xlsx")
    assert (details["code"], details["cell"]) == ("formula_without_value", "B2")


def test_nought_is_no_value_where_the_workbook_asks_to_be_calculated():
    file = book_of(XLSX.format('<c r="B2"><f>1+1</f><v>0</v></c>'))
    content = file.getvalue()
    assert read(csv_file(content), "a.xlsx")
    asking = book_of(XLSX.format('<c r="B2"><f>1+1</f><v>0</v></c>'), calculate=True)
    assert refused(asking, "a.xlsx")["cell"] == "B2"


FAR = (
    '<table:table-cell/></table:table-row><table:table-row table:number-rows-repeated="1048000">'
    '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="1"/>'
)
REFUSED = {
    "xls, a password": (lambda: xls_of(("S", ROWS), more=record(0x2F, b"\0" * 4)), "encrypted"),
    "xls, macros": (lambda: csv_file(ole_of({"Workbook": b"", "_VBA_PROJECT_CUR": b""})), "macros"),
    "xls, no workbook": (lambda: xls_of(("S", ROWS), name="WordDocument"), "not_workbook"),
    "xls, cut off": (lambda: csv_file(xls_of(("S", ROWS)).getvalue()[:700]), "bad_workbook"),
    "xls, a chain that is a ring": (lambda: ring(), "bad_workbook"),
    "ods, a document type": (lambda: ods_of(("S", ROWS), before="<!DOCTYPE a>"), "workbook_unsafe"),
    "ods, ratio of 1000": (lambda: ods_of(("S", ROWS), after=" " * 50_000_000), "workbook_limit"),
    "ods, many parts": (
        lambda: ods_of(("S", ROWS), more={f"x/{n}": "" for n in range(1001)}),
        "workbook_limit",
    ),
    "ods, macros": (lambda: ods_of(("S", ROWS), more={"Basic/script-lc.xml": "<a/>"}), "macros"),
    "ods, a password": (
        lambda: ods_of(
            ("S", ROWS),
            more={"META-INF/manifest.xml": MANIFEST.replace("/></man", "><encryption-data/></man")},
        ),
        "encrypted",
    ),
    "ods, far cells": (lambda: ods_of(("S", [*ROWS, [FAR]])), "bad_workbook"),
    "xlsb": (lambda: book_of("", {"xl/workbook.bin": ""}), "other_format"),
}


def ring():
    """Return an XLS whose workbook stream never ends."""
    content = bytearray(xls_of(("S", ROWS)).getvalue())
    table = struct.unpack_from("<I", content, 76)[0]
    struct.pack_into("<I", content, (table + 1) * 512 + 4, 0)
    return csv_file(bytes(content))


@pytest.mark.parametrize("what", REFUSED)
def test_a_hostile_or_broken_workbook_is_refused(what):
    make, code = REFUSED[what]
    found = refused(make(), "a" + ("." + what[:3] if what[3] == "," else ".xlsx"))["code"]
    assert found == code

"""CSV is read rightly, or told unreadable with the exact row; never guessed."""

import csv
import io
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches.exceptions import FileRefused
from batches.files import ENCODINGS, Reader, Reading, preview, sniff

from .books import csv_file

GOOD = "".join(f"{n},item {n},{n}.50\n" for n in range(1, 6))


def read(content, encoding="utf-8", name="vendor.csv"):
    file = csv_file(content, encoding)
    reader = Reader(file, sniff(file, name), name)
    rows = list(reader.records())
    assert reader.total == len(rows) + len(reader.unreadable) + reader.blank
    assert reader.bad == len(reader.unreadable)
    return rows, reader


def refused(content, name="vendor.csv"):
    with pytest.raises(FileRefused) as caught:
        read(content, name=name)
    assert repr(name) in str(caught.value)
    return caught.value


def test_reads_rows_with_their_line():
    rows, reader = read("a,b\n1,2\n\n3,4\n,\n5,6")
    assert rows == [(2, ["1", "2"]), (4, ["3", "4"]), (6, ["5", "6"])]
    assert (reader.blank, reader.total) == (2, 5)


def test_quoted_cells_keep_delimiters_quotes_and_newlines():
    rows, _ = read('a,b\r\n"x, y","say ""hi""\r\nthere"\r\n1,2\r\n')
    assert rows == [(2, ["x, y", 'say "hi"\r\nthere']), (4, ["1", "2"])]


# The planted line, its code; it stands in row 7, below five good ones.
MALFORMED = {
    "wrong_width short": ("7,x", "wrong_width"),
    "wrong_width long": ("7,x,1,9", "wrong_width"),
    "bare quote": ('7,6" pipe,1.50', "bare_quote"),
    "bare quotes, even": ('7,5" and 6" pipe,1.50', "bare_quote"),
    "quote after a blank": ('7, "x",1.50', "bare_quote"),
    "text after the quote": ('7,"6" pipe,1.50', "text_after_quote"),
    "quote after the quote": ('7,"x" "y",1.50', "text_after_quote"),
    "NUL": ("7,x\0y,1.50", "nul"),
    "NUL in quotes": ('7,"x\0y",1.50', "nul"),
    "lone return": ("7,x\ry,1.50", "lone_return"),
    "stray opening quote": ('7,"pipe,1.50', "unclosed_quote"),
}


@pytest.mark.parametrize("planted", MALFORMED)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_malformed_record_is_told_with_its_row_and_the_others_are_read(planted, ending, quoted):
    line, code = MALFORMED[planted]
    rest = '8,"item, 8",8.50\n9,"item 9",9.50\n' if quoted else "8,item 8,8.50\n9,item 9,9.50\n"
    below = "6,item,6.50\n" * 3
    if code == "unclosed_quote":
        rest = below + '8,"item 8",8.50\n9,item 9,9.50\n'
    content = ("code,name,price\n" + GOOD + line + "\n" + rest).replace("\n", ending)
    rows, reader = read(content)
    assert [(bad.line, bad.code) for bad in reader.unreadable] == [(7, code)]
    assert "7" in reader.unreadable[0].message
    assert "\0" not in reader.unreadable[0].text
    expected = [number for number in range(2, 2 + content.count(ending) - 1) if number != 7]
    assert [number for number, _ in rows] == expected


def test_an_error_names_column_and_value():
    _, reader = read('code,name,price\n1,"a,b",2\n2,"c,d",6" pipe\n')
    bad = reader.unreadable[0]
    assert bad.params == {"row": 3, "column": 3, "value": '6" pipe'}
    assert "Row 3, column 3" in bad.message


def test_a_swallowed_cell_of_several_lines_is_not_taken_for_records():
    rows, reader = read('a,b,c\n1,"x,y\nfree text\nmore"z,3\n4,5,6\n')
    assert [(bad.line, bad.code, bad.text) for bad in reader.unreadable] == [
        (2, "text_after_quote", '1,"x,y\nfree text\nmore"z,3')
    ]
    assert rows == [(5, ["4", "5", "6"])]


def test_undecodable_bytes_cost_their_record_only():
    content = b"a,b\n1,caf\xc3\xa9\n2,caf\xe9\n3,\xc3\xa9t\xc3\xa9\n"
    rows, reader = read(content)
    assert rows == [(2, ["1", "caf\u00e9"]), (4, ["3", "\u00e9t\u00e9"])]
    assert [(bad.line, bad.code, bad.text) for bad in reader.unreadable] == [(3, "undecodable", "2,caf\\xE9")]


def test_bad_code_units_of_utf16_cost_their_record_only():
    content = "\ufeffa,b\n1,x\n2,y\n3,z\n".encode("utf-16-le").replace(b"y\0", b"\x00\xd8")
    rows, reader = read(content)
    assert [cells[0] for _, cells in rows] == ["1", "3"]
    assert [bad.line for bad in reader.unreadable] == [3]


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_detected_and_shown(encoding, shown, delimiter):
    content = "\n".join(
        delimiter.join(row) for row in (["code", "na\u00efve", "price"], ["1", "caf\u00e9", "2.50"]) * 2
    )
    content = content.replace("na\u00efve", "name", 1)
    file = csv_file(content, encoding)
    reading = sniff(file, "a.csv")
    assert (reading.encoding, reading.delimiter) == (shown, delimiter)
    assert reading.encoding_label
    assert reading.delimiter_label
    assert next(Reader(file, reading, "a.csv").records()) == (2, ["1", "caf\u00e9", "2.50"])


def test_the_encoding_is_looked_for_in_the_whole_file():
    content = b"a,b\n" + b"1,plain text\n" * 50_000 + b"2,caf\xe9\n"
    rows, reader = read(content)
    assert reader.reading.encoding == "cp1252"
    assert rows[-1] == (50_002, ["2", "caf\u00e9"])


def test_decimal_commas_do_not_make_the_comma_a_delimiter():
    rows, reader = read("code;cost;price\n" + "1;1,50;2,50\n" * 20)
    assert reader.reading.delimiter == ";"
    assert rows[0] == (2, ["1", "1,50", "2,50"])


def test_headings_are_cleaned():
    file = csv_file('\ufeff  Item\u00a0 No ,\u200bName\u200b,"Unit\nCost"\n1,x,2\n')
    assert sniff(file, "a.csv").headings == ["Item No", "Name", "Unit Cost"]


def test_a_title_above_the_headings_is_passed_over():
    rows, reader = read("Price list 2026,,\n\ncode,name,price\n1,x,2\n")
    assert reader.reading.heading_row == 3
    assert rows == [(4, ["1", "x", "2"])]


def test_old_macintosh_line_ends():
    assert read("a,b\r1,2\r3,4\r")[0] == [(2, ["1", "2"]), (3, ["3", "4"])]


def test_empty_cells_beyond_the_headings_are_cut_when_every_row_has_them():
    rows, reader = read("a,b\n1,2,\n3,4,\n")
    assert rows == [(2, ["1", "2"]), (3, ["3", "4"])]
    assert reader.reading.extra == 1


def test_a_column_without_heading_is_kept_for_a_single_value_far_below():
    rows, reader = read("a,b,\n" + "1,2,\n" * 2000 + "3,4,x\n" + "1,2,\n")
    assert len(rows) == 2002
    assert rows[2000] == (2002, ["3", "4", "x"])
    assert reader.reading.headings == ["a", "b", "Column C"]
    assert reader.reading.dropped_columns == 0


def test_a_value_in_a_dropped_column_makes_its_record_unreadable():
    reading = sniff(csv_file("a,,b,\n1,,2,\n"), "a.csv")
    assert (reading.headings, reading.columns, reading.dropped_columns) == (["a", "b"], [0, 2], 2)
    reader = Reader(csv_file("a,,b,\n1,,2,\n3,x,4,\n5,,6,\n"), reading, "a.csv")
    assert list(reader.records()) == [(2, ["1", "2"]), (4, ["5", "6"])]
    assert [(bad.line, bad.code, bad.params["column"]) for bad in reader.unreadable] == [
        (3, "unnamed_column", "B")
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("a,b\n", "no_rows"),
        ('a,b"x\n1,2\n', "bad_heading_row"),
        ("PK\x03\x04zip", "not_text"),
        ("%PDF-1.7\n", "not_text"),
        ("<!DOCTYPE html><html>", "not_text"),
        (" \n<table><tr>", "not_text"),
        ('[{"a": 1}]', "not_text"),
        ("\x01\x02\x03\x04\x00\x05" * 100, "not_text"),
        (",".join(f"c{n}" for n in range(501)) + "\n1\n", "too_many_columns"),
    ],
)
def test_what_is_no_table_is_refused(content, code):
    assert refused(content).details["code"] == code


def test_an_open_quote_is_refused_where_it_began_already_at_sniffing():
    content = "a,b\n" + "1,2\n" * 3000 + '3,"open\n' + "4,5\n" * 3000
    with pytest.raises(FileRefused) as caught:
        sniff(csv_file(content), "a.csv")
    assert (caught.value.details["code"], caught.value.details["row"]) == ("open_quote", 3002)


def test_an_open_quote_over_many_blocks_is_refused_without_reading_on():
    content = 'a,b\n3,"open\n' + "free text in a line\n" * 200_000 + 'x"y\n'
    error = refused(content)
    assert (error.details["code"], error.details["row"]) == ("open_quote", 2)


def test_changed_headings_are_refused():
    reading = sniff(csv_file("a,b\n1,2\n"), "a.csv")
    with pytest.raises(FileRefused, match="not those that were mapped"):
        list(Reader(csv_file("b,a\n1,2\n"), reading, "a.csv").records())


def test_reading_survives_json_and_previews():
    file = csv_file("a;b\n1;2\n3;4\n")
    reading = Reading.from_json(sniff(file, "a.csv").to_json())
    assert preview(file, reading, 1) == [(2, ["1", "2"])]
    assert preview(file, reading) == [(2, ["1", "2"]), (3, ["3", "4"])]


cells = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0"), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=12),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_what_the_csv_module_writes_is_read_back(rows, delimiter, ending, quoting, encoding):
    if ending == "\n":  # the csv module leaves a return without quotes then, and "x\r\n" has one meaning
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    reading = Reading("csv", encoding, delimiter, headings=["a", "b", "c"])
    reader = Reader(csv_file(buffer.getvalue(), encoding), reading, "a.csv")
    assert [cells for _, cells in reader.records()] == [row for row in rows if "".join(row).strip()]
    assert reader.unreadable == []


MEASURE = """
import sys
from resource import RUSAGE_SELF, getrusage
from django.conf import settings
settings.configure(USE_I18N=False)
from batches.files import Reader, sniff
reading = sniff(sys.argv[1], "a.csv")
before = getrusage(RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in Reader(sys.argv[1], reading, "a.csv").records())
print(count, getrusage(RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_is_flat(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("code,name,price\n")
        file.writelines(f'{n},"item, {n} of a long enough list",{n}.50\n' for n in range(200_000))
    output = subprocess.run(
        [sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True, cwd=os.getcwd()
    ).stdout.split()
    assert int(output[0]) == 200_000
    assert int(output[1]) < 12_000  # kilobytes; the file holds 9,000 and its cells as objects 60,000


RUSSIAN = "Молоко пастеризованное, сметана и творог из деревни. Яблоки красные, груши, хлеб белый"
GREEK = "Λεωνίδας, Σωκράτης και Αριστοτέλης. Γάλα φρέσκο, γιαούρτι, ελιές και τυρί από την Κρήτη"
POLISH = "Żółty ser, mąka pszenna, śmietana, jabłka i gęś ćwiartka"


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8-r", "koi8-r"),
        (RUSSIAN, "iso8859-5", "iso8859-5"),
        (GREEK, "cp1253", "cp1253"),
        (GREEK, "iso8859-7", "iso8859-7"),
        (RUSSIAN, "utf-16-le", "utf-16-le"),
        (GREEK, "utf-16-be", "utf-16-be"),
        (RUSSIAN, "utf-32-le", "utf-32-le"),
        (GREEK, "utf-32-be", "utf-32-be"),
        (POLISH, "utf-16-le", "utf-16-le"),
        ("中国人 牛奶 鸡蛋 面包", "utf-16-le", "utf-16-le"),
        ("中国人 牛奶 鸡蛋 面包", "utf-16-be", "utf-16-be"),
        ("caf\u00e9 cr\u00e8me \u00fcber stra\u00dfe", "iso8859-1", "cp1252"),
    ],
)
def test_the_encoding_of_other_scripts_is_proposed(text, encoding, shown):
    words = text.replace(",", "").split()
    content = "code;name;price\n" + "".join(f"{n};{word};{n}.50\n" for n, word in enumerate(words))
    reading = sniff(csv_file(content, encoding), "a.csv")
    assert reading.encoding in {shown} | (
        {"cp1253", "iso8859-7"} if "7" in shown or "1253" in shown else set()
    )
    rows = list(Reader(csv_file(content, encoding), reading, "a.csv").records())
    assert [cells[1] for _, cells in rows] == words


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if not name.startswith("utf")])
def test_every_encoding_that_can_be_chosen_reads_its_own_text(encoding):
    letters = bytes(range(0xA1, 0xFF)).decode(encoding, "ignore")
    letters = "".join(char for char in letters if char.isalpha()) or "x"
    content = "code;name\n" + "".join(f"{n};{letter}\n" for n, letter in enumerate(letters))
    reading = Reading("csv", encoding, ";", headings=["code", "name"])
    reader = Reader(csv_file(content, encoding), reading, "a.csv")
    assert [cells[1] for _, cells in reader.records()] == [*letters]


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("# prices of May\n", 2),
        ("sep=;\n", 2),
        ("Price list;\n", 2),
        ("\nPrices\n\n", 4),
        ("only;\n1;2\n", 1),
    ],
)
def test_a_title_above_two_columns_is_passed_over(above, line):
    content = above + "code;price\n1;2.50\n2;3.50\n3;4.50\n"
    assert sniff(csv_file(content), "a.csv").heading_row == line

"""How a file is read is proposed, can be changed, and holds for every record."""

import pytest

from batches.exceptions import FileRefused
from batches.files import Reader, Reading, preview, raw_lines, read_headings, sniff

from .books import csv_file

PLAIN = "code,name,price\n" + "".join(f"{n},item {n},{n}.50\n" for n in range(1, 7))


def records(content, reading):
    reader = Reader(csv_file(content), reading, "a.csv")
    rows = list(reader.records())
    assert reader.total == len(rows) + reader.bad + reader.blank + reader.ignored
    assert reader.rows == len(rows)
    return rows, reader


def test_a_reading_stored_before_there_were_choices_still_loads():
    stored = {
        "kind": "csv", "encoding": "utf-8", "delimiter": ",", "sheet": "", "heading_row": 1, "headings": ["a", "b"],
        "sheets": [], "extra": 1,
    }  # fmt: skip
    reading = Reading.from_json(stored)
    assert (reading.heading_lines, reading.first_row, reading.skip_end) == (1, 0, 0)
    assert (reading.decimal_mark, reading.date_order, reading.positions) == ("", "", [0, 1])
    assert records("a,b\n1,2,\n", reading)[0] == [(2, ["1", "2"])]
    assert Reading.from_json({**stored, "of a later version": 1}) == reading


def test_blank_and_repeated_headings_get_names_of_their_own():
    file = csv_file("Price,,Price,Price (2),price,\u200bPrice \n1,2,3,4,5,6\n")
    assert sniff(file, "a.csv").headings == [
        "Price",
        "Column B",
        "Price (3)",
        "Price (2)",
        "price",
        "Price (4)",
    ]


def test_no_headings():
    content = "1,apple,2.50\n2,pear,3.50\n"
    reading = sniff(csv_file(content), "a.csv")
    reading.heading_row = 0
    reading = read_headings(csv_file(content), reading, "a.csv")
    assert reading.headings == ["Column A", "Column B", "Column C"]
    assert records(content, reading)[0] == [(1, ["1", "apple", "2.50"]), (2, ["2", "pear", "3.50"])]
    assert preview(csv_file(content), reading, 1) == [(1, ["1", "apple", "2.50"])]


@pytest.mark.parametrize(
    ("first", "row"),
    [
        ("077001,036000291452,apple,2.50", 0),
        ("0770010,036000291452,apple,2.50", 0),
        ("item,upc,name,price", 1),
        ("item,036000291452,name,price", 1),
        ("item,upc,name,2.50", 1),
        ("2023,2024,2025,2026", 1),
    ],
)
def test_a_file_whose_first_record_is_data_is_proposed_to_have_no_headings(first, row):
    content = first + "\n" + "".join(f"{n:06d},03600029145{n},pear {n},{n}.25\n" for n in range(5))
    reading = sniff(csv_file(content), "a.csv")
    assert reading.heading_row == row
    assert len(records(content, reading)[0]) == (5 if row else 6)


def test_a_title_above_a_file_without_headings_is_no_record():
    content = "Prices\n" + "".join(f"03600029145{n},pear {n},{n}.25\n" for n in range(5))
    reading = sniff(csv_file(content), "a.csv")
    assert (reading.heading_row, reading.first_row) == (0, 2)
    rows = records(content, reading)[0]
    assert [line for line, _ in rows] == [2, 3, 4, 5, 6]
    assert preview(csv_file(content), reading) == rows


def test_first_records_are_shown_by_heading():
    content = "code,,name,\n1,,apple,\n2,,pear,\n3\n"
    reading = sniff(csv_file(content), "a.csv")
    assert (reading.headings, reading.columns) == (["code", "name"], [0, 2])
    assert preview(csv_file(content), reading) == [(2, ["1", "apple"]), (3, ["2", "pear"]), (4, ["3", ""])]


def test_another_delimiter_is_proposed_anew_where_it_was_not_said():
    content = "code;cost\n" + "".join(f"{n};{n},50\n" for n in range(1, 9))
    reading = sniff(csv_file(content), "a.csv")
    reading.delimiter, reading.first_row, reading.skip_end = ",", 5, 2
    found = read_headings(csv_file(content), reading, "a.csv", propose=True)
    assert (found.first_row, found.skip_end, found.decimal_mark) == (0, 0, "")


TWO = "Item,Unit,Unit,Name\nNumber,Cost,Retail,\n" + "1,2.50,3.50,x\n2,2.60,3.60,y\n3,2.70,3.70,z\n"


def test_two_heading_lines_are_joined():
    reading = sniff(csv_file(TWO), "a.csv")
    assert (reading.heading_row, reading.heading_lines) == (1, 2)
    assert reading.headings == ["Item Number", "Unit Cost", "Unit Retail", "Name"]
    assert [line for line, _ in records(TWO, reading)[0]] == [3, 4, 5]


@pytest.mark.parametrize("second", ["1,n/a,n/a,new", "1,,,new", "Number,1.50,Retail,x", "A-1,tbd,tbd,x"])
def test_a_first_record_without_numbers_is_no_heading(second):
    content = TWO.replace("Number,Cost,Retail,", second)
    assert sniff(csv_file(content), "a.csv").heading_lines == 1


def test_records_above_the_first_row_are_ignored_and_counted():
    content = 'code,name,price\n(text),(text),($)\nbad,6" x\n1,a,2\n2,b,3\n'
    reading = sniff(csv_file(content), "a.csv")
    reading.first_row = 4
    reading = read_headings(csv_file(content), reading, "a.csv")
    rows, reader = records(content, reading)
    assert rows == [(4, ["1", "a", "2"]), (5, ["2", "b", "3"])]
    assert (reader.ignored, reader.bad) == (2, 0)
    assert preview(csv_file(content), reading) == rows


def test_a_first_row_within_the_headings_means_right_below():
    reading = sniff(csv_file(PLAIN), "a.csv")
    reading.first_row = 1
    assert read_headings(csv_file(PLAIN), reading, "a.csv").first_row == 0


@pytest.mark.parametrize(
    ("end", "skipped"),
    [
        ("Total,,24.00\n", 1),
        ("Grand total:,,24.00\n", 1),
        ("6 items\n", 0),  # of another width: told as unreadable
        (",,24.00\n", 1),
        ("\n,,12.00\n,,24.00\n\n", 2),
        ("Sum,\n", 1),  # of another width, but surely a total
        ("7,Total yoghurt,2.50\n", 0),
        ("7,,2.50\n", 0),
        (",Total 0% yoghurt,2.50\n", 0),
        (",Total for dairy:,2.50\n", 1),
        ("Subtotal: 24.00,,\n", 1),
        ("Printed on 3 November,,\n", 1),
        ("8,,\n", 0),
        ("Printed on 3 November\n", 0),  # may be a record that was cut off
    ],
)
def test_totals_at_the_end_are_proposed_to_be_ignored(end, skipped):
    content = PLAIN + end
    reading = sniff(csv_file(content), "a.csv")
    assert reading.skip_end == skipped
    rows, reader = records(content, reading)
    assert reader.ignored == skipped
    assert [cells[0] for _, cells in rows][:6] == list("123456")
    if skipped:
        assert len(rows) == 6
        assert preview(csv_file(content), reading) == rows


def test_totals_are_found_at_the_end_of_a_long_file():
    lines = "".join(f"{n},item {n},{n}.50\n" for n in range(20_000))
    for encoding in ("utf-8", "utf-16", "utf-32"):
        file = csv_file("code,name,price\n" + lines + "Total,,1.00\n\n", encoding)
        reading = sniff(file, "a.csv")
        assert reading.skip_end == 1
        reader = Reader(file, reading, "a.csv")
        assert sum(1 for _ in reader.records()) == 20_000
        assert reader.ignored == 1


def test_the_last_records_are_held_back_whatever_they_are():
    content = PLAIN + "bad\n" * 50 + "7,item 7,7.50\n" + "bad\n" * 3
    reading = sniff(csv_file(PLAIN), "a.csv")
    for skip in range(56):
        reading.skip_end = skip
        rows, reader = records(content, reading)
        assert reader.ignored == skip
        assert reader.bad == len(reader.unreadable) == 53 - min(skip, 3) - max(min(skip - 4, 50), 0)
        assert len(rows) == 7 - (skip > 3) - max(skip - 54, 0)


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        (["1,50", "2,75", "10"], ","),
        (["1.234,50", "2,75"], ","),
        (["1.50", "2.75", "10"], "."),
        (["1,234.50", "2.75"], "."),
        (["1,234", "2,345"], ""),
        (["1.234", "2.345"], ""),
        (["1", "2"], ""),
        (["$1.50", "$ 2"], "."),
        (["-1,5 €", "(2,5)"], ","),
        (["1,50"] + ["2.50"] * 20, "."),
        (["1,50"] * 3 + ["2.50"] * 3, ""),
        (["x", "1,50"], ""),
    ],
)
def test_the_decimal_mark_is_proposed_from_whole_columns(values, mark):
    content = "code;price\n" + "".join(f"c{n};{value}\n" for n, value in enumerate(values))
    assert sniff(csv_file(content), "a.csv").decimal_mark == mark


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["31.12.2026", "01.02.2026"], "dmy"),
        (["12/31/2026", "01/02/2026"], "mdy"),
        (["01/02/2026", "03/04/2026"], ""),
        (["12/31/2026", "31/12/2026"], ""),
        (["2026-12-31", "2026-01-02"], ""),
        (["x", "31.12.2026"], ""),
    ],
)
def test_the_order_of_dates_is_proposed_from_whole_columns(values, order):
    content = "code,day\n" + "".join(f"c{n},{value}\n" for n, value in enumerate(values))
    assert sniff(csv_file(content), "a.csv").date_order == order


def test_raw_lines_are_shown_before_anything_is_cut():
    content = 'Price list,\n\ncode,name\n1,"a"x\n2,b,c\n'
    reading = sniff(csv_file(content), "a.csv")
    assert raw_lines(csv_file(content), reading) == [
        (1, ["Price list", ""]),
        (3, ["code", "name"]),
        (4, ['1,"a"x']),
        (5, ["2", "b", "c"]),
    ]
    assert len(raw_lines(csv_file(content), reading, 2)) == 2


def test_choices_that_leave_no_record_are_refused():
    reading = sniff(csv_file(PLAIN), "a.csv")
    reading.first_row = 99
    with pytest.raises(FileRefused):
        read_headings(csv_file(PLAIN), reading, "a.csv")

"""What the columns of a file hold is counted in one pass."""

from batches.files import Reading, sniff, survey
from batches.files.survey import has_check_digit

from .books import csv_file


def facts(heading, *values):
    content = f"{heading};x\n" + "".join(f"{value};y\n" for value in values)
    file = csv_file(content)
    return survey(file, sniff(file, "a.csv"), "a.csv").columns[heading]


def test_filled_and_distinct_cells_are_counted():
    found = facts("code", "a", " a ", "b", "", "c")
    assert (found.filled, found.distinct, found.is_unique) == (4, 3, False)
    assert facts("code", "a", "", "b").is_unique
    assert not facts("code", "", "").is_unique


def test_check_digits():
    good = ["036000291452", "4006381333931", "96385074", "00036000291452"]
    assert facts("code", *good).check_digits == 1
    assert facts("code", *good, "036000291453", "x", "123", "").check_digits == 4 / 7


def test_codes_that_lost_a_leading_zero():
    found = facts("code", "36000291452", "36000291453", "012345678905", "0123")
    assert (found.short_by_one, found.check_digits, found.without) == (0.25, 0.25, 0.25)


def test_codes_without_a_check_digit():
    found = facts("code", "03600029145", "1234567890", "036000291452")
    assert (found.without, found.short_by_one) == (2 / 3, 0)


def test_numbers_and_dates():
    found = facts("x1", "1", "1.50", "$1,234.50", "(2,5)", "2026-01-31", "31.12.2026", "2026/1/31", "x1")
    assert (found.numbers, found.dates) == (4 / 8, 3 / 8)


def test_only_the_first_records_are_looked_at():
    file = csv_file("a,b\n" + "".join(f"{n},{n}\n" for n in range(50)))
    reading = sniff(file, "a.csv")
    part, whole = survey(file, reading, "a.csv", limit=20), survey(file, reading, "a.csv", limit=50)
    assert (part.records, part.complete, part.columns["a"].distinct) == (20, False, 20)
    assert (whole.records, whole.complete) == (50, True)


def test_unreadable_records_and_totals_count_for_nothing():
    lines = "".join(f"{n},{n}.50\n" for n in range(10))
    file = csv_file(f"a,b\n1,2,3\n{lines}Total,\n")
    found = survey(file, sniff(file, "a.csv"), "a.csv")
    assert (found.records, found.columns["a"].filled, found.columns["b"].numbers) == (10, 10, 1)


def test_a_file_without_records():
    reading = Reading("csv", "utf-8", ",", headings=["a"])
    assert survey(csv_file("a\n"), reading, "a.csv").columns["a"].filled == 0


def test_the_check_digit_does_not_depend_on_leading_zeros():
    assert has_check_digit("36000291452")
    assert has_check_digit("00036000291452")
    assert not has_check_digit("36000291451")

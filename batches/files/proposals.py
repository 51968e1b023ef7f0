"""Propose from a sample what a person may change: a second heading line, totals at the end, decimal mark, order of dates."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from statistics import median_low
from typing import TYPE_CHECKING, BinaryIO

from . import workbook
from .convert import PARTED_DATE
from .delimited import Record, grammar
from .sources import BLOCK, Source, size_of

if TYPE_CHECKING:
    from .reading import Reading

MOST_TOTALS = 5
TAIL = BLOCK // 4
SHARE = 0.9
POINT = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]+)?").fullmatch
COMMA = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]*)(?:,[0-9]+)?").fullmatch
AROUND = "()+-$€£% \t\u00a0"
DIGIT = re.compile("[0-9]").search
# A name may begin with such a word too: "Total 0% yoghurt".
TOTAL = re.compile(
    r"\W*(?:(?:grand|sub|report|overall)[ -]?)?"
    r"(?:totals?|total général|sums?|gesamt\w*|summe|insgesamt|totaal|totale|suma|somme|zwischensumme|subtotals?)"
    r"(?:\s+(?:price|cost|amount|value|items?|records?|rows?|lines?|products?|net|gross|qty|quantity|units?|usd|eur|(?:for|of|in)\b.*))*"
    r"[\s:.,=$€£0-9]*",
    re.IGNORECASE,
).fullmatch
DATUM = re.compile(r"[$€£]?[0-9]+[.,][0-9]{1,4}|[0-9]{7,14}").fullmatch
NOTHING = frozenset({"", "-", "n/a", "na", "none", "tbd", "?", "null"})


def is_number(cell: str) -> bool:
    """Tell whether a cell holds a number or a date in any style."""
    text = cell.strip().strip(AROUND)
    return bool(text) and bool(
        DIGIT(text) and (POINT(text) or COMMA(text) or PARTED_DATE(text) or text[:4].isdigit())
    )


def heading_lines(records: Sequence[list[str]]) -> int:
    """Return 2 where the record below the headings is surely a second line of them, else 1.

    That is so if it has text in each of several columns whose other cells are numbers.
    """
    if len(records) < 5:
        return 1
    first, second, *rows = records[:100]
    width = min(len(first), len(second))
    numeric = []
    for at in range(width):
        cells = [row[at] for row in rows if at < len(row) and row[at].strip()]
        if len(cells) >= 3 and sum(map(is_number, cells)) >= SHARE * len(cells):
            numeric.append(at)
    above = [cell for cell in first if cell.strip()]
    below = [second[at].strip() for at in numeric]
    texts = {text.casefold() for text in below} - NOTHING
    if len(numeric) < 2 or len(texts) < 2 or any(map(is_number, below)) or any(map(is_number, above)):
        return 1
    return 2 if sum(text.casefold() not in NOTHING for text in below) > len(numeric) / 2 else 1


def has_headings(records: Sequence[list[str]]) -> bool:
    """Return False where the first record surely is data: every column of prices or long codes has one in it too.

    Numbers alone say nothing: years are headings as well.
    """
    first, *rows = records[:100]
    found = 0
    for at, cell in enumerate(first):
        cells = [row[at] for row in rows if at < len(row) and row[at].strip()]
        kinds = {bool(DATUM(cell.strip())) for cell in cells}
        if len(cells) < 3 or True not in kinds:
            continue
        if False in kinds and sum(bool(DATUM(text.strip())) for text in cells) < SHARE * len(cells):
            continue
        if not DATUM(cell.strip()):
            return True
        found += 1
    return found < 2


def last_records(file: BinaryIO, reading: Reading) -> list[Record]:
    """Return the last records of a delimited file that stand in a line of their own, without their numbers."""
    size = size_of(file)
    file.seek(max(size - TAIL, 0) // 4 * 4)
    data = file.read()
    encoding = codecs.lookup(reading.encoding).name
    if encoding in ("utf-16", "utf-32"):  # the mark that says which is at the beginning
        file.seek(0)
        mark = file.read(4)
        big = mark.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE))
        encoding += "-be" if big else "-le"
    lines = data.decode(encoding, "replace").splitlines()[1:]
    whole = grammar(reading.delimiter).whole.fullmatch
    found: list[Record] = []
    for line in reversed(lines):
        if len(found) > MOST_TOTALS or not whole(line):
            break
        cells = [cell.strip('" ') for cell in line.split(reading.delimiter)]
        if any(cells):
            found.append((0, cells))
    return found[::-1]


def totals(rows: Sequence[list[str]], last: Sequence[Record]) -> int:
    """Return how many records at the end are no data: a word for a total, or next to nothing where the others are full."""
    if len(rows) < 4:
        return 0
    counts = [sum(1 for cell in row if cell.strip()) for row in rows]
    usual = median_low(counts)
    width = max(map(len, rows))
    always = [
        at
        for at in range(width)
        if sum(1 for row in rows if at < len(row) and row[at].strip()) >= 0.95 * (len(rows) - MOST_TOTALS)
        and sum(1 for row in rows if at < len(row) and row[at].strip()) >= len(rows) - MOST_TOTALS
    ]
    found = 0
    for _, cells in reversed(last[-MOST_TOTALS:]):
        if len(rows) - found < 4 or not _is_total(cells, usual, always, width):
            break
        found += 1
    return found


def _is_total(cells: list[str], usual: int, always: list[int], width: int) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    missing = [at for at in always if at >= len(cells) or not cells[at].strip()]
    if not missing or not filled or len(filled) >= usual:
        return False
    if any(TOTAL(cell) for cell in filled[:2]):
        return True
    if len(cells) < width or len(filled) > usual / 3 or len(missing) * 2 < len(always):
        return False
    return missing[0] == always[0] or (len(filled) == 1 and " " in filled[0])


def propose(reading: Reading, rows: Sequence[list[str]], last: Sequence[Record]) -> None:
    """Set what the sample suggests for the end of the file and for the style of its values."""
    reading.skip_end = totals(rows, last)
    data = rows[: len(rows) - reading.skip_end] if last and last[-1][0] else rows
    reading.decimal_mark, reading.date_order = decimal_mark(data), date_order(data)


def propose_mark(source: Source, reading: Reading, name: str, rows: Sequence[list[str]]) -> None:
    """Settle the decimal mark of a workbook by its texts: its numbers are written with either."""
    if _marks(rows) != {".", ","}:
        return
    rows = [cells for _, cells in workbook.first_rows(source, name, reading.sheet, 1000, ",").rows]
    start = reading.heading_lines if reading.heading_row else 0
    if decimal_mark(rows[start:]) == ",":
        reading.decimal_mark = ","


def _columns(rows: Sequence[list[str]]) -> Iterable[list[str]]:
    """Yield the filled cells of each column."""
    for at in range(max(map(len, rows), default=0)):
        yield [row[at].strip() for row in rows if at < len(row) and row[at].strip()]


def decimal_mark(rows: Sequence[list[str]]) -> str:
    """Return the only mark by which whole columns of numbers can be read; "" where nothing or both are shown."""
    marks = _marks(rows)
    return marks.pop() if len(marks) == 1 else ""


def _marks(rows: Sequence[list[str]]) -> set[str]:
    return {_mark([cell.strip(AROUND) for cell in cells]) for cells in _columns(rows)} - {""}


def _mark(cells: list[str]) -> str:
    by_point = [bool(POINT(cell)) for cell in cells]
    by_comma = [bool(COMMA(cell)) for cell in cells]
    only_point = sum(p and not c for p, c in zip(by_point, by_comma, strict=True))
    only_comma = sum(c and not p for p, c in zip(by_point, by_comma, strict=True))
    either = sum(p or c for p, c in zip(by_point, by_comma, strict=True))
    decisive = only_point + only_comma
    if not decisive or either < SHARE * len(cells):
        return ""
    for mark, count in ((".", only_point), (",", only_comma)):
        if count >= SHARE * decisive and any(mark in cell for cell in cells):
            return mark
    return ""


def date_order(rows: Sequence[list[str]]) -> str:
    """Return the only order in which whole columns of dates can be read; "" where nothing or both are shown."""
    orders = {_order(cells) for cells in _columns(rows)} - {""}
    return orders.pop() if len(orders) == 1 else ""


def _order(cells: list[str]) -> str:
    dates = [found for found in map(PARTED_DATE, cells) if found]
    if not dates or len(dates) < SHARE * len(cells):
        return ""
    first = any(int(found[1]) > 12 for found in dates)
    second = any(int(found[3]) > 12 for found in dates)
    return "" if first == second else "dmy" if first else "mdy"

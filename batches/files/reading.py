"""Propose how a file is read, and show its first lines."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple

from . import proposals, workbook
from .delimited import Record
from .detect import (
    ENCODINGS,
    OLE,
    detect_delimiter,
    detect_encoding,
    propose_heading_row,
    refuse_what_is_no_text,
    sample,
)
from .headings import clean_heading, joined, named
from .messages import BadRecord, refusal
from .reader import Reader
from .sources import Source, opened, size_of

__all__ = ["Reader", "Reading", "clean_heading", "preview", "raw_lines", "read_headings", "sniff"]

MAX_COLUMNS = 500
SAMPLE = 1000
TEXT_NAMES = {".csv", ".txt", ".tsv", ".tab", ".psv"}
BOOK_NAMES = {".xlsx", ".xls", ".ods"}
OTHER_NAMES = {
    ".xlsb": "a binary workbook (XLSB)",
    ".numbers": "a Numbers workbook",
}
DELIMITER_LABELS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass
class Reading:
    """How a file is read; lines count from 1. What was stored before a field existed loads with its default.

    `heading_row` 0 = no headings; `heading_lines` 2 = two lines joined; `first_row` 0 = the data begin right below.
    `skip_end` last records are no data. `decimal_mark` "." or ",", "" = only what has one meaning; `date_order` likewise
    "ymd", "mdy", "dmy" or "". `headings` are the names of the `columns` (positions) that are kept, [] = the first ones.
    """

    kind: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    heading_row: int = 1
    headings: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    extra: int = 0  # columns that every record has beyond those kept; they are empty
    heading_lines: int = 1
    first_row: int = 0
    skip_end: int = 0
    decimal_mark: str = ""
    date_order: str = ""
    columns: list[int] = field(default_factory=list)
    dropped_columns: int = 0
    first_column: int = 0  # where the first column lies in its sheet

    def to_json(self) -> dict[str, Any]:
        """Return what a JSON column can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reading:
        """Return the reading that `to_json` stored, now or before."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})

    @property
    def positions(self) -> list[int]:
        """Return where in a record the cells of each heading are."""
        return self.columns or [*range(len(self.headings))]

    @property
    def is_workbook(self) -> bool:
        """Tell whether the file is a workbook, not text."""
        return self.kind != "csv"

    @property
    def encoding_label(self) -> str:
        """Return the encoding's name for people."""
        return ENCODINGS.get(self.encoding, self.encoding)

    @property
    def delimiter_label(self) -> str:
        """Return the delimiter's name for people."""
        return DELIMITER_LABELS.get(self.delimiter, self.delimiter)


def sniff(source: Source, name: str) -> Reading:
    """Propose how the file is read; FileRefused says why it cannot be."""
    with opened(source) as file:
        if size_of(file) == 0:
            raise refusal("empty", name=name)
        head = file.read(4096)
        suffix = os.path.splitext(name.lower())[1]
        if suffix == ".xlsm":
            raise refusal("macros", name=name)
        if suffix in OTHER_NAMES:
            raise refusal("other_format", name=name, what=OTHER_NAMES[suffix])
        is_book = head.startswith((b"PK\x03\x04", OLE))
        if suffix in BOOK_NAMES and not is_book:
            raise refusal("not_workbook", name=name)
        if is_book and suffix not in TEXT_NAMES:
            return read_headings(source, Reading("xlsx"), name, propose=True)
        refuse_what_is_no_text(head, name)
        file.seek(0)
        encoding, quotes = detect_encoding(file, name)
        reading = Reading("csv", encoding, detect_delimiter(file, encoding, name))
        reading = read_headings(source, reading, name, propose=True)
        if quotes % 2:  # a quote may never close: better refused now than after the upload
            for _ in Reader(source, reading, name, lambda bad: None).records():
                pass
        return reading


class _Head(NamedTuple):
    """What stands at the beginning of a file: good and bad records, where the sheet begins, its last rows."""

    records: list[Record]
    bad: list[BadRecord]
    last: list[Record]


def _head(source: Source, reading: Reading, name: str, start: int) -> _Head:
    """Return the first records from line `start` on; fill in what a workbook says of itself."""
    if reading.is_workbook:
        first = workbook.first_rows(source, name, reading.sheet, SAMPLE, reading.decimal_mark, with_last=True)
        reading.kind, reading.sheet, reading.sheets = first.kind, first.sheet, first.sheets
        reading.first_column = first.column
        return _Head([row for row in first.rows if row[0] >= start], [], first.last)
    with opened(source) as file:
        records, bad = sample(file, reading.encoding, reading.delimiter, name, start, SAMPLE)
        last = [] if len(records) < SAMPLE else proposals.last_records(file, reading)
    return _Head(records, bad, last or records)


def read_headings(source: Source, reading: Reading, name: str, propose: bool = False) -> Reading:
    """Return `reading` with the headings that its options give; with `propose`, with what the file suggests."""
    propose = propose or (reading.is_workbook and not reading.sheets)
    if propose:  # what was proposed before, or chosen for another sheet or delimiter, says nothing here
        reading.first_row = reading.skip_end = 0
        reading.decimal_mark = reading.date_order = ""
    head = _head(source, reading, name, 1 if propose else reading.heading_row or max(reading.first_row, 1))
    records, bad = head.records, head.bad
    if bad and reading.heading_row and (not records or bad[0].line < records[0][0]):
        raise refusal("bad_heading_row", name=name, row=bad[0].line, reason=bad[0].message)
    if not records:
        raise refusal("empty", name=name)
    if propose:
        reading.heading_row = propose_heading_row(records)
        records = [record for record in records if record[0] >= reading.heading_row]
        found = [cells for _, cells in records]
        reading.heading_lines = proposals.heading_lines(found)
        if not proposals.has_headings(found):
            reading.heading_row, reading.first_row = 0, records[0][0] if records[0][0] > 1 else 0
    lines: list[Record] = []
    if reading.heading_row:
        lines, records = records[: reading.heading_lines], records[reading.heading_lines :]
        reading.heading_row, reading.heading_lines = lines[0][0], len(lines)
        if reading.first_row <= lines[-1][0]:
            reading.first_row = 0
    if reading.first_row > (records[-1][0] if records else 0) and not reading.is_workbook:
        records, bad = _head(source, reading, name, reading.first_row)[:2]
    rows = [cells for line, cells in records if line >= reading.first_row]
    if not rows and not bad and not (reading.is_workbook and len(records) + len(lines) >= SAMPLE):
        raise refusal("no_rows", name=name, row=reading.heading_row)
    if propose:
        proposals.propose(reading, rows, head.last)
    _name_columns(source, reading, name, joined([cells for _, cells in lines]), rows)
    if propose and reading.is_workbook:
        proposals.propose_mark(source, reading, name, rows)
    return reading


def _name_columns(
    source: Source, reading: Reading, name: str, headings: list[str], rows: list[list[str]]
) -> None:
    """Set the headings, and drop the columns that have neither a heading nor a value anywhere."""
    width = _width(headings, rows)
    filled = {at for cells in rows for at, cell in enumerate(cells[:width]) if cell and not cell.isspace()}
    filled |= {at for at, heading in enumerate(headings) if heading}
    empty = {at for at in range(width) if at not in filled}
    if empty and filled:
        filled |= _filled_below(source, reading, name, headings, width, empty)
    columns = [at for at in range(width) if at in filled]
    if not columns:
        raise refusal("empty", name=name)
    if len(columns) > MAX_COLUMNS:
        row = reading.heading_row or reading.first_row or 1
        raise refusal("too_many_columns", name=name, row=row, value=len(columns), limit=MAX_COLUMNS)
    reading.columns = columns
    reading.headings = named(headings, columns, reading.first_column)
    reading.extra = reading.dropped_columns = width - len(columns)


def _width(headings: list[str], rows: list[list[str]]) -> int:
    """Return how many cells a record has: as the headings, unless most differ only by empty cells at the end."""
    usual = Counter(map(len, rows)).most_common(1)[0][0] if rows else len(headings)
    if not headings:
        return usual
    named = max(at for at, heading in enumerate(["", *headings]) if heading or at == 0)
    beyond = any("".join(cells[len(headings) :]).strip() for cells in rows)
    return usual if usual >= named and not beyond else len(headings)


def _filled_below(
    source: Source, reading: Reading, name: str, headings: list[str], width: int, empty: set[int]
) -> set[int]:
    """Return which columns without a heading, empty at the beginning, have a value further below."""
    columns = [*range(width)]
    whole = replace(
        reading, columns=columns, extra=0, headings=named(headings, columns, reading.first_column)
    )
    found: set[int] = set()
    for _, cells in Reader(source, whole, name, lambda bad: None).records():
        for at in empty - found:
            if cells[at] and not cells[at].isspace():
                found.add(at)
        if len(found) == len(empty):
            break
    return found


def preview(source: Source, reading: Reading, n: int = 20) -> list[Record]:
    """Return the first `n` records of the data, whatever their width: line, and a cell for each heading."""
    wanted = n + reading.skip_end
    start = reading.heading_row or max(reading.first_row, 1)
    above = reading.heading_lines if reading.heading_row else 0
    if reading.is_workbook:
        first = workbook.first_rows(source, "", reading.sheet, wanted + SAMPLE, reading.decimal_mark)
        records = [row for row in first.rows if row[0] >= start][above:]
    else:
        with opened(source) as file:
            records, _ = sample(file, reading.encoding, reading.delimiter, "", start, wanted + above)
            records = records[above:]
            if reading.first_row > start:
                records, _ = sample(file, reading.encoding, reading.delimiter, "", reading.first_row, wanted)
    records = [record for record in records if record[0] >= reading.first_row]
    if len(records) < wanted:
        records = records[: max(len(records) - reading.skip_end, 0)]
    columns = reading.positions
    return [(line, [cells[at] if at < len(cells) else "" for at in columns]) for line, cells in records[:n]]


def raw_lines(source: Source, reading: Reading, n: int = 20) -> list[Record]:
    """Return the first `n` filled lines of the file (line, cells) as they lie in it; an unreadable one is one cell."""
    if reading.is_workbook:
        return workbook.first_rows(source, "", reading.sheet, n, reading.decimal_mark).rows[:n]
    with opened(source) as file:
        records, bad = sample(file, reading.encoding, reading.delimiter, "", 1, n)
    return sorted([*records, *((record.line, [record.text]) for record in bad)])[:n]

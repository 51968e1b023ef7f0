"""Propose how a file is read, show its first lines, and stream its records."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from . import workbook
from .delimited import Delimited
from .detect import (
    ENCODINGS,
    OLE,
    detect_delimiter,
    detect_encoding,
    propose_heading_row,
    refuse_what_is_no_text,
    sample,
)
from .messages import BadRecord, refusal
from .sources import Source, opened, size_of

MAX_COLUMNS = 500
TEXT_NAMES = {".csv", ".txt", ".tsv", ".tab", ".psv"}
OTHER_NAMES = {
    ".xls": "a workbook of the old format XLS",
    ".xlsb": "a binary workbook (XLSB)",
    ".ods": "an OpenDocument workbook (ODS)",
    ".numbers": "a Numbers workbook",
}
INVISIBLE = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u00ad\ufeff\x00-\x08\x0e-\x1f\x7f]|[\ud800-\udfff]"
)
DELIMITER_LABELS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass
class Reading:
    """How a file is read; `headings` are cleaned, as shown. `heading_row` counts from 1."""

    kind: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    heading_row: int = 1
    headings: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    extra: int = 0  # empty cells that every record has beyond the headings

    def to_json(self) -> dict[str, Any]:
        """Return what a JSON column can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reading:
        """Return the reading that `to_json` stored."""
        return cls(**data)

    @property
    def encoding_label(self) -> str:
        """Return the encoding's name for people."""
        return ENCODINGS.get(self.encoding, self.encoding)

    @property
    def delimiter_label(self) -> str:
        """Return the delimiter's name for people."""
        return DELIMITER_LABELS.get(self.delimiter, self.delimiter)


def clean_heading(text: str) -> str:
    """Return a heading without what cannot be seen, its white space made single blanks."""
    return " ".join(INVISIBLE.sub("", text).split())


def column_letter(index: int) -> str:
    """Return the name that a spreadsheet gives to the column `index` (from 0)."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def sniff(source: Source, name: str) -> Reading:
    """Propose how the file is read; FileRefused says why it cannot be."""
    with opened(source) as file:
        if size_of(file) == 0:
            raise refusal("empty", name=name)
        head = file.read(4096)
        suffix = os.path.splitext(name.lower())[1]
        if suffix == ".xlsm":
            raise refusal("macros", name=name)
        if suffix == ".xlsx" or (head.startswith(b"PK\x03\x04") and suffix not in TEXT_NAMES):
            if head.startswith(OLE):
                raise refusal("encrypted" if workbook.is_encrypted(file) else "not_workbook", name=name)
            if not head.startswith(b"PK\x03\x04"):
                raise refusal("not_workbook", name=name)
            return read_headings(source, Reading("xlsx"), name)
        if suffix in OTHER_NAMES:
            raise refusal("other_format", name=name, what=OTHER_NAMES[suffix])
        refuse_what_is_no_text(head, name)
        file.seek(0)
        encoding, quotes = detect_encoding(file, name)
        reading = Reading("csv", encoding, detect_delimiter(file, encoding, name))
        reading = read_headings(source, reading, name, propose=True)
        if quotes % 2:  # a quote may never close: better refused now than after the upload
            for _ in Reader(source, reading, name, lambda bad: None).records():
                pass
        return reading


def read_headings(source: Source, reading: Reading, name: str, propose: bool = False) -> Reading:
    """Return `reading` with the headings that its options give, the heading row proposed if asked."""
    heading_row = reading.heading_row
    bad: list[BadRecord] = []
    if reading.kind == "xlsx":
        first = workbook.first_rows(source, name, reading.sheet, 100)
        reading.sheet, reading.sheets, records = first.sheet, first.sheets, first.rows
        propose = propose or not reading.headings
        offset = first.column
    else:
        with opened(source) as file:
            start = 1 if propose else heading_row
            records, bad = sample(file, reading.encoding, reading.delimiter, name, start)
        offset = 0
    if bad and (not records or bad[0].line < records[0][0]):
        raise refusal("bad_heading_row", name=name, row=bad[0].line, reason=bad[0].message)
    if not records:
        raise refusal("empty", name=name)
    if propose:
        heading_row = propose_heading_row(records)
    records = [record for record in records if record[0] >= heading_row]
    if not records:
        raise refusal("empty", name=name)
    reading.heading_row, cells = records[0]
    rows = [cells for _, cells in records[1:]]
    if not rows and not bad:
        raise refusal("no_rows", name=name, row=reading.heading_row)
    reading.headings, reading.extra = _headings(cells, rows, reading, name, offset)
    return reading


def _headings(
    cells: list[str], rows: Sequence[list[str]], reading: Reading, name: str, offset: int
) -> tuple[list[str], int]:
    """Return the cleaned headings, and how many always empty cells stand behind them."""
    row = reading.heading_row
    headings = [clean_heading(cell) for cell in cells]
    width = len(headings)
    while (
        headings
        and not headings[-1]
        and not any("".join(cells[len(headings) - 1 :]).strip() for cells in rows)
    ):
        headings.pop()
    if not headings:
        raise refusal("empty", name=name)
    if len(headings) > MAX_COLUMNS:
        raise refusal("too_many_columns", name=name, row=row, value=len(headings), limit=MAX_COLUMNS)

    def place(index: int) -> str:
        return column_letter(index + offset) if reading.kind == "xlsx" else str(index + 1)

    if "" in headings:
        raise refusal("blank_heading", name=name, row=row, column=place(headings.index("")))
    for heading in headings:
        if headings.count(heading) > 1:
            columns = ", ".join(place(index) for index, other in enumerate(headings) if other == heading)
            raise refusal("duplicate_heading", name=name, row=row, value=heading, column=columns)
    widths = {len(cells) for cells in rows}
    beyond = any("".join(cells[len(headings) :]).strip() for cells in rows)
    if len(widths) == 1 and not beyond:
        width = max(widths.pop(), len(headings))
    return headings, width - len(headings)


def preview(source: Source, reading: Reading, n: int = 20) -> list[tuple[int, list[str]]]:
    """Return the first `n` records (line, cells) below the headings, whatever their width."""
    if reading.kind == "xlsx":
        first = workbook.first_rows(source, "", reading.sheet, n + 100)
        return [row for row in first.rows if row[0] > reading.heading_row][:n]
    with opened(source) as file:
        records, _ = sample(file, reading.encoding, reading.delimiter, "", reading.heading_row, n + 1)
    return [record for record in records if record[0] > reading.heading_row][:n]


class Reader:
    """Stream the records of a file below its headings.

    Records that cannot be read go to `unreadable`: a callback, or else a list of that name. After `records()`,
    `total` = `rows` (yielded) + `bad` (unreadable) + `blank`.
    """

    def __init__(
        self,
        source: Source,
        reading: Reading,
        name: str,
        unreadable: Callable[[BadRecord], Any] | None = None,
    ) -> None:
        self.source = source
        self.reading = reading
        self.name = name
        kept: list[BadRecord] = []
        self.unreadable: Any = kept if unreadable is None else unreadable
        self._tell: Callable[[BadRecord], Any] = kept.append if unreadable is None else unreadable
        self.total = 0
        self.bad = 0
        self.blank = 0

    @property
    def rows(self) -> int:
        """Return how many records were readable."""
        return self.total - self.bad - self.blank

    def _on_bad(self, record: BadRecord) -> None:
        self.bad += 1
        self._tell(record)

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line where the record began, its cells), each as wide as the headings."""
        self.total = self.bad = self.blank = 0
        if self.reading.kind == "xlsx":
            yield from self._sheet_records()
            return
        reading = self.reading
        width = len(reading.headings) + reading.extra
        with opened(self.source) as file:
            lines = Delimited(
                file, reading.encoding, reading.delimiter, self.name, self._on_bad, width, reading.heading_row
            )
            records = lines.records()
            lines.width = None
            heading = next(records, None)
            lines.width = width
            self._check_headings(heading)
            try:
                yield from self._narrow(records) if reading.extra else records
            finally:
                self.total, self.blank = max(lines.seen - 1, 0), lines.blank

    def _check_headings(self, heading: tuple[int, list[str]] | None) -> None:
        """Refuse a file whose headings are not those that the reading was made from."""
        expected = self.reading.headings
        found = [clean_heading(cell) for cell in heading[1]] if heading else []
        if heading is None or heading[0] != self.reading.heading_row or found[: len(expected)] != expected:
            raise refusal("headings_changed", name=self.name, row=self.reading.heading_row)

    def _narrow(self, records: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
        """Cut the empty cells beyond the headings; a value there makes the record unreadable."""
        width = len(self.reading.headings)
        for line, cells in records:
            beyond = cells[width:]
            if "".join(beyond).strip():
                index = next(at for at, cell in enumerate(beyond) if cell.strip())
                column = (
                    str(width + index + 1) if self.reading.kind == "csv" else column_letter(width + index)
                )
                params = {"row": line, "column": column, "value": beyond[index].strip()[:80]}
                self._on_bad(BadRecord(line, self._joined(cells), "unnamed_column", params))
            else:
                yield line, cells[:width]

    def _joined(self, cells: list[str]) -> str:
        return (self.reading.delimiter or "\t").join(cells)

    def _sheet_records(self) -> Iterator[tuple[int, list[str]]]:
        reading = self.reading
        rows = workbook.rows(self.source, self.name, reading.sheet)
        try:
            heading = next((row for row in rows if row[0] >= reading.heading_row), None)
            self._check_headings(heading)
            yield from self._narrow(self._filled(rows))
        finally:
            rows.close()

    def _filled(self, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows that have a cell filled; trailing blank rows of a sheet are no records."""
        blank = 0
        for row in rows:
            if "".join(row[1]).strip():
                self.total += 1 + blank
                self.blank += blank
                blank = 0
                yield row
            else:
                blank += 1

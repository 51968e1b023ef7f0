"""Stream the records of a file below its headings."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Callable, Generator, Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from . import workbook
from .child.main import column_letter
from .delimited import Delimited, Record
from .headings import joined, named
from .messages import BadRecord, refusal, shorten
from .sources import Source, opened

if TYPE_CHECKING:
    from .reading import Reading


def record_text(cells: list[str], delimiter: str) -> str:
    """Return cells as the text of one record, quoted where need be, so that it splits into the same cells again."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerow(cells)
    return text.getvalue().removesuffix("\r\n")


class Reader:
    """Stream the records of a file below its headings.

    Records that cannot be read go to `unreadable`: a callback, or else a list of that name. After `records()`,
    `total` = `rows` (yielded) + `bad` (unreadable) + `blank` + `ignored` (above the first row, and totals at the end).
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
        self.columns = reading.positions
        self.width = len(reading.headings) + reading.extra
        kept: list[BadRecord] = []
        self.unreadable: Any = kept if unreadable is None else unreadable
        self._tell: Callable[[BadRecord], Any] = kept.append if unreadable is None else unreadable
        self._reset()

    def _reset(self) -> None:
        self.total = self.bad = self.blank = self.ignored = 0
        self._held: deque[Record | BadRecord] = deque()
        self._ready: list[Record] = []

    @property
    def rows(self) -> int:
        """Return how many records were readable."""
        return self.total - self.bad - self.blank - self.ignored

    def records(self) -> Generator[Record, None, None]:
        """Yield (line where the record began, its cells), a cell for each heading."""
        self._reset()
        lines = self._sheet_records() if self.reading.is_workbook else self._delimited_records()
        lines = self._from_first(lines) if self.reading.first_row else lines
        if self.reading.extra or self.columns != [*range(self.width)]:
            lines = self._narrow(lines)
        yield from self._without_end(lines) if self.reading.skip_end else lines
        self.ignored += len(self._held)

    def _on_bad(self, record: BadRecord) -> None:
        if record.line < self.reading.first_row:
            self.ignored += 1
        elif self.reading.skip_end:
            self._hold(record)
        else:
            self._bad(record)

    def _bad(self, record: BadRecord) -> None:
        self.bad += 1
        self._tell(record)

    def _hold(self, record: Record | BadRecord) -> None:
        """Hold back a record that may be one of the last; tell or make ready what cannot be."""
        self._held.append(record)
        while len(self._held) > self.reading.skip_end:
            first = self._held.popleft()
            if isinstance(first, BadRecord):
                self._bad(first)
            else:
                self._ready.append(first)

    def _without_end(self, records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            self._hold(record)
            yield from self._ready
            self._ready.clear()
        yield from self._ready
        self._ready.clear()

    def _from_first(self, records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            if record[0] >= self.reading.first_row:
                yield record
                break
            self.ignored += 1
        yield from records

    def _narrow(self, records: Iterator[Record]) -> Iterator[Record]:
        """Cut the columns that are not kept; a value there makes the record unreadable."""
        others = [at for at in range(self.width) if at not in self.columns]
        pick: Any = itemgetter(*self.columns, *self.columns)  # twice, as one position alone gives no tuple
        beyond: Any = itemgetter(*others, *others) if others else None
        width = len(self.columns)
        for line, cells in records:
            if beyond and "".join(beyond(cells)).strip():
                at = next(at for at in others if cells[at].strip())
                column = column_letter(at + self.reading.first_column)
                params = {"row": line, "column": column, "value": shorten(cells[at].strip())}
                text = record_text(cells, self.reading.delimiter or "\t")
                self._on_bad(BadRecord(line, text, "unnamed_column", params))
            else:
                yield line, list(pick(cells)[:width])

    def _delimited_records(self) -> Iterator[Record]:
        reading = self.reading
        start = reading.heading_row or max(reading.first_row, 1)
        with opened(self.source) as file:
            lines = Delimited(
                file, reading.encoding, reading.delimiter, self.name, self._on_bad, self.width, start
            )
            records = lines.records()
            found = []
            if reading.heading_row:
                lines.width = None
                found = [record for _, record in zip(range(reading.heading_lines), records, strict=False)]
                lines.width = self.width
            self._check_headings(found)
            try:
                yield from records
            finally:
                self.total, self.blank = max(lines.seen - len(found), 0), lines.blank

    def _check_headings(self, found: list[Record]) -> None:
        """Refuse a file whose headings are not those that the reading was made from."""
        reading = self.reading
        if not reading.heading_row:
            return
        headings = joined([cells for _, cells in found])
        if (
            len(found) == reading.heading_lines
            and found[0][0] == reading.heading_row
            and named(headings, self.columns, reading.first_column) == reading.headings
        ):
            return
        raise refusal("headings_changed", name=self.name, row=reading.heading_row)

    def _sheet_records(self) -> Iterator[Record]:
        reading = self.reading
        rows = workbook.rows(self.source, self.name, reading.sheet, reading.decimal_mark)
        start = reading.heading_row or max(reading.first_row, 1)
        try:
            records = (row for row in rows if row[0] >= start and "".join(row[1]).strip())
            lines = reading.heading_lines if reading.heading_row else 0
            found = [record for _, record in zip(range(lines), records, strict=False)]
            self._check_headings(found)
            last = found[-1][0] if found else start - 1
            yield from self._filled(rows, last)
        finally:
            rows.close()

    def _filled(self, rows: Iterator[Record], last: int) -> Iterator[Record]:
        """Yield the rows below `last` that have a cell filled; trailing blank rows of a sheet are no records."""
        blank = 0
        for row in rows:
            if row[0] <= last:
                continue
            if "".join(row[1]).strip():
                self.total += 1 + blank
                self.blank += blank
                blank = 0
                yield row
            else:
                blank += 1

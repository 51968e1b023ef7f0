"""Write rows as CSV, streaming: a spreadsheet cannot run a cell, and read back it is the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, BinaryIO

from .guard import guard

BLOCK = 1 << 17


def shown(value: Any) -> str:
    """Return a value as the text of a CSV cell; text is guarded, numbers are plain."""
    if value.__class__ is str:
        return guard(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, int | float | date | time):
        return str(value)
    return guard(str(value))


def csv_chunks(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield UTF-8 with a byte order mark and CRLF, as spreadsheets expect it."""
    buffer = io.StringIO(newline="")
    buffer.write("\ufeff")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([guard(heading) for heading in headings])
    for row in rows:
        writer.writerow([shown(value) for value in row])
        if buffer.tell() >= BLOCK:
            yield buffer.getvalue().encode("utf-8")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode("utf-8")


def write_csv(headings: Sequence[str], rows: Iterable[Sequence[Any]], out: BinaryIO) -> int:
    """Write a file as `csv_chunks` yields it; return the number of rows."""
    count = 0

    def counted() -> Iterator[Sequence[Any]]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    out.writelines(csv_chunks(headings, counted()))
    return count

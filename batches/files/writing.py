"""Write rows as CSV or XLSX, streaming; no cell can be run by a spreadsheet, and reading it back gives the same."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, BinaryIO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from batches.exceptions import FileRefused

from .guard import guard, needs_guard

CHUNK = 1000
MAX_SHEET_ROWS = 1_048_576
MAX_SHEET_CELL = 32_767
ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\r\ufffe\uffff]")
EXACT = Decimal(10) ** 15  # a spreadsheet keeps fifteen digits


def shown(value: Any) -> str:
    """Return a value as the text of a CSV cell; text is guarded, numbers are plain."""
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


def write_csv(headings: Sequence[str], rows: Iterable[Sequence[Any]], out: BinaryIO) -> int:
    """Write UTF-8 with a byte order mark and CRLF, as spreadsheets expect it; return the number of rows."""
    out.write(b"\xef\xbb\xbf")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([guard(heading) for heading in headings])
    count = 0
    for row in rows:
        writer.writerow([shown(value) for value in row])
        count += 1
        if count % CHUNK == 0:
            out.write(buffer.getvalue().encode("utf-8"))
            buffer.seek(0)
            buffer.truncate()
    out.write(buffer.getvalue().encode("utf-8"))
    return count

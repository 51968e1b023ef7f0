"""Write rows as CSV or XLSX, streaming: a spreadsheet cannot run a cell, and read back it is the same."""

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
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from .guard import guard, needs_guard
from .messages import refusal, shorten

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


def _sheet_text(text: str, row: int) -> str:
    """Return a text as a sheet stores it: what XML cannot hold is written as `_x0001_`."""
    text = CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", ESCAPED.sub("_x005F_", text))
    if len(text) > MAX_SHEET_CELL:
        raise refusal("sheet_cell", row=row, value=shorten(text), limit=MAX_SHEET_CELL)
    return text


def _sheet_cell(sheet: WriteOnlyWorksheet, styles: tuple[Any, Any], value: Any, row: int) -> Any:
    """Return a cell that holds `value`: text as text, a number that a spreadsheet keeps exactly as a number."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        exact = isinstance(value, int) or value.is_finite()
        if exact and -EXACT < value < EXACT and len(Decimal(value).as_tuple().digits) <= 15:
            return value
        value = format(value, "f") if isinstance(value, Decimal) else str(value)
    if value is None or not isinstance(value, str):
        return value
    cell: Any = WriteOnlyCell(sheet)
    cell.value = _sheet_text(value, row)
    cell.data_type = "s"  # openpyxl takes a text that begins with "=" for a formula
    cell._style = styles[
        needs_guard(value)
    ]  # a style made once: setting one by name takes longer than the rest
    return cell


def _text_styles(sheet: WriteOnlyWorksheet) -> tuple[Any, Any]:
    """Return the styles of a text, and of one that has to stay text when a person edits its cell."""
    plain: Any = WriteOnlyCell(sheet)
    guarded: Any = WriteOnlyCell(sheet)
    plain.number_format = guarded.number_format = "@"
    guarded.quotePrefix = True
    return plain._style, guarded._style


def write_xlsx(headings: Sequence[str], rows: Iterable[Sequence[Any]], out: BinaryIO) -> int:
    """Write one sheet; return the number of rows."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Rows")
    sheet.freeze_panes = "A2"
    styles = _text_styles(sheet)
    count = 0
    try:
        sheet.append([_sheet_cell(sheet, styles, heading, 1) for heading in headings])
        for row in rows:
            count += 1
            if count >= MAX_SHEET_ROWS:
                raise refusal("sheet_rows", limit=MAX_SHEET_ROWS)
            sheet.append([_sheet_cell(sheet, styles, value, count + 1) for value in row])
        book.save(out)
    except BaseException:
        sheet.close()
        sheet._writer.cleanup()  # the file in the temporary directory
        raise
    return count

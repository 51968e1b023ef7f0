"""Say what a workbook holds.

The workbook is standard input (a regular file). Arguments: the sheet ("" = propose one), the most rows ("" = all), the decimal
mark, and "last" if the last rows are wanted. Standard output is a sequence of frames: a letter, eight hexadecimal digits (the
length), the content. J is JSON: first {"kind", "sheet", "sheets", "column"} or {"refused": code, "params"}, and {"end": true,
"last"} last, so that a child which died is never taken for the end of the sheet. R is rows from row 1 on: cells parted by CELL,
rows by ROW (JSON took four times as long).
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from . import limits, ods, xls, xlsx
from .limits import Faults, Refuse
from .text import texts

CHUNK = 500
CELL, ROW = "\x1f", "\x1e"
SEPARATORS = str.maketrans("", "", CELL + ROW)
LAST = 6


class Sheet:
    """A sheet as rows of text."""

    def __init__(self, sheet: Any, faults: Faults, mark: str) -> None:
        self.sheet = sheet
        self.errors = faults.errors
        self.text = texts(mark)
        self.first = sheet.start[1]
        self.rows = enumerate(sheet.iter_rows())

    def line(self, number: int, row: list[Any]) -> tuple[str, list[str]]:
        """Return a row (from 0) as text, and its cells."""
        text = self.text
        cells = [cell if cell.__class__ is str else text[cell.__class__](cell) for cell in row]
        for column, error in self.errors.get(number, {}).items() if self.errors else ():
            if 0 <= column - self.first < len(cells):
                cells[column - self.first] = error
        line = CELL.join(cells)
        if line.count(CELL) != len(cells) - 1 or ROW in line:
            cells = [cell.translate(SEPARATORS) for cell in cells]
            line = CELL.join(cells)
        return line, cells

    def lines(self, most: int | None) -> Iterator[str]:
        """Yield the rows from row 1 in chunks; `most` counts those that are not blank."""
        chunk = []
        for number, row in self.rows:
            line, cells = self.line(number, row)
            chunk.append(line)
            if most is not None and any(cells):
                most -= 1
                if most <= 0:
                    break
            if len(chunk) >= CHUNK:
                yield ROW.join(chunk)
                chunk = []
        if chunk:
            yield ROW.join(chunk)

    def last(self) -> list[tuple[int, list[str]]]:
        """Return the last filled rows of those that `lines` did not reach."""
        rest = self.sheet.total_height if self.sheet.end is None else self.sheet.end[0] + 1
        found = deque(islice(self.rows, max(rest, 0)), 64)
        lines = [(number + 1, self.line(number, row)[1]) for number, row in found]
        return [line for line in lines if any(line[1])][-LAST:]


def open_sheet(file: BinaryIO, wanted: str) -> tuple[dict[str, Any], Any]:
    """Return what the parent wants to know of the sheet, and the sheet."""
    import python_calamine as calamine  # not before the limits

    file.seek(0)
    try:
        book = calamine.CalamineWorkbook.from_filelike(file)
    except calamine.PasswordError as error:
        raise Refuse("encrypted") from error
    names = [
        meta.name
        for meta in book.sheets_metadata
        if meta.typ == calamine.SheetTypeEnum.WorkSheet and meta.visible == calamine.SheetVisibleEnum.Visible
    ] or book.sheet_names
    if wanted and wanted not in book.sheet_names:
        raise Refuse("no_sheet", sheet=wanted, sheets=", ".join(names))
    sheet = None
    if wanted or len(names) == 1:
        sheet = book.get_sheet_by_name(wanted or names[0])
    else:
        for name in names:
            other = book.get_sheet_by_name(name)
            if sheet is None or other.height > sheet.height:
                sheet = other
    if sheet is None or sheet.start is None:
        raise Refuse("no_sheets")
    place = book.sheet_names.index(sheet.name)
    return {"sheet": sheet.name, "sheets": names, "column": sheet.start[1], "place": place}, sheet


def column_letter(index: int) -> str:
    """Return the name that a spreadsheet gives to the column `index` (from 0)."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def send(kind: bytes, text: str) -> None:
    """Write one frame."""
    content = text.encode("utf-8", "replace")
    sys.stdout.buffer.write(b"%c%08x%b" % (kind, len(content), content))


def tell(value: dict[str, Any]) -> None:
    """Write one frame of JSON."""
    send(b"J", json.dumps(value))


def read(file: BinaryIO, wanted: str, most: int | None, mark: str, last: bool) -> None:
    """Tell everything of one sheet."""
    kind = limits.guard(file)
    stream = xls.opened(file) if kind == "xls" else b""
    head, sheet = open_sheet(file, wanted)
    if kind == "xls":
        faults = xls.faults(stream, head["place"])
    else:
        faults = ods.faults(file, sheet.name) if kind == "ods" else xlsx.faults(file, sheet.name, most)
    if faults.formulas:
        row, column = min(faults.formulas)
        cell = f"{column_letter(column)}{row + 1}"
        raise Refuse("formula_without_value", cell=cell, sheet=sheet.name, count=len(faults.formulas))
    tell(head | {"kind": kind})
    found = Sheet(sheet, faults, mark)
    for chunk in found.lines(most):
        send(b"R", chunk)
    tell({"end": True, "last": found.last() if last else []})


def main() -> None:
    """Read the workbook on standard input."""
    limits.limit_myself()
    wanted, most, mark = sys.argv[1], int(sys.argv[2]) if sys.argv[2] else None, sys.argv[3]
    try:
        read(sys.stdin.buffer, wanted, most, mark, "last" in sys.argv[4:])
    except Refuse as refused:
        tell({"refused": refused.code, "params": refused.params})
    except MemoryError:
        tell({"refused": "workbook_costly", "params": {}})
    except BrokenPipeError:
        os._exit(0)
    except (
        BaseException
    ):  # whatever a damaged file provokes, the reader's own panics too; the parent says it in a sentence
        tell({"refused": "bad_workbook", "params": {}})
    sys.stdout.buffer.flush()

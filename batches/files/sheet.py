"""Write one sheet as XLSX, row by row: text cells stay text, memory does not grow with the rows."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

from .guard import guard, needs_guard
from .messages import refusal, shorten

MAX_ROWS = 1_048_576
MAX_CELL = 32_767
BLOCK = 1 << 17
# Beyond 2 GB a ZIP archive needs an extension of which Excel complains.
MAX_BYTES = (1 << 31) - (1 << 20)
EXACT = Decimal(10) ** 15  # a spreadsheet keeps fifteen digits
# Below this a spreadsheet's calendar has a day that never was.
FIRST_DAY, DAY_ZERO = date(1900, 3, 1), date(1899, 12, 30)
ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\r\ufffe\uffff]")
SPECIAL = re.compile("[&<>_\x00-\x1f\ufffe\uffff]").search
# Places in `cellXfs` below: text, text that has to stay text when a person edits it, date, date with time.
TEXT, GUARDED, DATE, MOMENT = 1, 2, 3, 4

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{KIND}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{KIND}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{OFFICE}">'
    '<sheets><sheet name="Rows" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet {MAIN}><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/>'
    '<xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="22" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
BEGIN = (
    f'<worksheet {MAIN}><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2"'
    ' activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
END = "</sheetData></worksheet>"


def letters(index: int) -> str:
    """Return the name that a spreadsheet gives to the column `index` (from 0)."""
    found = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        found = chr(65 + rest) + found
    return found


def _text(place: str, text: str, row: int) -> str:
    """Return a text cell. What XML cannot hold is written as `_x0001_`."""
    if text[0] == "'":
        text = guard(text)  # one that reading would take off
    style = GUARDED if needs_guard(text) else TEXT
    if SPECIAL(text):
        text = CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", ESCAPED.sub("_x005F_", text))
        kept = escape(text)
    else:
        kept = text
    if len(text) > MAX_CELL:
        raise refusal("sheet_cell", row=row, value=shorten(text), limit=MAX_CELL)
    space = ' xml:space="preserve"' if text != text.strip() or "\n" in text else ""
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t{space}>{kept}</t></is></c>'


def _day(value: date, place: str, row: int) -> str:
    """Return a date or a moment as a spreadsheet counts it; one that it cannot count as text."""
    if not isinstance(value, datetime):
        if value < FIRST_DAY:
            return _text(place, value.isoformat(), row)
        return f'<c r="{place}" s="{DATE}"><v>{(value - DAY_ZERO).days}</v></c>'
    day = value.date()
    if day < FIRST_DAY or value.tzinfo or value.microsecond:
        return _text(place, value.isoformat(" "), row)
    days = (day - DAY_ZERO).days + (value - datetime.combine(day, time())) / timedelta(days=1)
    return f'<c r="{place}" s="{MOMENT}"><v>{days!r}</v></c>'


def _other(value: Any, place: str, row: int) -> str:
    """Return a cell that is no text; a number that a spreadsheet would round is one."""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{value:d}</v></c>'
    if isinstance(value, Decimal | int):
        finite = isinstance(value, int) or value.is_finite()
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
        small = finite and -EXACT < value < EXACT
        if small and (len(text) <= 15 or len(Decimal(value).as_tuple().digits) <= 15):
            return f'<c r="{place}"><v>{text}</v></c>'
        return _text(place, text, row)
    if isinstance(value, float) and value - value == 0:  # neither infinite nor NaN
        return f'<c r="{place}"><v>{value!r}</v></c>'
    if isinstance(value, date):
        return _day(value, place, row)
    return _text(place, str(value), row)


def _lines(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the XML of each row."""
    names = [letters(index) for index in range(len(headings))]
    number = 1
    for cells in chain([headings], rows):
        if number > MAX_ROWS:
            raise refusal("sheet_rows", limit=MAX_ROWS)
        found = []
        for name, value in zip(names, cells, strict=True):
            if value is None or value == "":
                continue
            place = f"{name}{number}"
            if value.__class__ is str:
                found.append(_text(place, value, number))
            else:
                found.append(_other(value, place, number))
        yield f'<row r="{number}">{"".join(found)}</row>'
        number += 1


def write_xlsx(headings: Sequence[str], rows: Iterable[Sequence[Any]], out: BinaryIO) -> int:
    """Write one sheet; return the number of rows. Raises FileRefused for what a sheet cannot hold."""
    count, size = -1, 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in PARTS.items():
            archive.writestr(name, HEAD + content)
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            part.write((HEAD + BEGIN).encode())
            for lines in _chunks(_lines(headings, rows)):
                data = "".join(lines).encode()
                count += len(lines)
                size += len(data)
                if size > MAX_BYTES:
                    raise refusal("sheet_rows", limit=count + 1 - len(lines))
                part.write(data)
            part.write(END.encode())
    return count


def _chunks(lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield lines in chunks of about one size, whatever is in a line."""
    chunk, size = [], 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size >= BLOCK:
            yield chunk
            chunk, size = [], 0
    yield chunk

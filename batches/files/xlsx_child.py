"""Read one workbook in a process of its own, with limits; run as a file, so that nothing else is imported.

The workbook is standard input (a regular file). Arguments: the sheet ("" = propose one) and the most rows ("" = all).
Standard output is a sequence of frames: a letter, eight hexadecimal digits (the length), the content. J is JSON: first
{"sheet", "sheets", "column"} or {"refused": code, "params"}, and {"end": true} last, so that a child which died is never
taken for the end of the sheet. R is rows from row 1 on: cells parted by CELL, rows by ROW (JSON took four times as long).
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import json
import os
import re
import resource
import signal
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

MEMORY = 1536 * 1024 * 1024
SECONDS = 120
MAX_FILE = 50 * 1024 * 1024
MAX_TOTAL = 512 * 1024 * 1024
MAX_RATIO = 100
MAX_PARTS = 1000
SMALL = 1024 * 1024  # a ratio says nothing about so little
MAX_PROLOG = 64 * 1024
CHUNK = 500
CELL, ROW = "\x1f", "\x1e"
SEPARATORS = str.maketrans("", "", CELL + ROW)
EXACT = 10**15  # a spreadsheet keeps fifteen digits
BLOCK = 1024 * 1024
LONGEST_CELL = 64 * 1024  # bytes of XML of one cell that holds an error
ERROR_CELL = re.compile(rb"""<(?:\w+:)?c\s([^<>]*\bt=["']e["'][^<>]*)>(.*?)</(?:\w+:)?c>""", re.DOTALL)
PLACE = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
ERROR = re.compile(rb"<(?:\w+:)?v>([^<]*)<")
ROOT = re.compile(rb"<[A-Za-z_]")
DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


class Refuse(Exception):
    """The workbook is refused: a code and its parameters."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def limit_myself() -> None:
    """Take away what a hostile file could use, and die with the parent."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))


def guard(file: BinaryIO) -> None:
    """Refuse what a spreadsheet does not write, before anything is inflated."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_FILE:
        raise Refuse("workbook_limit", what="its size in bytes", value=size, limit=MAX_FILE)
    file.seek(max(size - 65557, 0))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    parts = int.from_bytes(end[at + 10 : at + 12], "little") if at >= 0 else 0
    if at < 0:
        raise Refuse("bad_workbook")
    if parts > MAX_PARTS:
        raise Refuse("workbook_limit", what="its number of parts", value=parts, limit=MAX_PARTS)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if len(infos) > MAX_PARTS:
            raise Refuse("workbook_limit", what="its number of parts", value=len(infos), limit=MAX_PARTS)
        names = set()
        for info in infos:
            name = info.filename.lower()
            if name in names:
                raise Refuse("workbook_unsafe", part=info.filename, what="a second part of the same name")
            names.add(name)
            if info.flag_bits & 1:
                raise Refuse("encrypted")
            if name.endswith("vbaproject.bin"):
                raise Refuse("macros")
        total = sum(info.file_size for info in infos)
        if total > MAX_TOTAL:
            raise Refuse("workbook_limit", what="its unpacked size in bytes", value=total, limit=MAX_TOTAL)
        packed = max(sum(info.compress_size for info in infos), 1)
        if total > SMALL and total > MAX_RATIO * packed:
            ratio = total // packed
            raise Refuse(
                "workbook_limit", what="its ratio of unpacked to packed size", value=ratio, limit=MAX_RATIO
            )
        for info in infos:
            if info.filename.lower().endswith((".xml", ".rels", ".vml")):
                check_prolog(archive, info)
    file.seek(0)


def check_prolog(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Refuse a part that declares entities; they can only stand before its first element."""
    with archive.open(info) as part:
        head = b""
        while len(head) < MAX_PROLOG and (more := part.read(2048)):
            head += more.replace(b"\0", b"")
            root = ROOT.search(head)
            if DECLARATION.search(head, 0, root.start() if root else len(head)):
                raise Refuse("workbook_unsafe", part=info.filename, what="a document type declaration")
            if root:
                return
        if len(head) >= MAX_PROLOG:
            raise Refuse("workbook_unsafe", part=info.filename, what="no element")


def number(value: float) -> str:
    """Write a number as people see it: no ".0", no binary noise, an exponent only where digits were lost."""
    text = repr(value or 0.0)
    if len(text) <= 16 and "e" not in text:  # fifteen digits or fewer
        return text[:-2] if text.endswith(".0") else text
    if value.is_integer() and -EXACT < value < EXACT:
        return str(int(value))
    text = f"{value:.15g}"
    if "e" not in text or abs(value) >= EXACT:
        return text
    digits, _, exponent = text.lstrip("-").partition("e-")
    digits = digits.replace(".", "")
    return ("-" if value < 0 else "") + "0." + "0" * (int(exponent) - 1) + digits


def moment(value: datetime.datetime) -> str:
    """Write a date, with its time only where it has one."""
    if value.time() == datetime.time():
        return value.date().isoformat()
    return value.isoformat(" ", "seconds" if not value.microsecond else "auto")


TEXT: dict[type, Callable[[Any], str]] = {
    str: str,
    float: number,
    int: lambda value: str(value) if -EXACT < value < EXACT else f"{value:.15g}",
    bool: lambda value: "TRUE" if value else "FALSE",
    datetime.datetime: moment,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
    datetime.timedelta: str,
}


def sheet_part(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name of the part that holds `sheet`."""
    # No document type got past check_prolog, so no entity can be expanded here.
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    workbook = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
    for element in workbook.iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            key = next(value for name, value in element.items() if name.endswith("}id"))
            target = targets[key]
            return target[1:] if target.startswith("/") else "xl/" + target
    raise Refuse("bad_workbook")


def error_cells(file: BinaryIO, sheet: str, most: int | None) -> dict[int, dict[int, str]]:
    """Return row -> column -> text of the cells with errors (#N/A), which the reader would give as empty."""
    found: dict[int, dict[int, str]] = {}
    file.seek(0)
    with zipfile.ZipFile(file) as archive, archive.open(sheet_part(archive, sheet)) as part:
        tail, blocks = b"", 0
        while (block := part.read(BLOCK)) and (most is None or blocks < 4):
            blocks += 1
            block = tail + block
            tail = block[-LONGEST_CELL:]
            if b't="e"' not in block and b"t='e'" not in block:
                continue
            for attributes, content in ERROR_CELL.findall(block):
                place, error = PLACE.search(attributes), ERROR.search(content)
                if not place:
                    raise Refuse("bad_workbook")
                column = 0
                for letter in place[1]:
                    column = column * 26 + letter - 64
                text = error[1].decode("utf-8", "replace") if error else "#N/A"
                found.setdefault(int(place[2]), {})[column - 1] = text
    return found


def lines(sheet: Any, most: int | None, errors: dict[int, dict[int, str]]) -> Iterator[str]:
    """Yield the rows from row 1 as text, in chunks; `most` counts those that are not blank."""
    text, chunk = TEXT, []
    first = sheet.start[1]
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = [cell if cell.__class__ is str else text[cell.__class__](cell) for cell in row]
        for column, error in errors.get(number, {}).items() if errors else ():
            cells[column - first] = error
        line = CELL.join(cells)
        if line.count(CELL) != len(cells) - 1 or ROW in line:
            line = CELL.join(cell.translate(SEPARATORS) for cell in cells)
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


def open_sheet(file: BinaryIO, wanted: str) -> tuple[dict[str, Any], Any]:
    """Return what the parent wants to know of the sheet, and the sheet."""
    import python_calamine as calamine  # not before the limits

    book = calamine.CalamineWorkbook.from_filelike(file)
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
    return {"sheet": sheet.name, "sheets": names, "column": sheet.start[1]}, sheet


def send(kind: bytes, text: str) -> None:
    """Write one frame."""
    content = text.encode("utf-8", "replace")
    sys.stdout.buffer.write(b"%c%08x%b" % (kind, len(content), content))


def tell(value: dict[str, Any]) -> None:
    """Write one frame of JSON."""
    send(b"J", json.dumps(value))


def main() -> None:
    """Read the workbook on standard input."""
    limit_myself()
    wanted, most = sys.argv[1], int(sys.argv[2]) if sys.argv[2] else None
    try:
        guard(sys.stdin.buffer)
        head, sheet = open_sheet(sys.stdin.buffer, wanted)
        tell(head)
        errors = error_cells(sys.stdin.buffer, sheet.name, most)
        for chunk in lines(sheet, most, errors):
            send(b"R", chunk)
        tell({"end": True})
    except Refuse as refused:
        tell({"refused": refused.code, "params": refused.params})
    except MemoryError:
        tell({"refused": "workbook_costly", "params": {}})
    except BrokenPipeError:
        os._exit(0)
    except Exception:  # whatever a damaged file provokes; the parent says it in a sentence
        tell({"refused": "bad_workbook", "params": {}})
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

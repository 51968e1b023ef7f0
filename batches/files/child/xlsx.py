"""Find in the XML of a sheet what the reader gives as empty: errors, and formulas that were never calculated."""

from __future__ import annotations

import re
import zipfile
from typing import BinaryIO
from xml.etree import ElementTree

from .limits import BLOCK, Faults, Refuse

LONGEST_CELL = 64 * 1024  # bytes of XML of one cell that holds an error or a formula
ERROR_CELL = re.compile(rb"""<(?:\w+:)?c\s([^<>]*\bt=["']e["'][^<>]*)>(.*?)</(?:\w+:)?c>""", re.DOTALL)
# A formula whose value is missing or empty; an empty text has a type.
FORMULA_CELL = re.compile(
    rb"""<(?:\w+:)?c\s((?:(?!\bt=["']str["'])[^<>])*)>\s*"""
    rb"""<(?:\w+:)?f\b[^<>]*+>(?:(?<=/>)|[^<]*+</(?:\w+:)?f>)\s*"""
    rb"""(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*(0?)\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"""
)
# Libraries that cannot calculate write nought, and ask to calculate on opening.
ASKS = re.compile(rb"""\bfullCalcOnLoad=["'](?:1|true)["']""").search
PLACE = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
ERROR = re.compile(rb"<(?:\w+:)?v>([^<]*)<")


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


def faults(file: BinaryIO, sheet: str, most: int | None) -> Faults:
    """Return the cells of `sheet` that hold errors or were never calculated; of a long one only the first if `most`."""
    found = Faults()
    file.seek(0)
    with zipfile.ZipFile(file) as archive, archive.open(sheet_part(archive, sheet)) as part:
        asks = ASKS(archive.read("xl/workbook.xml"))
        tail, blocks = b"", 0
        while (block := part.read(BLOCK)) and (most is None or blocks < 4):
            blocks += 1
            block = tail + block
            tail = block[-LONGEST_CELL:]
            if b't="e"' in block or b"t='e'" in block:
                for attributes, content in ERROR_CELL.findall(block):
                    error = ERROR.search(content)
                    found.error(*_place(attributes), error[1].decode("utf-8", "replace") if error else "#N/A")
            if b"<f" in block or b":f" in block:
                for attributes, nought in FORMULA_CELL.findall(block):
                    if not nought or asks:
                        found.uncalculated(*_place(attributes))
    return found


def _place(attributes: bytes) -> tuple[int, int]:
    """Return row and column (from 0) of a cell."""
    place = PLACE.search(attributes)
    if not place:
        raise Refuse("bad_workbook")
    column = 0
    for letter in place[1]:
        column = column * 26 + letter - 64
    return int(place[2]) - 1, column - 1

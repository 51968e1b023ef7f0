"""Find in the XML of an OpenDocument sheet what the reader gives as empty: errors, and formulas never calculated."""

from __future__ import annotations

import re
import zipfile
from typing import Any, BinaryIO
from xml.parsers import expat

from .limits import BLOCK, Faults, Refuse

CONTENT = "content.xml"
# A first look, cheap and too suspicious: attributes are taken apart only where this finds something.
SUSPECT = re.compile(rb"""value-type=["']error["']|<[^<>]*:formula=(?![^<>]*:value-type=)""").search
OVERLAP = 4096
CELLS = ("table-cell", "covered-table-cell")


class _Finder:
    """Follow the cells of one sheet and note those at fault."""

    def __init__(self, sheet: str) -> None:
        self.sheet = sheet
        self.found = Faults()
        self.inside = False
        self.row = self.column = 0
        self.columns = self.rows = 1
        self.is_error = False
        self.text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Look at an element as it begins."""
        name = tag.rpartition(":")[2]
        if name == "table":
            self.inside = _of(attributes, "name") == self.sheet
            self.row = 0
        elif self.inside and name == "table-row":
            self.column = 0
            self.rows = int(_of(attributes, "number-rows-repeated") or 1)
        elif self.inside and name in CELLS:
            self.columns = int(_of(attributes, "number-columns-repeated") or 1)
            self.is_error = attributes.get("calcext:value-type") == "error"
            self.text = []
            if _of(attributes, "formula") and not _of(attributes, "value-type"):
                self.found.uncalculated(self.row, self.column)

    def end(self, tag: str) -> None:
        """Look at an element as it ends."""
        name = tag.rpartition(":")[2]
        if name == "table":
            self.inside = False
        elif self.inside and name == "table-row":
            self.row += self.rows
        elif self.inside and name in CELLS:
            if self.is_error:
                text = "".join(self.text).strip() or "#N/A"
                for row in range(self.row, self.row + min(self.rows, 1000)):
                    for column in range(self.column, self.column + min(self.columns, 1000)):
                        self.found.error(row, column, text if text.startswith("#") else "#VALUE!")
                self.is_error = False
            self.column += self.columns

    def data(self, text: str) -> None:
        """Keep the text of a cell that holds an error."""
        if self.is_error:
            self.text.append(text)


def _of(attributes: dict[str, str], name: str) -> str:
    return attributes.get(f"table:{name}") or attributes.get(f"office:{name}") or ""


def faults(file: BinaryIO, sheet: str) -> Faults:
    """Return the cells of `sheet` that hold errors or were never calculated."""
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        with archive.open(CONTENT) as part:
            if not _suspect(part):
                return Faults()
        finder = _Finder(sheet)
        parser: Any = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = finder.start, finder.end
        parser.CharacterDataHandler = finder.data
        try:
            with archive.open(CONTENT) as part:
                parser.ParseFile(part)
        except (expat.ExpatError, ValueError) as error:
            raise Refuse("bad_workbook") from error
    return finder.found


def _suspect(part: Any) -> bool:
    tail = b""
    while block := part.read(BLOCK):
        if SUSPECT(tail + block):
            return True
        tail = block[-OVERLAP:]
    return False

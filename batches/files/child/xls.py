"""Find in an old workbook (XLS) what the reader gives as empty or as nought: errors, and formulas never calculated.

An XLS file is a file system of its own (OLE) with one stream of records (BIFF).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from .limits import Faults, Refuse

END_OF_CHAIN = 0xFFFFFFF8  # and above: no sector
SMALL_STREAM = 4096
NAMES = ("Workbook", "Book")
ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#REF!",
    0x17: "#VALUE!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
BOF = {0x0009, 0x0209, 0x0409, 0x0809}
EOF, SHEET, PASSWORD, ERROR = 0x000A, 0x0085, 0x002F, 0x0205
FORMULAS = {0x0006, 0x0206, 0x0406}


class Ole:
    """The streams of an OLE file. Raises Refuse for one that is damaged."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        try:
            self.size = 1 << struct.unpack_from("<H", data, 30)[0]
            if self.size not in (512, 4096):
                raise Refuse("bad_workbook")
            directory, _, _, small, _, more = struct.unpack_from("<IIIIII", data, 48)
            parts = list(struct.unpack_from("<109I", data, 76))
            while more < END_OF_CHAIN and len(parts) * self.size <= len(data):
                sector = struct.unpack(f"<{self.size // 4}I", self.sector(more))
                parts += sector[:-1]
                more = sector[-1]
            table = b"".join(self.sector(part) for part in parts if part < END_OF_CHAIN)
            self.table = memoryview(table).cast("I") if len(table) % 4 == 0 else memoryview(b"").cast("I")
            self.entries = dict(self._entries(self._chain(directory)))
            self.small_table = memoryview(self._chain(small)).cast("I")
        except (struct.error, IndexError, ValueError) as error:
            raise Refuse("bad_workbook") from error

    def sector(self, number: int) -> bytes:
        """Return one sector."""
        return self.data[(number + 1) * self.size : (number + 2) * self.size]

    def _chain(self, first: int) -> bytes:
        found, seen = [], 0
        while first < END_OF_CHAIN:
            found.append(self.sector(first))
            first = self.table[first]
            seen += 1
            if seen > len(self.table):
                raise Refuse("bad_workbook")
        return b"".join(found)

    def _entries(self, directory: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
        for at in range(0, len(directory) - 127, 128):
            length, kind = struct.unpack_from("<HB", directory, at + 64)
            if kind:
                name = directory[at : at + max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace")
                yield name, struct.unpack_from("<II", directory, at + 116)

    def stream(self, name: str) -> bytes:
        """Return the content of the stream `name`."""
        first, size = self.entries[name]
        try:
            if size >= SMALL_STREAM:
                return self._chain(first)[:size]
            whole = self._chain(self.entries["Root Entry"][0])
            found = b""
            while first < END_OF_CHAIN and len(found) < size:
                found += whole[first * 64 : first * 64 + 64]
                first = self.small_table[first]
            return found[:size]
        except (IndexError, KeyError) as error:
            raise Refuse("bad_workbook") from error


def opened(file: BinaryIO) -> bytes:
    """Return the records of a workbook. Raises Refuse for macros, a password, or what is none."""
    file.seek(0)
    data = file.read()
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise Refuse("encrypted")
    ole = Ole(data)
    if "_VBA_PROJECT_CUR" in ole.entries or "VBA" in ole.entries:
        raise Refuse("macros")
    name = next((name for name in NAMES if name in ole.entries), None)
    if name is None:
        raise Refuse("not_workbook")
    stream = ole.stream(name)
    for kind, _, _ in records(stream, 0):
        if kind == PASSWORD:
            raise Refuse("encrypted")
        if kind == EOF:
            break
    return stream


def records(stream: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Yield (kind, where its content begins, its length) of each record from `at` on."""
    end = len(stream)
    while at + 4 <= end:
        kind, length = struct.unpack_from("<HH", stream, at)
        yield kind, at + 4, length
        at += 4 + length


def faults(stream: bytes, index: int) -> Faults:
    """Return the cells of the sheet number `index` (from 0) that hold errors or were never calculated."""
    starts = []
    for kind, at, _ in records(stream, 0):
        if kind == SHEET:
            starts.append(struct.unpack_from("<I", stream, at)[0])
        elif kind == EOF:
            break
    if index >= len(starts):
        raise Refuse("bad_workbook")
    found = Faults()
    blank: set[tuple[int, int]] = set()
    formulas = depth = 0
    for kind, at, length in records(stream, starts[index]):
        if kind in BOF:
            depth += 1
        elif kind == EOF:
            depth -= 1
            if depth <= 0:
                break
        elif depth == 1 and (kind in FORMULAS or kind == ERROR) and length >= 8:
            row, column = struct.unpack_from("<HH", stream, at)
            if kind == ERROR:
                if stream[at + 7]:
                    found.error(row, column, ERRORS.get(stream[at + 6], "#N/A"))
            elif length >= 16:
                formulas += 1
                result, options = stream[at + 6 : at + 14], stream[at + 14]
                if result[6:] == b"\xff\xff" and result[0] == 2:
                    found.error(row, column, ERRORS.get(result[2], "#N/A"))
                elif result[6:] == b"\xff\xff" and result[0] == 3:
                    blank.add((row, column))
                elif options & 2 and not any(result):
                    # A library that cannot calculate wrote nought, and asks to calculate on opening.
                    found.uncalculated(row, column)
    if len(blank) == formulas:  # others write all their formulas as empty texts
        found.formulas |= blank
    return found

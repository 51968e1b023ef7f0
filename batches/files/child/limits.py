"""Limits that are set before a workbook is unpacked."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import signal
import zipfile
from typing import Any, BinaryIO

MEMORY = 1536 * 1024 * 1024
SECONDS = 120
MAX_FILE = 50 * 1024 * 1024
MAX_TOTAL = 512 * 1024 * 1024
MAX_RATIO = 100
MAX_PARTS = 1000
SMALL = 1024 * 1024  # a ratio says nothing about so little
MAX_PROLOG = 64 * 1024
BLOCK = 1024 * 1024
MAX_FAULTS = 10_000
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
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


class Faults:
    """The cells that a reader gives as empty or as nought, though they are not: by row and column from 0."""

    def __init__(self) -> None:
        self.errors: dict[int, dict[int, str]] = {}
        self.formulas: set[tuple[int, int]] = set()

    def error(self, row: int, column: int, text: str) -> None:
        """Note a cell that holds an error such as #N/A."""
        self.errors.setdefault(row, {})[column] = text

    def uncalculated(self, row: int, column: int) -> None:
        """Note a formula without a value."""
        if len(self.formulas) < MAX_FAULTS:
            self.formulas.add((row, column))


def guard(file: BinaryIO) -> str:
    """Return "xlsx", "ods" or "xls"; refuse what a spreadsheet does not write, before anything is inflated."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_FILE:
        raise Refuse("workbook_limit", what="its size in bytes", value=size, limit=MAX_FILE)
    file.seek(0)
    if file.read(len(OLE)) == OLE:
        return "xls"
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
        names = check_names(infos)
        check_sizes(infos)
        for info in infos:
            if info.filename.lower().endswith((".xml", ".rels", ".vml")):
                check_prolog(archive, info)
        is_ods = "content.xml" in names and "xl/workbook.xml" not in names
        if is_ods and b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise Refuse("encrypted")
    file.seek(0)
    return "ods" if is_ods else "xlsx"


def check_names(infos: list[zipfile.ZipInfo]) -> set[str]:
    """Return the names of the parts; refuse too many, two alike, macros, passwords and the binary format."""
    if len(infos) > MAX_PARTS:
        raise Refuse("workbook_limit", what="its number of parts", value=len(infos), limit=MAX_PARTS)
    names: set[str] = set()
    for info in infos:
        name = info.filename.lower()
        if name in names:
            raise Refuse("workbook_unsafe", part=info.filename, what="a second part of the same name")
        names.add(name)
        if info.flag_bits & 1:
            raise Refuse("encrypted")
        if name.endswith("vbaproject.bin") or name.startswith("basic/"):
            raise Refuse("macros")
        if name == "xl/workbook.bin":
            raise Refuse("other_format", what="a binary workbook (XLSB)")
    return names


def check_sizes(infos: list[zipfile.ZipInfo]) -> None:
    """Refuse what is too large unpacked, or too dense."""
    total = sum(info.file_size for info in infos)
    if total > MAX_TOTAL:
        raise Refuse("workbook_limit", what="its unpacked size in bytes", value=total, limit=MAX_TOTAL)
    packed = max(sum(info.compress_size for info in infos), 1)
    if total > SMALL and total > MAX_RATIO * packed:
        what = "its ratio of unpacked to packed size"
        raise Refuse("workbook_limit", what=what, value=total // packed, limit=MAX_RATIO)


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

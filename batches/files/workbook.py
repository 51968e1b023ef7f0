"""Read XLSX in a child process with limits: no workbook can take the memory or the time of this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from .messages import refusal
from .sources import Source, opened, size_of
from .xlsx_child import CELL, MAX_FILE, ROW

CHILD = Path(__file__).with_name("xlsx_child.py")
# What the child needs of the environment; passwords and addresses are none of it.
KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT")


@dataclass(frozen=True)
class FirstRows:
    """The first rows of a sheet: (row number, cells), and where its first column lies (from 0)."""

    sheet: str
    sheets: list[str]
    column: int
    rows: list[tuple[int, list[str]]]


def is_encrypted(file: BinaryIO) -> bool:
    """Tell whether an OLE file is a workbook with a password."""
    file.seek(0)
    return "EncryptedPackage".encode("utf-16-le") in file.read(MAX_FILE)


@contextmanager
def _regular_file(source: Source, name: str) -> Iterator[BinaryIO]:
    """Give `source` as an operating system's file, copied to a nameless one if it is none."""
    with opened(source) as file:
        size = size_of(file)
        if size > MAX_FILE:
            what = "its size in bytes"
            raise refusal("workbook_limit", name=name, what=what, value=size, limit=MAX_FILE)
        if isinstance(source, str | os.PathLike):
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            yield copy


def _messages(source: Source, name: str, sheet: str, most: int | None) -> Generator[Any, None, None]:
    """Yield what the child says: what it read from, then chunks of rows."""
    command = [sys.executable, "-P", str(CHILD), sheet, "" if most is None else str(most)]
    environment = {key: os.environ[key] for key in KEPT if key in os.environ}
    with _regular_file(source, name) as file:
        child = subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd="/"
        )
        try:
            for kind, content in _frames(child.stdout):
                if kind == b"R":
                    yield content
                    continue
                message = json.loads(content)
                if "refused" in message:
                    raise refusal(message["refused"], name=name, **message["params"])
                if "end" in message:
                    return
                yield message
            raise refusal("workbook_costly", name=name)  # it died before its end: a limit, or a crash
        finally:
            child.kill()
            child.communicate()


def _frames(pipe: IO[bytes] | None) -> Iterator[tuple[bytes, bytes]]:
    """Yield the child's complete frames."""
    while pipe and len(head := pipe.read(9)) == 9:
        length = int(head[1:], 16)
        content = pipe.read(length)
        if len(content) < length:
            return
        yield head[:1], content


def _numbered(messages: Iterator[Any]) -> Iterator[tuple[int, list[str]]]:
    row = 1
    for content in messages:
        rows = content.decode("utf-8").split(ROW)
        for number, line in enumerate(rows, row):
            yield number, line.split(CELL)
        row += len(rows)


def first_rows(source: Source, name: str, sheet: str, n: int) -> FirstRows:
    """Return the first `n` rows of `sheet`, or of the visible sheet with most rows."""
    with closing(_messages(source, name, sheet, n)) as messages:
        head = next(messages)
        rows = [row for row in _numbered(messages) if "".join(row[1]).strip()]
    return FirstRows(head["sheet"], head["sheets"], head["column"], rows)


def rows(source: Source, name: str, sheet: str) -> Generator[tuple[int, list[str]], None, None]:
    """Yield (row number, cells) of each row of `sheet`, blank ones too."""
    with closing(_messages(source, name, sheet, None)) as messages:
        next(messages)
        yield from _numbered(messages)

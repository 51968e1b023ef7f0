"""Read workbooks in a child process with limits: no workbook can take the memory or the time of this one."""

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

from .child.limits import MAX_FILE
from .child.main import CELL, ROW
from .messages import refusal
from .sources import Source, opened, size_of

# The child finds its own modules there and nothing else of the site: what it imports is behind the standard library's.
HERE = str(Path(__file__).parent)
CHILD = "import sys; sys.path.append(sys.argv.pop(1)); from child.main import main; main()"
# What the child needs of the environment; passwords and addresses are none of it.
KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT")


@dataclass(frozen=True)
class FirstRows:
    """The first and the last rows of a sheet: (row number, cells), and where its first column lies (from 0)."""

    kind: str
    sheet: str
    sheets: list[str]
    column: int
    rows: list[tuple[int, list[str]]]
    last: list[tuple[int, list[str]]]


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


def _messages(
    source: Source, name: str, sheet: str, most: int | None, mark: str, last: bool = False
) -> Generator[Any, None, None]:
    """Yield what the child says: what it read from, then chunks of rows, then how it ended."""
    command = [sys.executable, "-P", "-c", CHILD, HERE, sheet, "" if most is None else str(most), mark]
    command += ["last"] if last else []
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
                yield message
                if "end" in message:
                    return
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
        if isinstance(content, dict):
            return
        rows = content.decode("utf-8").split(ROW)
        for number, line in enumerate(rows, row):
            yield number, line.split(CELL)
        row += len(rows)


def first_rows(
    source: Source, name: str, sheet: str, n: int, mark: str = "", with_last: bool = False
) -> FirstRows:
    """Return the first `n` filled rows of `sheet`, or of the visible sheet with most rows; with its last ones if asked.

    With the decimal mark "," numbers are written with it.
    """
    with closing(_messages(source, name, sheet, n, mark, with_last)) as messages:
        head = next(messages)
        rows: list[tuple[int, list[str]]] = []
        last: list[tuple[int, list[str]]] = []
        content = b""
        for message in messages:
            if isinstance(message, dict):
                last = [(number, cells) for number, cells in message["last"]]
            else:
                content += (ROW.encode() if content else b"") + message
        if content:
            rows = [row for row in _numbered(iter([content])) if "".join(row[1]).strip()]
    return FirstRows(head["kind"], head["sheet"], head["sheets"], head["column"], rows, last or rows)


def rows(
    source: Source, name: str, sheet: str, mark: str = ""
) -> Generator[tuple[int, list[str]], None, None]:
    """Yield (row number, cells) of each row of `sheet`, blank ones too."""
    with closing(_messages(source, name, sheet, None, mark)) as messages:
        next(messages)
        yield from _numbered(messages)

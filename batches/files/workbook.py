"""Read XLSX in a child process with limits."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import BinaryIO

from .sources import Source


@dataclass(frozen=True)
class FirstRows:
    """The first rows of a sheet: (row number, cells), and where its first column lies (from 0)."""

    sheet: str
    sheets: list[str]
    column: int
    rows: list[tuple[int, list[str]]]


def is_encrypted(file: BinaryIO) -> bool:
    """Tell whether an OLE file is a workbook with a password."""
    raise NotImplementedError


def first_rows(source: Source, name: str, sheet: str, n: int) -> FirstRows:
    """Return the first rows of `sheet`."""
    raise NotImplementedError


def rows(source: Source, name: str, sheet: str) -> Generator[tuple[int, list[str]], None, None]:
    """Yield the rows of `sheet`."""
    raise NotImplementedError
    yield

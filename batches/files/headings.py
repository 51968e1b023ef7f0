"""Make names of a file's heading lines, one for each column that is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .child.main import column_letter

INVISIBLE = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u00ad\ufeff\x00-\x08\x0e-\x1f\x7f]|[\ud800-\udfff]"
)


def clean_heading(text: str) -> str:
    """Return a heading without what cannot be seen, its white space made single blanks."""
    return " ".join(INVISIBLE.sub("", text).split())


def joined(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the headings that stand in one line, or in several above one another."""
    width = max(map(len, lines), default=0)
    return [clean_heading(" ".join(cells[at] for cells in lines if at < len(cells))) for at in range(width)]


def named(headings: Sequence[str], columns: Sequence[int], offset: int = 0) -> list[str]:
    """Return a name of its own for each of `columns`: a blank heading becomes "Column F", a second one "Price (2)".

    `offset` is where the first column lies in its sheet.
    """
    texts = [headings[at] if at < len(headings) else "" for at in columns]
    taken = set(texts)
    names: list[str] = []
    used: set[str] = set()
    for at, text in zip(columns, texts, strict=True):
        name = base = text or f"Column {column_letter(at + offset)}"
        count = 1
        while name in used or (name in taken and name != text):
            count += 1
            name = f"{base} ({count})"
        names.append(name)
        used.add(name)
    return names

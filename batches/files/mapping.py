"""Suggest which column of a file goes into which field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from .columns import Column
from .convert import copy_converter
from .messages import CellError
from .reading import clean_heading

WORDS = re.compile(r"[^\W_]+|#|%")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
SHORT = {
    "#": "number",
    "no": "number",
    "num": "number",
    "nr": "number",
    "desc": "description",
    "qty": "quantity",
    "%": "percent",
}
LEAST = 0.72
SAMPLE = 50


def words(text: str) -> tuple[str, ...]:
    """Return the words of a heading or an alias, in one spelling."""
    found = WORDS.findall(CAMEL.sub(" ", clean_heading(text)))
    return tuple(SHORT.get(word.casefold(), word.casefold()) for word in found)


def similarity(heading: tuple[str, ...], name: tuple[str, ...]) -> float:
    """Return how alike two names are: 1 is the same, 0 nothing in common."""
    if not heading or not name:
        return 0.0
    if heading == name or "".join(heading) == "".join(name):
        return 1.0
    letters = SequenceMatcher(None, " ".join(heading), " ".join(name), autojunk=False).ratio()
    common = set(heading) & set(name)
    share = len(common) / len(set(heading) | set(name))
    within = 0.6 + 0.35 * share if common == set(name) or common == set(heading) else 0.0
    return min(max(letters if letters >= 0.8 else 0.0, within), 0.98)


def fit(column: Column, cells: Sequence[str]) -> float:
    """Return which share of the filled cells the column could hold; 0.5 when none is filled."""
    convert = copy_converter(column)
    filled = [cell for cell in cells if cell.strip()][:SAMPLE]
    good = 0
    for cell in filled:
        try:
            convert(cell)
            good += 1
        except CellError:
            pass
    return good / len(filled) if filled else 0.5


def suggest(headings: Sequence[str], sample_rows: Sequence, columns: Sequence[Column]) -> dict[str, int]:
    """Return field -> index of the heading that most likely holds it; a heading serves one field at most.

    `sample_rows` are records as `preview` gives them, or bare lists of cells.
    """
    rows = [row[1] if isinstance(row, tuple) else row for row in sample_rows]
    spelled = [words(heading) for heading in headings]
    scores: list[tuple[float, float, int, int]] = []
    for order, column in enumerate(columns):
        names = [words(str(name)) for name in (column.label, column.field, *column.aliases)]
        for index, heading in enumerate(spelled):
            score = max(
                (similarity(heading, name) - 0.002 * min(place, 20) for place, name in enumerate(names)),
                default=0.0,
            )
            if score < LEAST:
                continue
            suits = fit(column, [row[index] for row in rows if index < len(row)])
            if suits < 0.5 and not (score > 0.95 and column.kind in ("text", "code")):
                continue
            scores.append((round(score, 3), suits, -order, -index))
    taken: dict[str, int] = {}
    used: set[int] = set()
    for _, _, order, index in sorted(scores, reverse=True):
        field = columns[-order].field
        if field not in taken and -index not in used:
            taken[field] = -index
            used.add(-index)
    return {column.field: taken[column.field] for column in columns if column.field in taken}

"""Suggest which column of a file goes into which field: by its name, and codes also by their check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from django.utils.translation import gettext_lazy as _

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
# Words that say nothing about what a column holds.
FILLING = {"the", "of", "a", "an", "in", "per", "item", "product", "usd", "eur", "gbp", "us", "and"}
THINGS = {"item", "product"}
# Names so general that another word beside them makes them something else.
GENERAL = {"code", "number", "name", "id", "size", "unit", "title", "class", "type", "date", "pack"}
# Words that make of a thing another one: the old price is not the price.
TURNING = {"old", "new", "previous", "prior", "last", "next", "former", "inner", "outer", "min", "max", "minimum", "maximum",
           "average", "avg", "total", "sale", "promo", "competitor", "original", "alternate", "alt", "secondary", "case",
           "carton", "pallet"}  # fmt: skip
LEAST = 0.72
SAMPLE = 50
CERTAIN_CODES = 0.95
BY_CONTENT = 0.8
# What stands beside the columns where rows were saved: such a file is our own, and its columns are what they are called.
TOLD = (_("Row"), _("Line"), _("Stands"), _("Does"), _("Excluded"), _("Reason"), _("Findings"))
# The cell is such a value, only its style is not known.
STYLE = {"number_ambiguous", "decimal_comma", "date_ambiguous"}


def words(text: str) -> tuple[str, ...]:
    """Return the words of a heading or an alias, in one spelling."""
    found = WORDS.findall(CAMEL.sub(" ", clean_heading(text)))
    return tuple(SHORT.get(word.casefold(), word.casefold()) for word in found)


def similarity(heading: tuple[str, ...], name: tuple[str, ...]) -> float:
    """Return how alike two names are: 1 is the same, 0 nothing that could be relied on."""
    if not heading or not name:
        return 0.0
    if heading == name or "".join(heading) == "".join(name):
        return 1.0
    mine, wanted = set(heading), set(name)
    if mine == wanted:
        return 0.98
    more, lacking = mine - wanted, wanted - mine
    if more & TURNING or lacking & TURNING:
        return 0.0
    general = len(name) == 1 and wanted <= GENERAL
    if not general and more <= FILLING and lacking <= FILLING - THINGS:
        return 0.95
    if len(wanted) > 1 and not lacking and len(more) == 1:
        return 0.6 + 0.35 * len(wanted) / len(mine)
    return _misspelled(heading, name)


def _misspelled(heading: tuple[str, ...], name: tuple[str, ...]) -> float:
    """Return how alike two names of equally many words are, each but for a letter or two."""
    if len(heading) != len(name) or len(" ".join(name)) < 5:
        return 0.0
    if any(one[0] != other[0] for one, other in zip(heading, name, strict=True)):
        return 0.0
    ratios = [
        SequenceMatcher(None, one, other, autojunk=False).ratio()
        for one, other in zip(heading, name, strict=True)
    ]
    return min(*ratios, 0.94) if min(ratios) >= 0.8 else 0.0


def fit(column: Column, cells: Sequence[str], decimal_mark: str | None = None) -> float:
    """Return which share of the filled cells the column could hold, in whatever style; 0.5 when none is filled."""
    convert = copy_converter(column, decimal_mark)
    filled = [cell for cell in cells if cell.strip()][:SAMPLE]
    good = 0
    for cell in filled:
        try:
            convert(cell)
            good += 1
        except CellError as error:
            good += error.code in STYLE
    return good / len(filled) if filled else 0.5


def suggest(
    headings: Sequence[str],
    sample_rows: Sequence,
    columns: Sequence[Column],
    codes: Mapping[str, float] | None = None,
    decimal_mark: str | None = None,
) -> dict[str, int]:
    """Return field -> index of the heading that most likely holds it; a heading serves one field at most.

    `sample_rows` are records as `preview` gives them, or bare lists of cells; `codes` is heading -> share of its cells that are
    codes with a right check digit.
    """
    told = set(map(str, TOLD))
    if told <= set(headings):
        labels = {c.field: f"{c.label} (2)" if str(c.label) in told else str(c.label) for c in columns}
        return {field: headings.index(label) for field, label in labels.items() if label in headings}
    rows = [row[1] if isinstance(row, tuple) else row for row in sample_rows]
    scores = [*_by_name(headings, rows, columns, decimal_mark), *_by_content(headings, columns, codes or {})]
    taken: dict[str, int] = {}
    used: set[int] = set()
    for *_scores, order, index in sorted(scores, reverse=True):
        field = columns[-order].field
        if field not in taken and -index not in used:
            taken[field] = -index
            used.add(-index)
    return {column.field: taken[column.field] for column in columns if column.field in taken}


Score = tuple[float, float, int, int]


def _by_name(
    headings: Sequence[str], rows: list[list[str]], columns: Sequence[Column], decimal_mark: str | None
) -> Iterator[Score]:
    spelled = [words(heading) for heading in headings]
    for order, column in enumerate(columns):
        names = [words(str(name)) for name in (column.label, column.field, *column.aliases)]
        for index, heading in enumerate(spelled):
            score = max(
                (similarity(heading, name) - 0.002 * min(place, 20) for place, name in enumerate(names)),
                default=0.0,
            )
            if score < LEAST:
                continue
            suits = fit(column, [row[index] for row in rows if index < len(row)], decimal_mark)
            if suits < 0.5 and not (score > 0.95 and column.kind in ("text", "code")):
                continue
            yield round(score, 3), suits, -order, -index


def _by_content(
    headings: Sequence[str], columns: Sequence[Column], codes: Mapping[str, float]
) -> Iterator[Score]:
    """Yield columns of right check digits as codes, whatever they are called."""
    order = next((n for n, column in enumerate(columns) if column.kind == "code"), None)
    if order is None:
        return
    for index, heading in enumerate(headings):
        share = codes.get(heading, 0.0)
        if share >= CERTAIN_CODES:
            yield BY_CONTENT, share, -order, -index

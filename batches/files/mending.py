"""Read the text of one record again, after a person corrected it."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import NamedTuple

from django.utils.translation import gettext as _

from batches.exceptions import FileRefused

from .child.main import column_letter
from .messages import BadRecord, sentence
from .reader import Reader
from .reading import Reading


class Split(NamedTuple):
    """A cell of a record as far as it splits: the heading that it stands under, or none; None for a cell that is missing."""

    heading: str
    cell: str | None
    column: str


def read_record(reading: Reading, text: str, line: int) -> tuple[list[str], str]:
    """Return the cells of a record's text, one for each heading, or none and why it cannot be read."""
    alone = replace(
        reading, kind="csv", encoding="utf-8", delimiter=delimiter_of(reading), heading_row=0, first_row=0, skip_end=0
    )  # fmt: skip
    bad: list[BadRecord] = []
    try:
        reader = Reader(io.BytesIO(text.encode()), alone, "", bad.append)
        records = [cells for _place, cells in reader.records()]
    except FileRefused as refused:
        code = str(refused.details.get("code", ""))
        params = {**refused.details, "row": line, "name": ""}
        known = code == "open_quote"
        return [], sentence("unclosed_quote", params) if known else str(refused)
    if bad:
        return [], sentence(bad[0].code, {**bad[0].params, "row": line})
    if not records:
        return [], _("All cells are empty; drop the record instead.")
    if len(records) > 1:
        return [], _(
            "This is %(count)d records; mend one at a time. A new line inside a cell stands in quotes."
        ) % {"count": len(records)}
    return records[0], ""


def split_record(reading: Reading, text: str) -> list[Split]:
    """Return a record's text cell by cell, as far as it splits: those that are missing and those that are too many as well."""
    try:
        found = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(reading)), [])
    except csv.Error:
        found = text.split(delimiter_of(reading))
    by_place = dict(zip(reading.positions, reading.headings, strict=True))
    width = max(len(found), len(reading.headings) + reading.extra)
    return [
        Split(
            by_place.get(at, ""),
            found[at] if at < len(found) else None,
            column_letter(at + reading.first_column),
        )
        for at in range(width)
        if at in by_place or at < len(found)
    ]


def delimiter_of(reading: Reading) -> str:
    """Return what stands between the cells of a record's text; in a sheet's record that is a tab."""
    return reading.delimiter or "\t"

"""Say what each column of a file holds, from one pass over its records."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress, islice

from .convert import ISO_DATE, PARTED_DATE, YEAR_FIRST
from .messages import BadRecord
from .reader import Reader
from .reading import Reading
from .sources import Source

CHUNK = 2_000
NUMBER = re.compile(r"[-+(]?(?:[$€£] ?)?-?[0-9][0-9.,]*\)?").fullmatch
CHECKED = {8, 12, 13, 14}  # the lengths of codes with a GS1 check digit
ZERO_LOST = {7, 10, 11}
NO_CHECK = {10, 11, 12}


@dataclass
class Facts:
    """What a column holds; the shares are of its filled cells. `alone`: cells whose value no other cell has.

    `check_digits`: digits with a valid check digit. `short_by_one`: digits that are valid once the leading zeros that they lost
    are put back. `without`: digits that would be valid only with a check digit added. `numbers` and `dates`: written so.
    """

    filled: int = 0
    distinct: int = 0
    alone: int = 0
    check_digits: float = 0.0
    short_by_one: float = 0.0
    without: float = 0.0
    numbers: float = 0.0
    dates: float = 0.0

    @property
    def is_unique(self) -> bool:
        """Tell whether no filled cell is there twice."""
        return 0 < self.filled == self.distinct


@dataclass
class Survey:
    """What the columns of a file hold: heading -> facts, over the first `records`; `complete` if those are all."""

    records: int = 0
    complete: bool = True
    columns: dict[str, Facts] = field(default_factory=dict)


class _Column:
    """What was found in one column so far."""

    def __init__(self) -> None:
        self.hashes = array("q")  # eight bytes a cell: the cells themselves would not fit for many columns
        self.counts = dict.fromkeys(("check_digits", "short_by_one", "without", "numbers", "dates"), 0)

    def take(self, cells: Sequence[str]) -> None:
        """Count the filled ones of these cells."""
        filled = list(filter(None, map(str.strip, cells)))
        self.hashes.extend(map(hash, filled))
        digits = list(map(str.isdigit, filled))
        plain = [text for text in compress(filled, digits) if text.isascii()]
        counts = self.counts
        counts["numbers"] += len(plain)
        for text in plain:
            length = len(text)
            if 7 <= length <= 14:
                valid = (length in CHECKED or length in ZERO_LOST) and has_check_digit(text)
                if valid and length in CHECKED:
                    counts["check_digits"] += 1
                elif valid:
                    counts["short_by_one"] += 1
                elif length in NO_CHECK:
                    counts["without"] += 1
        if len(plain) < len(filled):
            for text, digit in zip(filled, digits, strict=True):
                if not digit and text[-1] in "0123456789)." and len(text) < 32:
                    if NUMBER(text) and not PARTED_DATE(text):
                        counts["numbers"] += 1
                    elif PARTED_DATE(text) or ISO_DATE(text) or YEAR_FIRST(text):
                        counts["dates"] += 1

    def facts(self) -> Facts:
        """Return what was found."""
        filled = len(self.hashes)
        shares = {name: count / filled if filled else 0.0 for name, count in self.counts.items()}
        times = Counter(self.hashes)
        return Facts(filled, len(times), sum(n == 1 for n in times.values()), **shares)


def has_check_digit(digits: str) -> bool:
    """Tell whether the last digit is the GS1 check digit of those before it; leading zeros do not count."""
    numbers = [*map(int, reversed(digits))]
    return (sum(numbers[::2]) + 3 * sum(numbers[1::2])) % 10 == 0


def _ignore(record: BadRecord) -> None:
    """Pass over an unreadable record: it has no columns."""


def survey(source: Source, reading: Reading, name: str, limit: int = 200_000) -> Survey:
    """Return what the columns hold in the first `limit` records."""
    columns = [_Column() for _ in reading.headings]
    found = Survey()
    records = Reader(source, reading, name, _ignore).records()
    while chunk := list(islice(records, min(CHUNK, limit - found.records))):
        found.records += len(chunk)
        for column, cells in zip(columns, zip(*(cells for _, cells in chunk), strict=True), strict=True):
            column.take(cells)
    found.complete = next(records, None) is None
    records.close()
    facts = [column.facts() for column in columns]
    found.columns = dict(zip(reading.headings, facts, strict=True))
    return found

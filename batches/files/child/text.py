"""Write the values of cells as people see them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

EXACT = 10**15  # a spreadsheet keeps fifteen digits


def number(value: float) -> str:
    """Write a number as people see it: no ".0", no binary noise, an exponent only where digits were lost."""
    text = repr(value or 0.0)
    if len(text) <= 16 and "e" not in text:  # fifteen digits or fewer
        return text[:-2] if text.endswith(".0") else text
    if value.is_integer() and -EXACT < value < EXACT:
        return str(int(value))
    text = f"{value:.15g}"
    if "e" not in text or abs(value) >= EXACT:
        return text
    digits, _, exponent = text.lstrip("-").partition("e-")
    digits = digits.replace(".", "")
    return ("-" if value < 0 else "") + "0." + "0" * (int(exponent) - 1) + digits


def moment(value: datetime.datetime) -> str:
    """Write a date, with its time only where it has one."""
    if value.time() == datetime.time():
        return value.date().isoformat()
    return value.isoformat(" ", "seconds" if not value.microsecond else "auto")


TEXT: dict[type, Callable[[Any], str]] = {
    str: str,
    float: number,
    int: lambda value: str(value) if -EXACT < value < EXACT else f"{value:.15g}",
    bool: lambda value: "TRUE" if value else "FALSE",
    datetime.datetime: moment,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
    datetime.timedelta: str,
}


def texts(mark: str) -> dict[type, Callable[[Any], str]]:
    """Return how each type of value is written, with `mark` before decimals: so that a sheet has one style."""
    if mark != ",":
        return TEXT
    return TEXT | {float: lambda value: number(value).replace(".", ",")}

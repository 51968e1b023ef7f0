"""Turn the text of a cell into the value of its column, or say why not; nothing is rounded or guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from .columns import Column
from .guard import unguard
from .messages import CellError, shorten

Convert = Callable[[str], Any]
CopyConvert = Callable[[str], "str | None"]

ERRORS = frozenset(
    {"#N/A", "#DIV/0!", "#REF!", "#NAME?", "#NULL!", "#NUM!", "#VALUE!", "#GETTING_DATA", "#SPILL!", "#CALC!"}
)
PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?").fullmatch
NUMBER = re.compile(
    r"(?P<sign>[-+]?)(?:[$€£] ?)?(?P<sign2>-?)(?P<whole>[0-9]*)(?:\.(?P<decimals>[0-9]*))?"
).fullmatch
GROUPED = re.compile(r"([-+]?(?:[$€£] ?)?-?)([0-9]{1,3}(?:,[0-9]{3})+)(\.[0-9]*)?").fullmatch
GROUPED_BY_POINT = re.compile(r"([-+]?(?:[$€£] ?)?-?)([0-9]{1,3}(?:\.[0-9]{3})+)(,[0-9]*)?").fullmatch
COMMA = re.compile(r"[-+]?(?:[$€£] ?)?-?[0-9]*,[0-9]+").fullmatch
EXPONENT = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]*)?[eE][-+]?[0-9]+").fullmatch
ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ T]00:00(?::00(?:\.0+)?)?)?").fullmatch
YEAR_FIRST = re.compile(r"([0-9]{4})([/.-])([0-9]{1,2})\2([0-9]{1,2})").fullmatch
PARTED_DATE = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})").fullmatch
DIGITS = re.compile("[0-9]+").fullmatch
CODE_NOISE = str.maketrans("", "", " -\u00a0\u2010\u2011\u2012\u2013\u2212")
FORMULA_TEXT = re.compile(r'="([^"]*)"').fullmatch
ZERO_DECIMALS = re.compile(r"([0-9]+)\.0+").fullmatch
TRUE = frozenset({"yes", "y", "true", "t", "1", "x"})
FALSE = frozenset({"no", "n", "false", "f", "0"})


def _error(code: str, text: str, **params: Any) -> CellError:
    return CellError(code, {"value": shorten(text)} | params)


def copy_converter(
    column: Column, decimal_mark: str | None = None, date_order: str | None = None
) -> CopyConvert:
    """Return text -> normalised text for COPY, None for an empty cell; the converter raises CellError.

    `decimal_mark` "." or "," and `date_order` "mdy" or "dmy" tell what is ambiguous otherwise; "" is as good as None, and "ymd"
    says nothing of a date whose year is last.
    """
    decimal_mark = decimal_mark or None
    if column.kind == "decimal":
        return _decimal(column, decimal_mark, column.decimal_places)
    if column.kind == "integer":
        return _decimal(column, decimal_mark, 0)
    if column.kind == "date":
        return _date(date_order)
    return {"text": _text, "code": _code, "boolean": _boolean}[column.kind](column)


def converter(column: Column, decimal_mark: str | None = None, date_order: str | None = None) -> Convert:
    """Return text -> value (str, Decimal, int, date, bool), None for an empty cell; it raises CellError."""
    normal = copy_converter(column, decimal_mark, date_order)
    makers: dict[str, Convert] = {
        "decimal": Decimal,
        "integer": int,
        "date": date.fromisoformat,
        "boolean": "t".__eq__,
    }
    if column.kind not in makers:
        return normal
    value = makers[column.kind]

    def convert(text: str) -> Any:
        found = normal(text)
        return None if found is None else value(found)

    return convert


def _text(column: Column) -> CopyConvert:
    limit = column.max_length if column.max_length is not None else 1 << 40

    def convert(text: str) -> str | None:
        whole, text = text, text.strip()
        if not text:
            return None
        if text[0] == "'":
            text = unguard(whole).strip()
            if not text:
                return None
        elif text[0] == "#" and text in ERRORS:
            raise _error("cell_error", text)
        if len(text) > limit:
            raise _error("too_long", text, length=len(text), limit=limit)
        return text

    return convert


def _code(column: Column) -> CopyConvert:
    limit = column.max_length if column.max_length is not None else 1 << 40

    def convert(text: str) -> str | None:
        if not (text.isascii() and text.isdigit()):
            text = _mend_code(text)
            if not text:
                return None
        if len(text) > limit:
            raise _error("too_long", text, length=len(text), limit=limit)
        return text

    return convert


def _mend_code(text: str) -> str:
    """Return a code without what was only put in to be read by people; refuse one that lost digits."""
    text = unguard(text.strip()).strip()
    if found := FORMULA_TEXT(text):
        text = found[1].strip()
    if text.startswith("'") and DIGITS(text[1:]):
        text = text[1:]
    bare = text.translate(CODE_NOISE)
    if DIGITS(bare):
        return bare
    if found := ZERO_DECIMALS(bare):
        return found[1]
    if EXPONENT(text):
        raise _error("code_damaged", text)
    if text in ERRORS:
        raise _error("cell_error", text)
    if not text.isascii() and any(char.isdigit() and not char.isascii() for char in text):
        raise _error("code_digits", text)
    return text


def _decimal(column: Column, decimal_mark: str | None, places: int | None) -> CopyConvert:
    whole_digits = None
    if column.max_digits is not None:
        whole_digits = max(column.max_digits - (places or 0), 1)
    minimum = column.min_value
    sign = "-?" if minimum is None or minimum < 0 else ""
    decimals = "" if places == 0 else rf"(?:\.[0-9]{{1,{places or ''}}})?"
    # A value whose text is already what COPY takes and that no rule can refuse: nearly all of them.
    plain = re.compile(rf"{sign}[0-9]{{1,{whole_digits or ''}}}{decimals}").fullmatch
    compare = minimum is not None and minimum != 0
    whole_only = places == 0 and column.kind == "integer"

    def convert(text: str) -> str | None:
        if not plain(text) or decimal_mark == ",":
            text = text.strip()
            if not text:
                return None
            number = _number(text, decimal_mark, whole_only)
            number = _fitted(number, text, places, whole_digits, whole_only)
        else:
            number = text
        if (compare or number[0] == "-") and minimum is not None and Decimal(number) < minimum:
            raise _error("too_small", text, limit=str(minimum))
        return number

    return convert


def _number(text: str, decimal_mark: str | None, whole_only: bool) -> str:
    """Return the number that `text` means, written plainly; refuse what may mean two."""
    shown, negative = text, ""
    if text[0] == "(" and text[-1] == ")":
        negative, text = "-", text[1:-1].strip()
        if text[:1] in "-+":
            raise _error("not_a_number", shown)
    if decimal_mark == ",":
        if grouped := GROUPED_BY_POINT(text):
            text = grouped[1] + grouped[2].replace(".", "") + (grouped[3] or "").replace(",", ".")
        elif "." in text:
            raise _error("number_ambiguous", shown)
        else:
            text = text.replace(",", ".", 1)
    elif grouped := GROUPED(text):
        if decimal_mark is None and grouped[3] is None and grouped[2].count(",") == 1 and not whole_only:
            raise _error("number_ambiguous", shown)
        text = grouped[1] + grouped[2].replace(",", "") + (grouped[3] or "")
    found = NUMBER(text)
    if not found or not (found["whole"] or found["decimals"]) or (found["sign"] and found["sign2"]):
        raise _not_a_number(shown, whole_only)
    if (found["sign"] or found["sign2"]) == "-":
        negative = "-"
    whole = found["whole"].lstrip("0") or "0"
    number = whole + ("." + found["decimals"] if found["decimals"] else "")
    return negative + number if number.strip("0.") else number


def _not_a_number(text: str, whole_only: bool) -> CellError:
    if EXPONENT(text):
        return _error("number_exponent", text)
    if text in ERRORS:
        return _error("cell_error", text)
    if COMMA(text):
        return _error("decimal_comma", text)
    if not text.isascii() and any(char.isdigit() and not char.isascii() for char in text):
        return _error("number_digits", text)
    return _error("not_an_integer" if whole_only else "not_a_number", text)


def _fitted(number: str, text: str, places: int | None, whole_digits: int | None, whole_only: bool) -> str:
    """Return a plain number within its column's digits; only zeros may be cut."""
    whole, _, decimals = number.partition(".")
    if places is not None and len(decimals) > places:
        if decimals[places:].strip("0"):
            if whole_only:
                raise _error("not_an_integer", text)
            raise _error("too_many_decimals", text, limit=places)
        decimals = decimals[:places]
    if whole_digits is not None and len(whole.lstrip("-")) > whole_digits:
        raise _error("too_large", text, limit=whole_digits)
    return whole + ("." + decimals if decimals else "")


def _date(order: str | None) -> CopyConvert:
    def convert(text: str) -> str | None:
        text = text.strip()
        if not text:
            return None
        try:
            if found := ISO_DATE(text):
                return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
            if found := YEAR_FIRST(text):
                return date(int(found[1]), int(found[3]), int(found[4])).isoformat()
            if found := PARTED_DATE(text):
                return _parted(text, int(found[1]), int(found[3]), int(found[4]), order).isoformat()
        except ValueError as error:
            if isinstance(error, CellError):
                raise
        raise _error("cell_error" if text in ERRORS else "not_a_date", text)

    return convert


def _parted(text: str, first: int, second: int, year: int, order: str | None) -> date:
    """Return the date of two numbers and a year; without a known order only what has one meaning."""
    if order not in ("dmy", "mdy"):
        if first <= 12 and second <= 12 and first != second:
            raise _error("date_ambiguous", text)
        order = "dmy" if first > 12 else "mdy"
    return date(year, second, first) if order == "dmy" else date(year, first, second)


def _boolean(column: Column) -> CopyConvert:
    def convert(text: str) -> str | None:
        word = text.strip().lower()
        if not word:
            return None
        if word in TRUE:
            return "t"
        if word in FALSE:
            return "f"
        raise _error("cell_error" if text.strip() in ERRORS else "not_a_boolean", text.strip())

    return convert

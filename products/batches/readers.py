"""Bring what stands in a cell into the form in which products have it, and tell what was repaired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batches.files import CellError, Column, copy_converter
from batches.ingest import Repaired
from batches.states import Severity
from products import codes

# What people call what we call so.
UNITS = {"ea": "each", "floz": "fl oz", "fl. oz": "fl oz", "fl.oz": "fl oz", "ounce": "oz", "lbs": "lb", "pound": "lb",
         "gr": "g", "gm": "g", "grm": "g", "liter": "l", "litre": "l", "lt": "l", "ltr": "l", "mlt": "ml", "count": "ct",
         "pack": "pk"}  # fmt: skip


def read_code(with_check_digit: bool) -> Callable[[str], Any]:
    """Return the function that brings a code into its stored form, and tells what it repaired."""
    undamaged = copy_converter(Column("code", "", kind="code"))

    def read(text: str) -> Any:
        if codes.is_right_upc_a(text):
            return text
        code, repair = codes.normalise(undamaged(text) or "", add_check_digit=not with_check_digit)
        if not code:
            raise CellError("code_damaged", {"value": text})
        if not codes.is_valid(code) and codes.kind(code) != codes.Kind.OWN:
            return Repaired(code, "bad_check_digit", {"value": text}, Severity.WARNING)
        if repair is not None:
            return Repaired(code, "repaired_code", {"was": text, "now": code, "how": str(repair.label)})
        return code

    return read


def read_unit(text: str) -> str:
    """Return a unit in our spelling."""
    unit = text.strip().lower()
    return UNITS.get(unit, unit)

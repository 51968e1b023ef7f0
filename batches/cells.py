"""Convert the cells of a file to COPY's text, a column of many records at a time: what is paid once a cell is paid in C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any, NamedTuple

from .files import CellError, Column, Reading, copy_converter
from .files.guard import unguard
from .files.messages import shorten
from .files.uses import Use
from .sql import NULL, copy_value
from .states import Severity

# So many different cells a column are remembered; one that has more is converted anew at each record.
REMEMBERED = 5_000
# Multiplies exactly or not at all.
_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, Overflow])
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class Repaired(NamedTuple):
    """A cell that could be put right for certain: the value, and the notice that says so."""

    value: str
    code: str
    params: dict[str, Any]
    severity: str = Severity.NOTICE


def limited(convert: Callable[[str], Any], column: Column) -> Callable[[str], Any]:
    """Return a type's own converter that takes off what guards a text and refuses what is too long, as the others do."""
    limit = column.max_length if column.max_length is not None else 1 << 40

    def checked(text: str) -> Any:
        found = convert(unguard(text) if text[:1] == "'" else text)
        value = found.value if type(found) is Repaired else found
        if isinstance(value, str) and len(value) > limit:
            raise CellError("too_long", {"value": shorten(text), "length": len(value), "limit": limit})
        return found

    return checked


def multiplied(column: Column, factor: str, decimal_mark: str | None = None) -> Callable[[str], str | None]:
    """Return the converter of a column of numbers whose cells are multiplied, exactly; what would be rounded is refused."""
    # A cell may have more decimals than the field, as long as the product has not.
    read = copy_converter(
        replace(column, kind="decimal", max_digits=None, decimal_places=None, min_value=None), decimal_mark
    )
    fitted = copy_converter(column)
    times = Decimal(factor)

    def convert(text: str) -> str | None:
        number = read(text)
        if number is None:
            return None
        product = str(number)
        try:
            product = f"{_EXACT.multiply(Decimal(number), times):f}"
            return fitted(product)
        except (Inexact, Overflow):
            raise CellError("too_large", {"value": shorten(text), "limit": _EXACT.prec}) from None
        except CellError as error:
            shown = f"{shorten(text)} × {factor} = {shorten(product)}"
            raise CellError(error.code, error.params | {"value": shown}) from None

    return convert


def column_converter(
    column: Column, reading: Reading, own: Callable[[str], Any] | None = None, factor: str = ""
) -> Callable[[str], Any]:
    """Return the function from a cell of the file to a value of the column; `own` is the type's, where it has one."""
    mark, order = reading.decimal_mark or None, reading.date_order or None
    if factor:
        return multiplied(column, factor, mark)
    if own is not None:
        return limited(own, column)
    return copy_converter(column, mark, order)


class _Memory(dict[str, str]):
    """Cell -> COPY's text, converted at the first sight of it."""

    def __init__(self, convert: Callable[[str], str]) -> None:
        self.convert = convert

    def __missing__(self, cell: str) -> str:
        found = self[cell] = self.convert(cell)
        return found


class Cells:
    """The cells of one field, from the column `index` of the file or the same text in all rows.

    `odd` tells of those just converted that were repaired or are no value.
    """

    def __init__(
        self, field: str, index: int | None, convert: Callable[[str], Any], use: Use | None = None
    ) -> None:
        self.field = field
        self.index = index
        self.convert = convert
        self.odd: dict[str, CellError | Repaired] = {}
        use = use or Use(column=field)
        self.fixed = use.fixed
        # What an empty cell becomes, and why it is refused where it is.
        self.blank = self._said(use.default) if use.default else NULL
        self.missing: CellError | None = None
        if use.empty == "error" and not use.default:
            self.missing = CellError("required", {"label": f"“{shorten(use.column)}”"})
        self._memory: _Memory | None = _Memory(self._one)

    def texts(self, cells: Sequence[str]) -> Sequence[str]:
        """Return COPY's text of each cell."""
        if self._memory is not None:
            found = list(map(self._memory.__getitem__, cells))
            if len(self._memory) > REMEMBERED:
                self._memory = None
            return found
        self.odd = {}
        return self._plain(cells) or [self._one(cell) for cell in cells]

    def _plain(self, cells: Sequence[str]) -> Sequence[str] | None:
        """Return the texts of cells of which none is odd or needs an escape; else None."""
        filled = [cell for cell in cells if cell]
        if self.missing is not None and len(filled) < len(cells):
            return None
        try:
            texts = list(map(self.convert, filled))
            joined = "\n".join(texts)
        except (CellError, TypeError):  # one is no value, was repaired, or is blank
            return None
        if "\\" in joined or "\t" in joined or "\r" in joined or joined.count("\n") != max(len(texts) - 1, 0):
            return None
        if len(texts) == len(cells):
            return texts
        following = iter(texts)
        return [next(following) if cell else self.blank for cell in cells]

    def all_fixed(self, count: int) -> Sequence[str]:
        """Return COPY's text of the fixed text, `count` times."""
        return [self._said(self.fixed)] * count

    def _said(self, text: str) -> str:
        """Return COPY's text of what a person gave for the file; that it was repaired is no news about a row."""
        value = self.convert(text)
        value = value.value if type(value) is Repaired else value
        return NULL if value is None else str(value).translate(_ESCAPED)

    def _empty(self, cell: str) -> str:
        if self.missing is not None:
            self.odd[cell] = self.missing
        return self.blank

    def _one(self, cell: str) -> str:
        if not cell:
            return self._empty(cell)
        try:
            value = self.convert(cell)
        except CellError as error:
            self.odd[cell] = error
            return NULL
        if type(value) is Repaired:
            self.odd[cell] = value
            value = value.value
        return self._empty(cell) if value is None else str(value).translate(_ESCAPED)

    def entry(self, cell: str) -> dict[str, Any]:
        """Return the finding about an odd cell; it is kept by every later check until the cell is corrected."""
        odd = self.odd[cell]
        severity = Severity.ERROR if isinstance(odd, CellError) else odd.severity
        found = {
            "code": odd.code,
            "field": self.field,
            "severity": str(severity),
            "keep": True,
            "params": odd.params,
        }
        if isinstance(odd, CellError) and odd.message:
            found["message"] = odd.message
        return found


def copy_lines(columns: Sequence[Cells], first: int, records: Sequence[tuple[int, list[str]]]) -> str:
    """Return COPY's lines of records: sequence, line in the file, raw, issues, then the columns."""
    numbers, rows = zip(*records, strict=True)
    by_index = list(zip(*rows, strict=True))
    raw: dict[int, dict[str, str]] = {}
    issues: dict[int, list[dict[str, Any]]] = {}
    texts = []
    for column in columns:
        if column.index is None:
            texts.append(column.all_fixed(len(records)))
            continue
        cells = by_index[column.index]
        texts.append(column.texts(cells))
        if not column.odd:
            continue
        for at, cell in enumerate(cells):
            if cell in column.odd:
                issues.setdefault(at, []).append(column.entry(cell))
                if isinstance(column.odd[cell], CellError):
                    raw.setdefault(at, {})[column.field] = unguard(cell)
    count = len(records)
    raws = [copy_value(raw.get(at)) for at in range(count)] if raw else [NULL] * count
    found = [copy_value(issues.get(at)) for at in range(count)] if issues else [NULL] * count
    sequences = map(str, range(first, first + count))
    lines = zip(sequences, map(str, numbers), raws, found, *texts, strict=True)
    return "\n".join(map("\t".join, lines)) + "\n"

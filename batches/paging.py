"""Pages of rows by keyset: as quick at the end of a million rows as at their beginning, and no page number to guess."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, Max, Min, Q, QuerySet

MOST = 2**31 - 1


@dataclass
class Page:
    """Some rows in order, and whether there are others on either side."""

    rows: list[Any] = field(default_factory=list)
    has_previous: bool = False
    has_next: bool = False

    @property
    def first(self) -> int | None:
        """Return the number of the first row, where the page before ends."""
        return self.rows[0].sequence if self.rows else None

    @property
    def last(self) -> int | None:
        """Return the number of the last row, where the next page begins."""
        return self.rows[-1].sequence if self.rows else None


def cursor(text: str | None) -> int | None:
    """Return a row number out of a query string, or None for what is none; never beyond what a column holds."""
    if not text or not text.isascii() or not text.isdigit():
        return None
    return min(int(text[:20]), MOST)


class Paging:
    """One page of `rows`. Sorted by `sort` ("", "-sequence", "price", "-price"), rows without a value last."""

    def __init__(self, rows: QuerySet, everything: QuerySet, sort: str = "", size: int = 50) -> None:
        self.rows = rows
        self.everything = everything
        self.size = size
        self.name = sort.removeprefix("-")
        self.down = sort.startswith("-")
        self.plain = self.name in ("", "sequence")

    def page(self, *, after: int | None = None, before: int | None = None, start: int | None = None) -> Page:
        """Return the rows after or before the row of a number, or from a number on, or the first."""
        if after is not None:
            return self._forward(self._beyond(after, False), has_previous=True)
        if before is not None:
            return self._backward(self._beyond(before, True))
        if start is not None and self.plain:
            near = Q(sequence__lte=start) if self.down else Q(sequence__gte=start)
            return self._forward(near, has_previous=start > 1)
        return self._forward(Q(), has_previous=False)

    def ends(self) -> tuple[int, int]:
        """Return the numbers of the first and last row."""
        found = self.everything.order_by().aggregate(first=Min("sequence"), last=Max("sequence"))
        return found["first"] or 0, found["last"] or 0

    def _forward(self, condition: Q, *, has_previous: bool) -> Page:
        found = list(self._ordered(self.rows.filter(condition), False)[: self.size + 1])
        return Page(found[: self.size], has_previous, len(found) > self.size)

    def _backward(self, condition: Q) -> Page:
        found = list(self._ordered(self.rows.filter(condition), True)[: self.size + 1])
        return Page(found[: self.size][::-1], len(found) > self.size, True)

    def _ordered(self, rows: QuerySet, back: bool) -> QuerySet:
        if self.plain:
            return rows.order_by("-sequence" if self.down != back else "sequence")
        value = F(self.name)
        last = {"nulls_first": True} if back else {"nulls_last": True}
        by = value.desc(**last) if self.down != back else value.asc(**last)
        return rows.order_by(by, "-sequence" if back else "sequence")

    def _beyond(self, number: int, back: bool) -> Q:
        """Return the condition for rows beyond the one of a number, in the order of the page."""
        if self.plain:
            return Q(sequence__lt=number) if self.down != back else Q(sequence__gt=number)
        anchor = self.everything.filter(sequence=number).values_list(self.name).first()
        beside = Q(sequence__lt=number) if back else Q(sequence__gt=number)
        empty = Q(**{f"{self.name}__isnull": True})
        if anchor is None:
            return beside
        if anchor[0] is None:
            return ~empty | (empty & beside) if back else empty & beside
        side = "lt" if self.down != back else "gt"
        further = Q(**{f"{self.name}__{side}": anchor[0]}) | (Q(**{self.name: anchor[0]}) & beside)
        return further if back else further | empty

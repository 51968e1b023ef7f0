"""A batch as it must be, in memory: what random verbs are compared with."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass
class Row:
    """A row as it must be; `thing` is the one thing that it means, which another of the same code is not."""

    number: int
    code: str
    new: Decimal
    thing: Any = None
    base: Decimal | None = None
    status: str = "ok"
    removed: bool = False

    @property
    def pending(self) -> bool:
        """Tell whether the row takes part and is not written."""
        return self.status in ("ok", "warning") and not self.removed

    @property
    def before(self) -> bool:
        """Tell whether the row has no outcome yet."""
        return self.status in ("ok", "warning", "error", "unchanged")


@dataclass
class Model:
    """A batch as it must be, and what it wrote: thing -> price before and after."""

    pk: int
    chunked: bool
    status: str
    rows: list[Row] = field(default_factory=list)
    wrote: dict[Any, tuple[Decimal, Decimal]] = field(default_factory=dict)

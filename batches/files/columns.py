"""What a batch type wants to read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

KINDS = ("text", "code", "decimal", "integer", "date", "boolean")


@dataclass(frozen=True)
class Column:
    """Describe one column that a batch type can read; `kind` is one of `KINDS`."""

    field: str
    label: str
    kind: str = "text"
    aliases: tuple[str, ...] = ()
    required: bool = False
    max_length: int | None = None
    max_digits: int | None = None
    decimal_places: int | None = None
    min_value: Decimal | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"The kind {self.kind!r} is unknown; use one of {', '.join(KINDS)}.")

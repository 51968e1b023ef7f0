"""What a field of the row is filled with: a column of the file, or something that a person said instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

EMPTY = ("keep", "clear", "error")
FACTOR = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?").fullmatch


@dataclass(frozen=True)
class Use:
    """How one field is filled; `batch.mapping` holds field -> this as JSON, or only the heading where no more is said.

    `fixed` is text for all rows, in the place of a column; `default` is text where the cell is empty. What an empty cell means
    after that: `empty` keeps what production has, clears it, or is an error. `factor` multiplies numbers (a decimal as text).
    """

    column: str = ""
    fixed: str = ""
    default: str = ""
    empty: str = "keep"
    factor: str = ""

    def __post_init__(self) -> None:
        if self.empty not in EMPTY:
            raise ValueError(
                _("An empty cell cannot mean %(value)r; use one of %(known)s.")
                % {"value": self.empty, "known": ", ".join(EMPTY)}
            )
        if bool(self.column) == bool(self.fixed):
            raise ValueError(_("A field is filled from a column or with fixed text; give one of them."))

        if self.factor:
            _checked_factor(self.factor)

    @classmethod
    def from_json(cls, value: str | dict[str, Any]) -> Use:
        """Return the use that a mapping holds. Raises ValueError or TypeError for anything else."""
        return cls(column=value) if isinstance(value, str) else cls(**value)

    def to_json(self) -> str | dict[str, Any]:
        """Return the heading where no more is said, else what differs from the usual."""
        said = {
            key: value for key, value in asdict(self).items() if value and (key, value) != ("empty", "keep")
        }
        return self.column if set(said) == {"column"} else said


def _checked_factor(text: str) -> None:
    """Raise ValueError for what no number can be multiplied with."""
    if not FACTOR(text) or not text.strip("-0."):
        raise ValueError(_("%(text)r is no factor; write a number such as 12 or 0.01.") % {"text": text})


def columns_of(mapping: Mapping[str, str | dict[str, Any]]) -> set[str]:
    """Return the headings that a mapping reads."""
    return {use.column for use in map(Use.from_json, mapping.values()) if use.column}

"""Keep a spreadsheet from running a text cell as a formula, so that reading it again gives the same text."""

from __future__ import annotations

import re

# Full-width forms too: a spreadsheet may fold them. Quotes and blanks before one are passed over.
_RISKY = re.compile("['\\s]*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]").match
_NUMBER = re.compile(r"-[0-9]+(?:\.[0-9]+)?").fullmatch


def needs_guard(text: str) -> bool:
    """Tell whether a spreadsheet may run `text`; a plain negative number is none."""
    if text[:1].isalnum():  # nearly every text, and quicker known than by a pattern
        return False
    return _RISKY(text) is not None and not _NUMBER(text)


def guard(text: str) -> str:
    """Return `text` with an apostrophe before it where a spreadsheet may run it."""
    return "'" + text if needs_guard(text) else text


def unguard(text: str) -> str:
    """Return the text that `guard` was given."""
    return text[1:] if text[:1] == "'" and needs_guard(text[1:]) else text

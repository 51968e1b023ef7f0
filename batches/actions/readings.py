"""Saying how a draft's file is read, where what was found is not right."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from .. import saved_mappings
from ..exceptions import FileRefused, Refused
from ..files import DELIMITER_LABELS, ENCODINGS, Reading, read_headings
from ..handlers import BatchHandler
from ..log import CODE, Door
from ..models import BatchBase
from .base import changing, handler_of
from .mappings import checked_mapping
from .proposals import apply_reading, in_these_words, named, suggested, take_answers, take_options, unanswered

# Where one of these is another, the headings are looked for anew.
WHOLE = {"sheet", "encoding", "delimiter"}
PLACES = {"heading_row", "heading_lines", "first_row"}
STYLE = ("skip_end", "decimal_mark", "date_order")


def set_reading(batch: BatchBase, user: Any, choices: Mapping[str, Any], *, door: Door = CODE) -> None:
    """Say how the file of a draft is read, and read its headings anew; the mapping follows where they are others.

    `choices` are fields of `Reading`: sheet, encoding, delimiter, heading_row (0 = no headings), heading_lines, first_row,
    skip_end, decimal_mark, date_order; what is not said stays as it is. Raises Refused, FileRefused.
    """
    with changing(batch, "prepare", user, door) as change:
        change.data = {"reading": read_as(change.handler, choices)}


def read_as(handler: BatchHandler, choices: Mapping[str, Any]) -> dict[str, Any]:
    """Read the headings of the handler's batch as was chosen, and put that on the header, unsaved; return what is another.

    Raises Refused, FileRefused.
    """
    batch: Any = handler.batch
    before = Reading.from_json(batch.reading)
    _check(before, choices)
    changed = {name: value for name, value in choices.items() if value != getattr(before, name)}
    reading = replace(before, **changed)
    with opened(batch) as file:
        propose = bool(changed.keys() & WHOLE) and not changed.keys() & PLACES
        reading = read_headings(file, reading, batch.original_name, propose=propose)
        for name in changed.keys() & set(STYLE):
            setattr(reading, name, changed[name])
        apply_reading(batch, reading)
        if reading.headings != before.headings:
            _map_anew(handler, file, reading)
    return changed


def must_be_answered(batch: BatchBase, user: Any, given: Collection[str] = (), *, saved: str = "") -> None:
    """Raise Refused where the file leaves an option open that is neither `given` nor known: nobody is there to be asked."""
    handler = handler_of(batch, user)
    if not handler.options_from_file:
        return
    remembered = named(type(handler), saved) if saved else None
    with opened(batch) as file:
        left = unanswered(handler, file, given, remembered)
    for name, proposal in left.items():
        field: Any = handler.model._meta.get_field(name)
        values = [value for value, _label in field.flatchoices] or ["yes", "no"]
        raise Refused(
            _("The option %(name)s cannot be told for certain. %(why)s Say which holds: %(answers)s.")
            % {
                "name": name,
                "why": proposal.sentence,
                "answers": _(" or ").join(f"--option {name}={value}" for value in values),
            }
        )


def opened(batch: Any) -> Any:
    """Return the batch's file, opened. Raises FileRefused."""
    try:
        return batch.file.open("rb")
    except OSError as error:
        raise FileRefused(
            _("The file %(name)r is no longer in storage; upload it again.") % {"name": batch.original_name}
        ) from error


def _map_anew(handler: BatchHandler, file: Any, reading: Reading) -> None:
    """Propose mapping and options for other headings, as was saved for those, else as they suggest."""
    batch: Any = handler.batch
    saved = saved_mappings.find(handler, reading.headings)
    taken: set[str] = set()
    batch.mapping = suggested(handler, file, reading)
    if saved is not None:
        with suppress(Refused):
            batch.mapping = checked_mapping(handler, batch, in_these_words(saved.mapping, reading.headings))
            taken = take_options(handler, saved.options, ())
    take_answers(handler, file, taken)


def _check(reading: Reading, choices: Mapping[str, Any]) -> None:
    """Raise Refused for a choice that there is not."""
    known: dict[str, list[str] | None] = {
        "sheet": reading.sheets,
        "encoding": list(ENCODINGS),
        "delimiter": list(DELIMITER_LABELS),
        "decimal_mark": ["", ".", ","],
        "date_order": ["", "ymd", "mdy", "dmy"],
        "heading_row": None,
        "heading_lines": None,
        "first_row": None,
        "skip_end": None,
    }
    for name, value in choices.items():
        if name not in known:
            raise Refused(_("A reading has no choice %(name)r.") % {"name": name})
        allowed = known[name]
        if allowed is None:
            if not isinstance(value, int) or value < 0 or (name == "heading_lines" and value not in (1, 2)):
                raise Refused(_("%(name)s cannot be %(value)r.") % {"name": name, "value": value})
        elif value not in allowed and value != getattr(reading, name):
            raise Refused(
                _("%(name)s cannot be %(value)r; it is one of %(known)s.")
                % {"name": name, "value": value, "known": ", ".join(map(repr, allowed))}
            )

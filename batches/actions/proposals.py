"""What is proposed for a file: as it was saved for the last one with these headings, else from names and content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _

from .. import saved_mappings
from ..exceptions import FileRefused, Refused
from ..files import Reading, Survey, preview, read_headings, suggest, survey
from ..files.uses import Use
from ..handlers import BatchHandler, Proposal
from ..models import SavedMapping
from .mappings import checked_mapping
from .options import clean_options

SAMPLE_ROWS = 50
# So many cells at the beginning of a file tell what its columns hold.
SURVEYED_CELLS, LEAST_RECORDS = 1_000_000, 1_000
# A file whose headings are not found where they are proposed is tried as so many of the sender's last files were read.
TRIED = 5


def propose(
    handler: BatchHandler, file: Any, reading: Reading, given: Collection[str] = ()
) -> SavedMapping | None:
    """Put onto the header how the file is read and mapped: as was saved for its headings (returned), else as they suggest.

    Options that are not `given` follow what was saved or what the file tells for certain.
    """
    batch: Any = handler.batch
    given = set(given)
    saved, known = _known(handler, file, reading)
    apply_reading(batch, known)
    if saved is not None:
        try:
            batch.mapping = checked_mapping(handler, batch, in_these_words(saved.mapping, known.headings))
        except Refused:
            # The type has changed since then.
            saved = None
        else:
            given |= take_options(handler, saved.options, given)
    if saved is None:
        apply_reading(batch, reading)
        batch.mapping = suggested(handler, file, reading)
    take_answers(handler, file, given)
    return saved


def take_answers(handler: BatchHandler, file: Any, but: Collection[str] = ()) -> None:
    """Set the options that the file tells for certain, except some."""
    for name, proposal in answers(handler, file).items():
        if proposal.sure and name not in but:
            setattr(handler.batch, name, proposal.value)


def in_these_words(mapping: dict[str, Any], headings: Sequence[str]) -> dict[str, Any]:
    """Return a mapping with its columns as these headings write them."""
    written = {heading.casefold(): heading for heading in headings}
    uses = {field: Use.from_json(said) for field, said in mapping.items()}
    return {
        field: replace(use, column=written.get(use.column.casefold(), use.column)).to_json()
        for field, use in uses.items()
    }


def use_saved(handler: BatchHandler, file: Any, reading: Reading, saved: SavedMapping) -> None:
    """Read and map the file as was saved under a name. Raises FileRefused, Refused."""
    batch: Any = handler.batch
    file.seek(0)
    apply_reading(batch, read_headings(file, replace(reading, **saved.reading), batch.original_name))
    words = in_these_words(saved.mapping, batch.reading["headings"])
    batch.mapping = checked_mapping(handler, batch, words)


def named(handler_class: type[BatchHandler], name: str) -> SavedMapping:
    """Return the type's saved mapping of that name. Raises Refused."""
    mine = SavedMapping.objects.filter(type=handler_class.key)
    saved = mine.filter(name=name).first()
    if saved is None:
        known = ", ".join(f"“{n}”" for n in mine.values_list("name", flat=True)[:20]) or _("none")
        raise Refused(
            _("There is no saved mapping %(name)r; this type has: %(known)s.")
            % {"name": name, "known": known}
        )
    return saved


def suggested(handler: BatchHandler, file: Any, reading: Reading) -> dict[str, Any]:
    """Return the mapping that headings and content suggest."""
    file.seek(0)
    sample = preview(file, reading, SAMPLE_ROWS)
    columns = handler.get_columns()
    codes = {}
    if any(column.kind == "code" for column in columns):
        facts = surveyed(handler.batch, file, reading).columns
        codes = {heading: fact.check_digits + fact.short_by_one for heading, fact in facts.items()}
    found = suggest(reading.headings, sample, columns, codes, reading.decimal_mark or None)
    return {field: reading.headings[index] for field, index in found.items()}


def answers(
    handler: BatchHandler, file: Any, mapping: Mapping[str, Any] | None = None
) -> dict[str, Proposal]:
    """Return what the file tells about the batch's options, mapped as it is or as `mapping` says."""
    if not handler.options_from_file:
        return {}
    batch: Any = handler.batch
    uses = {field: Use.from_json(said) for field, said in (mapping or batch.mapping).items()}
    headings = {field: use.column for field, use in uses.items() if use.column}
    found = handler.proposals(surveyed(batch, file, Reading.from_json(batch.reading)), headings)
    return {name: found[name] for name in handler.options_from_file if name in found}


def unanswered(
    handler: BatchHandler, file: Any, given: Collection[str], remembered: SavedMapping | None = None
) -> dict[str, Proposal]:
    """Return what the file leaves open about options that are neither `given` nor known from an earlier file."""
    saved = remembered or saved_mappings.find(handler, handler.batch.reading["headings"])  # type: ignore[attr-defined]
    now = saved_mappings.options_text(handler)
    known = {name for name, text in saved.options.items() if now.get(name) == text} if saved else set()
    return {
        name: proposal
        for name, proposal in answers(handler, file).items()
        if not proposal.sure and name not in given and name not in known
    }


def surveyed(batch: Any, file: Any, reading: Reading) -> Survey:
    """Return what the file's columns hold; nothing where that cannot be told. Kept for the pages that ask again."""
    how = json.dumps(reading.to_json(), sort_keys=True)
    key = f"batches-survey-{hashlib.sha256(f'{batch.sha256}/{how}'.encode()).hexdigest()}"
    found: Survey | None = cache.get(key)
    if found is None:
        file.seek(0)
        try:
            limit = max(SURVEYED_CELLS // len(reading.headings), LEAST_RECORDS)
            found = survey(file, reading, batch.original_name, limit)
        except FileRefused:
            found = Survey()
        cache.set(key, found, 3600)
    return found


def apply_reading(batch: Any, reading: Reading) -> None:
    """Copy how a file is read onto the header."""
    batch.reading = reading.to_json()
    batch.sheet, batch.heading_row = reading.sheet or "", reading.heading_row
    batch.encoding, batch.delimiter = reading.encoding or "", reading.delimiter or ""


def _known(handler: BatchHandler, file: Any, reading: Reading) -> tuple[SavedMapping | None, Reading]:
    """Return what was saved for files with these headings, and the reading with what was chosen for those."""
    saved = saved_mappings.find(handler, reading.headings)
    if saved is not None:
        there = saved.reading.get("heading_row") == reading.heading_row
        names = (*saved_mappings.STYLE, *(saved_mappings.PLACES if there else ()))
        style = _restyled(handler, file, reading, saved, names)
        return (saved, style) if style else (None, reading)
    others = SavedMapping.objects.filter(type=handler.key, source=handler.source_of()[:100])
    for other in others.order_by("-used")[:TRIED]:
        if reading.heading_row and not other.reading.get("heading_row", 1):
            continue  # without headings any file of so many columns would look the same
        names = (*saved_mappings.STYLE, *saved_mappings.PLACES)
        if any(other.reading.get(place) != getattr(reading, place) for place in names) and (
            found := _restyled(handler, file, reading, other, names)
        ):
            return other, found
    return None, reading


def _restyled(
    handler: BatchHandler, file: Any, reading: Reading, saved: SavedMapping, names: Collection[str]
) -> Reading | None:
    """Return the reading with what was chosen for the saved one, if the file then has the same headings."""
    batch: Any = handler.batch
    choices = {name: value for name, value in saved.reading.items() if name in names}
    # What the file itself proves holds.
    for name in ("decimal_mark", "date_order"):
        if getattr(reading, name):
            choices.pop(name, None)
    file.seek(0)
    try:
        found = read_headings(file, replace(reading, **choices), batch.original_name)
    except FileRefused:
        return None
    return found if saved_mappings.fingerprint(found.headings) == saved.fingerprint else None


def take_options(handler: BatchHandler, saved: dict[str, str], given: Collection[str]) -> set[str]:
    """Let options that depend on the file and were not given be what they were for the last one, where that still holds.

    Returns those that are.
    """
    taken = set()
    for name in handler.options_from_file:
        if name in saved and name not in given:
            try:
                values = clean_options(type(handler), {name: saved[name]})
            except Refused:
                continue
            setattr(handler.batch, name, values[name])
            taken.add(name)
    return taken

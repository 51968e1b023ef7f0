"""What is proposed for a file: as it was saved for the last one with these headings, else from names and content."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from .. import saved_mappings
from ..exceptions import FileRefused, Refused
from ..files import Reading, preview, read_headings, suggest
from ..files.uses import Use
from ..handlers import BatchHandler
from ..models import SavedMapping
from .mappings import checked_mapping

SAMPLE_ROWS = 50
# A file whose headings are not found where they are proposed is tried as so many of the sender's last files were read.
TRIED = 5
YES, NO = {"yes", "true", "on", "1"}, {"no", "false", "off", "0"}


def propose(
    handler: BatchHandler, file: Any, reading: Reading, given: Collection[str] = ()
) -> SavedMapping | None:
    """Put onto the header how the file is read and mapped: as was saved for its headings (returned), else as they suggest.

    Options that are not `given` follow what was saved or what the file tells for certain.
    """
    batch: Any = handler.batch
    saved, known = _known(handler, file, reading)
    apply_reading(batch, known)
    if saved is not None:
        try:
            batch.mapping = checked_mapping(handler, batch, in_these_words(saved.mapping, known.headings))
        except Refused:
            # The type has changed since then.
            saved = None
        else:
            _take_options(handler, saved.options, given)
            return saved
    apply_reading(batch, reading)
    batch.mapping = suggested(handler, file, reading)
    return None


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
    """Return the mapping that headings and first rows suggest."""
    file.seek(0)
    sample = preview(file, reading, SAMPLE_ROWS)
    mark = reading.decimal_mark or None
    found = suggest(reading.headings, sample, handler.get_columns(), decimal_mark=mark)
    return {field: reading.headings[index] for field, index in found.items()}


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
    file.seek(0)
    try:
        found = read_headings(file, replace(reading, **choices), batch.original_name)
    except FileRefused:
        return None
    return found if saved_mappings.fingerprint(found.headings) == saved.fingerprint else None


def _take_options(handler: BatchHandler, saved: dict[str, str], given: Collection[str]) -> None:
    """Let options that depend on the file and were not given be what they were for the last one, where that still holds."""
    for name in handler.options_from_file:
        if name in saved and name not in given:
            try:
                values = clean_options(type(handler), {name: saved[name]})
            except Refused:
                continue
            setattr(handler.batch, name, values[name])


def clean_options(handler_class: type[BatchHandler], given: dict[str, Any]) -> dict[str, Any]:
    """Return the header's option columns from text or values. Raises Refused, naming the option."""
    cleaned = {}
    for name, value in given.items():
        if name not in handler_class.options:
            known = ", ".join(handler_class.options) or _("none")
            raise Refused(
                _("There is no option %(name)r; this type has: %(known)s.") % {"name": name, "known": known}
            )
        field: Any = handler_class.model._meta.get_field(name)
        try:
            found = _from_text(field, value) if isinstance(value, str) else value
            cleaned[name] = field.clean(getattr(found, "pk", found), None)
            if field.is_relation:
                cleaned[name] = field.related_model._default_manager.get(pk=cleaned[name])
        except ValidationError as error:
            raise Refused(
                _("The option %(name)s cannot be %(value)r: %(why)s")
                % {"name": name, "value": value, "why": " ".join(error.messages)}
            ) from None
    return cleaned


def _from_text(field: Any, text: str) -> Any:
    """Return the value of an option's text. Raises ValidationError."""
    if not isinstance(field, models.BooleanField):
        return field.formfield().clean(text)
    # A form's check box takes every word for yes, "no" too.
    word = text.strip().lower()
    if word not in YES and word not in NO:
        raise ValidationError(_("it is neither yes nor no."))
    return word in YES

"""Saying how a draft's file is read, and which column of it is which field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from ..cells import Cells, column_converter
from ..exceptions import Refused
from ..files import CellError, Column, Reading
from ..files.uses import Use
from ..handlers import BatchHandler
from ..log import CODE, Door
from ..models import BatchBase
from .base import changing, storable
from .options import clean_options

Said = str | dict[str, Any] | Use
NUMBERS = ("decimal", "integer")


def map_columns(
    batch: BatchBase,
    user: Any,
    mapping: Mapping[str, Said],
    *,
    options: Mapping[str, Any] | None = None,
    door: Door = CODE,
) -> None:
    """Say what each field is filled with (a heading of the file, or a `Use`), and set options of the draft with it. Raises Refused."""
    with changing(batch, "prepare", user, door) as change:
        change.batch.mapping = checked_mapping(change.handler, change.batch, mapping)
        change.data = {"mapping": change.batch.mapping}
        if options:
            for name, value in clean_options(type(change.handler), dict(options)).items():
                setattr(change.batch, name, value)
            change.data["options"] = {name: str(value) for name, value in options.items()}
            change.touched()


def checked_mapping(handler: BatchHandler, batch: Any, mapping: Mapping[str, Said]) -> dict[str, Any]:
    """Return the mapping as it is stored. Raises Refused, naming the field, for what does not fit."""
    columns = {column.field: column for column in handler.get_columns()}
    reading = Reading.from_json(batch.reading)
    cleaned: dict[str, Any] = {}
    for field, said in mapping.items():
        if not said:
            continue
        if field not in columns:
            raise Refused(
                _("There is no field %(field)r; this type has: %(known)s.")
                % {"field": field, "known": ", ".join(sorted(columns))}
            )
        use = _use(columns[field], said)
        check_use(handler, columns[field], use, reading)
        cleaned[field] = use.to_json()
    return cleaned


def _use(column: Column, said: Said) -> Use:
    if isinstance(said, Use):
        return said
    try:
        return Use.from_json(said)
    except (TypeError, ValueError) as error:
        raise Refused(_("%(label)s is not mapped: %(why)s") % {"label": column.label, "why": error}) from None


def check_use(handler: BatchHandler, column: Column, use: Use, reading: Reading) -> None:
    """Raise Refused if a field cannot be filled like that."""
    if use.column and use.column not in reading.headings:
        raise Refused(_("The file has no column %(heading)r.") % {"heading": use.column})
    if use.factor and column.kind not in NUMBERS:
        raise Refused(
            _("%(label)s holds no numbers, so it cannot be multiplied by %(factor)s; delete the factor.")
            % {"label": column.label, "factor": use.factor}
        )
    if use.factor and use.fixed:
        raise Refused(
            _("%(label)s is %(fixed)r in all rows; write the product instead of a factor.")
            % {"label": column.label, "fixed": use.fixed}
        )
    if use.empty == "clear" and column.field not in handler.clearable:
        raise Refused(
            _("An empty cell of %(label)s cannot clear what production has; keep it, or make it an error.")
            % {"label": column.label}
        )
    convert = column_converter(column, reading, handler.converters().get(column.field), use.factor)
    try:
        for text in (use.fixed, use.default):
            storable(text)
            if text and convert(text) is None:
                raise CellError("required", {"label": column.label})
        Cells(column.field, 0, convert, use)
    except CellError as error:
        raise Refused(
            _("%(label)s cannot be filled with %(text)r: %(why)s")
            % {"label": column.label, "text": use.fixed or use.default, "why": error.message}
        ) from None

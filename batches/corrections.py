"""What a person may put into a row's cells, and the value that a text becomes there."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .exceptions import Refused
from .files import CellError, converter
from .files.messages import shorten
from .grid import editable_fields
from .handlers import BatchHandler
from .ingest import Repaired, limited


def storable(text: str) -> str:
    """Return the text if the database can hold it. Raises Refused for NUL and for half a character."""
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise Refused(
            _("%(text)r has a character that cannot be stored; delete it.") % {"text": shorten(text)}
        )
    return text


def must_be_editable(handler: BatchHandler, field: str) -> None:
    """Raise Refused for a field that people may not correct."""
    if field not in editable_fields(handler):
        raise Refused(_("“%(field)s” cannot be edited.") % {"field": field})


def convert_cell(handler: BatchHandler, field: str, text: str) -> tuple[Any, dict[str, Any] | None]:
    """Return the value of a cell's text, and the notice about a repair. Raises CellError or ValidationError."""
    if not storable(text):
        return None, None
    model_field: Any = handler.row_model._meta.get_field(field)
    special = handler.converters().get(field)
    column = next((c for c in handler.get_columns() if c.field == field), None)
    if special is not None:
        value = special(text) if column is None else limited(special, column)(text)
        if isinstance(value, Repaired):
            notice = {
                "code": value.code,
                "field": field,
                "severity": str(value.severity),
                "keep": True,
                "params": value.params,
            }
            return value.value, notice
        return model_field.to_python(value), None
    if column is not None:
        return converter(column)(text), None
    return model_field.clean(text, None), None


def why_it_does_not_fit(error: CellError | ValidationError) -> str:
    """Return the sentence of a text that is no value of its field."""
    return str(error.message) if isinstance(error, CellError) else " ".join(error.messages)

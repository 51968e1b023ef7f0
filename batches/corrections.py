"""What a person may put into a row's cells, and the value that a text becomes there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Func, JSONField, Value
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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


@contextmanager
def staying_in_scope(handler: BatchHandler) -> Iterator[None]:
    """Raise Refused at the end of the block if rows left what the handler's user may work on, so that nothing of it stays.

    Rows out of sight are not written, so none comes in: fewer in sight are rows that left.
    """
    scope = handler.scope(handler.user)
    rows = handler.rows().order_by().filter(scope)
    before = rows.count() if scope else 0
    yield
    left = before - rows.count() if scope else 0
    if left:
        raise Refused(
            ngettext(
                "%(n)d row would then be outside what you may work on; somebody who may see it must change it.",
                "%(n)d rows would then be outside what you may work on; somebody who may see them must change them.",
                left,
            )
            % {"n": left}
        )


def must_be_in_scope(handler: BatchHandler, row: Any) -> None:
    """Raise Refused for a row that is now outside what the handler's user may work on."""
    if not handler.rows().order_by().filter(handler.scope(handler.user), pk=row.pk).exists():
        raise Refused(
            _("This row would be outside what you may work on; somebody who may see it must do that.")
        )


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


def without_kept(field: str) -> Func:
    """Return the expression of a row's findings without those that stay until the field is corrected."""
    return Func(
        F("issues"), Value(field), arg_joiner=", ", output_field=JSONField(),
        template="(SELECT jsonb_agg(e) FROM (SELECT %(expressions)s) AS given(entries, field), jsonb_array_elements(entries) e"
        " WHERE NOT (COALESCE((e ->> 'keep')::boolean, false) AND e ->> 'field' = field))",
    )  # fmt: skip


def why_it_does_not_fit(error: CellError | ValidationError) -> str:
    """Return the sentence of a text that is no value of its field."""
    return str(error.message) if isinstance(error, CellError) else " ".join(error.messages)

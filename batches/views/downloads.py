"""What can be taken away: the original file, and the rows as CSV or XLSX."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from .. import files
from ..exceptions import BatchError, Refused
from ..filters import RowFilter
from ..grid import GridField, saved_fields, visible_rows, with_changes
from ..handlers import BatchHandler
from ..states import RowAction, RowStatus
from ..tables import raw_text
from .base import batch_page, batch_url, told

FORMATS = {
    "csv": (files.write_csv, "text/csv; charset=utf-8"),
    "xlsx": (files.write_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
SPOOLED = 1 << 20


@require_safe
@batch_page
def original(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponseBase:
    """Send the file as it was uploaded: always to be saved, never shown, whatever it says it is."""
    file = getattr(batch, "file", None)
    try:
        opened = file.open("rb") if file else None
    except OSError:
        opened = None
    if opened is None:
        raise Http404(_("This batch has no file."))
    response = FileResponse(
        opened, as_attachment=True, filename=batch.original_name or "file", content_type="application/octet-stream"
    )  # fmt: skip
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
@batch_page
def rows(request: HttpRequest, batch: Any, handler: BatchHandler, kind: str) -> HttpResponseBase:
    """Send the rows that match the filter, as a table that can be read in again."""
    found = RowFilter(request.GET, handler, visible_rows(handler, request.user))
    if not found.is_valid():
        return told(
            request, Refused(_("This filter is not understood; choose the rows again.")), batch_url(batch)
        )
    fields = saved_fields(handler)
    queryset = with_changes(found.qs, fields).order_by("sequence")
    write, content_type = FORMATS[kind]
    # To a file first, so that an error is a page and not half a table; large ones go to the disk.
    out: Any = tempfile.SpooledTemporaryFile(max_size=SPOOLED)  # noqa: SIM115 - the response closes it
    try:
        write(headings(handler, fields), table(handler, fields, queryset.iterator(chunk_size=2000)), out)
    except BatchError as error:
        out.close()
        return told(request, error, batch_url(batch, found.query()))
    out.seek(0)
    name = f"{handler.key}-{batch.shown_number}.{kind}"
    response = FileResponse(out, as_attachment=True, filename=name, content_type=content_type)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def headings(handler: BatchHandler, fields: list[GridField]) -> list[str]:
    """Return the headings: the type's fields first, as its files name them."""
    found = [field.label for field in fields]
    found += [_("%(label)s before") % {"label": field.label} for field in fields if field.old]
    return [*found, _("Row"), _("Line"), _("Stands"), _("Does"), _("Excluded"), _("Reason"), _("Findings")]


def table(handler: BatchHandler, fields: list[GridField], rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the rows of the table."""
    # Once, not once a row: translating a word costs more than reading the row.
    stands = {status.value: str(status.label) for status in RowStatus}
    does = {action.value: str(action.label) for action in RowAction}
    yes, no = _("yes"), _("no")
    for row in rows:
        cells = [_cell(field, row) for field in fields]
        for field in fields:
            if field.old:
                old = getattr(row, field.old)
                cells.append(plain(getattr(old, field.shown, None) if field.shown else old))
        sentences = " ".join(handler.message(entry) for entry in row.issues or [])
        yield [
            *cells, row.sequence, row.source_row, stands[row.status], does[row.action],
            yes if row.removed else no, row.removed_reason, sentences,
        ]  # fmt: skip


def _cell(field: GridField, row: Any) -> Any:
    raw = raw_text(field, row)
    return plain(getattr(row, field.name)) if raw is None else raw


def plain(value: Any) -> Any:
    """Return a value as a table takes it."""
    return str(value) if isinstance(value, models.Model) else value

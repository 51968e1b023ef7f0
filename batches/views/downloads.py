"""What can be taken away: the original file, and the rows as CSV or XLSX."""

from __future__ import annotations

import tempfile
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from .. import actions, files, rights
from ..artifacts import file_name, may_fetch
from ..conf import conf
from ..exceptions import BatchError, Refused
from ..export import Table
from ..files.messages import refusal
from ..files.sheet import MAX_ROWS
from ..filters import RowFilter
from ..grid import visible_rows
from ..handlers import BatchHandler
from ..words import whole
from .base import BIGGEST, batch_page, batch_url, go, header, render, told
from .rows import said

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SPOOLED = 1 << 20


@require_safe
@batch_page
def original(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponseBase:
    """Send the file as it was uploaded: always to be saved, never shown, whatever it says it is."""
    if not rights.may_have_file(handler):
        raise PermissionDenied(
            _("You see only a part of this batch's rows, so you cannot have its file; save the rows instead.")
        )
    file = getattr(batch, "file", None)
    try:
        opened = file.open("rb") if file else None
    except OSError:
        opened = None
    if opened is None:
        raise Http404(_("This batch has no file."))
    name = batch.original_name or "file"
    return _to_be_saved(FileResponse(opened, content_type="application/octet-stream"), name)


@require_http_methods(["GET", "HEAD", "POST"])
@batch_page
def rows(request: HttpRequest, batch: Any, handler: BatchHandler, kind: str) -> HttpResponseBase:
    """Send the rows that match the filter, as a table that can be read in again; of many, offer to have them saved by a run."""
    found = RowFilter(request.GET, handler, visible_rows(handler, request.user))
    reason = found.why_not(others=True)
    if reason:
        return told(request, Refused(reason), batch_url(batch))
    if found.qs.order_by()[: conf("AT_ONCE_ROWS") + 1].count() > conf("AT_ONCE_ROWS"):
        return _by_a_run(request, batch, handler, found, kind)
    if request.method == "POST":
        # There were more when it was asked.
        return go(request, f"{request.path}?{found.query()}")
    table = Table(handler, found.qs)
    name = file_name(handler, kind)
    if kind == "csv":
        # Nothing here can be refused, so the first rows may go out while the others are read.
        return _to_be_saved(
            StreamingHttpResponse(files.csv_chunks(table.headings, table.lines()), content_type=TYPES[kind]),
            name,
        )
    try:
        return _to_be_saved(FileResponse(_sheet(table), content_type=TYPES[kind]), name)
    except BatchError as error:
        return told(request, error, batch_url(batch, found.query()))


def _by_a_run(
    request: HttpRequest, batch: Any, handler: BatchHandler, found: RowFilter, kind: str
) -> HttpResponseBase:
    """Say that a worker makes the file; start that when it is confirmed."""
    back = batch_url(batch, found.query())
    try:
        if request.method == "POST":
            actions.export(batch, request.user, kind, found.active, door=actions.PAGE)
            return go(request, back)
        if reason := actions.why_not(batch, "export", request.user):
            raise Refused(reason)
    except BatchError as error:
        return told(request, error, back)
    n = found.qs.order_by().count()
    context = header(
        batch, handler, rows=n, rows_words=whole(n), kind=kind.upper(), said=said(found), back_url=back, subtitle=_("Save rows")
    )  # fmt: skip
    return render(request, "export.html", context)


@require_safe
@batch_page
def saved(request: HttpRequest, batch: Any, handler: BatchHandler, artifact_id: int) -> HttpResponseBase:
    """Send a file that a run made: to the person it was made for, or to one who sees all rows."""
    made = may_fetch(handler).filter(pk=artifact_id).first() if artifact_id <= BIGGEST else None
    try:
        opened = made.file.open("rb") if made else None
    except OSError:
        opened = None
    if made is None or opened is None:
        raise Http404(_("There is no such file for you; it may have been made for somebody else."))
    return _to_be_saved(FileResponse(opened, content_type=TYPES[made.kind]), made.name)


def _sheet(table: Table) -> Any:
    """Return a workbook in a file, so that what a sheet cannot hold is a page and not half a table."""
    if table.rows.order_by()[MAX_ROWS - 1 : MAX_ROWS].exists():
        raise refusal("sheet_rows", limit=MAX_ROWS)
    out: Any = tempfile.SpooledTemporaryFile(max_size=SPOOLED)  # noqa: SIM115 - the response closes it
    try:
        files.write_xlsx(table.headings, table.lines(), out)
    except BaseException:
        out.close()
        raise
    out.seek(0)
    return out


def _to_be_saved(response: HttpResponseBase, name: str) -> HttpResponseBase:
    """Return a response that browsers save under a name and never show, whatever they make of its content."""
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["X-Content-Type-Options"] = "nosniff"
    return response

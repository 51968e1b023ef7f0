"""Records that could not become rows: listed with line and reason, each mended or dropped on a page of its own."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from .. import actions, rights
from ..conf import conf
from ..exceptions import BatchError, Forbidden
from ..files import Reading
from ..files.mending import delimiter_of, read_record, split_record
from ..forms import ReasonForm
from ..handlers import BatchHandler
from ..models import Unreadable
from ..paging import cursor
from .base import batch_page, batch_url, go, header, must_have_right, render, told

# Of a longer record only the beginning was kept.
KEPT_TEXT = 10_000


@require_safe
@batch_page
def listed(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show the records that could not become rows: text of the file, so for those who may have it."""
    _must_have_file(handler)
    after = cursor(request.GET.get("after")) or 0
    records = Unreadable.objects.filter(batch_id=batch.pk, source_row__gt=after).order_by(F("source_row"))
    some = list(records[: conf("PAGE_ROWS") + 1])
    more = some[conf("PAGE_ROWS") - 1].source_row if len(some) > conf("PAGE_ROWS") else None
    context = header(
        batch, handler, records=some[: conf("PAGE_ROWS")], after=more, subtitle=_("Unreadable records"),
        may_edit=rights.why_not(batch, "edit", request.user) is None,
    )  # fmt: skip
    return render(request, "unreadable.html", context)


@require_http_methods(["GET", "POST"])
@batch_page
def mend(request: HttpRequest, batch: Any, handler: BatchHandler, record_id: int) -> HttpResponse:
    """Show a record as far as it splits, and take its corrected text, or the reason for which it is dropped."""
    must_have_right(request, handler, "edit")
    _must_have_file(handler)
    record = Unreadable.objects.filter(batch_id=batch.pk, pk=record_id).first() if record_id < 2**63 else None
    if record is None:
        raise Http404(_("This batch has no such unreadable record any more."))
    reason = actions.why_not(batch, "edit", request.user)
    back = reverse("batches:unreadable", args=[batch.pk])
    if reason:
        return told(request, BatchError(reason), back)
    if "drop" in request.POST or "take_back" in request.POST:
        return _drop(request, batch, record, back)
    text = request.POST.get("text", record.text).replace("\r\n", "\n").rstrip("\n")
    why = ""
    if "add" in request.POST:
        try:
            row = actions.mend_record(batch, request.user, record.pk, text, door=actions.PAGE)
        except Forbidden:
            raise
        except BatchError as error:
            why = str(error)
        else:
            messages.success(request, _("The record is row %(n)s now.") % {"n": row.sequence})
            return go(request, f"{batch_url(batch, f'from={row.sequence}')}#row-{row.pk}")
    reading = Reading.from_json(batch.reading)
    if not why:
        _cells, why = read_record(reading, text, record.source_row)
    cells = split_record(reading, text)
    context = header(
        batch, handler, record=record, text=text, why=why, cells=cells, form=ReasonForm(),
        found=sum(cell.cell is not None for cell in cells),
        expected=len(reading.headings) + reading.extra, cut=len(record.text) >= KEPT_TEXT, back_url=back,
        delimiter=reading.delimiter_label if reading.delimiter else _("tab"), tab=delimiter_of(reading) == "\t",
        looked=request.method == "POST", subtitle=_("Line %(n)s") % {"n": record.source_row},
    )  # fmt: skip
    return render(request, "mend.html", context)


def _must_have_file(handler: BatchHandler) -> None:
    if not rights.may_have_file(handler):
        raise PermissionDenied(
            _("You see only a part of this batch's rows, so the records that became none are not shown.")
        )


def _drop(request: HttpRequest, batch: Any, record: Unreadable, back: str) -> HttpResponse:
    """Drop a record, or take it back."""
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    drop = "drop" in request.POST
    try:
        actions.drop_record(batch, request.user, record.pk, reason=reason, drop=drop, door=actions.PAGE)
    except BatchError as error:
        return told(request, error, back)
    words = _("Line %(n)s is dropped.") if drop else _("Line %(n)s is taken back.")
    messages.success(request, words % {"n": record.source_row})
    return go(request, back)

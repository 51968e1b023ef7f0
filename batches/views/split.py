"""Moving all rows that match a filter to a new batch: asked with their number, then done."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from .. import actions
from ..exceptions import BatchError, Refused
from ..figures import figures
from ..filters import RowFilter
from ..grid import visible_rows
from ..handlers import BatchHandler
from ..words import whole
from .base import batch_page, batch_url, go, header, must_have_right, number_sent, render, told
from .rows import said


@require_http_methods(["GET", "POST"])
@batch_page
def split(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Ask before rows are moved, then move them: the form carries filter, number and revision, never rows."""
    must_have_right(request, handler, "split")
    reason = actions.why_not(batch, "split", request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    query = request.POST.get("filter", "") if request.method == "POST" else request.GET.urlencode()
    data = figures(batch, request.user)
    found = RowFilter(QueryDict(query), handler, visible_rows(handler, request.user), data)
    reason = found.why_not()
    if reason:
        return told(request, Refused(reason), batch_url(batch))
    if not found.active:
        return told(
            request, Refused(_("Choose with the filter which rows are to be moved.")), batch_url(batch)
        )
    if request.method == "POST":
        try:
            return _move(request, batch, found)
        except BatchError as error:
            return told(request, error, batch_url(batch, found.query()))
    n, total = found.qs.order_by().count(), handler.rows().order_by().count()
    context = header(
        batch, handler, expected=n, expected_words=whole(n), stay_words=whole(total - n), why_not=_why_not(n, total),
        unreadable=data["unreadable"], unreadable_words=whole(data["unreadable"]) if data["unreadable"] else "",
        filter_query=found.query(), said=said(found), back_url=batch_url(batch, found.query()), subtitle=_("Move rows"),
    )  # fmt: skip
    return render(request, "split.html", context)


def _why_not(n: int, total: int) -> str:
    if not n:
        return _("No row matches this filter.")
    return _("All rows match, so nothing would be left; choose a part of them.") if n == total else ""


def _move(request: HttpRequest, batch: Any, found: RowFilter) -> HttpResponse:
    made, n = actions.split(
        batch, request.user, found.active, expected=number_sent(request, "expected"),
        revision=number_sent(request, "revision"), door=actions.PAGE,
    )  # fmt: skip
    one, many = "%(n)s row was moved here from batch", "%(n)s rows were moved here from batch"
    messages.success(
        request,
        format_html(
            '{} <a href="{}">{}</a>.',
            ngettext(one, many, n) % {"n": whole(n)},
            batch_url(batch),
            batch.shown_number,
        ),
    )
    return go(request, batch_url(made))

"""The page before an undo: what goes back, and what is kept and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from .. import actions
from ..exceptions import BatchError, Refused
from ..filters import RowFilter
from ..grid import visible_rows
from ..handlers import BatchHandler
from ..undo import preview
from ..verbs import VERB
from ..words import whole
from .base import batch_page, batch_url, go, header, must_have_right, render, told
from .outbox import outbox_shown
from .rows import said


@require_http_methods(["GET", "POST"])
@batch_page
def undo_page(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Say what undoing the batch, or its rows that match a filter, will put back and keep; do it when that is confirmed."""
    must_have_right(request, handler, "revert")
    reason = actions.why_not(batch, "revert", request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    query = QueryDict(request.POST.get("filter", "")) if request.method == "POST" else request.GET
    found = RowFilter(query, handler, visible_rows(handler, request.user))
    reason = found.why_not()
    if reason:
        return told(request, Refused(reason), batch_url(batch))
    try:
        if request.method == "POST":
            revision = _revision(request)
            actions.begin_revert(batch, request.user, found.active, door=actions.PAGE, revision=revision)
            return go(request, batch_url(batch))
        counts, kept = preview(handler, chosen=found.active)
    except BatchError as error:
        return told(request, error, batch_url(batch, found.query()))
    context = header(
        batch, handler, verb=VERB["revert"], subtitle=VERB["revert"].label, revision=batch.revision, kept=kept,
        undo_words=whole(counts["undo"]), kept_words=whole(counts["kept"]),
        used_words=_if_any(counts["in_use"]), failed_words=_if_any(counts["failed"]),
        said=said(found), filter_query=found.query(),
        more_words=whole(_not_back(counts) - len(kept)) if _not_back(counts) > len(kept) else "",
        back_url=batch_url(batch, found.query()), outbox=outbox_shown(batch, handler), cannot_take_back=handler.cannot_take_back,
    )  # fmt: skip
    return render(request, "revert.html", context)


def _if_any(number: int) -> str:
    return whole(number) if number else ""


def _not_back(counts: dict[str, int]) -> int:
    return counts["kept"] + counts["in_use"] + counts["failed"]


def _revision(request: HttpRequest) -> int:
    """Return the revision that was looked at. Raises Refused where nothing was."""
    try:
        return int(request.POST.get("revision", ""))
    except ValueError:
        raise Refused(_("Look at what will be undone, then confirm.")) from None

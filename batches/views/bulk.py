"""One change of one field in all rows that match a filter: said, shown before and after, then done."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from .. import actions
from ..bulk import Bulk, Said
from ..conf import conf
from ..exceptions import BatchError, Refused
from ..figures import figures
from ..filters import RowFilter
from ..forms import BulkForm
from ..grid import editable_fields, visible_rows
from ..handlers import BatchHandler
from ..tables import shown
from ..words import whole
from .base import batch_page, batch_url, go, header, must_have_right, number_sent, render, told
from .rows import said


@require_http_methods(["GET", "POST"])
@batch_page
def change_all(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Ask what shall change, show what that would do, and do it: the form carries filter, number and revision, never rows."""
    must_have_right(request, handler, "bulk_change")
    reason = actions.why_not(batch, "bulk_change", request.user)
    if reason or not editable_fields(handler):
        why = reason or _("Rows of this type have no field that can be edited.")
        return told(request, BatchError(why), batch_url(batch))
    sent = request.POST if request.method == "POST" else request.GET
    query = QueryDict(sent["filter"]) if "filter" in sent else _filter_of(sent)
    found = RowFilter(query, handler, visible_rows(handler, request.user), figures(batch, request.user))
    reason = found.why_not()
    if reason:
        return told(request, Refused(reason), batch_url(batch))
    form = BulkForm(sent if "set-field" in sent else None, handler)
    bulk = _bulk(form, handler, found)
    if request.method == "POST" and bulk is not None:
        try:
            return _do(request, batch, bulk, found)
        except BatchError as error:
            return told(request, error, batch_url(batch, found.query()))
    context = header(
        batch, handler, form=form, filter_query=found.query(), said=said(found), count_words=found.count_words(),
        back_url=batch_url(batch, found.query()), subtitle=_("Change rows"), **(_preview(bulk) if bulk else {}),
    )  # fmt: skip
    return render(request, "change_all.html", context, status=422 if form.errors else 200)


def _filter_of(sent: QueryDict) -> QueryDict:
    """Return what of a query string is the filter, and not the change."""
    kept = sent.copy()
    for name in [name for name in sent if name.startswith("set-")]:
        del kept[name]
    return kept


def _bulk(form: BulkForm, handler: BatchHandler, found: RowFilter) -> Bulk | None:
    """Return the change that was asked for; None, with the reason on the form, where it cannot be."""
    if not form.is_valid():
        return None
    data = form.cleaned_data
    try:
        return Bulk(handler, Said(data["field"], data["how"], data["value"]), found.active)
    except Refused as refused:
        form.add_error("value" if data["how"] != "clear" else "field", str(refused))
        return None


def _preview(bulk: Bulk) -> dict[str, Any]:
    counts = bulk.counts()
    n, total = counts.get("", 0), sum(counts.values())
    return {
        "sentence": bulk.sentence(), "expected": n, "expected_words": whole(n), "long": total > conf("AT_ONCE_ROWS"),
        "sample": [(number, shown(old), shown(new)) for number, old, new in bulk.sample()],
        "reasons": [(whole(count), why) for count, why in bulk.reasons(counts)], "label": bulk.label, "previewed": True,
        "rounded": bulk.places if bulk.said.how in ("percent", "amount") else None,
    }  # fmt: skip


def _do(request: HttpRequest, batch: Any, bulk: Bulk, found: RowFilter) -> HttpResponse:
    changed = actions.bulk_change(
        batch, request.user, bulk.said, found.active, expected=number_sent(request, "expected"),
        revision=number_sent(request, "revision"), door=actions.PAGE,
    )  # fmt: skip
    if changed.run is None:
        one, many = "%(n)s row was changed: %(what)s.", "%(n)s rows were changed: %(what)s."
        words = {"n": whole(changed.rows), "what": bulk.sentence()}
        messages.success(request, ngettext(one, many, changed.rows) % words)
    return go(request, batch_url(batch, found.query()))

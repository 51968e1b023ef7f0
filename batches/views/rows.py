"""Changing rows under review: correct one in place, exclude some with a reason, put them back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh, trigger_client_event

from .. import actions
from ..actions.rows import EditRefused
from ..exceptions import BatchError, Refused
from ..figures import figures
from ..filters import RowFilter
from ..forms import ReasonForm, RowForm
from ..grid import grid_fields, visible_rows, with_changes
from ..handlers import BatchHandler
from ..states import BEFORE
from ..tables import RowTable
from ..words import whole
from .base import back_query, batch_page, batch_url, go, header, must_have_right, number_sent, render, told


def find_row(request: HttpRequest, handler: BatchHandler, row_id: int) -> Any:
    """Return a row of this batch that the user may see. Raises Http404."""
    rows = with_changes(visible_rows(handler, request.user), grid_fields(handler))
    row = rows.filter(pk=row_id).first() if row_id <= 2**63 - 1 else None
    if row is None:
        raise Http404(_("This batch has no such row."))
    return row


def one_row(request: HttpRequest, batch: Any, handler: BatchHandler, row: Any, **more: Any) -> HttpResponse:
    """Return one row of the grid."""
    context = {
        "table": RowTable.for_handler(handler, [row]), "batch": batch, "here": back_query(request),
        "may_edit": actions.why_not(batch, "edit", request.user) is None, **more,
    }  # fmt: skip
    return render(request, "parts/one_row.html", context)


@require_safe
@batch_page
def row(request: HttpRequest, batch: Any, handler: BatchHandler, row_id: int) -> HttpResponse:
    """Show one row of the grid again (Cancel)."""
    found = find_row(request, handler, row_id)
    if not request.htmx:  # type: ignore[attr-defined]
        return go(request, _place(request, batch, found))
    return one_row(request, batch, handler, found)


def _place(request: HttpRequest, batch: Any, found: Any) -> str:
    """Return the address of the page of rows that the user came from, at the row."""
    return f"{batch_url(batch, back_query(request))}#row-{found.pk}"


@require_http_methods(["GET", "POST"])
@batch_page
def edit(request: HttpRequest, batch: Any, handler: BatchHandler, row_id: int) -> HttpResponse:
    """Show a row's cells as inputs, in its place or on a page of its own, and take corrections."""
    must_have_right(request, handler, "edit")
    reason = actions.why_not(batch, "edit", request.user)
    found = find_row(request, handler, row_id)
    if reason:
        return told(request, BatchError(reason), _place(request, batch, found))
    form = RowForm(request.POST if request.method == "POST" else None, handler, found)
    if request.method == "POST" and form.is_valid():
        answer = _save(request, batch, handler, found, form)
        if answer is not None:
            return answer
    return _row_form(request, batch, handler, found, form)


def _save(
    request: HttpRequest, batch: Any, handler: BatchHandler, found: Any, form: RowForm
) -> HttpResponse | None:
    """Take a correction; None if the form has to be shown again with what was wrong."""
    values = form.values()
    try:
        if values:
            version = form.cleaned_data["version"]
            actions.edit_row(batch, request.user, found.pk, values, version=version, door=actions.PAGE)
    except EditRefused as error:
        for name, sentence in error.errors.items():
            form.add_error(name, sentence)
        return None
    except Refused as error:
        form.add_error(None, str(error))
        return None
    fresh = find_row(request, handler, found.pk)
    if not request.htmx:  # type: ignore[attr-defined]
        return go(request, _place(request, batch, fresh))
    if _shares(handler, found) or _shares(handler, fresh):
        return HttpResponseClientRefresh()  # other rows of the page may stand otherwise now
    return trigger_client_event(
        one_row(request, batch, handler, fresh, saved=True), "rows-changed", after="settle"
    )


def _shares(handler: BatchHandler, found: Any) -> bool:
    """Tell whether a row has a finding about other rows."""
    codes = {rule.code for rule in handler.unique_rules}
    return any(entry.get("code") in codes for entry in found.issues or [])


def _row_form(
    request: HttpRequest, batch: Any, handler: BatchHandler, found: Any, form: RowForm
) -> HttpResponse:
    """Return a row as a form: in its place for htmx, else a page."""
    table = RowTable.for_handler(handler, [found])
    inputs = {field.name: form[field.source] for field in grid_fields(handler) if field.source}
    shown = {field.source for field in grid_fields(handler)}
    context = header(
        batch, handler, form=form, row=found, table=table, inputs=inputs, here=back_query(request),
        others=[form[name] for name in form.names if name not in shown], subtitle=_("Row %(n)s") % {"n": found.sequence},
    )  # fmt: skip
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "parts/row_form.html", context)
    return render(request, "row.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@batch_page
def set_aside(
    request: HttpRequest, batch: Any, handler: BatchHandler, row_id: int, verb: str
) -> HttpResponse:
    """Exclude a row with a reason, or put it back."""
    must_have_right(request, handler, verb)
    found = find_row(request, handler, row_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        rows = handler.rows().filter(pk=found.pk)
        try:
            if verb == "exclude":
                actions.exclude(
                    batch, request.user, rows, reason=form.cleaned_data["reason"], door=actions.PAGE
                )
            else:
                actions.include(batch, request.user, rows, door=actions.PAGE)
        except BatchError as error:
            return told(request, error, _place(request, batch, found))
        if not request.htmx:  # type: ignore[attr-defined]
            return go(request, _place(request, batch, found))
        fresh = find_row(request, handler, row_id)
        # Excluded rows are compared with nobody, so what others share with one shows only once it is put back.
        if _shares(handler, found) or _shares(handler, fresh):
            return HttpResponseClientRefresh()
        return trigger_client_event(
            one_row(request, batch, handler, fresh, saved=True), "rows-changed", after="settle"
        )
    context = header(
        batch, handler, form=form, row=found, verb=verb, table=RowTable.for_handler(handler, [found]),
        here=back_query(request), subtitle=_("Row %(n)s") % {"n": found.sequence},
    )  # fmt: skip
    return render(request, "parts/row_aside.html" if request.htmx else "aside.html", context)  # type: ignore[attr-defined]


# ---- all rows that match a filter


@require_http_methods(["GET", "POST"])
@batch_page
def set_all_aside(request: HttpRequest, batch: Any, handler: BatchHandler, verb: str) -> HttpResponse:
    """Exclude or put back all rows that match a filter: the form carries the filter and their number, never rows."""
    must_have_right(request, handler, verb)
    reason = actions.why_not(batch, verb, request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    query = request.POST.get("filter", "") if request.method == "POST" else request.GET.urlencode()
    found = RowFilter(
        QueryDict(query), handler, visible_rows(handler, request.user), figures(batch, request.user)
    )
    reason = found.why_not()
    if reason:
        return told(request, Refused(reason), batch_url(batch))
    rows = found.qs.order_by("sequence")
    back = batch_url(batch, found.query())
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            n = _set_all(request, batch, rows, verb, form.cleaned_data["reason"])
        except BatchError as error:
            return told(request, error, back)
        messages.success(request, _done(verb, n))
        return go(request, back)
    n = rows.filter(removed=verb != "exclude", status__in=BEFORE).count()
    context = header(
        batch, handler, form=form, verb=verb, expected=n, expected_words=whole(n), filter=found, filter_query=found.query(),
        said=said(found), back_url=back, subtitle=_("Exclude rows") if verb == "exclude" else _("Put rows back"),
    )  # fmt: skip
    return render(request, "bulk.html", context)


def _done(verb: str, n: int) -> str:
    if verb == "exclude":
        return ngettext("%(n)s row was excluded.", "%(n)s rows were excluded.", n) % {"n": whole(n)}
    return ngettext("%(n)s row was put back.", "%(n)s rows were put back.", n) % {"n": whole(n)}


def _set_all(request: HttpRequest, batch: Any, rows: Any, verb: str, reason: str) -> int:
    expected = number_sent(request, "expected")
    if verb == "exclude":
        return actions.exclude(
            batch, request.user, rows, reason=reason, expected=expected, door=actions.PAGE
        )  # fmt: skip
    return actions.include(batch, request.user, rows, expected=expected, door=actions.PAGE)


def said(found: RowFilter) -> list[tuple[str, str]]:
    """Return the filters in force as words: (label, value)."""
    words = []
    for name, value in found.active.items():
        choices = dict(found.form.fields[name].choices) if hasattr(found.form.fields[name], "choices") else {}
        group = found.group(value) if name == "finding" else None
        shown = group["message"] if group else choices.get(value, value)
        words.append((str(found.filters[name].label), str(shown)))
    return words

"""Adding a row by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from .. import actions
from ..actions.rows import EditRefused
from ..exceptions import BatchError, Forbidden, Refused
from ..forms import NewRowForm
from ..handlers import BatchHandler
from .base import batch_page, batch_url, go, header, must_have_right, render, told


@require_http_methods(["GET", "POST"])
@batch_page
def add_row(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show the fields of a row as inputs, and add the row that they make."""
    must_have_right(request, handler, "add_row")
    reason = actions.why_not(batch, "add_row", request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    form = NewRowForm(request.POST if request.method == "POST" else None, handler)
    if request.method == "POST" and form.is_valid():
        try:
            row = actions.add_row(batch, request.user, form.cleaned_data, door=actions.PAGE)
        except EditRefused as refused:
            for name, sentence in refused.errors.items():
                form.add_error(name, sentence)
        except Forbidden:
            raise
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("Row %(row)d was added.") % {"row": row.sequence})
            return go(request, f"{batch_url(batch, f'from={row.sequence}')}#row-{row.pk}")
    context = header(batch, handler, form=form, subtitle=_("Add a row"))
    return render(request, "add_row.html", context, status=422 if form.errors else 200)

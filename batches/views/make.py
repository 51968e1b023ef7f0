"""Making a batch: upload or collect, then say which column of the file is which field."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from .. import actions, rights
from ..exceptions import BatchError
from ..files import Reading
from ..forms import MappingForm, make_form, option_values
from ..handlers import BatchHandler
from ..models import BatchBase
from ..registry import registry
from ..states import Status
from ..verbs import VERB
from .base import batch_page, batch_url, go, header, may_see, must_have_right, render, told
from .reading import file_options, mapping_context


@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, key: str) -> HttpResponse:
    """Show the upload form, and make a batch of what it sends."""
    handler_class = registry.get(key)
    model = handler_class.model
    handler = handler_class(model(), user=request.user)
    must_have_right(request, handler, "populate")
    may_see(request, model)
    form_class = make_form(handler)
    form = (
        form_class(request.POST or None, request.FILES or None) if request.method == "POST" else form_class()
    )
    if request.method == "POST" and form.is_valid():
        try:
            batch = _make(request, handler, form.cleaned_data)
        except BatchError as error:
            form.add_error("file" if handler.reads_file else None, str(error))
        else:
            return go(request, batch_url(batch))
    context = header_of_type(handler)
    context |= {
        "form": form,
        "title": _("Make a batch: %(type)s") % {"type": context["type_title"]},
        "makes": handler,
    }
    return render(request, "make.html", context)


def header_of_type(handler: BatchHandler) -> dict[str, Any]:
    """Return the context of a page that has a type but no batch yet."""
    batch = handler.batch
    batch.pk = 0
    context = header(batch, handler)
    del context["batch"], context["batch_url"]
    return context


def _make(request: HttpRequest, handler: BatchHandler, data: dict[str, Any]) -> BatchBase:
    """Make the batch; one that needs no mapping starts to collect its rows at once."""
    batch = actions.make(
        handler.key, request.user, door=actions.PAGE, description=data.get("description", ""),
        options=option_values(handler, data), file=data.get("file"),
    )  # fmt: skip
    if data.get("notes"):
        actions.change_options(batch, request.user, {"notes": data["notes"]}, door=actions.PAGE)
    if not handler.reads_file:
        try:
            actions.start(batch, "populate", request.user, door=actions.PAGE)
        except BatchError:
            actions.discard(batch, request.user, door=actions.PAGE)
            raise
    return batch


@require_POST
@batch_page
def map_columns(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Take the mapping and start to read the file."""
    if batch.status != Status.DRAFT or not handler.reads_file:
        return told(request, _refused(batch, request), batch_url(batch))
    form = MappingForm(request.POST, handler, Reading.from_json(batch.reading), batch.mapping)
    asked = file_options(request, batch, handler, form)
    if form.is_valid() and asked.is_valid():
        try:
            values = asked.values()
            actions.map_columns(batch, request.user, form.uses, options=values, door=actions.PAGE)
            actions.start(batch, "populate", request.user, door=actions.PAGE)
        except BatchError as error:
            return told(request, error, batch_url(batch))
        return go(request, batch_url(batch))
    context = header(batch, handler, **mapping_context(request, batch, handler, form, asked=asked))
    return render(request, "mapping.html", context, status=422)


@require_POST
@batch_page
def collect(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Collect the rows of a draft that needs no file, after a first try was stopped or failed."""
    try:
        actions.start(batch, "populate", request.user, door=actions.PAGE)
    except BatchError as error:
        return told(request, error, batch_url(batch))
    return go(request, batch_url(batch))


def _refused(batch: BatchBase, request: HttpRequest) -> BatchError:
    return BatchError(rights.why_not(batch, "populate", request.user) or str(VERB["populate"].meaning))


def _check_again(request: HttpRequest, batch: BatchBase) -> None:
    """Let the rows follow the options at once: what stood in them for the old ones would be executed by the new ones."""
    try:
        actions.start(batch, "refresh", request.user, door=actions.PAGE)
    except BatchError as error:
        messages.warning(
            request,
            _(
                "Options were changed, but the rows do not follow them until you press “Check again”: %(error)s"
            )
            % {"error": error},
        )


@require_http_methods(["GET", "POST"])
@batch_page
def options(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Change description, notes and options."""
    verb = "prepare" if batch.status == Status.DRAFT else "edit"
    must_have_right(request, handler, verb)
    reason = actions.why_not(batch, verb, request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    form_class = handler.options_form()
    form = form_class(
        request.POST if request.method == "POST" else None, instance=type(batch).objects.get(pk=batch.pk)
    )
    if request.method == "POST" and form.is_valid():
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        try:
            if changed:
                actions.change_options(batch, request.user, changed, door=actions.PAGE)
        except BatchError as error:
            form.add_error(None, str(error))
        else:
            if set(changed) & set(handler.options) and batch.status == Status.REVIEW:
                _check_again(request, batch)
            return go(request, batch_url(batch))
    return render(
        request, "options.html", header(batch, handler, form=form, subtitle=_("Description and options"))
    )

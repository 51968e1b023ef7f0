"""Making a batch: upload or collect, then say which column of the file is which field."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from .. import actions, rights
from ..exceptions import BatchError
from ..files import Reading, preview
from ..forms import MappingForm, make_form, option_values
from ..handlers import BatchHandler
from ..models import BatchBase
from ..registry import registry
from ..states import VERB, Status
from .base import batch_page, batch_url, go, header, may_see, must_have_right, render, told

PREVIEW_ROWS = 6


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


def mapping_context(
    request: HttpRequest, batch: Any, handler: BatchHandler, form: MappingForm | None = None
) -> dict[str, Any]:
    """Return what the mapping page shows: the fields with their columns, and the first lines of the file."""
    reading = Reading.from_json(batch.reading)
    columns = list(handler.get_columns())
    form = form or MappingForm(None, columns, reading, batch.mapping)
    try:
        with batch.file.open("rb") as file:
            lines = preview(file, reading, PREVIEW_ROWS)
        gone = ""
    except (OSError, BatchError) as error:
        lines, gone = [], _("The file cannot be read any more: %(error)s") % {"error": error}
    goes_to = {
        heading: column.label
        for column in columns
        for heading in [_chosen(form, column.field, reading)]
        if heading
    }
    width = len(reading.headings)
    samples = {heading: _samples(lines, index) for index, heading in enumerate(reading.headings)}
    return {
        "form": form, "reading": reading, "file_gone": gone,
        "fields": [
            (column, form[column.field], samples.get(_chosen(form, column.field, reading), "")) for column in columns
        ],
        "headings": [(heading, goes_to.get(heading), samples[heading]) for heading in reading.headings],
        "lines": [(line, cells[:width]) for line, cells in lines],
        "unmapped": [heading for heading in reading.headings if heading not in goes_to],
        "same_file": _same_file(batch),
        "may_map": rights.may(type(batch), "prepare", request.user),
    }  # fmt: skip


def _same_file(batch: Any) -> BatchBase | None:
    """Return the newest other batch of the type that was made from the very same bytes."""
    others = type(batch)._default_manager.filter(sha256=batch.sha256).exclude(pk=batch.pk)
    return others.order_by("-pk").first() if batch.sha256 else None


def _samples(lines: list[tuple[int, list[str]]], index: int) -> str:
    """Return the first values of a column, shortened."""
    found: list[str] = []
    for _line, cells in lines:
        value = cells[index].strip() if index < len(cells) else ""
        if value and value not in found:
            found.append(value)
    return ", ".join(value if len(value) <= 20 else f"{value[:19]}…" for value in found[:3])


def _chosen(form: MappingForm, name: str, reading: Reading) -> str:
    value = str(form[name].value() or "")
    return reading.headings[int(value)] if value.isdigit() and int(value) < len(reading.headings) else ""


@require_POST
@batch_page
def map_columns(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Take the mapping and start to read the file."""
    if batch.status != Status.DRAFT or not handler.reads_file:
        return told(request, _refused(batch, request), batch_url(batch))
    form = MappingForm(
        request.POST, list(handler.get_columns()), Reading.from_json(batch.reading), batch.mapping
    )
    if form.is_valid():
        try:
            actions.map_columns(batch, request.user, form.mapping(), door=actions.PAGE)
            actions.start(batch, "populate", request.user, door=actions.PAGE)
        except BatchError as error:
            return told(request, error, batch_url(batch))
        return go(request, batch_url(batch))
    context = header(batch, handler, **mapping_context(request, batch, handler, form))
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

"""The page of a draft: how its file is read, with the first lines as they lie in it, and which column is which field."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from .. import actions, rights, saved_mappings
from ..exceptions import BatchError
from ..files import Reading, preview, raw_lines
from ..files.child.main import column_letter
from ..forms import FileOptionsForm, MappingForm, ReadingForm
from ..handlers import BatchHandler
from ..models import BatchBase, SavedMapping
from ..states import Status
from .base import batch_page, batch_url, go, header, render, told

LINES, SAMPLES = 20, 6


class Place(NamedTuple):
    """A column as it lies in the file: its letter, the heading by which it is read, the field it goes to, its first values."""

    letter: str
    heading: str
    field: str
    samples: str


def mapping_context(
    request: HttpRequest, batch: Any, handler: BatchHandler,
    form: MappingForm | None = None, reading_form: ReadingForm | None = None, asked: FileOptionsForm | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return what the page shows: the file's first lines and how they are read, the fields and what fills them."""
    reading = Reading.from_json(batch.reading)
    form = form or MappingForm(None, handler, reading, batch.mapping)
    lines, records, gone = _first_lines(batch, handler, reading)
    goes_to: dict[str, str] = {}
    for column in form.columns:
        if heading := form.heading(column.field):
            goes_to[heading] = f"{goes_to[heading]}, {column.label}" if heading in goes_to else column.label
    samples = {heading: _samples(records, index) for index, heading in enumerate(reading.headings)}
    return {
        "form": form, "reading": reading, "reading_form": reading_form or ReadingForm(None, reading), "file_gone": gone,
        "fields": [
            (column, form[column.field], form.more(column.field), form.says_more(column.field),
             samples.get(form.heading(column.field), ""))
            for column in form.columns
        ],
        "places": _places(lines, reading, goes_to, samples),
        "lines": [(line, cells, _role(line, reading, lines)) for line, cells in lines],
        "unmapped": [heading for heading in reading.headings if heading not in goes_to],
        "same_file": _same_file(batch), "saved": _saved(handler, batch, reading),
        "asked": asked or file_options(request, batch, handler),
        "may_map": rights.may(type(batch), "prepare", request.user),
    }  # fmt: skip


Lines = list[tuple[int, list[str]]]


def file_options(
    request: HttpRequest, batch: Any, handler: BatchHandler, form: MappingForm | None = None
) -> FileOptionsForm:
    """Return the form of the options that the file answers, mapped as `form` says where it was sent."""
    mapping = None
    if form is not None and form.is_valid():
        mapping = {field: use.to_json() for field, use in form.uses.items()}
    try:
        with batch.file.open("rb") as file:
            answers = actions.answers(handler, file, mapping)
    except OSError:
        answers = {}
    saved = _saved(handler, batch, Reading.from_json(batch.reading)) if answers else None
    return FileOptionsForm(
        request.POST if form is not None else None, handler, answers, known=saved is not None
    )


def _first_lines(batch: Any, handler: BatchHandler, reading: Reading) -> tuple[Lines, Lines, str]:
    """Return the first lines as they lie in the file, the first records, and why there are none."""
    if not rights.may_have_file(handler):
        return [], [], _("You see only a part of this batch's rows, so the lines of its file are not shown.")
    try:
        with batch.file.open("rb") as file:
            lines = raw_lines(file, reading, LINES)
            file.seek(0)
            return lines, preview(file, reading, SAMPLES), ""
    except (OSError, BatchError) as error:
        return [], [], _("The file cannot be read any more: %(error)s") % {"error": error}


def _places(lines: Lines, reading: Reading, goes_to: dict[str, str], samples: dict[str, str]) -> list[Place]:
    """Return the columns as they lie in the file, those too that are not read."""
    read = dict(zip(reading.positions, reading.headings, strict=True))
    width = max([len(cells) for _line, cells in lines] + [max(read, default=-1) + 1])
    return [
        Place(
            column_letter(at + reading.first_column),
            heading := read.get(at, ""),
            goes_to.get(heading, ""),
            samples.get(heading, ""),
        )
        for at in range(width)
    ]


def _role(line: int, reading: Reading, lines: Lines) -> str:
    """Return what a line is read as: a heading, data, or nothing."""
    numbers = [number for number, _cells in lines]
    start = numbers.index(reading.heading_row) if reading.heading_row in numbers else None
    headings = [] if start is None else numbers[start : start + reading.heading_lines]
    if line in headings:
        return "heading"
    first = max(reading.first_row, headings[-1] + 1 if headings else reading.heading_row + 1, 1)
    return "data" if line >= first else "off"


def _same_file(batch: Any) -> BatchBase | None:
    """Return the newest other batch of the type that was made from the very same bytes."""
    others = type(batch)._default_manager.filter(sha256=batch.sha256).exclude(pk=batch.pk)
    return others.order_by("-pk").first() if batch.sha256 else None


def _saved(handler: BatchHandler, batch: Any, reading: Reading) -> SavedMapping | None:
    """Return what was saved for these headings, if the batch is mapped like it."""
    saved = saved_mappings.find(handler, reading.headings)
    if saved is None or not saved_mappings.same(saved.mapping, batch.mapping):
        return None
    return saved


def _samples(lines: Lines, index: int) -> str:
    """Return the first values of a column, shortened."""
    found: list[str] = []
    for _line, cells in lines:
        value = cells[index].strip() if index < len(cells) else ""
        if value and value not in found:
            found.append(value)
    return ", ".join(value if len(value) <= 20 else f"{value[:19]}…" for value in found[:3])


@require_POST
@batch_page
def set_reading(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Read the file as was said, and show the page anew."""
    if batch.status != Status.DRAFT or not handler.reads_file:
        reason = rights.why_not(batch, "prepare", request.user) or _("This batch has no file.")
        return told(request, BatchError(reason), batch_url(batch))
    form = ReadingForm(request.POST, Reading.from_json(batch.reading))
    if not form.is_valid():
        context = mapping_context(request, batch, handler, reading_form=form)
        return render(request, "mapping.html", header(batch, handler, **context), status=422)
    try:
        actions.set_reading(batch, request.user, form.choices(), door=actions.PAGE)
    except BatchError as error:
        return told(request, error, batch_url(batch))
    return go(request, batch_url(batch))

"""Reading the file of a batch in review again: the answers, what would come and go, and doing it.

The batch stays as it is meanwhile: the answers travel in the forms, signed.
"""

from __future__ import annotations

import copy
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from .. import actions
from ..again import take_answers
from ..exceptions import BatchError, Refused
from ..files import Reading
from ..forms import MappingForm, ReadingForm
from ..handlers import BatchHandler
from ..words import whole
from .base import batch_page, batch_url, go, header, must_have_right, render, told
from .reading import file_options, mapping_context

SALT = "batches.again"


@require_http_methods(["GET", "POST"])
@batch_page
def read_again(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show how the file is read and mapped, then what that changes; read it again when that is confirmed."""
    must_have_right(request, handler, "repopulate")
    reason = actions.why_not(batch, "repopulate", request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    try:
        answers = _answers(request, batch)
        if request.POST.get("step") == "confirm":
            if not answers.get("compared"):
                raise Refused(_("Look at what comes and goes first, then confirm it."))
            revision = answers["revision"]
            actions.begin_again(batch, request.user, answers["said"], revision=revision, door=actions.PAGE)
            return go(request, batch_url(batch))
        trial: Any = copy.copy(batch)
        take_answers(trial, answers.get("said", {}))
        mine = type(handler)(trial, user=request.user)
        steps: Any = {"reading": _reading, "mapping": _mapping}
        step = steps.get(request.POST.get("step", ""), lambda *given: _page(*given))
        found: HttpResponse = step(request, batch, mine)
    except BatchError as error:
        return told(request, error, batch_url(batch))
    return found


def _answers(request: HttpRequest, batch: Any) -> dict[str, Any]:
    """Return the answers that the page itself gave the form. Raises Refused for others."""
    if request.method != "POST":
        return {}
    try:
        found: dict[str, Any] = signing.loads(request.POST.get("answers", ""), salt=f"{SALT}/{batch.pk}")
    except signing.BadSignature:
        raise Refused(_("The answers did not arrive whole; begin again.")) from None
    return found


def _signed(handler: BatchHandler, said: dict[str, Any], *, compared: bool = False) -> str:
    """Return answers as a form carries them, with the revision that they are about, and whether it was shown what they do."""
    batch = handler.batch
    found = {"said": said, "revision": batch.revision, "compared": compared}
    return signing.dumps(found, salt=f"{SALT}/{batch.pk}", compress=True)


def _page(
    request: HttpRequest, batch: Any, handler: BatchHandler, status: int = 200, **forms: Any
) -> HttpResponse:
    """Return the page of reading and mapping, with the answers so far."""
    trial: Any = handler.batch
    names = ("reading", "sheet", "heading_row", "encoding", "delimiter")
    said = {"reading": {name: getattr(trial, name) for name in names}, "mapping": trial.mapping}
    context = header(
        trial, handler, **mapping_context(request, trial, handler, **forms), again=_signed(handler, said),
        state=batch.get_status_display(), subtitle=_("Read the file again"),
    )  # fmt: skip
    return render(request, "mapping.html", context | {"same_file": None}, status=status)


def _reading(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show the page anew with the file read as was said."""
    trial: Any = handler.batch
    form = ReadingForm(request.POST, Reading.from_json(trial.reading))
    if not form.is_valid():
        return _page(request, batch, handler, 422, reading_form=form)
    actions.read_as(handler, form.choices())
    return _page(request, batch, handler)


def _mapping(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show what comes and goes with the mapping that was sent."""
    trial: Any = handler.batch
    form = MappingForm(request.POST, handler, Reading.from_json(trial.reading), trial.mapping)
    asked = file_options(request, trial, handler, form)
    if not (form.is_valid() and asked.is_valid()):
        return _page(request, batch, handler, 422, form=form, asked=asked)
    said = actions.answers_of(handler, form.uses, asked.values())
    counts = actions.comes_and_goes(batch, request.user, said)
    context = header(
        batch, handler, again=_signed(handler, said, compared=True), counts={name: whole(n) for name, n in counts.items()},
        loses=[
            (whole(counts[name]), words)
            for name, words in (
                ("touched", _("rows that people corrected, excluded or put back; what they did is lost")),
                ("excluded", _("rows that are excluded now")),
                ("by_hand", _("rows that were added by hand or mended")),
                ("dropped", _("unreadable records that were dropped")),
            )
            if counts[name]
        ],
        subtitle=_("Read the file again"),
    )  # fmt: skip
    return render(request, "again.html", context)

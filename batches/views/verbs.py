"""Verbs of a batch: the buttons, what each confirms, and what it does. All drawn from the table of states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from .. import actions, rights
from ..exceptions import BatchError
from ..figures import figures
from ..forms import ExecuteForm, ReasonForm
from ..handlers import BatchHandler
from ..models import Run
from ..retention import KEEPING
from ..states import RowStatus
from ..verbs import VERB, VERBS, Verb
from ..words import action_word, left_out, must_type_number, whole
from .base import View, batch_page, batch_url, go, header, must_have_right, render, told
from .undo import undo_page

# Where a button leads to a question first; the others are done when pressed.
ASKS = {"execute", "withdraw", "delete", "revert", "reapply", "close", "hold", "release"}
ASKS_WHY = {"withdraw", "close", "hold", "release"}


def buttons(
    batch: Any, handler: BatchHandler, user: Any, active: Run | None, data: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Return the verbs that are buttons, each with why it cannot be pressed, if so."""
    found = []
    for verb in VERBS:
        if not (verb.built and verb.button and verb.name in DO) or not rights.may(
            type(batch), verb.name, user
        ):
            continue
        if _is_no_matter(batch, verb, data):
            continue
        found.append(
            {
                "name": verb.name, "label": verb.label, "meaning": verb.meaning, "asks": verb.name in ASKS,
                "why_not": _why_not(batch, verb, user, active, data),
                "url": reverse(f"batches:{verb.name}", args=[batch.pk]), "css": f"b-verb-{verb.name}",
            }
        )  # fmt: skip
    return found


def _is_no_matter(batch: Any, verb: Verb, data: dict[str, Any] | None) -> bool:
    """Tell whether a verb makes no sense with the batch, so that nobody need read why it cannot be pressed."""
    if verb.name in KEEPING:
        return verb.name == ("hold" if batch.ref.is_held else "release")
    if verb.name == "reapply" and not (data and data["counts"].get(RowStatus.REVERTED)):
        return True
    return bool(batch.ref.is_purged)


def _why_not(
    batch: Any, verb: Verb, user: Any, active: Run | None, data: dict[str, Any] | None
) -> str | None:
    """Return why a verb is not possible now. The figures tell what rows take part, so that none is read for it."""
    if data is not None and verb.name == "execute":
        present = set(data["taking_part"])
        return rights.why_not(batch, verb.name, user, run=active, looked=True, present=present)
    return rights.why_not(batch, verb.name, user, run=active, looked=True)


@require_http_methods(["GET", "POST"])
@batch_page
def execute(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Say what executing will do and what is left out; do it when that is confirmed."""
    must_have_right(request, handler, "execute")
    reason = actions.why_not(batch, "execute", request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    data = figures(batch, request.user)
    proposed = actions.proposes_chunks(handler) if handler.atomic == "ask" else None
    form = ExecuteForm(request.POST if request.method == "POST" else None, data, batch.revision, proposed)
    if request.method == "POST" and form.is_valid():
        try:
            actions.start(
                batch,
                "execute",
                request.user,
                door=actions.PAGE,
                revision=form.cleaned_data["revision"],
                in_chunks=form.in_chunks,
            )
        except BatchError as error:
            return told(request, error, batch_url(batch))
        return go(request, batch_url(batch))
    out = left_out(data)
    context = header(
        batch, handler, form=form, subtitle=_("Execute"), sentence=handler.describe_execution(),
        cannot_take_back=handler.cannot_take_back if handler.get_delivers_to() else "",
        parts=[(action_word(name), whole(n), f"b-does-{name}") for name, n in sorted(data["taking_part"].items())],
        writes=whole(sum(data["taking_part"].values())),
        unchanged=whole(data.get("included", {}).get("unchanged", 0)),
        out={name: whole(n) for name, n in out.items()}, out_total=out["total"], must_type=must_type_number(data),
        causes=[g | {"n_words": whole(g["n"])} for g in data["issues"] if g["severity"] == "error"],
    )  # fmt: skip
    return render(request, "execute.html", context)


@require_http_methods(["GET", "POST"])
@batch_page
def ask(request: HttpRequest, batch: Any, handler: BatchHandler, verb: str) -> HttpResponse:
    """Ask before something that cannot simply be pressed back; do it when confirmed."""
    entry = VERB[verb]
    must_have_right(request, handler, verb)
    reason = actions.why_not(batch, verb, request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    form = ReasonForm(request.POST if request.method == "POST" else None, required=verb == "hold")
    if request.method == "POST" and form.is_valid():
        try:
            url = DO[verb](request, batch, form.cleaned_data["reason"])
        except BatchError as error:
            return told(request, error, batch_url(batch))
        return go(request, url)
    context = header(
        batch, handler, form=form, verb=entry, subtitle=entry.label, asks_reason=verb in ASKS_WHY
    )
    return render(request, "ask.html", context)


@require_POST
@batch_page
def press(request: HttpRequest, batch: Any, handler: BatchHandler, verb: str) -> HttpResponse:
    """Do what needs no question."""
    if verb != "stop":  # who asked for a run may stop it as well; the action knows
        must_have_right(request, handler, verb)
    try:
        url = DO[verb](request, batch, "")
    except BatchError as error:
        return told(request, error, batch_url(batch))
    return go(request, url)


def _start(verb: str) -> Callable[[HttpRequest, Any, str], str]:
    def do(request: HttpRequest, batch: Any, reason: str) -> str:
        actions.start(batch, verb, request.user, door=actions.PAGE)
        return batch_url(batch)

    return do


def _withdraw(request: HttpRequest, batch: Any, reason: str) -> str:
    actions.withdraw(batch, request.user, door=actions.PAGE, comment=reason)
    messages.success(request, _("%(batch)s was withdrawn.") % {"batch": batch})
    return batch_url(batch)


def _delete(request: HttpRequest, batch: Any, reason: str) -> str:
    shown = str(batch)
    actions.delete(batch, request.user, door=actions.PAGE)
    messages.success(request, _("%(batch)s was deleted; the log keeps what was done.") % {"batch": shown})
    return reverse("batches:overview")


def _ask_run(verb: str) -> Callable[[HttpRequest, Any, str], str]:
    def do(request: HttpRequest, batch: Any, reason: str) -> str:
        getattr(actions, verb)(batch, request.user, door=actions.PAGE)
        return batch_url(batch)

    return do


def _carry_on(request: HttpRequest, batch: Any, reason: str) -> str:
    made = actions.carry_on(batch, request.user, door=actions.PAGE)
    one, many = "%(n)s row was taken from batch %(number)s.", "%(n)s rows were taken from batch %(number)s."
    words = {"n": whole(made.rows), "number": batch.shown_number}
    messages.success(request, ngettext(one, many, made.rows) % words)
    return batch_url(made.batch)


def _close(request: HttpRequest, batch: Any, reason: str) -> str:
    n = actions.close(batch, request.user, door=actions.PAGE, reason=reason)
    messages.success(request, _("%(n)s rows were left out for good.") % {"n": whole(n)})
    return batch_url(batch)


def _hold(request: HttpRequest, batch: Any, reason: str) -> str:
    actions.hold(batch, request.user, reason=reason, door=actions.PAGE)
    messages.success(request, _("%(batch)s is held; nothing of it is removed.") % {"batch": batch})
    return batch_url(batch)


def _release(request: HttpRequest, batch: Any, reason: str) -> str:
    actions.release(batch, request.user, reason=reason, door=actions.PAGE)
    messages.success(request, _("%(batch)s is no longer held.") % {"batch": batch})
    return batch_url(batch)


def _deliver(request: HttpRequest, batch: Any, reason: str) -> str:
    n = actions.deliver(batch, request.user, door=actions.PAGE)
    one, many = "A worker sends %(n)s delivery now.", "A worker sends %(n)s deliveries now."
    messages.success(request, ngettext(one, many, n) % {"n": whole(n)})
    return batch_url(batch)


DO: dict[str, Callable[[HttpRequest, Any, str], str]] = {
    "refresh": _start("refresh"), "execute": _start("execute"), "withdraw": _withdraw, "delete": _delete,
    "stop": _ask_run("stop"), "pause": _ask_run("pause"), "resume": _ask_run("resume"), "retry": _ask_run("retry"),
    "reapply": _ask_run("reapply"), "revert": _ask_run("begin_revert"), "close": _close,
    "carry_on": _carry_on, "hold": _hold, "release": _release,
    "deliver": _deliver,
}  # fmt: skip


def verb_page(verb: str) -> View:
    """Return the page of a verb."""
    if verb == "execute":
        return execute
    if verb == "revert":
        return undo_page
    page: Any = ask if verb in ASKS else press

    def view(request: HttpRequest, number: int) -> HttpResponseBase:
        return page(request, number, verb=verb)

    view.__name__ = f"{verb}_page"
    return view

"""One decision for all groups of rows that share what only one of them may have."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from .. import actions
from ..exceptions import BatchError, Refused
from ..figures import figures
from ..filters import RowFilter
from ..findings import Unique
from ..grid import NUMBERS, grid_fields, model_field, visible_rows
from ..groups import EXCLUDE, GIVE_UP, Groups, comparable, rule_of
from ..handlers import BatchHandler
from ..tables import shown
from ..words import whole
from .base import batch_page, batch_url, go, header, must_have_right, render, told
from .rows import said

SAMPLE_GROUPS, SAMPLE_ROWS, SAMPLE_FIELDS, COMPARED = 3, 4, 5, 8


class DecisionForm(forms.Form):
    """Which row of each group is kept, and what becomes of the others."""

    keep = forms.ChoiceField(
        label=gettext_lazy("Which row keeps it"), widget=forms.RadioSelect, initial="first"
    )
    by = forms.ChoiceField(label=gettext_lazy("Compared by"), required=False)
    others = forms.ChoiceField(label=gettext_lazy("The others"), widget=forms.RadioSelect)
    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, data: Any, groups: Groups, counts: dict[str, int], revision: int) -> None:
        handler, rule = groups.handler, groups.rule
        start = {"revision": revision, "others": GIVE_UP if rule.gives_up else EXCLUDE}
        super().__init__(data, initial=start)
        names = comparable(handler, rule)[:COMPARED]
        self.fields["keep"].choices = _keeps(rule, counts, bool(names))  # type: ignore[attr-defined]
        self.fields["others"].choices = _others(handler, rule, counts)  # type: ignore[attr-defined]
        # What each choice does is asked for where it is shown only.
        decided = [(name, groups.decided_by(name) if data is None else 0) for name in names]
        self.fields["by"].choices = [  # type: ignore[attr-defined]
            (name, _by_words(handler.label(name), n, counts["groups"])) for name, n in decided
        ]
        if not names:
            del self.fields["by"]


def _keeps(rule: Unique, counts: dict[str, int], compares: bool) -> list[tuple[str, str]]:
    found = [
        ("first", _("The first row of each group")),
        ("last", _("The last row of each group")),
        ("highest", _("The row with the newest date or highest number")),
        ("lowest", _("The row with the oldest date or lowest number")),
        ("none", _("None: all %(n)s rows are “the others”") % {"n": whole(counts["rows"])}),
    ]
    return [(name, words) for name, words in found if compares or name not in ("highest", "lowest")]


def _by_words(label: str, n: int, groups: int) -> str:
    """Return a field to compare by, and how far it tells the rows of a group apart."""
    words = {"label": capfirst(label), "n": whole(n), "all": whole(groups)}
    if n == groups:
        return _("%(label)s (differs in all groups)") % words
    return _("%(label)s (tells %(n)s of %(all)s groups; in the others the first row is kept)") % words


def _others(handler: BatchHandler, rule: Unique, counts: dict[str, int]) -> list[tuple[str, str]]:
    words = {
        "label": handler.label(rule.gives_up or rule.fields[0]),
        "n": whole(counts["rows"] - counts["groups"]),
    }
    found = [(EXCLUDE, _("%(n)s rows are excluded, with the reason") % words)]
    if rule.gives_up:
        found.insert(0, (GIVE_UP, _("%(n)s rows stay, without their “%(label)s”") % words))
    return found


@require_http_methods(["GET", "POST"])
@batch_page
def shared(request: HttpRequest, batch: Any, handler: BatchHandler, code: str) -> HttpResponse:
    """Show what several rows share and what can be decided about it; carry the decision out for all groups at once."""
    must_have_right(request, handler, "edit")
    rule = rule_of(handler, code)
    if rule is None:
        raise Http404(_("There is no such finding."))
    reason = actions.why_not(batch, "edit", request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    found = _filter(request, batch, handler)
    reason = found.why_not()
    if reason:
        return told(request, Refused(reason), batch_url(batch))
    chosen = found.qs if found.active else None
    groups = Groups(handler, rule, request.user, chosen)
    if request.method == "POST" and "back" in request.POST:
        return _put_back(request, batch, groups)
    counts = groups.counts()
    form = DecisionForm(request.POST if request.method == "POST" else None, groups, counts, batch.revision)
    if request.method == "POST" and form.is_valid():
        return _settle(request, batch, groups, form.cleaned_data)
    return render(request, "shared.html", _context(batch, groups, counts, form, found))


def _filter(request: HttpRequest, batch: Any, handler: BatchHandler) -> RowFilter:
    """Return the filter that the page was asked with."""
    query = request.POST.get("filter", "") if request.method == "POST" else request.GET.urlencode()
    rows = visible_rows(handler, request.user)
    return RowFilter(QueryDict(query), handler, rows, figures(batch, request.user))


def _settle(request: HttpRequest, batch: Any, groups: Groups, choice: dict[str, Any]) -> HttpResponse:
    try:
        n = actions.settle(
            batch, request.user, groups.rule.code, keep=choice["keep"], by=choice.get("by", ""), others=choice["others"],
            rows=groups.chosen, revision=choice["revision"], door=actions.PAGE,
        )  # fmt: skip
    except BatchError as error:
        return told(request, error, reverse("batches:shared", args=[batch.pk, groups.rule.code]))
    if choice["others"] == EXCLUDE:
        done = ngettext("%(n)s row was excluded.", "%(n)s rows were excluded.", n)
    else:
        done = ngettext("%(n)s row gave way.", "%(n)s rows gave way.", n)
    messages.success(request, done % {"n": whole(n)})
    return go(request, batch_url(batch))


def _put_back(request: HttpRequest, batch: Any, groups: Groups) -> HttpResponse:
    text = request.POST.get("revision", "")
    revision = int(text[:10]) if text.isascii() and text.isdigit() else -1
    try:
        n = actions.put_back(
            batch, request.user, groups.rule.code, rows=groups.chosen, revision=revision, door=actions.PAGE
        )
    except BatchError as error:
        return told(request, error, reverse("batches:shared", args=[batch.pk, groups.rule.code]))
    done = ngettext("%(n)s row has it back.", "%(n)s rows have it back.", n)
    messages.success(request, done % {"n": whole(n)})
    return go(request, batch_url(batch))


def _context(
    batch: Any, groups: Groups, counts: dict[str, int], form: DecisionForm, found: RowFilter
) -> dict[str, Any]:
    handler, rule = groups.handler, groups.rule
    given_up = groups.given_up().count() if rule.gives_up else 0
    label = capfirst(handler.label(rule.fields[0]))
    heads, samples = _samples(groups)
    everything = Groups(handler, rule, None).counts()["groups"] if groups.scope and not found.active else 0
    return header(
        batch, handler, form=form, rule=rule, label=label, message=handler.message({"code": rule.code, "field": rule.fields[0]}),
        groups=counts["groups"], figures=[
            (_("groups"), whole(counts["groups"])), (_("rows in them"), whole(counts["rows"])),
            (_("others than the one that is kept"), whole(counts["rows"] - counts["groups"])),
        ],
        held=counts["held"], held_words=whole(counts["held"]), heads=heads, samples=samples, given_up=given_up,
        given_up_words=whole(given_up), filter_query=found.query(), said=said(found) if found.active else [],
        hidden=max(everything - counts["groups"], 0), revision=batch.revision, subtitle=_("Shared: %(label)s") % {"label": label},
    )  # fmt: skip


def _samples(groups: Groups) -> tuple[list[tuple[str, bool]], list[list[dict[str, Any]]]]:
    """Return headings, with whether the column holds numbers, and rows of some groups, so that it is seen what is decided."""
    handler = groups.handler
    sampled = groups.samples(SAMPLE_GROUPS, SAMPLE_ROWS)
    by_pk = handler.rows().in_bulk([pk for pks in sampled for pk in pks])
    fields = {f.name: f for f in grid_fields(handler)}
    names = [name for name, f in fields.items() if not f.link][:SAMPLE_FIELDS]
    names += [name for name in comparable(handler, groups.rule) if name not in names][:2]
    numbers = {name: isinstance(model_field(handler, name), NUMBERS) for name in names}
    heads = [
        (fields[name].label if name in fields else capfirst(handler.label(name)), number)
        for name, number in numbers.items()
    ]
    return heads, [
        [
            {
                "row": by_pk[pk],
                "cells": [(shown(getattr(by_pk[pk], name)), number) for name, number in numbers.items()],
            }
            for pk in pks
            if pk in by_pk
        ]
        for pks in sampled
    ]

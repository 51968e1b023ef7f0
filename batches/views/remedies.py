"""One remedy for many rows: names that nobody knows, each mapped once to one that exists, and remembered for the next file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count, Min, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from .. import actions
from ..actions.values import folded
from ..exceptions import BatchError
from ..findings import BUILT_IN
from ..grid import editable_fields, visible_rows
from ..groups import rule_of, rule_that_gave_up
from ..handlers import BatchHandler
from ..paging import cursor
from ..pipeline import Lookup
from ..saved_values import fold, seen_by
from ..states import BEFORE
from ..words import whole
from .base import batch_page, batch_url, go, header, must_have_right, render, told

SHOWN_VALUES = 100
SHOWN_NAMES = 500


@dataclass(frozen=True)
class Remedy(ABC):
    """Values of one field of the row that mean nothing here; `row_field` is the one that people correct."""

    code: str
    noted_on: str
    row_field: str

    @abstractmethod
    def names(self, handler: BatchHandler) -> list[str]:
        """Return the names that exist, or the first of them."""

    @abstractmethod
    def named(self, handler: BatchHandler, name: str) -> str | None:
        """Return the name that a person means, or None."""

    def rows(self, handler: BatchHandler, user: Any) -> QuerySet:
        """Return the rows whose value is unknown."""
        noted = [{"code": self.code, "field": self.noted_on}]
        found = visible_rows(handler, user).filter(issues__contains=noted, status__in=BEFORE)
        return found.filter(**{f"{self.row_field}__isnull": False})


@dataclass(frozen=True)
class LookupRemedy(Remedy):
    """A look-up that found nothing for some values."""

    lookup: Lookup
    target_field: str

    def _targets(self, handler: BatchHandler) -> QuerySet:
        model = handler.row_model._meta.get_field(self.lookup.to).related_model
        found = model._default_manager.order_by(self.target_field)  # type: ignore[union-attr]
        return found if self.lookup.where is None else found.filter(self.lookup.where)

    def names(self, handler: BatchHandler) -> list[str]:
        """Return the names of the targets that exist."""
        return list(self._targets(handler).values_list(self.target_field, flat=True)[: SHOWN_NAMES + 1])

    def named(self, handler: BatchHandler, name: str) -> str | None:
        """Return a name as it is spelt where it exists, if the look-up would find it."""
        if "\0" in name:  # nothing is called so, and the database refuses to be asked
            return None
        how = "iexact" if self.lookup.fold else "exact"
        found = self._targets(handler).filter(**{f"{self.target_field}__{how}": name})
        return found.values_list(self.target_field, flat=True).first()

    def rows(self, handler: BatchHandler, user: Any) -> QuerySet:
        """Return the rows whose value is unknown."""
        return super().rows(handler, user).filter(**{f"{self.lookup.to}__isnull": True})


@dataclass(frozen=True)
class ChoiceRemedy(Remedy):
    """A field of production that takes some values only."""

    choices: tuple[tuple[str, str], ...]

    def names(self, handler: BatchHandler) -> list[str]:
        """Return the values that production takes."""
        return [value for value, _label in self.choices]

    def named(self, handler: BatchHandler, name: str) -> str | None:
        """Return the value that a person means, who may write its label."""
        meant = {fold(label): value for value, label in self.choices}
        meant |= {fold(value): value for value, _label in self.choices}
        return meant.get(fold(name))


@dataclass(frozen=True)
class Offer:
    """The page on which one decision mends all rows with a finding; `filtered` tells that it heeds the filter of the rows."""

    label: str
    url: str
    filtered: bool = False


def remedy_for(handler: BatchHandler, code: str, field: str) -> Offer | None:
    """Return where all rows with a finding can be mended at once, or None."""
    number = handler.batch.pk
    if rule_of(handler, code) is not None:
        return Offer(_("Decide for all"), reverse("batches:shared", args=[number, code]), filtered=True)
    rule = rule_that_gave_up(handler, code, field)
    if rule is not None:
        return Offer(_("Put back"), reverse("batches:shared", args=[number, rule.code]))
    if code == "remembered":
        return Offer(_("What is remembered"), reverse("batches:remembered", args=[number]))
    if remedy_of(handler, code, field) is not None:
        return Offer(_("Map the values"), reverse("batches:unknown", args=[number, code, field]))
    return None


def remedy_of(handler: BatchHandler, code: str, field: str) -> Remedy | None:
    """Return the remedy for a finding, or None if it is not about a name that stands for something."""
    if code == "not_a_choice":
        return _choice_remedy(handler, field)
    if (
        code in BUILT_IN
        or f"{code}/{field}" not in handler.all_findings
        or field not in editable_fields(handler)
    ):
        return None
    when = handler.all_findings[f"{code}/{field}"].when
    for lookup in handler.all_lookups:
        # What is wrong with the text of a key (its check digit) is not mended by the name of something else.
        if code != lookup.missing and not _asks(when, f"{lookup.to}__isnull"):
            continue
        for alternative in lookup.by:
            if list(alternative.values()) == [field]:
                return LookupRemedy(code, field, field, lookup, next(iter(alternative)))
    return None


def _choice_remedy(handler: BatchHandler, field: str) -> ChoiceRemedy | None:
    """Return the remedy for values of a field that production does not take."""
    editable = editable_fields(handler)
    mine = next((name for name in (field, field.removeprefix("new_")) if name in editable), None)
    for target in handler.targets.values():
        for name, row_field in target.written().items():
            model_field: Any = target.model._meta.get_field(name)
            if row_field == field and mine is not None and getattr(model_field, "choices", None):
                pairs = tuple(
                    (str(v), str(label)) for v, label in model_field.flatchoices if v not in ("", None)
                )
                return ChoiceRemedy("not_a_choice", field, mine, pairs)
    return None


def _asks(when: Any, name: str) -> bool:
    """Tell whether a condition asks something by this name."""
    if isinstance(when, Q):
        return any(_asks(child, name) for child in when.children)
    return isinstance(when, tuple) and when[0] == name


@require_http_methods(["GET", "POST"])
@batch_page
def unknown(request: HttpRequest, batch: Any, handler: BatchHandler, code: str, field: str) -> HttpResponse:
    """Show the unknown values with their numbers; map those that were given a name, in all their rows."""
    must_have_right(request, handler, "edit")
    remedy = remedy_of(handler, code, field)
    if remedy is None:
        raise Http404(_("There is no such finding."))
    reason = actions.why_not(batch, "edit", request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    given = _given(request)
    meant = {value: remedy.named(handler, name) for value, name in given.items()}
    errors = _refused_names(handler, remedy, {v: given[v] for v, name in meant.items() if name is None})
    if given and not errors:
        try:
            n = actions.map_values(
                batch, request.user, remedy.rows(handler, request.user), remedy.row_field,
                {value: name for value, name in meant.items() if name is not None},
                remember="remember" in request.POST and _is_read(handler, remedy.row_field), door=actions.PAGE,
            )  # fmt: skip
        except BatchError as error:
            return told(request, error, reverse("batches:unknown", args=[batch.pk, code, field]))
        messages.success(request, _mapped(n))
        return go(request, batch_url(batch))
    return render(request, "unknown.html", _context(request, batch, handler, remedy, given, errors))


def _is_read(handler: BatchHandler, field: str) -> bool:
    """Tell whether a field comes from a file, so that the sender's next one can have the same texts."""
    return handler.reads_file and any(column.field == field for column in handler.get_columns())


def _mapped(n: int) -> str:
    """Return what was done, as a sentence."""
    one, many = "%(n)s row was given a name that exists.", "%(n)s rows were given a name that exists."
    return ngettext(one, many, n) % {"n": whole(n)}


def _given(request: HttpRequest) -> dict[str, str]:
    """Return unknown value -> name chosen for it."""
    values, names = request.POST.getlist("value"), request.POST.getlist("name")
    pairs = zip(values[:SHOWN_VALUES], names[:SHOWN_VALUES], strict=False)
    return {value: name.strip() for value, name in pairs if name.strip()}


def _refused_names(handler: BatchHandler, remedy: Remedy, given: dict[str, str]) -> dict[str, str]:
    """Return value -> why its name cannot be taken."""
    label = handler.label(remedy.row_field)
    sentence = _("There is no %(label)s %(name)r; choose one that exists.")
    return {value: sentence % {"label": label, "name": name} for value, name in given.items()}


def _context(
    request: HttpRequest,
    batch: Any,
    handler: BatchHandler,
    remedy: Remedy,
    given: dict[str, str],
    errors: dict[str, str],
) -> dict[str, Any]:
    rows = remedy.rows(handler, request.user).order_by()
    counted = (
        rows.annotate(folded_text=folded(remedy.row_field))
        .values("folded_text")
        .annotate(n=Count("pk"), shown=Min(remedy.row_field))
        .order_by("-n", "folded_text")
        .values_list("shown", "n")
    )
    values = list(counted[: SHOWN_VALUES + 1])
    names = remedy.names(handler)
    label = handler.label(remedy.row_field)
    read = _is_read(handler, remedy.row_field)
    return header(
        batch, handler, label=label, code=remedy.code, names=names[:SHOWN_NAMES], names_more=len(names) > SHOWN_NAMES,
        values=[(v, whole(n), given.get(str(v), ""), errors.get(str(v))) for v, n in values[:SHOWN_VALUES]],
        values_more=len(values) > SHOWN_VALUES, errors=errors, may_remember=read, sender=handler.source_of() if read else "",
        remember="remember" in request.POST if request.method == "POST" else True,
        remembered=seen_by(handler, request.user).filter(field=remedy.row_field).count() if read else 0,
        subtitle=_("Unknown values of “%(label)s”") % {"label": label},
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@batch_page
def remembered(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show what names in the files of the batch's sender stand for; forget one."""
    must_have_right(request, handler, "edit")
    reason = actions.why_not(batch, "edit", request.user)
    if reason:
        return told(request, BatchError(reason), batch_url(batch))
    here = reverse("batches:remembered", args=[batch.pk])
    if request.method == "POST":
        try:
            text = actions.forget_value(
                batch, request.user, cursor(request.POST.get("forget")) or 0, door=actions.PAGE
            )
        except BatchError as error:
            return told(request, error, here)
        messages.success(request, _("%(text)s stands for nothing any more.") % {"text": text})
        return go(request, here)
    found = list(seen_by(handler, request.user).order_by("field", "text")[: SHOWN_NAMES + 1])
    context = header(
        batch, handler, values=[(handler.label(saved.field), saved) for saved in found[:SHOWN_NAMES]],
        values_more=len(found) > SHOWN_NAMES, sender=handler.source_of(), subtitle=_("What is remembered"),
    )  # fmt: skip
    return render(request, "remembered.html", context)

"""One remedy for many rows: names that nobody knows, each mapped once to one that exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from .. import actions
from ..exceptions import BatchError, Refused
from ..files import CellError
from ..findings import BUILT_IN
from ..grid import editable_fields, visible_rows
from ..groups import rule_of, rule_that_gave_up
from ..handlers import BatchHandler
from ..pipeline import Lookup
from ..states import BEFORE
from ..words import whole
from .base import batch_page, batch_url, go, header, must_have_right, render, told

SHOWN_VALUES = 100
SHOWN_NAMES = 500


@dataclass(frozen=True)
class Remedy:
    """A look-up that found nothing for some values of one field of the row."""

    code: str
    lookup: Lookup
    target_field: str
    row_field: str

    def names(self, handler: BatchHandler) -> QuerySet:
        """Return the targets that exist."""
        model = handler.row_model._meta.get_field(self.lookup.to).related_model
        found = model._default_manager.order_by(self.target_field)  # type: ignore[union-attr]
        return found if self.lookup.where is None else found.filter(self.lookup.where)

    def exists(self, handler: BatchHandler, name: str) -> bool:
        """Tell whether a name exists, as the look-up would find it."""
        how = "iexact" if self.lookup.fold else "exact"
        return self.names(handler).filter(**{f"{self.target_field}__{how}": name}).exists()

    def rows(self, handler: BatchHandler, user: Any) -> QuerySet:
        """Return the rows whose value is unknown."""
        noted = [{"code": self.code, "field": self.row_field}]
        found = visible_rows(handler, user).filter(issues__contains=noted, status__in=BEFORE)
        return found.filter(**{f"{self.lookup.to}__isnull": True, f"{self.row_field}__isnull": False})


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
    if remedy_of(handler, code, field) is not None:
        return Offer(_("Map the values"), reverse("batches:unknown", args=[number, code, field]))
    return None


def remedy_of(handler: BatchHandler, code: str, field: str) -> Remedy | None:
    """Return the remedy for a finding, or None if it is not about a name by which the type looks something up."""
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
                return Remedy(code, lookup, next(iter(alternative)), field)
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
    errors: dict[str, str] = {}
    given = _given(request)
    if request.method == "POST":
        errors = _refused_names(handler, remedy, given)
        if given and not errors:
            try:
                n = _map(request, batch, handler, remedy, given)
            except (BatchError, CellError, ValidationError) as error:
                sentence = (
                    str(error)
                    if isinstance(error, BatchError)
                    else " ".join(getattr(error, "messages", [str(error)]))
                )
                return told(
                    request, Refused(sentence), reverse("batches:unknown", args=[batch.pk, code, field])
                )
            messages.success(request, _mapped(n))
            return go(request, batch_url(batch))
    return render(request, "unknown.html", _context(request, batch, handler, remedy, given, errors))


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
    return {
        value: _("There is no %(label)s %(name)r; choose one that exists.") % {"label": label, "name": name}
        for value, name in given.items()
        if not remedy.exists(handler, name)
    }


def _map(
    request: HttpRequest, batch: Any, handler: BatchHandler, remedy: Remedy, given: dict[str, str]
) -> int:
    changed = 0
    for value, name in given.items():
        rows = remedy.rows(handler, request.user).filter(**{remedy.row_field: value})
        changed += actions.set_value(batch, request.user, rows, remedy.row_field, name, door=actions.PAGE)
    return changed


def _context(
    request: HttpRequest,
    batch: Any,
    handler: BatchHandler,
    remedy: Remedy,
    given: dict[str, str],
    errors: dict[str, str],
) -> dict[str, Any]:
    rows = remedy.rows(handler, request.user).order_by()
    counted = rows.values_list(remedy.row_field).annotate(n=Count("pk")).order_by("-n", remedy.row_field)
    values = list(counted[: SHOWN_VALUES + 1])
    names = list(remedy.names(handler).values_list(remedy.target_field, flat=True)[: SHOWN_NAMES + 1])
    label = handler.label(remedy.row_field)
    return header(
        batch, handler, label=label, code=remedy.code, names=names[:SHOWN_NAMES], names_more=len(names) > SHOWN_NAMES,
        values=[(v, whole(n), given.get(str(v), ""), errors.get(str(v))) for v, n in values[:SHOWN_VALUES]],
        values_more=len(values) > SHOWN_VALUES, errors=errors,
        subtitle=_("Unknown values of “%(label)s”") % {"label": label},
    )  # fmt: skip

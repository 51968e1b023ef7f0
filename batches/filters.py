"""Filters of the grid. Only what stands here can be asked of rows: no look-up of the sender's own."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from . import choosing
from .handlers import BatchHandler
from .states import COMMON, RowAction, RowStatus, Severity
from .words import whole

ACTIONS = [(a.value, a.label) for a in RowAction if a.value] + [("none", RowAction.NONE.label)]
COUNTED_TO = 10_000


class RowFilter(django_filters.FilterSet):
    """The filters that every type has."""

    status = django_filters.ChoiceFilter(label=_("Stands"), choices=RowStatus.choices, empty_label=_("all"))
    action = django_filters.ChoiceFilter(
        label=_("Does"), choices=ACTIONS, empty_label=_("all"), method="by_action"
    )
    excluded = django_filters.ChoiceFilter(
        label=_("Excluded"),
        choices=[("no", _("no")), ("yes", _("yes"))],
        empty_label=_("all"),
        method="by_excluded",
    )
    finding = django_filters.CharFilter(
        label=_("Finding"), method="by_finding", max_length=120, widget=forms.HiddenInput, strip=True
    )
    q = django_filters.CharFilter(
        label=_("Search"), method="by_text", max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Search the rows")}),
    )  # fmt: skip

    def __init__(
        self, data: Any, handler: BatchHandler, rows: QuerySet, figures: dict[str, Any] | None = None
    ) -> None:
        self.handler = handler
        self.figures = figures or {}
        super().__init__(data, rows)

    @property
    def active(self) -> dict[str, str]:
        """Return the filters in force: name -> value."""
        data = self.data or {}
        return {name: data[name] for name in self.base_filters if (data.get(name) or "").strip()}

    def why_not(self, others: bool = False) -> str | None:
        """Return that what was asked for is no filter (a sentence), or None; with `others` it may stand among other parameters."""
        unknown = not others and any(name not in self.base_filters for name in self.data)
        if unknown or not self.is_valid():
            return str(_("This filter is not understood; choose the rows again."))
        return None

    def query(self) -> str:
        """Return the filters in force as a query string."""
        made = QueryDict(mutable=True)
        made.update(self.active)
        return made.urlencode()

    def by_action(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Keep the rows that do something to production."""
        return choosing.by_action(rows, value)

    def by_excluded(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Keep the excluded rows, or the others."""
        return choosing.by_excluded(rows, value)

    def by_finding(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Keep the rows with a finding, "code" or "code:field"."""
        group = self.group(value)
        if group and group["severity"] == Severity.ERROR:
            # Such a row never has a common status, so the small index over the others serves.
            rows = rows.filter(~Q(status__in=COMMON))
        return choosing.by_finding(rows, value)

    def by_text(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Keep the rows that hold a text in a field that the type lets be searched."""
        return choosing.by_text(self.handler, rows, value)

    def group(self, value: str) -> dict[str, Any] | None:
        """Return the group of findings that a value of the filter `finding` names."""
        return next((g for g in self.figures.get("issues", []) if value in (g["code"], group_key(g))), None)

    def count(self) -> tuple[int, bool]:
        """Return how many rows match, and whether there are more than that; no count without need."""
        known = self._known()
        if known is not None:
            return known, False
        found = self.qs.order_by()[: COUNTED_TO + 1].count()
        return min(found, COUNTED_TO), found > COUNTED_TO

    def count_words(self) -> str:
        """Return how many rows match, as it is shown."""
        found, more = self.count()
        return f"> {whole(found)}" if more else whole(found)

    def _known(self) -> int | None:
        """Return the count if the figures have it."""
        active, data = self.active, self.figures
        if not data:
            return None
        if not active:
            return data["total"]
        included = data.get("included", {})
        if active.get("excluded") == "no" and "status" in active and len(active) == 2:
            return included.get(active["status"], 0)
        # Actions are counted of the rows that nobody excluded; where nothing is excluded, those are all.
        included_only = active.get("excluded") == "no" or ("excluded" not in active and not data["excluded"])
        if included_only and set(active) - {"excluded"} == {"action"}:
            return data["actions"].get(active["action"], 0)
        if active == {"excluded": "yes"}:
            return data["excluded"]
        if set(active) == {"finding"} and ":" in active["finding"]:
            groups = {group_key(group): group["n"] for group in data["issues"]}
            return groups.get(active["finding"], 0)
        if set(active) == {"status"}:
            return data["counts"].get(active["status"], 0)
        return None


def group_key(group: dict[str, Any]) -> str:
    """Return the value by which the filter `finding` names a group of findings."""
    return f"{group['code']}:{group['field']}"

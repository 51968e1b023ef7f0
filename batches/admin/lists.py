"""The list of batches of one type, with figures that cost one query a page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from ..models import Run
from ..registry import registry
from ..states import ACTIVE
from ..views.overview import kept_figures

MOST_NAMES = 50


class BatchList(ChangeList):
    """Gives each batch of the page the figures that were counted already, and its run."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        batches = list(self.result_list)
        handler = registry.for_model(self.model)
        kept = kept_figures([(b.pk, b.revision, handler) for b in batches], request.user)
        runs = {
            r.batch_id: r for r in Run.objects.filter(batch_id__in=[b.pk for b in batches], state__in=ACTIVE)
        }
        for batch in batches:
            batch.kept_figures = kept.get(batch.pk)
            batch.active_run = runs.get(batch.pk)
        self.result_list = batches


class MadeBy(admin.SimpleListFilter):
    """Who made it, from the names that batches of the type carry."""

    title = gettext_lazy("who made it")
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = model_admin.model._default_manager.order_by("created_by_name").values_list(
            "created_by_name", flat=True
        )
        return [(name, name) for name in names.distinct()[:MOST_NAMES] if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        return queryset.filter(created_by_name=self.value()) if self.value() else None

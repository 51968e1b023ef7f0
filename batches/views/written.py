"""What a batch's runs wrote to production: every object, out of the journal."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from .. import journal
from ..exceptions import BatchError
from ..handlers import BatchHandler
from ..history import written
from ..models import Run
from ..paging import cursor
from ..states import RunKind
from ..undo import touched_models
from .base import batch_page, batch_url, header, of_purged, render, told

LINES = 100


@require_safe
@batch_page
@of_purged
def listed(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """List the objects that a run of the batch wrote to, with each field before and after."""
    if handler.scope(request.user):
        reason = _("You see only a part of this batch's rows, so that what all of them wrote is not shown.")
        return told(request, BatchError(reason), batch_url(batch))
    kinds = [RunKind.EXECUTE, RunKind.REVERT]
    runs = list(Run.objects.filter(batch_id=batch.pk, kind__in=kinds, started__isnull=False).order_by("-pk"))
    run = _chosen(request.GET.get("run"), runs)
    found = [m for m in touched_models([run.pk], handler.using) if _may_see(request, m)] if run else []
    model = _model(request.GET.get("of", ""), found)
    lines: list[dict[str, Any]] = []
    after = cursor(request.GET.get("after")) or 0
    if run is not None and model is not None:
        lines = _lines(model, run, after)
    context = header(
        batch, handler, subtitle=_("What it wrote"), runs=runs, run=run, lines=lines[:LINES],
        model=model and model._meta.label_lower, models=[(m._meta.label_lower, m._meta.verbose_name_plural) for m in found],
        older=lines[LINES - 1]["entry"].id if len(lines) > LINES else None, newest=not after,
        history_gone=batch.ref.journal_purged,
    )  # fmt: skip
    return render(request, "written.html", context)


def _chosen(given: str | None, runs: list[Run]) -> Run | None:
    """Return the run that is asked for, else the latest. Raises Http404 for one of another batch."""
    if given is None:
        return runs[0] if runs else None
    for run in runs:
        if str(run.pk) == given:
            return run
    raise Http404


def _model(given: str, found: list[type[models.Model]]) -> type[models.Model] | None:
    """Return the model that is asked for, else the first: what refers to the others. Raises Http404 for another one."""
    if not given:
        return found[0] if found else None
    try:
        model = apps.get_model(given)
    except (LookupError, ValueError):
        raise Http404 from None
    if model not in found:
        raise Http404
    return model


def _may_see(request: HttpRequest, model: type[models.Model]) -> bool:
    meta = model._meta
    user: Any = request.user
    return any(user.has_perm(f"{meta.app_label}.{right}_{meta.model_name}") for right in ("view", "change"))


def _lines(model: type[models.Model], run: Run, after: int) -> list[dict[str, Any]]:
    entries = written(model, run.pk, after, LINES + 1)
    there = model._base_manager.in_bulk([key for key, _entry in entries])
    return [
        {
            "entry": entry,
            "key": key,
            "label": there.get(key),
            "url": _url(model, key) if key in there else None,
        }
        for key, entry in entries
    ]


def _url(model: type[models.Model], key: Any) -> str | None:
    """Return the address of an object's history in the admin."""
    if model not in admin.site._registry or not journal.is_tracked(model):
        return None
    try:
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_history", args=[key])
    except NoReverseMatch:
        return None

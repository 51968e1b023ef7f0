"""All types together: what waits, what runs, what was executed lately, and what can be made."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, F, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from .. import rights
from ..models import BatchNumber, Run, Summary
from ..registry import registry
from ..rights import scope_key
from ..states import ACTIVE, ONLY_READS, RunState, Status
from ..words import completeness, standing, state_css
from .base import batch_url, load, render
from .page import progress_of

SHOWN = 25
FIELDS = (
    "pk",
    "status",
    "description",
    "created",
    "created_by_name",
    "executed",
    "executed_by_name",
    "revision",
)


@require_safe
def to_batch(request: HttpRequest, number: int) -> HttpResponse:
    """Send the address of a number to its batch's page."""
    return HttpResponseRedirect(batch_url(load(request, number), request.GET.urlencode()))


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show what waits for the user, what runs, and what was executed lately."""
    user = request.user
    types = [handler for handler in registry.all() if rights.may_view(handler.model, user)]
    waiting = _listed(types, _waiting, "-created", user)
    executed = _listed(
        types, lambda h, u: h.model._default_manager.filter(status=Status.EXECUTED), "-executed", user
    )
    keys = [handler.key for handler in types]
    runs = (
        Run.objects.filter(state__in=ACTIVE, batch__type__in=keys)
        .select_related("batch")
        .order_by("-pk")[:SHOWN]
    )
    titles = {handler.key: str(handler.title or handler.model._meta.verbose_name) for handler in types}
    return render(
        request,
        "overview.html",
        {
            "title": _("Batches"),
            "waiting": waiting[:SHOWN], "waiting_more": len(waiting) > SHOWN,
            "executed": executed[:SHOWN], "executed_more": len(executed) > SHOWN,
            "running": [
                {"run": run, "type": titles[run.batch.type], "url": batch_url(run.batch_id), **(progress_of(run) or {})}
                for run in runs
            ],
            "makes": [
                {"title": titles[h.key], "about": h.description, "url": _url(h.model, "add"), "file": h(h.model()).reads_file}
                for h in types
                if rights.may(h.model, "populate", user)
            ],
            "lists": [{"title": str(h.model._meta.verbose_name_plural), "url": _url(h.model, "changelist")} for h in types],
        },
    )  # fmt: skip


def _url(model: Any, page: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")


def _waiting(handler: Any, user: Any) -> QuerySet:
    """Return batches of a type with which the user can go on: one's own drafts, and what is in review or ready."""
    batches = handler.model._default_manager.open()
    mine = batches.filter(status=Status.DRAFT, created_by=user)
    if any(rights.may(handler.model, verb, user) for verb in ("edit", "execute")):
        return mine | batches.exclude(status=Status.DRAFT)
    return mine


def _listed(types: list[Any], question: Any, order: str, user: Any) -> list[dict[str, Any]]:
    """Return the newest batches of all types that a question finds, with one query, and their figures with another."""
    querysets = [
        question(handler, user).order_by().annotate(key=Value(handler.key), name=_file_name(handler)).values("key", "name", *FIELDS)
        for handler in types
    ]  # fmt: skip
    if not querysets:
        return []
    newest = [queryset.order_by(order)[: SHOWN + 1] for queryset in querysets]
    together = newest[0].union(*newest[1:]).order_by(order)[: SHOWN + 1] if len(newest) > 1 else newest[0]
    found = list(together)
    by_key = {handler.key: handler for handler in types}
    kept = kept_figures([(entry["pk"], entry["revision"], by_key[entry["key"]]) for entry in found], user)
    for entry in found:
        model = by_key[entry["key"]].model
        data = kept.get(entry["pk"])
        entry["type"] = str(by_key[entry["key"]].title or model._meta.verbose_name)
        entry["number"] = f"{entry['pk']:08d}"
        entry["url"] = reverse(
            f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[entry["pk"]]
        )
        entry["state"] = completeness(entry["status"], data)
        entry["css"] = state_css(entry["status"], data)
        entry["rows"] = data["total"] if data else None
        entry["standing"] = standing(data) if entry["status"] in (Status.REVIEW, Status.READY) else []
    return found


def _file_name(handler: Any) -> F | Value:
    """Return what tells batches without a description apart: the name of the file, if the type has one."""
    has_file = any(field.name == "original_name" for field in handler.model._meta.get_fields())
    return F("original_name") if has_file else Value("", output_field=CharField())


def kept_figures(batches: list[tuple[int, int, Any]], user: Any) -> dict[int, dict[str, Any]]:
    """Return the figures that were counted already, of (number, revision, handler class): two queries and no counting."""
    scopes = {
        handler: scope_key(handler(handler.model(), user=user).scope(user)) for _n, _r, handler in batches
    }
    wanted = {number: (revision, scopes[handler]) for number, revision, handler in batches}
    found = Summary.objects.filter(batch_id__in=list(wanted), batch__purge_begun=None)
    kept = {s.batch_id: s.data for s in found if wanted[s.batch_id] == (s.revision, s.scope)}
    if len(kept) < len(wanted):
        gone = BatchNumber.objects.filter(pk__in=wanted.keys() - kept.keys(), purge_begun__isnull=False)
        kept |= dict(gone.values_list("pk", "figures"))
    # What nobody looked at yet: the counts that the last run left, where nothing changed since.
    missing = [number for number, (_revision, scope) in wanted.items() if number not in kept and not scope]
    # A run that only read tells of an older revision.
    done = Run.objects.filter(batch_id__in=missing, state=RunState.SUCCEEDED).exclude(kind__in=ONLY_READS)
    runs = done.order_by("batch_id", "-pk")
    for run in runs.distinct("batch_id"):
        if run.params.get("revision") == wanted[run.batch_id][0] - 1:
            kept[run.batch_id] = {"counts": run.counts, "total": sum(run.counts.values())}
    return kept

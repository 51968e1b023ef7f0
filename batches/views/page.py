"""The batch page: where it stands, what can be done, its figures, findings and rows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from .. import rights
from ..artifacts import of_person
from ..chunked import step_counts
from ..conf import conf
from ..figures import figures, not_rows, of_records
from ..filters import RowFilter, group_key
from ..grid import editable_fields, grid_fields, sort_fields, visible_rows, with_changes
from ..handlers import BatchHandler
from ..lease import is_silent
from ..models import Event, Run, Unreadable
from ..paging import Paging, cursor
from ..retention import gone_sentence
from ..states import ACTIVE, RowStatus, RunState, Status
from ..tables import RowTable, shown
from ..words import completeness, outcomes, state_css, whole
from .base import batch_page, header, of_purged, render
from .outbox import outbox_shown
from .reading import mapping_context
from .remedies import remedy_for
from .rows import said
from .tiles import tiles
from .verbs import buttons

EVENTS = 20
LEFT = (RowStatus.OK, RowStatus.WARNING, RowStatus.CONFLICT, RowStatus.FAILED)
UNREADABLE = 20
SAVED = 10


@require_safe
@batch_page
@of_purged
def show(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show a batch: a draft's mapping, a run's progress, the rows under review, or what is left where they are removed."""
    if batch.ref.is_purged:
        return _purged(request, batch, handler)
    run = Run.objects.filter(batch_id=batch.pk).order_by("-pk").first()
    active = run if run is not None and run.is_active else None
    events = _events(batch.pk)
    change = "prepare" if batch.status == Status.DRAFT else "edit"
    context = header(
        batch, handler, active=active, ended=_ended_badly(run), progress=_progress_shown(active),
        may_edit_options=rights.why_not(batch, change, request.user, run=active, looked=True) is None,
        options=_options(batch, handler), events=events,
        may_stop=rights.may_stop(type(batch), request.user, active),
        may_pause=active is not None and rights.why_not(batch, "pause", request.user, run=active, looked=True) is None,
        withdrawn=_withdrawn(batch, events), moved_to=_moved_to(batch),
    )  # fmt: skip
    if batch.status == Status.DRAFT and active is None:
        context["buttons"] = buttons(batch, handler, request.user, active, None)
        context["state"] = completeness(batch.status, None)
        context["state_css"] = state_css(batch.status, None)
        if handler.reads_file:
            return render(request, "mapping.html", context | mapping_context(request, batch, handler))
        return render(request, "draft.html", context)
    context |= review_context(request, batch, handler, active)
    context |= _saved_files(batch, handler, run, context["data"])
    context |= _going_on(batch, request.user, active, context["data"])
    context["outbox"] = outbox_shown(batch, handler)
    context["may_deliver"] = rights.may(type(batch), "deliver", request.user)
    return render(request, "batch.html", context)


def _purged(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show what is left of a batch whose rows are removed: what it was, its figures and its log."""
    data = figures(batch)
    context = header(
        batch, handler, options=_options(batch, handler), events=_events(batch.pk), gone=gone_sentence(batch.ref),
        history_gone=batch.ref.journal_purged, state=completeness(batch.status, data), state_css=state_css(batch.status, data),
        buttons=buttons(batch, handler, request.user, None, data), total_words=whole(data.get("total", 0)),
        stood=[(status.label, status.value, whole(n)) for status in RowStatus if (n := data["counts"].get(status.value))],
    )  # fmt: skip
    return render(request, "purged.html", context)


def _moved_to(batch: Any) -> list[int]:
    """Return the batches that rows were moved to from this one."""
    if not batch.is_part:
        return []
    made = type(batch)._default_manager.filter(source_batch=batch.pk, pk__in=batch.parts())
    return list(made.order_by("pk").values_list("pk", flat=True))


def _going_on(batch: Any, user: Any, active: Run | None, data: dict[str, Any]) -> dict[str, bool]:
    """Return whether a paused run, or what an execution left, may go on, and whether the latter may be closed.

    The figures tell first whether anything is left: to look for it among a million written rows takes a second.
    """
    left = batch.status == Status.EXECUTED and any(data["counts"].get(status) for status in LEFT)
    offers = {"may_go_on": "resume", "may_retry": "retry", "may_carry_on": "carry_on", "may_close": "close"}
    return {
        name: (left or (active is not None and verb == "resume"))
        and rights.may(type(batch), verb, user)
        and rights.why_not(batch, verb, user, run=active, looked=True) is None
        for name, verb in offers.items()
    }


def review_context(
    request: HttpRequest, batch: Any, handler: BatchHandler, active: Run | None
) -> dict[str, Any]:
    """Return what the reviewing part of the page shows."""
    data = figures(batch, request.user)
    found = RowFilter(request.GET, handler, visible_rows(handler, request.user), data)
    review = active is None and batch.status == Status.REVIEW
    context: dict[str, Any] = {
        "data": data,
        "state": completeness(batch.status, data),
        "state_css": state_css(batch.status, data),
        "buttons": buttons(batch, handler, request.user, active, data),
        "tiles": tiles(data, found.active, handler),
        "groups": [_group(group, found.active, handler, review) for group in data["issues"]],
        "filter": found,
        "filter_query": found.query(),
        "may_edit": review and rights.may(type(batch), "edit", request.user),
        "may_change_all": review
        and rights.may(type(batch), "bulk_change", request.user)
        and bool(editable_fields(handler)),
        "may_split": review and bool(found.active) and rights.may(type(batch), "split", request.user),
        "may_add_row": review and rights.why_not(batch, "add_row", request.user, looked=True) is None,
        "may_read_again": review and rights.why_not(batch, "repopulate", request.user, looked=True) is None,
        "may_undo_some": active is None
        and batch.status == Status.EXECUTED
        and bool(found.active)
        and rights.may(type(batch), "revert", request.user),
        "review": review,
        "downloads": [
            (kind.upper(), reverse(f"batches:rows_{kind}", args=[batch.pk])) for kind in ("csv", "xlsx")
        ],
        "total_words": whole(data["total"]),
        "unreadable": Unreadable.objects.filter(batch_id=batch.pk, dropped=False)[:UNREADABLE]
        if data["unreadable"] and rights.may_have_file(handler)
        else [],
        "dropped_records": data.get("dropped", 0) if rights.may_have_file(handler) else 0,
        "not_rows": not_rows(batch),
        "of_records": of_records(batch),
        "unreadable_count": whole(data["unreadable"]),
        "unreadable_more": data["unreadable"] > UNREADABLE,
    }
    if batch.status != Status.POPULATING:
        context |= _grid(request, handler, found)
    return context


def _grid(request: HttpRequest, handler: BatchHandler, found: RowFilter) -> dict[str, Any]:
    """Return the page of rows that the query string asks for."""
    sort = request.GET.get("sort", "")
    if sort.removeprefix("-") not in ("sequence", *sort_fields(handler)):
        sort = ""
    valid = found.is_valid()
    rows = with_changes(
        found.qs if valid else visible_rows(handler, request.user).none(), grid_fields(handler)
    )
    paging = Paging(rows, handler.rows(), sort, conf("PAGE_ROWS"))
    page = paging.page(
        after=cursor(request.GET.get("after")), before=cursor(request.GET.get("before")), start=cursor(request.GET.get("from"))
    )  # fmt: skip
    return {
        "table": RowTable.for_handler(handler, page.rows, request.GET),
        "page": page,
        "row_errors": [] if valid else [error for errors in found.form.errors.values() for error in errors],
        "sort": sort,
        "links": _links(request, page),
        "count_words": found.count_words() if valid else "0",
        "here": _here(request),
    }


def _links(request: HttpRequest, page: Any) -> dict[str, str]:
    """Return the query strings of the pages around this one."""
    base = request.GET.copy()
    for name in ("after", "before", "from"):
        base.pop(name, None)
    links = {"first": "?" + base.urlencode()}
    if page.has_previous and page.first is not None:
        links["previous"] = "?" + _with(base, "before", page.first)
    if page.has_next:
        links["next"] = "?" + _with(base, "after", page.last)
    last = base.copy()
    last["before"] = str(2**31 - 1)
    if not request.GET.get("sort"):
        links["last"] = "?" + last.urlencode()
    return links


def _with(base: Any, name: str, value: int) -> str:
    made = base.copy()
    made[name] = str(value)
    return made.urlencode()


def _here(request: HttpRequest) -> str:
    """Return the query string of this view of the rows, for forms that come back to it."""
    kept = request.GET.copy()
    for name in list(kept):
        if name not in (*RowFilter.base_filters, "sort", "after", "before", "from"):
            kept.pop(name)
    return kept.urlencode()


def _group(
    group: dict[str, Any], active: dict[str, str], handler: BatchHandler, review: bool
) -> dict[str, Any]:
    """Return a group of findings as it is shown."""
    icon, word = handler.severity_word(group)
    key = group_key(group)
    return {
        **group,
        "key": key,
        "chosen": active.get("finding") == key,
        "icon": icon,
        "word": word,
        "n_words": whole(group["n"]),
        # Without its parameters a sentence keeps their places; one that has none is the same in all rows.
        "varies": group["n"] > 1
        and "%(" in handler.message({"code": group["code"], "field": group["field"]}),
        "remedy": remedy_for(handler, group["code"], group["field"]) if review else None,
    }


def _ended_badly(run: Run | None) -> Run | None:
    """Return the last run if it was stopped or failed, so that its sentence is shown."""
    return run if run is not None and run.state in (RunState.FAILED, RunState.STOPPED) else None


def _saved_files(batch: Any, handler: BatchHandler, run: Run | None, data: dict[str, Any]) -> dict[str, Any]:
    """Return the files that were made for this person, and which of them is what the last run did."""
    made: list[Any] = list(of_person(handler)[:SAVED])
    for file in made:
        found = RowFilter(file.filter, handler, handler.rows().none(), data)
        file.filter_words = "; ".join(f"{label}: {value}" for label, value in said(found)) or _("all rows")
        file.rows_words = whole(file.rows)
    done = run is not None and run.state == RunState.SUCCEEDED
    return {
        "artifacts": made,
        "just_saved": next((file for file in made if done and run is not None and file.run == run.pk), None),
    }


def _withdrawn(batch: Any, events: list[Event]) -> Event | None:
    """Return the entry of the log that says who gave the batch up and why."""
    if batch.status != Status.WITHDRAWN:
        return None
    return next((e for e in events if e.verb == "withdraw" and not (e.data or {}).get("refused")), None)


def _options(batch: Any, handler: BatchHandler) -> list[tuple[str, Any]]:
    """Return the type's options with their values."""
    found = []
    for name in handler.options:
        field = batch._meta.get_field(name)
        display = getattr(batch, f"get_{name}_display", None)
        found.append((str(field.verbose_name), shown(display() if display else getattr(batch, name))))
    return found


def _events(number: int, before: int | None = None, limit: int = EVENTS) -> list[Event]:
    entries = Event.objects.filter(batch=number).order_by("-pk")
    return list((entries if before is None else entries.filter(pk__lt=before))[:limit])


# ---- progress


def progress_of(run: Run | None) -> dict[str, Any] | None:
    """Return how far a run is: done, total, rows a second, time left."""
    if run is None:
        return None
    seconds = (timezone.now() - run.started).total_seconds() if run.started else 0
    rate = run.done / seconds if seconds > 1 and run.done else 0
    silent = is_silent(run)
    resting = silent or run.state in (RunState.PAUSED, RunState.PAUSING)
    left = (
        (run.total - run.done) / rate if rate and not resting and run.total and run.total > run.done else None
    )
    return {
        "run": run,
        "label": run.get_kind_display(),
        "state": RunState.INTERRUPTED.label if silent else run.get_state_display(),
        "done": whole(run.done),
        "total": whole(run.total) if run.total else "",
        "value": run.done,
        "max": run.total or 0,
        "rate": whole(round(rate)) if rate >= 1 and not resting else "",
        "left": _duration(left) if left is not None else "",
        "waiting": run.state == RunState.QUEUED,
        "blocked": "" if silent else _blocked(run),
        "paused": run.state == RunState.PAUSED,
        "stopping": run.state == RunState.STOPPING,
    }


def _blocked(run: Run) -> str:
    """Return who waits for what a run locks, and what comes of it."""
    if not run.blocked or run.state not in (RunState.RUNNING, RunState.PAUSING, RunState.STOPPING):
        return ""
    if run.is_chunked:
        one, many = (
            "%(n)s other waits for what it locks: it holds back.",
            "%(n)s others wait for what it locks: it holds back.",
        )
    else:
        one, many = (
            "%(n)s other waits for what it locks, until all is written.",
            "%(n)s others wait for what it locks, until all is written.",
        )
    return ngettext(one, many, run.blocked) % {"n": whole(run.blocked)}


def _progress_shown(run: Run | None) -> dict[str, Any] | None:
    """Return how far a run is, and what became of the rows that it is through with, if it works in chunks."""
    shown = progress_of(run)
    if shown is not None and run is not None and run.is_chunked:
        shown["outcomes"] = outcomes(step_counts(run))
    return shown


def _duration(seconds: float) -> str:
    """Return a time left in words; nobody needs it to the second."""
    if seconds < 60:
        return _("less than a minute")
    minutes = round(seconds / 60)
    return (
        _("about %(n)d min") % {"n": minutes}
        if minutes < 90
        else _("about %(n)d h") % {"n": round(minutes / 60)}
    )


@require_safe
@batch_page
def progress(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show how far the run is; once it has ended, reload the page."""
    run = Run.objects.filter(batch_id=batch.pk, state__in=ACTIVE).order_by("-pk").first()
    if run is None:
        return HttpResponseClientRefresh()
    return render(request, "parts/progress.html", {"progress": _progress_shown(run), "batch": batch})


@require_safe
@batch_page
def summary(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show tiles and findings again after a row was corrected in place."""
    run = rights.active_run(batch)
    context = header(batch, handler) | review_context(request, batch, handler, run)
    return render(request, "parts/summary.html", context)


@require_safe
@batch_page
@of_purged
def history(request: HttpRequest, batch: Any, handler: BatchHandler) -> HttpResponse:
    """Show the whole log of a batch."""
    before = cursor(request.GET.get("before"))
    events = _events(batch.pk, before, 101)
    more = events[99].pk if len(events) > 100 else None
    context = header(
        batch, handler, events=events[:100], older=more, newest=before is None, subtitle=_("Log")
    )
    return render(request, "history_of_batch.html", context)

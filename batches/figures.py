"""Counts and findings of a batch: rebuilt for each revision, never counted up."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.db import IntegrityError
from django.db.models import Count, Q
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from . import sql
from .files.uses import columns_of
from .handlers import BatchHandler
from .models import BatchBase, Run, Summary, Unreadable
from .outbox import outbox_of
from .registry import registry
from .retention import gone_sentence, held_sentence
from .rights import scope_key
from .states import EFFECTIVE, RowAction, RowStatus, Severity
from .words import whole

FIRST_ROWS = 5
SEVERITY_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTICE: 2}


def figures(batch: BatchBase, user: Any = None) -> dict[str, Any]:
    """Return counts (row status -> n), actions, excluded, total and grouped findings of what `user` may see."""
    gone = batch.ref.kept_figures()
    if gone is not None:
        return gone
    handler = registry.for_model(type(batch))(batch, user=user)
    scope = handler.scope(user) if user is not None else Q()
    key = scope_key(scope)
    kept = Summary.objects.filter(batch_id=batch.pk, scope=key).first()
    if kept is not None and kept.revision == batch.revision:
        return kept.data
    data = _count(handler, scope)
    # Where somebody deletes the batch meanwhile, there is nothing to keep them for.
    with suppress(IntegrityError):
        Summary.objects.update_or_create(
            batch_id=batch.pk, scope=key, defaults={"revision": batch.revision, "data": data}
        )
    return data


def _count(handler: BatchHandler, scope: Q) -> dict[str, Any]:
    rows = handler.rows().order_by().filter(scope)
    counts: dict[str, int] = {}
    actions: dict[str, int] = {}
    parts: dict[str, int] = {}
    included: dict[str, int] = {}
    excluded = total = 0
    for status, action, removed, n in rows.values_list("status", "action", "removed").annotate(n=Count("pk")):
        counts[status] = counts.get(status, 0) + n
        total += n
        if removed:
            excluded += n
        else:
            included[status] = included.get(status, 0) + n
            actions[action or "none"] = actions.get(action or "none", 0) + n
            if status == RowStatus.APPLIED or (status in EFFECTIVE and action != RowAction.UNCHANGED):
                parts[action or "none"] = parts.get(action or "none", 0) + n
    left = dict(
        Unreadable.objects.filter(batch_id=handler.batch.pk)
        .order_by()
        .values_list("dropped")
        .annotate(n=Count("pk"))
    )
    return {
        "total": total,
        "counts": counts,
        "included": included,
        "actions": actions,
        "taking_part": parts,
        "excluded": excluded,
        "issues": _issues(handler, rows),
        "unreadable": left.get(False, 0),
        "dropped": left.get(True, 0),
    }


def _issues(handler: BatchHandler, rows: Any) -> list[dict[str, Any]]:
    """Return the findings grouped by cause: code, field, severity, n, first rows, and the sentence of the first."""
    flagged = sql.compiled(
        rows.filter(issues__isnull=False).values_list("sequence", "issues", "removed"), handler.using
    )
    found = sql.fetch(
        handler.using,
        "SELECT e ->> 'code', COALESCE(e ->> 'field', ''), e ->> 'severity', count(*), (array_agg(q.sequence))[1:50],"
        f" min(q.sequence), count(*) FILTER (WHERE q.removed) FROM ({flagged.text}) AS q(sequence, issues, removed),"
        " jsonb_array_elements(q.issues) e GROUP BY 1, 2, 3",
        flagged.params,
    )
    first_rows = dict(
        handler.rows().filter(sequence__in=[group[5] for group in found]).values_list("sequence", "issues")
    )
    groups = []
    for code, field, severity, n, some, first, removed in found:
        entry = next(
            (e for e in first_rows.get(first) or [] if e["code"] == code and e.get("field", "") == field),
            {"code": code, "field": field},
        )
        groups.append(
            {
                "code": code,
                "field": field,
                "label": handler.label(field) if field else "",
                "severity": severity,
                "n": n,
                "excluded": removed,
                "message": handler.message(entry),
                "rows": sorted(some)[:FIRST_ROWS],
            }
        )
    return sorted(groups, key=lambda g: (SEVERITY_ORDER.get(g["severity"], 3), -g["n"], g["code"]))


def unreadable(batch: BatchBase, limit: int | None = None) -> list[dict[str, Any]]:
    """Return the records that could not become rows: row in the file, text, reason."""
    records = Unreadable.objects.filter(batch_id=batch.pk)
    return [
        {
            "row": r.source_row,
            "column": str(r.params.get("column", "")),
            "value": r.text,
            "code": r.code,
            "reason": r.message,
            "dropped": r.dropped,
        }
        for r in (records[:limit] if limit else records)
    ]


def run_json(run: Run | None) -> dict[str, Any] | None:
    """Return a run as it is printed."""
    if run is None:
        return None
    return {
        "id": run.pk,
        "kind": run.kind,
        "state": run.state,
        "attempt": run.attempt,
        "done": run.done,
        "total": run.total,
        "error": run.error,
        "counts": run.counts,
        "requested_by": run.requested_by_name,
        "started": run.started.isoformat() if run.started else None,
        "finished": run.finished.isoformat() if run.finished else None,
    }


def not_read(batch: BatchBase) -> list[str]:
    """Return the headings of the batch's file that no field was mapped to."""
    mapped = columns_of(getattr(batch, "mapping", {}))
    return [h for h in getattr(batch, "reading", {}).get("headings", []) if h not in mapped]


def of_records(batch: BatchBase) -> str:
    """Return of what `not_rows` speaks: the records of the batch's file, or those that were moved here from another batch."""
    if batch.was_split_off:
        return _("Of %(n)s records that were moved here:") % {"n": whole(batch.records or 0)}
    in_file = (batch.records or 0) + getattr(batch, "ignored_records", 0)
    return _("Of %(n)s records in the file:") % {"n": whole(in_file)}


def not_rows(batch: BatchBase) -> str:
    """Return in sentences which records of the batch's file are no rows of it: left out before, or moved to another batch."""
    moved = batch.ref.moved_records
    one, many = "%(n)s record was moved to another batch.", "%(n)s records were moved to another batch."
    said = ngettext(one, many, moved) % {"n": whole(moved)} if moved else ""
    return f"{_left_out(batch)} {said}".strip()


def _left_out(batch: BatchBase) -> str:
    """Return in a sentence what of the batch's file was left out before there were rows; "" where nothing was."""
    if batch.records is None or batch.was_split_off:
        # What is left out of a file is told of the batch that read it.
        return ""
    at_end = min(getattr(batch, "reading", {}).get("skip_end", 0), getattr(batch, "ignored_records", 0))
    above = getattr(batch, "ignored_records", 0) - at_end
    columns = getattr(batch, "reading", {}).get("dropped_columns", 0)
    found = [
        (batch.blank_records, ngettext("%(n)s blank row", "%(n)s blank rows", batch.blank_records)),
        (above, ngettext("%(n)s row above the data", "%(n)s rows above the data", above)),
        (at_end, ngettext("%(n)s row of totals", "%(n)s rows of totals", at_end)),
        (columns, ngettext("%(n)s empty column", "%(n)s empty columns", columns)),
    ]
    words = [text % {"n": whole(n)} for n, text in found if n]
    template = ngettext("%(what)s was left out.", "%(what)s were left out.", sum(n for n, _text in found))
    return template % {"what": get_text_list(words, _("and"))} if words else ""


def rows_added(batch: BatchBase) -> int:
    """Return how many rows of a batch made from a file are no record of it: added by hand, or by the type."""
    if batch.records is None or batch.ref.is_purged:
        return 0
    handler = registry.for_model(type(batch))(batch)
    return int(handler.rows().order_by().filter(source_row=None).count())


def batch_json(batch: BatchBase, user: Any = None) -> dict[str, Any]:
    """Return a batch as the commands print it."""
    handler = registry.for_model(type(batch))
    data = figures(batch, user)
    return {
        "number": batch.pk,
        "type": handler.key,
        "status": batch.status,
        "description": batch.description,
        "revision": batch.revision,
        "created": batch.created.isoformat() if batch.created else None,
        "created_by": batch.created_by_name,
        "executed": batch.executed.isoformat() if batch.executed else None,
        "executed_by": batch.executed_by_name,
        "held": held_sentence(batch.ref) if batch.ref.is_held else None,
        "purged": gone_sentence(batch.ref) if batch.ref.is_purged else None,
        "file": getattr(batch, "original_name", ""),
        "mapping": getattr(batch, "mapping", {}),
        "not_read": not_read(batch),
        "source_batch": batch.source_batch_id,
        "records": batch.records,
        "added": rows_added(batch),
        "blank": batch.blank_records,
        "moved": batch.ref.moved_records,
        "ignored": getattr(batch, "ignored_records", 0),
        "dropped_columns": getattr(batch, "reading", {}).get("dropped_columns", 0),
        "rows": data["total"],
        "excluded": data["excluded"],
        "counts": data["counts"],
        "actions": data["actions"],
        "issues": data["issues"],
        "unreadable": unreadable(batch),
        "deliveries": outbox_of(batch.pk).counts() if handler(batch).delivers else None,
        "run": run_json(Run.objects.filter(batch_id=batch.pk).order_by("-pk").first()),
    }

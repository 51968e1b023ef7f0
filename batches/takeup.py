"""Rows of an executed batch that take part in another run: those that failed, and those that were undone.

Such a run is an execution like the first one. A row stands as it did until the transaction that writes it, so that whatever dies
leaves it written, or standing as before.
"""

from __future__ import annotations

from typing import Any

from . import journal, rights, sql
from .changes import Target
from .choosing import choose
from .handlers import BatchHandler
from .models import Run
from .pipeline import status_of
from .sql import Sql, quote
from .states import RunKind

# Only an execution says that a row must be fixed and lets it take part: one with such a finding at review did not.
KEPT = "jsonb_path_query_array(COALESCE(r.issues, '[]'::jsonb), '$[*] ? (@.severity != \"error\")')"


def takes_up(run: Run) -> bool:
    """Tell whether a run is about rows that stood differently before."""
    return "again" in run.params


def to_be_taken_up(handler: BatchHandler, run: Run) -> Any:
    """Return the rows that a run takes up; none in one that is not about such rows."""
    if not takes_up(run):
        return handler.rows().none()
    again = run.params["again"]
    return choose(handler, rights.TAKES_UP[again["verb"]](handler), again["filter"])


def take_up(handler: BatchHandler, run: Run, first: int, last: int) -> None:
    """Let rows of a range take part again, without what was said of their failure, in the caller's transaction."""
    if not takes_up(run):
        return
    table, pk = sql.table(handler.row_model), sql.pk_column(handler.row_model)
    found = to_be_taken_up(handler, run).order_by().filter(sequence__range=(first, last))
    rows = sql.compiled(found.values_list("pk"), handler.using)
    for target in handler.targets.values():
        if target.creates and journal.is_tracked(target.model):
            link = f"r.{quote(target.link)}"
            there = (
                f"SELECT 1 FROM {sql.table(target.model)} t WHERE t.{sql.pk_column(target.model)} = {link}"
            )
            undone = _taken_away(handler, target, link)
            sql.run(
                handler.using,
                f"UPDATE {table} r SET {quote(target.link)} = NULL WHERE r.{pk} IN ({rows.text})"
                f" AND {link} IS NOT NULL AND NOT EXISTS ({there}) AND EXISTS ({undone.text})",
                (*rows.params, *undone.params),
            )
    sql.run(
        handler.using,
        f"UPDATE {table} r SET issues = {KEPT}, status = {status_of(KEPT, 'r.action')} WHERE r.{pk} IN ({rows.text})",
        rows.params,
    )


def _taken_away(handler: BatchHandler, target: Target, link: str) -> Sql:
    """Return the query whether an undo deleted what a row links to, so that it is made anew; what a person deleted stays deleted.

    What several rows share may have been made by another batch, and undone with it.
    """
    runs = Run.objects.using(handler.using).filter(kind=RunKind.REVERT)
    if not target.shared:
        runs = runs.filter(batch_id=handler.batch.pk)
    mine = sql.compiled(runs.order_by().values_list("pk"), handler.using)
    events, pk = sql.table(journal.event_model(target.model)), sql.pk_column(target.model)
    text = (
        f"SELECT 1 FROM {events} e WHERE e.{pk} = {link} AND e.pgh_label = %s AND e.pgh_run IN ({mine.text})"
    )
    return Sql(text, (journal.DELETE, *mine.params))


def reasons(handler: BatchHandler, rows: Any, limit: int = 20) -> list[dict[str, Any]]:
    """Return what stands on the first of some rows: for the log, as another try takes it off."""
    return [
        {"row": row.sequence, "text": failure_of(handler, row)} for row in rows.order_by("sequence")[:limit]
    ]


def failure_of(handler: BatchHandler, row: Any) -> str:
    """Return what stands on a row that was not written."""
    return "; ".join(handler.message(entry) for entry in row.issues or [])

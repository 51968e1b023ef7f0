"""Reading a batch's file again in place of its rows, with other answers; and what would come and go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max

from . import sql
from .conf import conf
from .handlers import BatchHandler
from .models import Event, Unreadable

OLD = "batch_rows_before"
ANSWERS = ("reading", "mapping", "options")


class _Undo(Exception):
    """Ends a trial."""


def take_answers(batch: Any, answers: Mapping[str, Any]) -> None:
    """Put onto the header how the file is read and mapped, and the options; what is not said stays."""
    for name, value in (answers.get("reading") or {}).items():
        setattr(batch, name, value)
    if answers.get("mapping") is not None:
        batch.mapping = answers["mapping"]
    for name, value in (answers.get("options") or {}).items():
        field: Any = batch._meta.get_field(name)
        setattr(batch, field.attname, field.to_python(value))


def empty(handler: BatchHandler) -> None:
    """Remove the rows and unreadable records of a batch, in the transaction that fills it anew."""
    sql.run(
        handler.using, f"DELETE FROM {sql.table(handler.row_model)} WHERE batch_id = %s", [handler.batch.pk]
    )
    Unreadable.objects.using(handler.using).filter(batch_id=handler.batch.pk).delete()


def fill(handler: BatchHandler, keeper: Any = None) -> None:
    """Fill the handler's batch and check its rows, in the caller's transaction."""
    handler.populate()
    if not handler.refreshes_in_sql:
        rows = handler.rows().order_by().aggregate(last=Max("sequence"))["last"] or 0
        if keeper is not None:
            keeper.total = rows
        for first in range(1, rows + 1, conf("PIECE_ROWS")):
            piece = handler.piece(first, min(first + conf("PIECE_ROWS") - 1, rows))
            handler.refresh(handler.piece_rows(piece, effective=False))
            handler.progress(piece.last)
    handler.check_peers()
    handler.refresh_batch()


def compared(handler: BatchHandler) -> dict[str, int]:
    """Return what filling anew makes of the rows: new, gone, changed, same, and what of people's work would be lost. All is undone."""
    found: dict[str, int] = {}
    try:
        with transaction.atomic(using=handler.using):
            before = _keep(handler)
            empty(handler)
            fill(handler)
            found = {**before, **_compare(handler)}
            raise _Undo
    except _Undo:
        return found


def _keep(handler: BatchHandler) -> dict[str, int]:
    """Copy the rows into a temporary table; return how many hold people's work."""
    table, batch = sql.table(handler.row_model), handler.batch.pk
    sql.run(handler.using, f"DROP TABLE IF EXISTS pg_temp.{OLD}")
    sql.run(
        handler.using,
        f"CREATE TEMP TABLE {OLD} ON COMMIT DROP AS SELECT * FROM {table} WHERE batch_id = %s",
        [batch],
    )
    touched, excluded, by_hand = sql.fetch(
        handler.using,
        "SELECT count(*) FILTER (WHERE version > 0 AND source_row IS NOT NULL), count(*) FILTER (WHERE removed),"
        f" count(*) FILTER (WHERE source_row IS NULL) FROM {OLD}",
    )[0]
    unreadable = Unreadable.objects.using(handler.using).filter(batch_id=batch)
    return {
        "touched": touched,
        "excluded": excluded,
        "by_hand": by_hand + _mended(batch),
        "dropped": unreadable.filter(dropped=True).count(),
    }


def _mended(batch: int) -> int:
    """Return how many unreadable records were mended into rows since the batch was filled: only the log tells them apart."""
    events = Event.objects.filter(batch=batch)
    fills = events.filter(verb__in=["populate", "repopulate"], data__has_key="counts")
    filled = fills.aggregate(last=Max("pk"))["last"] or 0
    return events.filter(pk__gt=filled, verb="edit", data__has_keys=["line", "text"]).count()


def _compare(handler: BatchHandler) -> dict[str, int]:
    """Compare the rows, by their line in the file, with those before; what is derived and what was found does not count."""
    columns = [sql.column(handler.row_model, column.field) for column in handler.get_columns()]
    mine = ", ".join(f"n.{c}" for c in columns)
    theirs = ", ".join(f"o.{c}" for c in columns)
    new, gone, changed, same = sql.fetch(
        handler.using,
        "SELECT count(*) FILTER (WHERE o.source_row IS NULL), count(*) FILTER (WHERE n.source_row IS NULL),"
        " count(*) FILTER (WHERE both_there AND differs), count(*) FILTER (WHERE both_there AND NOT differs)"
        f" FROM (SELECT * FROM {sql.table(handler.row_model)} WHERE batch_id = %s) n"
        f" FULL JOIN (SELECT * FROM {OLD} WHERE source_row IS NOT NULL) o ON n.source_row = o.source_row,"
        " LATERAL (SELECT n.source_row IS NOT NULL AND o.source_row IS NOT NULL AS both_there,"
        f" ROW({mine}, n.raw) IS DISTINCT FROM ROW({theirs}, o.raw) AS differs) d",
        [handler.batch.pk],
    )[0]
    by_hand = sql.fetch(handler.using, f"SELECT count(*) FROM {OLD} WHERE source_row IS NULL")[0][0]
    unreadable = Unreadable.objects.using(handler.using).filter(batch_id=handler.batch.pk).count()
    return {"new": new, "gone": gone + by_hand, "changed": changed, "same": same, "unreadable": unreadable}

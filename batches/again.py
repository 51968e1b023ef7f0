"""Reading a batch's file again in place of its rows, with other answers; and what would come and go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max, Q

from . import sql
from .filling import fill
from .handlers import BatchHandler
from .models import Event, Unreadable

OLD = "batch_rows_before"


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
    # A type may add rows of its own, excluded at first: nobody has changed those.
    by_hand = _by_hand(batch)
    touched, excluded = sql.fetch(
        handler.using,
        "SELECT count(*) FILTER (WHERE version > 0 AND sequence <> ALL(%s)), count(*) FILTER (WHERE version > 0 AND removed)"
        f" FROM {OLD}",
        [by_hand],
    )[0]
    unreadable = Unreadable.objects.using(handler.using).filter(batch_id=batch)
    return {
        "touched": touched,
        "excluded": excluded,
        "by_hand": len(by_hand),
        "dropped": unreadable.filter(dropped=True).count(),
    }


def _by_hand(batch: int) -> list[int]:
    """Return the numbers of the rows that were added or mended since the batch was filled: only the log tells them apart."""
    events = Event.objects.filter(batch=batch)
    fills = events.filter(verb__in=["populate", "repopulate"], data__has_key="counts")
    filled = fills.aggregate(last=Max("pk"))["last"] or 0
    added = Q(verb="add_row", data__has_key="row") | Q(verb="edit", data__has_keys=["row", "line", "text"])
    return list(events.filter(added, pk__gt=filled).values_list("data__row", flat=True))


def _compare(handler: BatchHandler) -> dict[str, int]:
    """Compare the rows, by their line in the file, with those before; what is derived and what was found does not count.

    Rows that have no line are compared by what they hold and what they point to.
    """
    names = [column.field for column in handler.get_columns()]
    columns = [sql.column(handler.row_model, name) for name in names]
    mine = ", ".join(f"n.{c}" for c in columns)
    theirs = ", ".join(f"o.{c}" for c in columns)
    now = f"SELECT * FROM {sql.table(handler.row_model)} WHERE batch_id = %s AND source_row IS"
    batch = handler.batch.pk
    new, gone, changed, same = sql.fetch(
        handler.using,
        "SELECT count(*) FILTER (WHERE o.source_row IS NULL), count(*) FILTER (WHERE n.source_row IS NULL),"
        " count(*) FILTER (WHERE both_there AND differs), count(*) FILTER (WHERE both_there AND NOT differs)"
        f" FROM ({now} NOT NULL) n"
        f" FULL JOIN (SELECT * FROM {OLD} WHERE source_row IS NOT NULL) o ON n.source_row = o.source_row,"
        " LATERAL (SELECT n.source_row IS NOT NULL AND o.source_row IS NOT NULL AS both_there,"
        f" ROW({mine}, n.raw) IS DISTINCT FROM ROW({theirs}, o.raw) AS differs) d",
        [batch],
    )[0]
    links = [f.column for f in sql.concrete(handler.row_model) if f.is_relation and f.name != "batch"]
    held = ", ".join(dict.fromkeys([*columns, *map(sql.quote, links)]))
    came, left, total = sql.fetch(
        handler.using,
        f"WITH n AS (SELECT {held} FROM ({now} NULL) q), o AS (SELECT {held} FROM {OLD} WHERE source_row IS NULL)"
        " SELECT (SELECT count(*) FROM (SELECT * FROM n EXCEPT ALL SELECT * FROM o) q),"
        " (SELECT count(*) FROM (SELECT * FROM o EXCEPT ALL SELECT * FROM n) q), (SELECT count(*) FROM n)",
        [batch],
    )[0]
    unreadable = Unreadable.objects.using(handler.using).filter(batch_id=batch).count()
    found = {"new": new + came, "gone": gone + left, "changed": changed, "same": same + total - came}
    return {**found, "unreadable": unreadable}

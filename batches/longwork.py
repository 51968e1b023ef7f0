"""Runs that are neither populate, refresh nor execute: what a person asked for of more rows than one waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from .artifacts import export, remove_leftovers
from .bulk import PIECE, Bulk, Said
from .corrections import staying_in_scope
from .exceptions import RunFailed
from .handlers import BatchHandler
from .ingest import last_sequence
from .models import Run
from .states import RunKind
from .undo import revert

LongWork = Callable[[BatchHandler, Run, Any], dict[str, Any]]


def bulk_change(handler: BatchHandler, run: Run, keeper: Any) -> dict[str, Any]:
    """Change one field of all rows that match, range by range; return what the log says of it."""
    bulk = Bulk(handler, Said(**run.params["said"]), run.params["filter"])
    found = bulk.counts().get("", 0)
    if found != run.params["expected"]:
        raise RunFailed(
            _(
                "%(expected)d rows matched when you pressed, now %(found)d do; nothing was written. Look again."
            )
            % {"expected": run.params["expected"], "found": found}
        )
    last = last_sequence(handler)
    keeper.total = last
    with staying_in_scope(handler):
        for first in range(1, last + 1, PIECE):
            end = min(first + PIECE - 1, last)
            bulk.write(first, end)
            keeper.progress(end)
    handler.check_peers()
    return {
        "rows": found,
        "change": bulk.said.to_json(),
        "filter": bulk.chosen,
        "said": bulk.sentence() + ".",
    }


# Kind of run -> what it does in its transaction.
LONG_WORK: dict[str, LongWork] = {
    RunKind.BULK_CHANGE: bulk_change,
    RunKind.EXPORT: export,
    RunKind.REVERT: revert,
}
# Kind of run -> how what lies outside the database goes when the run comes to nothing.
CLEAN_UP: dict[str, Callable[[Run], None]] = {RunKind.EXPORT: remove_leftovers}

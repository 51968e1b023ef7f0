"""Changing one field of all rows that match a filter: at once, or as a run where they are many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from ..bulk import Bulk, Said
from ..conf import conf
from ..corrections import staying_in_scope
from ..exceptions import Refused
from ..ingest import last_sequence
from ..log import CODE, Door
from ..models import BatchBase, Run
from .base import changing, must_be_as_expected
from .rows import LOGGED_ROWS
from .runs import begin


class Changed(NamedTuple):
    """How many rows are changed, and the run that does it where they are many."""

    rows: int
    run: Run | None = None


def bulk_change(
    batch: BatchBase,
    user: Any,
    said: Said,
    chosen: Mapping[str, str] | None = None,
    *,
    expected: int | None = None,
    revision: int | None = None,
    own: bool = False,
    door: Door = CODE,
) -> Changed:
    """Set, compute or clear one field in all rows that match the filter `chosen`, and check them. Raises Refused.

    `expected` is how many rows were said to change. More than `AT_ONCE_ROWS` are a run: for a worker, or with `own` for this
    process (call `work`).
    """
    with changing(batch, "bulk_change", user, door, revision=revision) as change:
        bulk = Bulk(change.handler, said, chosen or {})
        counts = bulk.counts()
        found = counts.get("", 0)
        must_be_as_expected(found, expected)
        if not found:
            raise Refused(why_nothing(bulk, counts))
        change.data = bulk_data(bulk, found)
        if sum(counts.values()) > conf("AT_ONCE_ROWS"):
            params = {"said": said.to_json(), "filter": bulk.chosen, "expected": found}
            run = begin(change, "bulk_change", user, door, own=own, params=params)
            change.comment = _("Started.")
        else:
            run = None
            with staying_in_scope(change.handler):
                pks = bulk.write(1, last_sequence(change.handler))
            change.handler.check_peers(pks if len(pks) <= LOGGED_ROWS else None)
            change.comment = bulk.sentence() + "."
            change.touched()
    return Changed(found, run)


def why_nothing(bulk: Bulk, counts: Mapping[str, int]) -> str:
    """Return why no row is changed."""
    reasons = "; ".join(f"{n}: {why}" for n, why in bulk.reasons(counts))
    if not reasons:
        return _("No row matches this filter, so nothing was changed.")
    return _("No row that matches can be changed (%(reasons)s).") % {"reasons": reasons}


def bulk_data(bulk: Bulk, found: int) -> dict[str, Any]:
    """Return what the log keeps: filter, field, value, how many, and the first rows before and after."""
    first = [
        {
            "row": number,
            "before": None if old is None else str(old),
            "after": None if new is None else str(new),
        }
        for number, old, new in bulk.sample()
    ]
    return {"rows": found, "change": bulk.said.to_json(), "filter": bulk.chosen, "first": first}

"""Taking what an execution found changed since review to a new batch, where somebody looks at it again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from .. import rights, sql
from ..choosing import choose
from ..conf import conf
from ..exceptions import BatchError, Refused
from ..filling import check_all
from ..handlers import BatchHandler
from ..log import CODE, Door
from ..models import BatchBase
from ..sql import quote
from ..states import RowAction, RowStatus, Status
from .base import Change, changing, handler_of, look_again
from .parts import Moved, count_records, log_both, new_part
from .runs import begin

logger = logging.getLogger("batches")
# Findings of the execution stay as something to look at: they say what was, is, and was wanted.
SEEN = """(SELECT jsonb_agg((e - 'own') || '{"severity": "warning", "keep": true}') FROM jsonb_array_elements(r.issues) e
 WHERE e ->> 'severity' = 'error')"""


def carry_on(
    batch: BatchBase, user: Any, chosen: Mapping[str, str] | None = None, *, door: Door = CODE
) -> Moved:
    """Copy the conflicts that match a filter to a new batch in review, checked against production as it is now. Raises Refused.

    In this batch they are left out for good, so that each is carried on once. More than `AT_ONCE_ROWS` rows are checked by a worker.
    """
    with changing(batch, "carry_on", user, door) as change:
        handler = change.handler
        rows = choose(handler, rights.conflicting_rows(handler).filter(handler.scope(user)), chosen or {})
        found = rows.count()
        if not found:
            raise Refused(_("No row that was changed since review matches the filter."))
        other = handler_of(new_part(change, user, status=Status.REVIEW), user)
        _copy(handler, rows, other.batch.pk)
        count_records(handler, other)
        comment = _("Carried on in batch %(number)s.") % {"number": other.batch.shown_number}
        # Those that were copied, whatever production has moved since: what a person may work on may be asked of it.
        copied = handler.rows().order_by().filter(sequence__in=other.rows().values("sequence"))
        found = copied.update(status=RowStatus.LEFT, removed_reason=comment)
        _check(other, user, door, found)
        log_both(
            change, "carry_on", other.batch, user, door, here=comment,
            there=_("Carries on what batch %(number)s found changed.") % {"number": batch.shown_number},
            data={"rows": found, "filter": dict(chosen or {})},
            # Until a worker has checked them, also if it is stopped, nobody executes them.
            more={} if found <= conf("AT_ONCE_ROWS") else {"recheck": True},
        )  # fmt: skip
    look_again(other.batch)
    return Moved(other.batch, found)


def _copy(handler: BatchHandler, rows: QuerySet, number: int) -> None:
    """Copy rows to another batch, as if nobody had executed them."""
    model = handler.row_model
    given = {
        "batch_id": ("%s", (number,)),
        "status": ("%s", (str(RowStatus.WARNING),)),
        "action": ("%s", (str(RowAction.NONE),)),
        "issues": (SEEN, ()),
        "applied_at": ("NULL", ()),
    }
    fields = [f for f in sql.concrete(model) if not f.primary_key]
    heads = ", ".join(quote(f.column) for f in fields)
    values = [given.get(str(f.column), (f"r.{quote(f.column)}", ())) for f in fields]
    mine = sql.compiled(rows.order_by().values_list("pk"), handler.using)
    table, pk = sql.table(model), sql.pk_column(model)
    sql.run(
        handler.using,
        f"INSERT INTO {table} ({heads}) SELECT {', '.join(text for text, _params in values)} FROM {table} r"
        f" WHERE r.{pk} IN ({mine.text}) ORDER BY r.sequence",
        (*(p for _text, params in values for p in params), *mine.params),
    )


def _check(other: BatchHandler, user: Any, door: Door, rows: int) -> None:
    """Check the copied rows against production as it is now: here if they are few, else by a run. Raises Refused."""
    if rows <= conf("AT_ONCE_ROWS"):
        try:
            check_all(other)
        except (BatchError, DatabaseError):
            raise
        except Exception as error:
            # As a rule a hook that counts on something which is gone by now; a run would say so as well.
            logger.exception(
                "batch %s: rows could not be checked in a new batch", other.batch.source_batch_id
            )
            words = {"type": type(error).__name__, "text": error}
            raise Refused(
                _("The rows could not be checked again (%(type)s: %(text)s), so none was taken.") % words
            ) from error
    else:
        begin(Change(other.batch, other), "refresh", user, door, own=False)
    other.batch.save()

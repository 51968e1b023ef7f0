"""Moving the rows of a filter to a new batch, so that each part goes its own way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from .. import rights
from ..choosing import choose
from ..exceptions import Refused
from ..handlers import BatchHandler
from ..log import CODE, Door, log, user_name
from ..models import BatchBase, BatchNumber, FileBatchMixin
from .base import Change, changing, handler_of, look_again, must_be_as_expected
from .rows import LOGGED_ROWS

# Columns of a header that are about the one batch alone; whatever else it holds goes for both parts.
OWN = frozenset({
    "ref", "status", "revision", "source_batch", "records", "blank_records", "ignored_records", "created", "created_by",
    "created_by_name", "executed", "executed_by", "executed_by_name", "reverted", "reverted_by", "reverted_by_name",
})  # fmt: skip


class Moved(NamedTuple):
    """The new batch, and how many rows it was given."""

    batch: Any
    rows: int


def split(
    batch: BatchBase,
    user: Any,
    chosen: Mapping[str, str] | None = None,
    *,
    expected: int | None = None,
    revision: int | None = None,
    door: Door = CODE,
) -> Moved:
    """Move the rows that match the filter `chosen` to a new batch in review, with all that people did to them. Raises Refused.

    `expected` is how many rows were said to move. Rows outside of what `user` may work on stay. A row keeps its number, so that
    what names it, in the log or in a finding, means the same row in either batch.
    """
    with changing(batch, "split", user, door, revision=revision) as change:
        handler = change.handler
        rows = choose(handler, handler.rows().filter(handler.scope(user)), chosen or {})
        found = rows.count()
        must_be_as_expected(found, expected)
        if not found:
            raise Refused(_("No row matches this filter, so nothing was moved."))
        if found == handler.rows().count():
            raise Refused(_("All rows match, so nothing would be left; choose a part of them."))
        first = list(rows.order_by("sequence").values_list("sequence", flat=True)[:LOGGED_ROWS])
        few = list(rows.values_list("pk", flat=True)[: LOGGED_ROWS + 1])
        other = handler_of(new_part(change, user), user)
        _move(handler, rows, other, found)
        _check_both(handler, other, few if len(few) <= LOGGED_ROWS else None)
        log_both(
            change, "split", other.batch, user, door,
            here=_("Moved to batch %(number)s.") % {"number": other.batch.shown_number},
            there=_("Moved here from batch %(number)s.") % {"number": batch.shown_number},
            data={"rows": found, "first": first, "filter": dict(chosen or {})},
            # Options that were changed since the rows were checked are so for the new batch too.
            more={"recheck": True} if rights.options_unchecked(change.batch) else {},
        )  # fmt: skip
    look_again(other.batch)
    return Moved(other.batch, found)


def new_part(change: Change, user: Any, status: str | None = None) -> Any:
    """Return a new batch like the one that is parted, without rows; the file in storage is that of both."""
    batch = change.batch
    batch.ref.part_of = batch.ref.part_of or batch.pk
    batch.ref.save(update_fields=["part_of"])
    ref = BatchNumber.objects.create(type=change.handler.key, part_of=batch.ref.part_of)
    given = {f.attname: f.value_from_object(batch) for f in batch._meta.concrete_fields if f.name not in OWN}
    if isinstance(batch, FileBatchMixin):
        given["file"] = batch.file.name
    made = type(batch)(
        **given, ref=ref, source_batch_id=batch.pk, status=status or batch.status, created_by=user,
        created_by_name=user_name(user)[:150],
    )  # fmt: skip
    made.save(force_insert=True)
    return made


def _move(handler: BatchHandler, rows: QuerySet, other: BatchHandler, found: int) -> None:
    """Give the rows to the other batch, and count the records of the file where they lie now."""
    mine = handler.rows().order_by().filter(pk__in=rows.order_by().values("pk"))
    # What a filter asks of production may be otherwise by now.
    must_be_as_expected(mine.update(batch=other.batch.pk), found)
    count_records(handler, other)
    if other.batch.records is None:
        return
    handler.batch.ref.moved_records += other.batch.records
    handler.batch.ref.save(update_fields=["moved_records"])


def count_records(handler: BatchHandler, other: BatchHandler) -> None:
    """Note how many records of the file lie in a new batch, if there is a file."""
    if handler.batch.records is not None:
        other.batch.records = other.rows().filter(source_row__isnull=False).count()


def _check_both(handler: BatchHandler, other: BatchHandler, few: list[int] | None) -> None:
    """Find anew what rows of one batch share, in both: who shared something with a row that left stands alone now."""
    handler.check_peers(few)
    other.check_peers()
    for part in (handler, other):
        part.refresh_batch()
    other.batch.save()


def log_both(
    change: Change,
    verb: str,
    made: BatchBase,
    user: Any,
    door: Door,
    *,
    here: str,
    there: str,
    data: dict[str, Any],
    more: dict[str, Any],
) -> None:
    """Write into the log of each batch where the other is; `more` is of the new one alone."""
    change.touched()
    change.comment, change.data = here, {**data, "to": made.pk}
    log(
        made, verb, user, door, new=made.status, comment=there, data={**data, "from": change.batch.pk, **more}
    )

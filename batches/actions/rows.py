"""Changing rows under review: correct one, exclude some or all that match, put them back."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from ..corrections import convert_cell, must_be_editable, must_be_in_scope, why_it_does_not_fit
from ..exceptions import BatchError, Refused, StaleEdit
from ..files import CellError
from ..handlers import BatchHandler
from ..log import CODE, Door
from ..models import BatchBase
from ..states import BEFORE
from .base import changing, must_be_as_expected, storable

LOGGED_ROWS = 100


class EditRefused(BatchError):
    """The value does not fit."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


def edit_row(
    batch: BatchBase,
    user: Any,
    row_id: int,
    values: dict[str, str],
    *,
    version: int | None = None,
    door: Door = CODE,
) -> Any:
    """Correct cells of one row (field -> text) and check it, and the rows that share something with it, at once.

    Returns the row. Raises StaleEdit if it changed since version `version`, EditRefused with a sentence for each field whose text
    cannot be converted, Refused.
    """
    with changing(batch, "edit", user, door) as change:
        handler = change.handler
        row = handler.rows().filter(handler.scope(user), pk=row_id).first()
        if row is None:
            raise Refused(_("This batch has no such row."))
        if version is not None and row.version != version:
            raise StaleEdit
        old = set_cells(handler, row, values)
        if not old:
            change.data = {"row": row.sequence}
            return row
        row.version += 1
        row.save()
        handler.recheck([row.pk])
        handler.check_peers([row.pk])
        must_be_in_scope(handler, row)
        change.touched()
        change.data = {"row": row.sequence, "changes": old}
        return handler.rows().get(pk=row_id)


def set_cells(handler: BatchHandler, row: Any, values: dict[str, str]) -> dict[str, list[str | None]]:
    """Set cells from text; return field -> [old, new]. Raises EditRefused, Refused for a field that may not be edited."""
    changes: dict[str, list[str | None]] = {}
    errors: dict[str, str] = {}
    for field, text in values.items():
        must_be_editable(handler, field)
        try:
            value, notice = convert_cell(handler, field, text.strip())
        except (CellError, ValidationError) as error:
            errors[field] = why_it_does_not_fit(error)
            continue
        before = (row.raw or {}).get(field, getattr(row, field))
        if before == value and field not in (row.raw or {}):
            continue
        changes[field] = [None if before is None else str(before), None if value is None else str(value)]
        setattr(row, field, value)
        row.raw = {k: v for k, v in (row.raw or {}).items() if k != field} or None
        kept = [
            e
            for e in row.issues or []
            if not (e.get("keep") and e.get("field") == field and e.get("severity"))
        ]
        row.issues = [*kept, *([notice] if notice else [])] or None
    if errors:
        raise EditRefused(errors)
    return changes


def exclude(
    batch: BatchBase,
    user: Any,
    rows: models.QuerySet,
    *,
    reason: str = "",
    expected: int | None = None,
    door: Door = CODE,
) -> int:
    """Leave rows out of the execution, with a reason. Returns how many. Raises Refused.

    `rows` may be any filter over the type's rows; those of other batches or outside the user's scope never count. With
    `expected`, nothing happens if the filter matches another number by now.
    """
    return _set_removed(batch, user, rows, True, reason, expected, door)


def include(
    batch: BatchBase, user: Any, rows: models.QuerySet, *, expected: int | None = None, door: Door = CODE
) -> int:
    """Let excluded rows take part again. Returns how many. Raises Refused."""
    return _set_removed(batch, user, rows, False, "", expected, door)


def _set_removed(
    batch: BatchBase,
    user: Any,
    rows: models.QuerySet,
    removed: bool,
    reason: str,
    expected: int | None,
    door: Door,
) -> int:
    storable(reason)
    with changing(batch, "exclude" if removed else "include", user, door) as change:
        handler = change.handler
        mine = rows.filter(
            handler.scope(user), batch=batch.pk, removed=not removed, status__in=BEFORE
        ).order_by("sequence")
        found = mine.count()
        must_be_as_expected(found, expected)
        some = list(mine.values_list("sequence", flat=True)[:LOGGED_ROWS])
        pks = list(mine.values_list("pk", flat=True)[: LOGGED_ROWS + 1])
        handler.rows().filter(pk__in=mine.order_by().values("pk")).update(
            removed=removed, removed_reason=reason[:200], version=models.F("version") + 1
        )
        handler.check_peers(pks if len(pks) <= LOGGED_ROWS else None)
        change.touched()
        change.comment = reason
        change.data = {"rows": found, "first": some}
    return found

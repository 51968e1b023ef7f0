"""Keeping a batch from being removed, and removing what ended long ago."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from .. import rights
from ..exceptions import Forbidden, Refused
from ..log import user_name
from ..models import BatchBase, BatchNumber
from ..purging import Elsewhere, Gone, Purge, Vanished
from ..retention import Standing, standings
from .base import CODE, Door, changing, handler_of, storable


def hold(batch: BatchBase, user: Any, *, reason: str = "", door: Door = CODE) -> None:
    """Keep everything of a batch until it is released; the reason is needed. Raises Refused."""
    with changing(batch, "hold", user, door) as change:
        reason = _reason(reason)
        if not reason:
            raise Refused(_("Say why the batch is held."))
        _note(change, held=Now(), held_by_name=user_name(user)[:150], held_reason=reason)
        change.comment = reason


def release(batch: BatchBase, user: Any, *, reason: str = "", door: Door = CODE) -> None:
    """Take a hold back. Raises Refused."""
    with changing(batch, "release", user, door) as change:
        change.comment = _reason(reason)
        change.data = {"held": change.batch.ref.held_reason}
        _note(change, held=None, held_by_name="", held_reason="")


def _reason(text: str) -> str:
    return " ".join(storable(text).split())[:200]


def _note(change: Any, **values: Any) -> None:
    numbers = BatchNumber.objects.using(change.handler.using)
    numbers.filter(pk=change.batch.pk).update(**values)


def purge(batch: BatchBase, user: Any, *, before: datetime | None = None, door: Door = CODE) -> Gone:
    """Remove of a batch what may go by now; return how much it was. Where it dies, the next call goes on.

    `before` stands in for the days that rows are kept; it never shortens the undo window. Raises Forbidden, Refused where nothing
    may go, and Elsewhere (nobody is waited for) where somebody works on the batch.
    """
    handler = handler_of(batch, user)
    if not rights.may(type(batch), "purge", user):
        raise Forbidden(rights.missing_right(handler, "purge", user))
    _due(handler, before)
    work = Purge(handler, user, door)
    try:
        standing = work.begin(lambda: _due(handler, before))
        if standing.rows:
            work.empty()
        if standing.journal:
            work.forget()
    except Vanished:
        # Somebody else came first.
        return work.gone
    return work.gone


def _due(handler: Any, before: datetime | None) -> Standing:
    """Return how a batch stands of which something may go now. Raises Elsewhere, Refused."""
    for standing in standings(type(handler), before=before, number=handler.batch.pk):
        if standing.in_use:
            raise Elsewhere(standing.why)
        if not standing.due:
            raise Refused(standing.why)
        return standing
    raise Refused(_("Nothing of it is left to go."))

"""Giving a batch up, and removing it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from .. import outbox, rights, sql
from ..artifacts import remove
from ..models import Artifact, BatchBase, BatchNumber, FileBatchMixin
from ..retention import stays
from ..states import RowStatus, Status
from .base import CODE, Door, changing, storable


def withdraw(batch: BatchBase, user: Any, *, door: Door = CODE, comment: str = "") -> None:
    """Give a batch up; it stays readable. Raises Refused."""
    with changing(batch, "withdraw", user, door) as change:
        change.batch.status = Status.WITHDRAWN
        change.comment = storable(comment)


def close(batch: BatchBase, user: Any, *, door: Door = CODE, reason: str = "") -> int:
    """Leave out for good the rows that were not written, and say why; return how many. Raises Refused.

    Rows outside of what `user` may work on stay as they are.
    """
    with changing(batch, "close", user, door) as change:
        rows = rights.unwritten_rows(change.handler).filter(change.handler.scope(user)).order_by()
        n = int(rows.update(status=RowStatus.LEFT, removed_reason=storable(reason)[:200]))
        change.touched()
        change.comment, change.data = storable(reason), {"rows": n}
    return n


def deliver(batch: BatchBase, user: Any, *, door: Door = CODE) -> int:
    """Let a worker, or who calls `outbox.send_due`, send at once what is not sent; return how many deliveries. Raises Refused."""
    with changing(batch, "deliver", user, door) as change:
        n = outbox.send_again(batch.pk, change.handler.using)
        change.comment, change.data = _("To be sent again."), {"deliveries": n}
    return n


def delete(batch: BatchBase, user: Any, *, door: Door = CODE) -> None:
    """Remove a batch with its rows and file; the log stays. Raises Refused."""
    _remove(batch, user, door, "delete")


def _remove(batch: BatchBase, user: Any, door: Door, verb: str) -> None:
    with changing(batch, verb, user, door) as change:
        model, handler = type(change.batch), change.handler
        change.data = {"description": change.batch.description, "rows": handler.rows().count()}
        change.gone = True
        file: Any = change.batch.file if isinstance(change.batch, FileBatchMixin) else None
        made = list(Artifact.objects.filter(batch_id=batch.pk).values_list("file", flat=True))
        sql.run(handler.using, f"DELETE FROM {sql.table(handler.row_model)} WHERE batch_id = %s", [batch.pk])
        model._default_manager.filter(pk=batch.pk).delete()
        BatchNumber.objects.filter(pk=batch.pk).delete()
        if file:
            # After commit: a file that is gone while the batch is not would be worse than one too many.
            transaction.on_commit(partial(remove_file, model, file))
        for name in made:
            transaction.on_commit(partial(remove, name))


def remove_file(model: type[BatchBase], file: Any) -> None:
    """Remove an uploaded file, after its batch was removed, unless another batch that is there to stay has it as well.

    Only a batch that is there can be split, so that once none has the file, none will. A purge that is on in one that has it may
    have looked before this batch was gone.
    """
    batches: Any = model._default_manager
    if not batches.filter(stays(), file=file.name).exists():
        file.storage.delete(file.name)


def discard(batch: BatchBase, user: Any, *, door: Door = CODE) -> None:
    """Remove a draft that could not be filled, for callers that were given a sentence instead of a batch."""
    if batch.status == Status.DRAFT:
        _remove(batch, user, door, "discard")

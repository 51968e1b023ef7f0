"""What every action shares: lock the batch, check right and state, change, log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connections, models, router, transaction
from django.utils.translation import gettext as _

from .. import rights, sql
from ..conf import conf
from ..corrections import storable
from ..exceptions import Forbidden, Refused
from ..handlers import BatchHandler
from ..log import CODE, PAGE, TASK, Door, log
from ..models import BatchBase, BatchNumber
from ..registry import registry

why_not = rights.why_not

__all__ = ["CODE", "PAGE", "TASK", "Change", "Door", "changing", "handler_of", "storable", "why_not"]


def handler_of(batch: BatchBase, user: Any = None) -> BatchHandler:
    """Return a handler for a batch."""
    return registry.for_model(type(batch))(batch, user=user)


def must_be_as_expected(found: int, expected: int | None) -> None:
    """Raise Refused if another number of rows matches than was shown."""
    if expected is not None and found != expected:
        raise Refused(
            _("%(expected)d rows matched when you pressed, now %(found)d do; look again.")
            % {"expected": expected, "found": found}
        )


class Change:
    """A batch under its lock, and what will be logged about the change."""

    def __init__(self, batch: Any, handler: BatchHandler) -> None:
        self.batch = batch
        self.handler = handler
        self.comment = ""
        self.data: dict[str, Any] = {}
        self.run: int | None = None
        self.gone = False

    def touched(self) -> None:
        """Count a change of rows or options."""
        self.batch.revision += 1


def look_again(found: models.Model) -> None:
    """Read a batch or a run anew, unless somebody has deleted the batch since; then it stays as it was seen last."""
    with suppress(ObjectDoesNotExist):
        found.refresh_from_db()


@contextmanager
def changing(
    batch: BatchBase, verb: str, user: Any, door: Door, *, revision: int | None = None
) -> Iterator[Change]:
    """Lock a batch, check that `user` may do `verb` with it now, let the block change it, save and log.

    Raises Forbidden or Refused with the sentence that the user reads, after the try is logged; then nothing is changed.
    """
    model = type(batch)
    using = router.db_for_write(model)
    alone = not connections[using].in_atomic_block
    try:
        with transaction.atomic(using=using):
            _check(batch, verb, user)
            lock_batch(batch, using, alone=alone)
            headers = model._default_manager.using(using).select_related("ref")
            fresh: Any = headers.filter(pk=batch.pk).first()
            if fresh is None:
                raise Refused(_("This batch was deleted."))
            _check(fresh, verb, user)
            if revision is not None and fresh.revision != revision:
                raise Refused(_("The batch changed since you looked at it; look again."))
            old = fresh.status
            change = Change(fresh, handler_of(fresh, user))
            yield change
            if not change.gone:
                fresh.save(using=using)
            log(
                fresh,
                verb,
                user,
                door,
                old=old,
                new="" if change.gone else fresh.status,
                run=change.run,
                comment=change.comment,
                data=change.data,
            )
            if not change.gone:
                # While nobody can delete it.
                batch.refresh_from_db()
    except Refused as refused:
        if model._default_manager.using(using).filter(pk=batch.pk).exists():
            log(batch, verb, user, door, old=batch.status, comment=str(refused), data={"refused": True})
        raise


def _check(batch: BatchBase, verb: str, user: Any) -> None:
    if not rights.may(type(batch), verb, user):
        raise Forbidden(rights.missing_right(handler_of(batch, user), verb, user))
    reason = rights.why_not(batch, verb, user)
    if reason:
        raise Refused(reason)


def lock_batch(batch: BatchBase, using: str, *, alone: bool = False) -> None:
    """Let nobody else work on the batch until the transaction ends. Raises Refused where somebody does.

    A transaction that is `alone`, in no other one of the caller's, loses its locks if this process hangs.
    """
    # To compile the long statement of a check takes seconds, to carry it out does not.
    sql.run(using, "SELECT set_config('lock_timeout', '5s', true), set_config('jit', 'off', true)")
    if alone:
        sql.end_if_idle(using, conf("IDLE_TIMEOUT_MS"))
    try:
        sql.fetch(
            using,
            f"SELECT number FROM {sql.table(BatchNumber)} WHERE number = %s FOR NO KEY UPDATE",
            [batch.pk],
        )
    except DatabaseError as error:
        if sql.sqlstate(error) == "55P03":
            raise Refused(
                _("Somebody else is working on this batch right now; try again in a moment.")
            ) from error
        raise

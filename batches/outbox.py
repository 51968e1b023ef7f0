"""The outbox: deliveries are written in the transaction of the work, and sent by whoever claims them after it.

Exactly once inside the database, at least once with a stable key outside. A claim is a moment on the database's clock until
which nobody else sends the lot, so that a dead sender's ends by itself. While a lot is sent its row is locked: an undo that comes
meanwhile waits, and then finds it sent; one that came first leaves nothing to send.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connections, router, transaction
from django.db.models import Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from . import sql
from .conf import conf
from .exceptions import BatchError, Rejected, RunFailed
from .handlers import BatchHandler
from .log import legible
from .models import Delivery, DeliveryLot, Run
from .states import WRITTEN
from .targets import DeliveryTarget, Parcel, find_target
from .words import whole
from .writes import Piece

logger = logging.getLogger("batches")
State = DeliveryLot.State
# Deliveries that are held in memory before they are written.
GATHERED = 20_000
LONGEST_WAIT = 3_600.0

# ---- written, in the transaction of the work


def enqueue(handler: BatchHandler, piece: Piece, run: Run, rows: QuerySet) -> None:
    """Write what rows of a piece have to tell, in the transaction that wrote the rows. Raises RunFailed for what no target is for."""
    names = handler.get_delivers_to()
    if not names:
        return
    try:
        targets = {name: find_target(name) for name in names}
    except BatchError as error:
        raise RunFailed(str(error)) from error
    parcels = _checked(handler.deliver(rows.order_by("sequence")), piece, targets)
    while some := list(islice(parcels, GATHERED)):
        _write(handler, run, some, targets)


def _checked(parcels: Iterable[Parcel], piece: Piece, targets: dict[str, DeliveryTarget]) -> Iterator[Parcel]:
    """Yield parcels that can be sent. Raises RunFailed for one that the type must not yield."""
    seen: set[tuple[int, str]] = set()
    for parcel in parcels:
        place = (parcel.sequence, parcel.target)
        if place in seen or parcel.target not in targets or not piece.first <= parcel.sequence <= piece.last:
            raise RunFailed(_fault(parcel, targets, twice=place in seen))
        seen.add(place)
        yield parcel


def _fault(parcel: Parcel, targets: dict[str, DeliveryTarget], *, twice: bool) -> str:
    """Return what is wrong with a parcel."""
    words = {"row": parcel.sequence, "target": parcel.target}
    if parcel.target not in targets:
        text = _(
            "Row %(row)d is delivered to %(target)r, which is not among the type's targets; correct deliver()."
        )
    elif twice:
        text = _("Row %(row)d is delivered to %(target)r twice; put all of it into one delivery.")
    else:
        text = _("deliver() was not given row %(row)d; it must speak of the rows that it gets.")
    return text % words


def _write(
    handler: BatchHandler, run: Run, parcels: list[Parcel], targets: dict[str, DeliveryTarget]
) -> None:
    """Write parcels as lots: those of a target in the order of the rows, as many as it takes at once."""
    lots: list[tuple[DeliveryLot, list[Parcel]]] = []
    for name, target in targets.items():
        mine = sorted((p for p in parcels if p.target == name), key=lambda parcel: parcel.sequence)
        for start in range(0, len(mine), target.most):
            some = mine[start : start + target.most]
            fields = list(dict.fromkeys(field for parcel in some for field in parcel.payload))
            lot = DeliveryLot(
                batch_id=handler.batch.pk, run=run.pk, target=name, key=_key(run, some[0]), names=fields, rows=len(some)
            )  # fmt: skip
            lots.append((lot, some))
    DeliveryLot.objects.using(handler.using).bulk_create([lot for lot, _some in lots])
    lines = (
        sql.copy_line([lot.pk, parcel.sequence, _key(run, parcel), parcel.payload])
        for lot, some in lots
        for parcel in some
    )
    sql.copy_in(handler.using, sql.table(Delivery), ["lot_id", "row", "key", "payload"], lines)


def _key(run: Run, parcel: Parcel) -> str:
    """Return a key that is the same whichever attempt of the run writes it and however often it is sent."""
    return f"{run.batch_id:08d}-{run.pk}-{parcel.sequence:06d}-{parcel.target}"


# ---- sent, by whoever claims it


class _TargetFailedError(Exception):
    """What a target raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def send_due(batch: int | None = None, more: Callable[[], bool] = lambda: True) -> int:
    """Send what is due, of one batch if given, while there is something and `more()` says so; return the lots that were sent."""
    sent = 0
    while more():
        claim = _claim(batch)
        if claim is None:
            break
        sent += _try(*claim)
    return sent


def _claim(batch: int | None) -> tuple[int, int, int] | None:
    """Take a lot for as long as sending may take; return it, its token, and which try it is. The first for a target goes first."""
    using = router.db_for_write(DeliveryLot)
    lots = sql.table(DeliveryLot)
    of_batch, params = ("AND l.batch_id = %s", [batch]) if batch is not None else ("", [])
    claimed = sql.fetch(
        using,
        f"UPDATE {lots} SET attempts = attempts + 1, next_try = clock_timestamp() + make_interval(secs => %s) WHERE id ="
        f" (SELECT l.id FROM {lots} l WHERE l.state = 'waiting' AND l.next_try <= clock_timestamp() {of_batch} AND NOT EXISTS"
        f" (SELECT 1 FROM {lots} e WHERE e.state = 'waiting' AND e.batch_id = l.batch_id AND e.target = l.target AND e.id < l.id)"
        " ORDER BY l.next_try, l.id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, attempts, attempts - tries_before",
        [conf("DELIVER_SECONDS"), *params],
    )
    return claimed[0] if claimed else None


def _try(pk: int, attempt: int, tries: int) -> int:
    """Send a claimed lot; return 1 if it is sent, 0 if that has to wait, or was not to be any more."""
    using = router.db_for_write(DeliveryLot)
    if tries > conf("DELIVER_TRIES"):
        # Each try is counted when it begins: the last one never came back.
        words = {"seconds": round(conf("DELIVER_SECONDS"))}
        _failed(
            pk, attempt, _("Sending took longer than %(seconds)d seconds, or ended with its sender.") % words
        )
        return 0
    try:
        with transaction.atomic(using=using):
            return _send(pk, attempt, using)
    except _TargetFailedError as failure:
        error = failure.error
        reason = legible(_reason(error))
        logger.warning("delivery %s, try %s: %s", pk, tries, reason)
        if isinstance(error, Rejected) or tries >= conf("DELIVER_TRIES"):
            _failed(pk, attempt, reason, alone=isinstance(error, Rejected))
        else:
            _later(pk, attempt, wait_after(tries), reason)
        return 0


def _send(pk: int, attempt: int, using: str) -> int:
    """Send a lot under its lock and mark it; the transaction is the sender's own."""
    if len(connections[using].savepoint_ids) == 0:
        # Not where a caller's transaction is open, whose time is its own.
        patience = str(round(conf("DELIVER_SECONDS") * 1000))
        sql.run(using, "SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [patience])
    mine = DeliveryLot.objects.using(using).filter(pk=pk, attempts=attempt, state=State.WAITING)
    lot = mine.select_for_update(skip_locked=True).first()
    if lot is None:
        return 0
    deliveries = list(lot.deliveries.using(using).order_by("row"))
    try:
        find_target(lot.target).send(lot, deliveries)
    except Exception as error:
        # A target may raise whatever it likes; an error of our own database is another matter, even if it looks the same.
        raise _TargetFailedError(error) from error
    return mine.update(state=State.SENT, sent=Now(), last_error="")


def _reason(error: Exception) -> str:
    """Return what a person should read of an error of a target."""
    if isinstance(error, BatchError):
        return str(error)
    return _("The target failed (%(type)s: %(text)s).") % {"type": type(error).__name__, "text": error}


def wait_after(attempt: int) -> float:
    """Return how many seconds pass after a try: twice as many each time, and never the same for two that failed together."""
    seconds = min(LONGEST_WAIT, conf("DELIVER_WAIT_SECONDS") * 2.0 ** min(attempt - 1, 30))
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311


def _later(pk: int, attempt: int, wait: float, reason: str) -> None:
    sql.run(
        router.db_for_write(DeliveryLot),
        f"UPDATE {sql.table(DeliveryLot)} SET last_error = %s, next_try = clock_timestamp() + make_interval(secs => %s)"
        " WHERE id = %s AND attempts = %s AND state = 'waiting'",
        [reason, wait, pk, attempt],
    )


def _failed(pk: int, attempt: int, reason: str, *, alone: bool = False) -> None:
    """Give a lot up, and with it those behind it, which must not go before it; alone where only it was refused."""
    using = router.db_for_write(DeliveryLot)
    lots: Any = DeliveryLot.objects.using(using)
    with transaction.atomic(using=using):
        lot = lots.filter(pk=pk, attempts=attempt, state=State.WAITING).select_for_update().first()
        if lot is None:
            return
        given_up = lots.filter(batch_id=lot.batch_id, target=lot.target, state=State.WAITING)
        (given_up.filter(pk=pk) if alone else given_up).update(state=State.FAILED, last_error=reason)


# ---- by people, and for them


def send_again(batch: int, using: str) -> int:
    """Let what failed or waits be sent at once, in the caller's transaction; return how many deliveries those are."""
    open_lots = DeliveryLot.unsent(batch).using(using)
    # What somebody sends right now is not waited for.
    mine = list(open_lots.select_for_update(skip_locked=True).values_list("pk", "rows"))
    lots = DeliveryLot.objects.using(using).filter(pk__in=[pk for pk, _rows in mine])
    # The attempts stay: who had the lot before must not pass for who has it now, and what was tried stays as it was sent.
    lots.update(state=State.WAITING, tries_before=F("attempts"), next_try=Now())
    return sum(rows for _pk, rows in mine)


def stand_still(batch: int, using: str) -> None:
    """Let nobody send anything of a batch until the transaction ends, that undoes it; waits for a lot that is being sent."""
    open_lots = DeliveryLot.unsent(batch).using(using)
    list(open_lots.order_by("pk").select_for_update().values_list("pk", flat=True))


def cancel(batch: int, using: str, rows: Any = None) -> int:
    """Send nothing more of a batch, or of some of its rows, in the transaction that undoes it; return how many deliveries those are.

    Of a lot that was tried nothing can be taken out, as it must be the same at every try; it is sent whole, unless none of its
    rows is left written.
    """
    open_lots = DeliveryLot.unsent(batch).using(using)
    # Waits for a lot that is being sent, and leaves it if it was.
    if rows is not None:
        sequences = rows.order_by().values("sequence")
        untried = open_lots.filter(attempts=0).order_by("pk").select_for_update()
        cancelled = sum(_cancel_rows(lot, using, sequences) for lot in untried.iterator())
        written = rows.model.objects.using(using).filter(batch_id=batch, status__in=WRITTEN)
        stays = written.order_by().exclude(sequence__in=sequences).values("sequence")
        told = Delivery.objects.using(using).filter(lot=OuterRef("pk"))
        open_lots = open_lots.filter(attempts__gt=0).filter(
            Exists(told.filter(row__in=sequences)), ~Exists(told.filter(row__in=stays))
        )
        return cancelled + _cancel_lots(open_lots, using)
    return _cancel_lots(open_lots, using)


def _cancel_lots(open_lots: Any, using: str) -> int:
    """Send some lots no more; return how many deliveries those are."""
    mine = list(open_lots.order_by("pk").select_for_update().values_list("pk", "rows"))
    DeliveryLot.objects.using(using).filter(pk__in=[pk for pk, _rows in mine]).update(state=State.CANCELLED)
    return sum(rows for _pk, rows in mine)


def _cancel_rows(lot: DeliveryLot, using: str, sequences: Any) -> int:
    """Move what some rows tell out of a lot that nobody tried yet, into one that is never sent; return how many deliveries."""
    theirs = Delivery.objects.using(using).filter(lot=lot.pk, row__in=sequences)
    number = theirs.count()
    if number == lot.rows:
        DeliveryLot.objects.using(using).filter(pk=lot.pk).update(state=State.CANCELLED)
    elif number:
        DeliveryLot.objects.using(using).filter(pk=lot.pk).update(rows=lot.rows - number)
        taken = DeliveryLot.objects.using(using).create(
            batch_id=lot.batch_id, run=lot.run, target=lot.target, key=f"{lot.key}-cancelled-{theirs.order_by('row')[0].row}",
            names=lot.names, rows=number, state=State.CANCELLED,
        )  # fmt: skip
        theirs.update(lot=taken)
    return number


@dataclass(frozen=True)
class Outbox:
    """How far the deliveries of a batch are, each number one of deliveries."""

    sent: int = 0
    waiting: int = 0
    failed: int = 0
    cancelled: int = 0
    # Of those that are not sent, how many were tried: they may have arrived, if only the answer was lost.
    tried: int = 0
    error: str = ""
    next_try: datetime | None = None

    @property
    def written(self) -> int:
        """Return how many deliveries were written."""
        return self.sent + self.waiting + self.failed + self.cancelled

    @property
    def unsent(self) -> int:
        """Return how many deliveries are still to be sent."""
        return self.waiting + self.failed

    def counts(self) -> dict[str, int]:
        """Return state -> deliveries, and how many were written."""
        states = {state.value: getattr(self, state.value) for state in State}
        return {"written": self.written, **states}

    def words(self) -> str:
        """Return the numbers in words: "written 6,170; sent 6,102, waiting 68"."""
        named = [
            (self.sent, _("sent %(n)s"), True),
            (self.waiting, _("waiting %(n)s"), False),
            (self.failed, _("failed %(n)s"), False),
            (self.cancelled, _("cancelled %(n)s"), False),
        ]
        parts = ", ".join(text % {"n": whole(n)} for n, text, always in named if n or always)
        return _("written %(n)s; %(parts)s") % {"n": whole(self.written), "parts": parts}


def outbox_of(batch: int, using: str | None = None) -> Outbox:
    """Return how far the deliveries of a batch are, in one query."""
    lots = DeliveryLot.objects.using(using).filter(batch_id=batch).order_by()
    figures = lots.values("state").annotate(
        n=Sum("rows"),
        tried=Sum("rows", filter=Q(attempts__gt=0), default=0),
        error=Max("last_error"),
        at=Min("next_try", filter=Q(last_error__gt="")),
    )
    found: dict[str, Any] = {entry["state"]: entry for entry in figures}
    to_send = [found[state] for state in (State.FAILED, State.WAITING) if state in found]
    return Outbox(
        **{state: entry["n"] for state, entry in found.items()},
        tried=sum(entry["tried"] for entry in to_send),
        error=next((entry["error"] for entry in to_send if entry["error"]), ""),
        next_try=found.get(State.WAITING, {}).get("at"),
    )

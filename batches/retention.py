"""How long what is kept of batches, and which of them may lose their rows or history now, with the reason of those that may not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from .conf import conf
from .models import BatchBase, BatchNumber, Event, Run, RunStep
from .states import ACTIVE, RowStatus, RunKind, Status
from .words import whole

# What was executed leaves its header behind; a draft, and what was given up, goes altogether.
DONE = (Status.EXECUTED, Status.REVERTED)
ALTOGETHER = (Status.DRAFT, Status.WITHDRAWN)
# Part of the setting -> attribute of the handler, setting for all types.
PARTS = {
    "rows": ("keep_rows_days", "KEEP_ROWS_DAYS"),
    "journal": ("keep_journal_days", "KEEP_JOURNAL_DAYS"),
    "undo": ("undo_days", "UNDO_DAYS"),
}
# Verbs that are about keeping and removing, so that what is left of a batch has them still.
KEEPING = frozenset({"hold", "release", "purge"})
REMOVES = frozenset({"delete", "discard", "purge"})


@dataclass(frozen=True)
class Keeping:
    """For how many days after its end a batch of a type keeps rows and files, its history, and can be undone for certain."""

    rows: int
    journal: int
    undo: int


def keeping(handler: Any) -> Keeping:
    """Return what holds for a type: what the site says of it, else what it says itself, else what the site says of all."""
    own = conf("KEEP_BY_TYPE").get(handler.key, {})

    def days(part: str) -> int:
        attribute, setting = PARTS[part]
        given = own.get(part, getattr(handler, attribute))
        return int(conf(setting) if given is None else given)

    return Keeping(days("rows"), days("journal"), days("undo"))


@dataclass(frozen=True)
class Standing:
    """What of a batch may go now, and why the rest stays."""

    handler: Any
    batch: Any
    ended: datetime
    rows: bool
    journal: bool
    why: str
    in_use: bool = False

    @property
    def due(self) -> bool:
        """Tell whether anything may go."""
        return self.rows or self.journal


def standings(
    handler: Any, *, before: datetime | None = None, now: datetime | None = None, number: int | None = None
) -> Iterator[Standing]:
    """Yield how the batches of a type stand, or one of them; of those of which nothing is left to go, nothing.

    `before` stands in for the days that rows are kept: only what ended earlier may go. It never shortens the undo window, nor how
    long history is kept.
    """
    headers = _headers(handler)
    if number is not None:
        headers = headers.filter(pk=number)
    now = now or timezone.now()
    found = headers.order_by("ref")
    for batch in found if number is not None else found.iterator(chunk_size=500):
        yield _standing(handler, batch, before, now)


def _headers(handler: Any) -> QuerySet:
    """Return the headers of a type that have something to lose, with what decides about it."""
    active = Run.objects.filter(batch=OuterRef("pk"), state__in=ACTIVE)
    entries = Event.objects.filter(batch=OuterRef("pk")).exclude(
        Q(verb__in=[*KEEPING, "export"]) | Q(data__has_key="refused")
    )
    # Also one that ended early: it has a step if it undid anything.
    undone = Run.objects.filter(batch=OuterRef("pk"), kind=RunKind.REVERT, finished__isnull=False)
    undone = undone.filter(Exists(RunStep.objects.filter(run=OuterRef("pk"))))
    headers: QuerySet = handler.model._default_manager.select_related("ref").exclude(
        ref__journal_purged__isnull=False
    )
    return headers.annotate(
        busy=Exists(active),
        busy_with=Subquery(active.values("kind")[:1]),
        last_undone=Subquery(undone.order_by().values("batch").annotate(at=Max("finished")).values("at")),
        last_entry=Subquery(entries.order_by().values("batch").annotate(at=Max("at")).values("at")),
    )


def ended(batch: Any) -> datetime:
    """Return when a batch of `_headers` ended: executed, or undone (also in part), else when something was done with it last."""
    if batch.status in DONE:
        # An undo of some rows leaves the batch executed.
        in_part = batch.last_undone if batch.status == Status.EXECUTED else None
        return max(
            (at for at in (batch.executed, batch.reverted, in_part) if at is not None), default=batch.created
        )
    return batch.last_entry or batch.created


def _standing(handler: Any, batch: Any, before: datetime | None, now: datetime) -> Standing:
    keep, end, number = keeping(handler), ended(batch), batch.ref

    def result(why: str = "", *, rows: bool = False, journal: bool = False, in_use: bool = False) -> Standing:
        return Standing(handler, batch, end, rows, journal, why, in_use)

    if number.is_held:
        return result(held_sentence(number))
    if batch.busy:
        running = RunKind(batch.busy_with).label
        return result(_("It is in use: “%(run)s” is under way.") % {"run": running}, in_use=True)
    if number.is_purged and number.purged is None:
        # Somebody began, so it is to be ended whatever was set since.
        old = batch.status in DONE and _past(end, keep.journal, now) and _before(end, before)
        return result(rows=True, journal=old)
    if batch.status not in (*DONE, *ALTOGETHER):
        status = Status(batch.status).label
        return result(
            _("It is in the state “%(status)s”; withdraw it if nobody needs it.") % {"status": status}
        )
    if number.purged is None and batch.status in DONE and not _past(end, keep.undo, now):
        return result(_("It is inside the undo window until %(date)s.") % {"date": _day(end, keep.undo)})
    if not _before(end, before):
        return result(_("It ended on %(date)s, not before the given day.") % {"date": _day(end)})
    if number.purged is None and before is None and not _past(end, keep.rows, now):
        return result(_("Its rows are kept until %(date)s.") % {"date": _day(end, keep.rows)})
    if batch.status in ALTOGETHER or _past(end, keep.journal, now):
        return result(rows=number.purged is None, journal=batch.status in DONE)
    stays = _("Its history is kept until %(date)s.") % {"date": _day(end, keep.journal)}
    return result(stays, rows=number.purged is None)


def _past(end: datetime, days: int, now: datetime) -> bool:
    return end + timedelta(days=days) <= now


def _before(end: datetime, before: datetime | None) -> bool:
    return before is None or end < before


def _day(moment: datetime, days: int = 0) -> str:
    return date_format(localtime(moment + timedelta(days=days)), "DATE_FORMAT")


def stays() -> Q:
    """Return the condition that a batch needs its file: it is not being removed, or that is held up."""
    return Q(ref__purge_begun=None) | Q(ref__held__isnull=False)


def why_not_purge(handler: Any, batch: BatchBase) -> str | None:
    """Return why nothing of a batch may go now (a sentence), or None."""
    for standing in standings(handler, number=batch.pk):
        return None if standing.due else standing.why
    return _("Nothing of it is left to go.")


def why_kept(number: BatchNumber, verb: str) -> str | None:
    """Return why a verb is not possible with a batch that is held or of which the rows are gone (a sentence), or None."""
    if verb == "hold":
        return held_sentence(number) if number.is_held else None
    if verb == "release":
        return None if number.is_held else _("It is not held.")
    if number.is_held and verb in REMOVES:
        return held_sentence(number)
    return gone_sentence(number) if number.is_purged and verb not in KEEPING else None


def short_words(number: BatchNumber) -> list[str]:
    """Return in a few words that rows are gone, and that the batch is held, for lists."""
    gone = _("Rows removed") if number.purged else _("Rows are being removed")
    held = _("Held: %(reason)s") % {"reason": number.held_reason}
    return [words for words, is_so in ((gone, number.is_purged), (held, number.is_held)) if is_so]


def held_sentence(number: BatchNumber) -> str:
    """Return who holds a batch, since when and why."""
    return _("It is held by %(who)s since %(date)s: %(reason)s") % {
        "who": number.held_by_name,
        "date": _day(number.held) if number.held else "",
        "reason": number.held_reason.rstrip(".") + ".",
    }


def gone_sentence(number: BatchNumber) -> str:
    """Return what became of the rows that a batch had."""
    written = number.figures.get("written", 0)
    words = {"n": whole(written), "date": _day(number.purged) if number.purged else ""}
    if number.purged is None:
        return _("Its rows are being removed under the retention rule; %(n)s had been written.") % words
    return _("Its rows were removed on %(date)s under the retention rule; %(n)s had been written.") % words


def written_rows(counts: dict[str, int]) -> int:
    """Return how many rows were ever written, undone or not."""
    return sum(counts.get(s, 0) for s in (RowStatus.APPLIED, RowStatus.REVERTED, RowStatus.KEPT))

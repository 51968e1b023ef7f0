"""Starting long work on a batch, and stopping it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, connections, router, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from .. import rights, sql
from ..background import carry_on
from ..choosing import choose
from ..conf import conf
from ..exceptions import Forbidden, Refused
from ..handlers import BatchHandler
from ..ingest import last_sequence
from ..lease import owner_name
from ..log import CODE, Door, log, user_name
from ..models import BatchBase, Run, RunStep
from ..runner import Runner
from ..states import WRITTEN, RunKind, RunState, Status
from ..takeup import reasons
from ..verbs import VERB
from ..words import whole
from .base import Change, changing, handler_of, look_again

# A run that somebody works on, or will, and of whom nothing was asked yet.
GOING = (RunState.RUNNING, RunState.INTERRUPTED)


def start(
    batch: BatchBase,
    verb: str,
    user: Any,
    *,
    door: Door = CODE,
    revision: int | None = None,
    own: bool = False,
    params: dict[str, Any] | None = None,
    in_chunks: bool | None = None,
) -> Run:
    """Move the batch into the working state of `verb` and make its run; of many at once, one wins.

    With `own` this process claims the run at once (call `work`), else a task for it is enqueued in the same transaction.
    `in_chunks` says how to execute a type that asks.
    Raises Refused or Forbidden.
    """
    entry = VERB[verb]
    if entry.run is None:
        raise ValueError(f"{verb!r} is no long work; call its own function.")
    with changing(batch, verb, user, door, revision=revision) as change:
        run = begin(change, verb, user, door, own=own, params=params, in_chunks=in_chunks)
        change.comment = _("Started.")
    return run


def begin(
    change: Change,
    verb: str,
    user: Any,
    door: Door,
    *,
    own: bool,
    params: dict[str, Any] | None = None,
    in_chunks: bool | None = None,
) -> Run:
    """Make the run of a verb inside `changing`, and let a worker or this process have it. Raises Refused."""
    entry = VERB[verb]
    batch = change.batch
    try:
        with transaction.atomic():
            run = Run.objects.create(
                batch_id=batch.pk,
                kind=str(entry.run),
                requested_by=user,
                requested_by_name=user_name(user)[:150],
                door=door.kind,
                params={
                    "back": batch.status,
                    "revision": batch.revision,
                    **_way(change, verb, in_chunks),
                    **(params or {}),
                },
            )
    except IntegrityError as error:
        raise Refused(_("Something else is under way with this batch.")) from error
    if entry.through:
        batch.status = entry.through
    change.run = run.pk
    if own:
        _claim_own(run)
    else:
        carry_on.enqueue(run.pk)
    # Read here and never later: after the commit another may have taken the run over, and its attempt is not ours.
    run.refresh_from_db()
    return run


def _way(change: Change, verb: str, in_chunks: bool | None) -> dict[str, Any]:
    """Return how the rows will be written, frozen now: all at once, or in chunks up to the row that is the last one by now."""
    if VERB[verb].run not in (RunKind.EXECUTE, RunKind.REVERT):
        return {}
    handler = change.handler
    if handler.atomic != "ask" or in_chunks is None:
        in_chunks = proposes_chunks(handler)
    return {"chunked": True, "last": last_sequence(handler)} if in_chunks else {}


def proposes_chunks(handler: BatchHandler) -> bool:
    """Tell whether a batch is written in chunks where nobody decides: as the type says, as it was begun, or for its many rows."""
    if handler.atomic != "ask":
        return not handler.atomic
    if handler.batch.status != Status.REVIEW:
        before = Run.objects.filter(batch_id=handler.batch.pk, kind=RunKind.EXECUTE).order_by("-pk").first()
        if before is not None:
            return before.is_chunked
    return last_sequence(handler) >= conf("CHUNKS_FROM_ROWS")


def _claim_own(run: Run) -> None:
    using = router.db_for_write(Run)
    sql.run(
        using,
        f"UPDATE {sql.table(Run)} SET attempt = 1, owner = %s, state = 'running', started = clock_timestamp(),"
        " lease_until = clock_timestamp() + make_interval(secs => %s) WHERE id = %s",
        [owner_name(), conf("LEASE_SECONDS"), run.pk],
    )


def work(batch: BatchBase, run: Run) -> Run:
    """Do the work of a run that this process owns; in the caller's transaction if one is open.

    Raises RunFailed, FileRefused or another BatchError that made it fail, after it is recorded.
    """
    inline = connections[router.db_for_write(type(batch))].in_atomic_block
    try:
        return Runner(run, inline=inline).go()
    finally:
        # Where the database went away, the error says so; another one from here would hide it.
        with suppress(DatabaseError, InterfaceError):
            look_again(batch)


def populate(batch: BatchBase, user: Any, *, door: Door = CODE) -> Run:
    """Fill a draft now, in this process. Raises Refused, or the error that made it fail; then it is a draft again."""
    return work(batch, start(batch, "populate", user, door=door, own=True))


def refresh(batch: BatchBase, user: Any, *, door: Door = CODE) -> Run:
    """Check all rows again now, in this process. Raises Refused."""
    return work(batch, start(batch, "refresh", user, door=door, own=True))


def execute(
    batch: BatchBase,
    user: Any,
    *,
    door: Door = CODE,
    revision: int | None = None,
    in_chunks: bool | None = None,
) -> Run:
    """Put the batch into production now, in this process; `revision` is the one that was confirmed. Raises Refused, RunFailed."""
    run = start(batch, "execute", user, door=door, revision=revision, own=True, in_chunks=in_chunks)
    return work(batch, run)


def revert(
    batch: BatchBase,
    user: Any,
    chosen: Mapping[str, str] | None = None,
    *,
    door: Door = CODE,
    revision: int | None = None,
) -> Run:
    """Undo an executed batch now, or those of its rows that match a filter, in this process. Raises Refused, RunFailed."""
    return work(batch, begin_revert(batch, user, chosen, door=door, revision=revision, own=True))


def begin_revert(
    batch: BatchBase,
    user: Any,
    chosen: Mapping[str, str] | None = None,
    *,
    door: Door = CODE,
    revision: int | None = None,
    own: bool = False,
) -> Run:
    """Make the run of an undo, of all rows or of those that match a filter; `revision` is the one that was shown. Raises Refused."""
    handler = handler_of(batch, user)
    if chosen and not choose(handler, handler.rows().filter(status__in=WRITTEN), chosen).exists():
        raise Refused(_("No row that is written matches the filter."))
    params = {"filter": dict(chosen)} if chosen else None
    return start(batch, "revert", user, door=door, revision=revision, own=own, params=params)


def retry(
    batch: BatchBase,
    user: Any,
    chosen: Mapping[str, str] | None = None,
    *,
    door: Door = CODE,
    own: bool = False,
) -> Run:
    """Make a run that writes the rows which failed, or those of them that match a filter; return it.

    With `own` this process claims it at once (call `work`). Raises Refused, Forbidden.
    """
    return _take_up(batch, "retry", user, chosen, door, own)


def reapply(
    batch: BatchBase,
    user: Any,
    chosen: Mapping[str, str] | None = None,
    *,
    door: Door = CODE,
    own: bool = False,
) -> Run:
    """Make a run that writes again what was undone, or those of its rows that match a filter; return it.

    With `own` this process claims it at once (call `work`). Raises Refused, Forbidden.
    """
    return _take_up(batch, "reapply", user, chosen, door, own)


def _take_up(
    batch: BatchBase,
    verb: str,
    user: Any,
    chosen: Mapping[str, str] | None,
    door: Door,
    own: bool,
) -> Run:
    with changing(batch, verb, user, door) as change:
        rows = choose(change.handler, rights.TAKES_UP[verb](change.handler), chosen or {})
        number = rows.count()
        if not number:
            raise Refused(_("No row that could be written again matches the filter."))
        params = {"again": {"verb": verb, "filter": dict(chosen or {})}}
        run = begin(change, verb, user, door, own=own, params=params)
        change.comment = _("Writes %(n)s rows again.") % {"n": whole(number)}
        change.data = {"rows": number, "filter": dict(chosen or {})}
        if verb == "retry":
            change.data["reasons"] = reasons(change.handler, rows)
    return run


def stop(batch: BatchBase, user: Any, *, door: Door = CODE) -> None:
    """Ask the run that is on to stop: a short write that never waits for the work. Raises Refused, Forbidden."""
    _ask(batch, "stop", user, door, _stop, _("It was done before it could be stopped."))
    look_again(batch)


def pause(batch: BatchBase, user: Any, *, door: Door = CODE) -> Run:
    """Let the run that is on rest after its present chunk; return it. Raises Refused, Forbidden."""
    return _ask(batch, "pause", user, door, _pause, _("It was done before it could be paused."))


def resume(batch: BatchBase, user: Any, *, door: Door = CODE, own: bool = False) -> Run:
    """Let a paused run go on, or make a run for the rows that an execution left; return it. Raises Refused, Forbidden.

    With `own` this process claims a new run at once (call `work`); a paused one is a worker's.
    """
    if rights.active_run(batch) is not None:
        return _ask(batch, "resume", user, door, _resume, _("The run is not paused."))
    with changing(batch, "resume", user, door) as change:
        run = begin(change, "execute", user, door, own=own)
        change.comment = _("Goes on with the rows that were left.")
    return run


def _ask(
    batch: BatchBase, verb: str, user: Any, door: Door, asked: Callable[[BatchBase, Run], bool], too_late: str
) -> Run:
    """Ask something of the run that is on; return the run. Raises Refused, Forbidden, after the try is logged.

    Only the run's control row is written, under no lock of the work: `asked` tells whether it was still the time for it.
    """
    using = router.db_for_write(Run)
    run = rights.active_run(batch)
    reason = rights.why_not(batch, verb, user, run=run, looked=True)
    if reason is None and run is not None:
        alone = not connections[using].in_atomic_block
        with transaction.atomic(using=using):
            if alone:
                sql.end_if_idle(using, conf("IDLE_TIMEOUT_MS"))
            if asked(batch, run):
                log(batch, verb, user, door, old=batch.status, run=run.pk)
            else:
                reason = too_late
    if run is None or reason is not None:
        reason = reason or _("Nothing is running.")
        log(batch, verb, user, door, old=batch.status, comment=reason, data={"refused": True})
        allowed = rights.may(type(batch), verb, user) or (
            verb == "stop" and rights.may_stop(type(batch), user, run)
        )
        raise Refused(reason) if allowed else Forbidden(reason)
    look_again(run)
    return run


def _stop(batch: BatchBase, run: Run) -> bool:
    """End a run that nobody began, or ask who works on it to stop."""
    mine = Run.objects.filter(pk=run.pk)
    waiting = mine.filter(state__in=[RunState.QUEUED, RunState.PAUSED])
    if waiting.filter(attempt=0).update(state=RunState.STOPPED, stop_requested=True, finished=Now()):
        back = run.params.get("back") or VERB[run.kind].fallback
        type(batch)._default_manager.filter(pk=batch.pk).update(status=back)
        return True
    # One that rests in the middle of its work has written something: a worker must end it.
    if waiting.update(state=RunState.QUEUED, stop_requested=True, pause_requested=False):
        carry_on.enqueue(run.pk)
        return True
    going = _unfinished(mine).filter(state__in=[*GOING, RunState.PAUSING, RunState.STOPPING])
    return bool(going.update(state=RunState.STOPPING, stop_requested=True, pause_requested=False))


def _unfinished(runs: Any) -> Any:
    """Leave out a run whose work is committed, and only its control row does not say so yet."""
    return runs.exclude(Exists(RunStep.objects.filter(run=OuterRef("pk"), final=True)))


def _pause(batch: BatchBase, run: Run) -> bool:
    mine = Run.objects.filter(pk=run.pk)
    if mine.filter(state=RunState.QUEUED).update(state=RunState.PAUSED):
        return True
    going = _unfinished(mine).filter(state__in=GOING)
    return bool(going.update(state=RunState.PAUSING, pause_requested=True))


def _resume(batch: BatchBase, run: Run) -> bool:
    mine = Run.objects.filter(pk=run.pk)
    if mine.filter(state=RunState.PAUSED).update(state=RunState.QUEUED, pause_requested=False):
        carry_on.enqueue(run.pk)
        return True
    return bool(mine.filter(state=RunState.PAUSING).update(state=RunState.RUNNING, pause_requested=False))

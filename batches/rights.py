"""Who may do what: one answer, as a sentence, for buttons, commands, tasks and the run itself."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db.models import Q
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from .handlers import BatchHandler
from .models import BatchBase, DeliveryLot, Event, Run
from .registry import registry
from .retention import KEEPING, why_kept, why_not_purge
from .states import ACTIVE, ONLY_READS, WRITTEN, RowAction, RowStatus, RunKind, RunState, Status
from .touched import rights_needed, runs_of, untracked
from .verbs import VERB, Verb, refusal

# Verbs that write the rows into production, whatever else they do.
EXECUTES = frozenset({"execute", "resume", "retry", "reapply"})


def permissions(model: type[BatchBase], verb: Verb) -> list[str]:
    """Return the names of the rights that a verb needs on a type."""
    meta = model._meta
    return [f"{meta.app_label}.{right}_{meta.model_name}" for right in (verb.permission, *verb.also)]


def may(model: type[BatchBase], verb: str, user: Any) -> bool:
    """Tell whether a user has the right to a verb of a type, whatever the batch's state."""
    return bool(user is not None and user.is_active and user.has_perms(permissions(model, VERB[verb])))


def may_view(model: type[BatchBase], user: Any) -> bool:
    """Tell whether a user may see batches of a type."""
    return bool(
        user is not None
        and user.is_active
        and user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")
    )


def may_have_file(handler: BatchHandler) -> bool:
    """Tell whether the handler's user may have the batch's whole file: who sees all rows whatever they hold, and who sent it.

    Who moved some of its rows to a batch of their own did not send the file.
    """
    user: Any = handler.user
    if not handler.scope(user):
        return True
    if user is None or user.pk is None or handler.batch.created_by_id != user.pk:
        return False
    return not handler.batch.was_split_off


def scope_key(scope: Q) -> str:
    """Return the key under which the figures of a row scope are kept."""
    return hashlib.sha256(repr(scope).encode()).hexdigest()[:32] if scope else ""


def active_run(batch: BatchBase) -> Run | None:
    """Return the run that is waiting or under way."""
    return Run.objects.filter(batch_id=batch.pk, state__in=ACTIVE).first()


def may_stop(model: type[BatchBase], user: Any, run: Run | None) -> bool:
    """Tell whether a user may stop a run: who may change batches of the type, and who asked for the rows that it saves."""
    if may(model, "stop", user):
        return True
    own = run is not None and run.kind in ONLY_READS and user is not None and run.requested_by_id == user.pk
    return own and may_view(model, user)


def missing_right(
    handler: BatchHandler, verb: str, user: Any, present: set[str] | None = None, rows: Any = None
) -> str | None:
    """Return which right the user lacks for this verb on this batch, or on some of its rows (a sentence), or None."""
    model = handler.model
    label = VERB[verb].label
    if user is None:
        return _("Nobody is named for this; give a user.")
    if not user.is_active:
        return _("The user %(user)r is not active.") % {"user": user.get_username()}
    if not may(model, verb, user):
        return _("You have no permission for “%(verb)s” on %(type)s.") % {
            "verb": label,
            "type": model._meta.verbose_name_plural,
        }
    if verb == "revert":
        return _missing_for_undo(handler, user, rows)
    return _missing_for_execution(handler, user, present, rows) if verb in EXECUTES else None


def _missing_for_undo(handler: BatchHandler, user: Any, rows: Any = None) -> str | None:
    """Undoing also needs the right to the opposite of each change that was made, and to see all rows."""
    outside = _outside(handler, user, handler.rows() if rows is None else rows)
    if outside:
        return _("%(n)d rows are outside what you may work on; somebody who may see them all must undo.") % {
            "n": outside
        }
    needed = rights_needed(runs_of(handler.batch.pk, handler.using), handler.using)
    lacking = [name for name, events in needed if not user.has_perm(name) and events.exists()]
    if lacking:
        return _("You also need the permission %(names)s to undo what was written.") % {
            "names": ", ".join(lacking)
        }
    return None


def _missing_for_execution(
    handler: BatchHandler, user: Any, present: set[str] | None, rows: Any = None
) -> str | None:
    """Executing also needs the right to make each change in production that the rows hold, and to see all of them."""
    rows = handler.effective_rows() if rows is None else rows
    lacking = [] if present is not None and not present else _lacking(handler, user, rows.order_by())
    if lacking:
        return _("You also need the permission %(names)s, which these rows ask for.") % {
            "names": ", ".join(lacking)
        }
    outside = _outside(handler, user, rows)
    if outside:
        return _(
            "%(n)d rows are outside what you may work on; somebody who may see them all must execute."
        ) % {"n": outside}
    return None


def _outside(handler: BatchHandler, user: Any, rows: Any) -> int:
    """Return how many of the rows a user may not work on."""
    scope = handler.scope(user)
    return int(rows.exclude(pk__in=rows.filter(scope).values("pk")).count()) if scope else 0


def _lacking(handler: BatchHandler, user: Any, rows: Any) -> list[str]:
    """Return the rights on targets that the user lacks and the rows ask for; rows are read only where one is missing.

    A row's action is not enough: a change of one target may be the making of another.
    """
    lacking: list[str] = []
    for target in sorted(handler.targets.values(), key=lambda target: target.shared):
        meta = target.model._meta
        asked = {
            "add": target.will_create(handler.targets) if target.creates else None,
            "change": target.will_change(handler.targets) if target.updates else None,
            "delete": target.will_delete() if target.deletes else None,
        }
        for right, condition in asked.items():
            name = f"{meta.app_label}.{right}_{meta.model_name}"
            if condition is None or name in lacking or user.has_perm(name):
                continue
            if rows.filter(condition).exists():
                lacking.append(name)
    return lacking


def why_not(
    batch: BatchBase,
    verb: str,
    user: Any,
    *,
    run: Run | None = None,
    looked: bool = False,
    present: set[str] | None = None,
) -> str | None:
    """Return why a user can't do this with the batch now (a sentence), or None if they can.

    `run` is the active run if the caller looked already (`looked`), `present` the actions of the rows that take part if the
    caller knows them, so that no row is read for it.
    """
    handler = registry.for_model(type(batch))(batch, user=user)
    if not looked:
        run = active_run(batch)
    running = str(RunKind(run.kind).label) if run is not None else None
    entry = VERB[verb]
    if not (may(handler.model, verb, user) or (verb == "stop" and may_stop(handler.model, user, run))):
        return missing_right(handler, verb, user)
    # A hold is put also on a batch that somebody works on.
    reason = why_kept(batch.ref, verb) or refusal(entry, batch.status, None if verb in KEEPING else running)
    if reason is None and verb == "stop" and run is not None and run.state == RunState.STOPPING:
        return _("It is stopping already.")
    if reason is None and verb == "purge":
        return why_not_purge(handler, batch)
    if verb in ("pause", "resume") and not batch.ref.is_purged:
        reason = why_not_pause(run) if verb == "pause" else why_not_resume(handler, run)
        return reason or missing_right(handler, verb, user, present)
    if reason is None and verb == "execute":
        reason = missing_right(handler, verb, user, present) or why_not_execute(handler, present)
    if reason is None and verb in TAKES_UP:
        rows = TAKES_UP[verb](handler)
        reason = why_not_take_up(handler, verb, rows) or missing_right(handler, verb, user, rows=rows)
    if reason is None and verb in ("carry_on", "close"):
        reason = why_not_leave(handler, verb)
    if reason is None and verb == "deliver" and not DeliveryLot.unsent(batch.pk).exists():
        reason = _("Nothing is left to send.")
    if reason is None and verb == "revert":
        reason = missing_right(handler, verb, user) or why_not_revert(handler)
    if reason is None and verb == "add_row" and not handler.takes_new_rows:
        reason = _("The rows of this type are collected; none can be added by hand.")
    if reason is None and verb == "repopulate":
        reason = why_not_repopulate(handler)
    if reason is None and verb == "populate":
        reason = why_not_populate(handler)
    return reason


def why_not_pause(run: Run | None) -> str | None:
    """Return why the run that is on can't be paused (a sentence), or None."""
    if run is None:
        return _("Nothing is running.")
    if not run.is_chunked:
        return _("This run writes everything in one transaction, so it can only be stopped.")
    if run.state in (RunState.PAUSED, RunState.PAUSING):
        return _("It is paused already.")
    return _("It is stopping already.") if run.state == RunState.STOPPING else None


def why_not_resume(handler: BatchHandler, run: Run | None) -> str | None:
    """Return why nothing goes on (a sentence), or None: a run is paused, or an execution ended before its last row."""
    if run is not None:
        return None if run.state in (RunState.PAUSED, RunState.PAUSING) else _("The run is not paused.")
    if handler.batch.status != Status.EXECUTED or not has_pending(handler):
        return _("Nothing is left to go on with.")
    return None


def why_not_take_up(handler: BatchHandler, verb: str, rows: Any) -> str | None:
    """Return why no row takes part again (a sentence), or None: some failed or were undone, and none is left that was not reached."""
    if not rows.exists():
        return _("No row failed.") if verb == "retry" else _("Nothing of this batch was undone.")
    if has_pending(handler):
        return _("Some rows were not reached yet; go on with them first, or close the batch.")
    return None


def why_not_leave(handler: BatchHandler, verb: str) -> str | None:
    """Return why none of the rows that the handler's user may work on is to be left out here (a sentence), or None."""
    rows = conflicting_rows(handler) if verb == "carry_on" else unwritten_rows(handler)
    if rows.filter(handler.scope(handler.user)).exists():
        return None
    if verb == "carry_on":
        return _("No row was changed since review.")
    return _("Every row that took part was written; nothing is left to close.")


def why_not_revert(handler: BatchHandler) -> str | None:
    """Return why the batch can't be undone (a sentence), or None: only what the journal saw can be."""
    models = untracked(handler)
    if models:
        return _("%(models)s have no history here, so what was written to them cannot be undone.") % {
            "models": ", ".join(models)
        }
    if not handler.rows().filter(status__in=WRITTEN).exists():
        return _("No row was written, so there is nothing to undo.")
    return None


def unwritten_rows(handler: BatchHandler) -> Any:
    """Return the rows that were to be written and are not: those that an execution did not reach, could not or must not write."""
    met = Q(status__in=[RowStatus.CONFLICT, RowStatus.FAILED], removed=False)
    if has_pending(handler):
        met |= Q(pk__in=pending_rows(handler).values("pk"))
    return handler.rows().filter(met)


def failed_rows(handler: BatchHandler) -> Any:
    """Return the rows that production refused."""
    return handler.rows().filter(status=RowStatus.FAILED, removed=False)


def conflicting_rows(handler: BatchHandler) -> Any:
    """Return the rows that were not written as production moved since review."""
    return handler.rows().filter(status=RowStatus.CONFLICT, removed=False)


def undone_rows(handler: BatchHandler) -> Any:
    """Return the rows that were written and undone."""
    return handler.rows().filter(status=RowStatus.REVERTED, removed=False)


# Verb -> the rows that take part again.
TAKES_UP = {"retry": failed_rows, "reapply": undone_rows}


def pending_rows(handler: BatchHandler) -> Any:
    """Return the rows that take part and were not written yet."""
    return handler.effective_rows().exclude(action=RowAction.UNCHANGED)


def has_pending(handler: BatchHandler) -> bool:
    """Tell whether rows that take part were not reached; none is read where the last execution came to its end."""
    last = Run.objects.filter(batch_id=handler.batch.pk, kind=RunKind.EXECUTE).order_by("-pk").first()
    if last is not None and last.state == RunState.SUCCEEDED:
        return False
    return bool(pending_rows(handler).exists())


def why_not_execute(handler: BatchHandler, present: set[str] | None = None) -> str | None:
    """Return why the batch's content can't be executed (a sentence), or None."""
    if handler.batch.status not in (Status.REVIEW, Status.READY, Status.EXECUTING):
        return None
    if not (handler.effective_rows().exists() if present is None else present):
        return _("No row takes part: each is unchanged, excluded or must be fixed first.")
    if options_unchecked(handler.batch):
        if handler.batch.was_split_off:
            return _(
                "The rows were not checked since they came here or options were changed; check again first."
            )
        return _("Options were changed since the rows were checked; check again first.")
    return handler.why_not_execute()


def options_unchecked(batch: BatchBase) -> bool:
    """Tell whether options were changed after the rows were filled or checked last, by the order of the log."""
    events = Event.objects.filter(batch=batch.pk).filter(
        Q(data__has_key="recheck") | Q(verb__in=["populate", "repopulate", "refresh"], data__has_key="counts")
    )
    last = events.order_by("-pk").values_list("data", flat=True).first()
    return last is not None and "recheck" in last


def why_not_repopulate(handler: BatchHandler) -> str | None:
    """Return why the batch's file can't be read again (a sentence), or None: all rows are made anew, also those out of sight."""
    if not handler.reads_file:
        return _("This batch was not made from a file; check it again instead.")
    if handler.scope(handler.user):
        return _("You see only a part of this batch's rows, so its file is not yours to read again.")
    if handler.batch.is_part:
        return _(
            "The rows of this file lie in several batches, and reading it again would make them twice; make a new batch of the file."
        )
    return why_not_populate(handler)


def why_not_populate(handler: BatchHandler) -> str | None:
    """Return what is missing before the batch can be filled (a sentence), or None."""
    if not handler.reads_file:
        return None
    batch: Any = handler.batch
    if not batch.file:
        return _("No file was given.")
    columns = [c for c in handler.get_columns() if c.required and c.field not in batch.mapping]
    if columns:
        return _("Map a column to %(names)s first.") % {"names": ", ".join(f"“{c.label}”" for c in columns)}
    if not batch.mapping:
        headings = batch.reading.get("headings") or []
        return _(
            "No column of %(name)r is mapped. It has %(headings)s; map at least one of them, or head a column like a field:"
            " %(fields)s."
        ) % {
            "name": batch.original_name,
            "headings": _first(headings),
            "fields": _first([str(c.label) for c in handler.get_columns()]),
        }
    return None


def _first(names: list[str], number: int = 8, length: int = 30) -> str:
    """Return the first names, shortened, for a sentence."""
    shown = [f"“{Truncator(name).chars(length)}”" for name in names[:number]]
    return ", ".join([*shown, "…"] if len(names) > number else shown)

"""Carry one run out: lock, check the fence, call the type's hooks, commit production, outcomes, log and state together.

`Run` is the control row and is never written by the work's transaction; `RunStep` is, so that it tells how far the work is.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connections, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from . import again, filling, journal, rights, sql
from .chunked import Chunks, end_in_part, rows_by_status
from .conf import conf
from .exceptions import BatchError, Interrupted, LeaseLost, Paused, RunFailed, Stopped
from .execution import execute_piece, mark_executed, must_be_confirmed
from .handlers import BatchHandler
from .ingest import last_sequence
from .lease import Keeper, NoKeeper, claim, owner_name
from .log import Door, log
from .longwork import CLEAN_UP, LONG_WORK
from .models import BatchBase, BatchNumber, BatchRowBase, Run, RunStep
from .refusals import database_reason, database_sentence, validation_sentence
from .registry import find_batch, registry
from .states import ONLY_READS, RowStatus, RunKind, RunState, Status
from .takeup import take_up, takes_up
from .undo_chunks import UndoChunks
from .verbs import VERB

logger = logging.getLogger("batches")
TRIES = 3
# Fewer rows are found quickly by any plan; a decision about the groups of 1,500 took 15 s by a bad one.
ANALYZE_ROWS = 200


class Runner:
    """One attempt at a run. `inline` runs everything in the caller's transaction (for tests and scripts)."""

    def __init__(self, run: Run, *, inline: bool = False) -> None:
        self.run = run
        self.inline = inline
        self.batch: BatchBase = find_batch(run.batch_id)
        self.using = self._handler().using
        self.keeper: Keeper | NoKeeper = NoKeeper() if inline else Keeper(run)
        self.counts: dict[str, int] = {}
        # Link -> targets that this attempt created.
        self.made: dict[str, int] = {}

    def _handler(self) -> BatchHandler:
        return registry.for_model(type(self.batch))(self.batch, run=self.run, user=self.run.requested_by)

    def go(self) -> Run:
        """Work until the run is done, stopped or failed; return it. Raises LeaseLost if another worker took it over.

        Raises the error that made it fail, after it is recorded; Interrupted if the database went away.
        """
        try:
            with self.keeper:
                if self.run.is_chunked:
                    (UndoChunks if self.run.kind == RunKind.REVERT else Chunks)(self).work()
                else:
                    self.patiently(self._work, TRIES)
        except LeaseLost:
            logger.warning("run %s: taken over, attempt %s wrote nothing", self.run.pk, self.run.attempt)
            raise
        except Interrupted:
            raise
        except Paused:
            self.run.refresh_from_db()
            return self.run
        except Stopped as error:
            self._undone(RunState.STOPPED, error)
        except KeyboardInterrupt as error:
            self._undone(RunState.STOPPED, error)
            raise
        except Exception as error:
            if sql.connection_lost(error) and not self.inline:
                # Nobody can record anything now; the lease runs out and another attempt begins.
                logger.warning("run %s: connection lost", self.run.pk)
                connections[self.using].close()
                raise Interrupted from error
            if not self._undone(RunState.FAILED, error):
                logger.exception("run %s: done, but something failed after it was committed", self.run.pk)
                return self.run
            if self.run.is_chunked or isinstance(error, (DatabaseError, ValidationError)):
                # In chunks it also says how much is written.
                raise RunFailed(self.run.error or self._sentence(error)) from error
            raise
        else:
            self._done()
        return self.run

    def patiently(self, work: Callable[[], None], tries: int) -> None:
        """Do work in a transaction; what passes by itself, such as a deadlock, is tried again after a moment that doubles."""
        for attempt in range(1, tries + 1):
            try:
                with transaction.atomic(using=self.using):
                    work()
                return
            except DatabaseError as error:
                if self.inline or attempt == tries or not sql.may_pass(error):
                    raise
                logger.info("run %s: try %s met %s", self.run.pk, attempt, sql.sqlstate(error))
                # Two that met in a circle must not meet again: each waits for a time of its own.
                time.sleep(random.uniform(0.05, 0.1) * 2**attempt)  # noqa: S311
                self.keeper.check()

    def _work(self) -> None:
        """Do the whole run in this transaction."""
        self.guard()
        if self._steps().filter(final=True).exists():
            return
        handler = self.fresh_handler()
        old = self.batch.status
        handler.progress = self.keeper.progress
        self.allowed(handler)
        journal.set_run(self.run.pk, using=self.using)
        more: dict[str, Any] = {}
        if self.run.kind in LONG_WORK:
            more = LONG_WORK[self.run.kind](handler, self.run, self.keeper)
        else:
            getattr(self, f"_{self.run.kind}")(handler)
        self.record(handler, old, more.pop("said", _("Done.")), more)
        self.keeper.check()
        self.fence(heed_stop=True)
        journal.clear_run(using=self.using)

    def record(self, handler: BatchHandler, old: str, said: str, more: dict[str, Any] | None = None) -> None:
        """Save the batch, and write the run's last step and its log entry, in the work's transaction."""
        if self.run.kind not in ONLY_READS:
            self.batch.revision += 1
            self.batch.save(using=self.using)
        self.counts = rows_by_status(handler.rows())
        RunStep.objects.using(self.using).create(
            run=self.run, attempt=self.run.attempt, cursor=self.keeper.done, counts=self.counts
        )
        self._log(old, self.batch.status, said, {"counts": self.counts, **(more or {})})

    def _log(self, old: str, new: str, said: str, data: dict[str, Any] | None = None) -> None:
        log(
            self.batch,
            self.run.kind,
            self.run.requested_by,
            Door(self.run.door),
            old=old,
            new=new,
            run=self.run.pk,
            comment=said,
            data=data,
        )

    def guard(self) -> None:
        """Begin a transaction of the work: bound its waits, lock the batch, make sure that the run is this attempt's."""
        self._settings()
        self._lock()
        self.fence()

    def fresh_handler(self) -> BatchHandler:
        """Return a handler for the batch as it is now."""
        self.batch = type(self.batch)._default_manager.using(self.using).get(pk=self.batch.pk)
        return self._handler()

    def _steps(self) -> Any:
        return RunStep.objects.using(self.using).filter(run=self.run)

    def _settings(self) -> None:
        """Bound what this transaction may wait for, so that a dead worker's locks go with it."""
        limits = {
            "lock_timeout": conf("LOCK_TIMEOUT_MS"),
            "statement_timeout": conf("STATEMENT_TIMEOUT_MS"),
            "idle_in_transaction_session_timeout": conf("IDLE_TIMEOUT_MS"),
            "random_page_cost": 1.1,
            # For joins with, and groups of, a million rows.
            "work_mem": "64MB",
            # Samples of 3,000 rows tell enough for plans, in a tenth of the time.
            "default_statistics_target": 10,
            "jit": "off",
        }
        if self.inline:
            limits.pop("idle_in_transaction_session_timeout")
        calls = ", ".join(["set_config(%s, %s, true)"] * len(limits))
        params = [text for name, value in limits.items() for text in (name, str(value))]
        # Behind a pooler each transaction may have another session.
        self.keeper.backend = sql.fetch(self.using, f"SELECT pg_backend_pid(), {calls}", params)[0][0]

    def _lock(self) -> None:
        """Lock the batch's number: no other attempt works, and nobody changes the batch, while this transaction lives."""
        text = f"SELECT number FROM {sql.table(BatchNumber)} WHERE number = %s FOR NO KEY UPDATE"
        sql.fetch(self.using, text, [self.batch.pk])

    def fence(self, heed_stop: bool = False) -> None:
        """Make sure that nobody took the run over. Raises LeaseLost; Stopped if asked to heed a request that came late."""
        runs = Run.objects.using(self.using).filter(pk=self.run.pk)
        attempt, stop = runs.values_list("attempt", "stop_requested").first() or (None, False)
        if attempt != self.run.attempt:
            raise LeaseLost
        if stop and heed_stop:
            raise Stopped

    # ---- the kinds of run

    def _populate(self, handler: BatchHandler) -> None:
        filling.fill(handler, self.keeper)
        self.batch.status = Status.REVIEW

    def _repopulate(self, handler: BatchHandler) -> None:
        again.take_answers(self.batch, self.run.params.get("answers") or {})
        reason = rights.why_not_repopulate(handler)
        if reason:
            raise RunFailed(reason)
        again.empty(handler)
        self._populate(handler)

    def _refresh(self, handler: BatchHandler) -> None:
        filling.check_all(handler, self.keeper)

    def _execute(self, handler: BatchHandler) -> None:
        must_be_confirmed(handler, self.run)
        take_up(handler, self.run, 1, last_sequence(handler))
        if takes_up(self.run):
            self.allowed(handler)
        for piece in filling.pieces(handler, self.keeper):
            execute_piece(handler, piece, self.run)
            self.keeper.progress(piece.last)
        self.made = handler.writer.made
        handler.make_artifacts()
        mark_executed(handler, self.run.requested_by)

    def allowed(self, handler: BatchHandler, rows: Any = None) -> None:
        """Check the rights again, for some rows only if given: they may have been taken away meanwhile. Raises RunFailed."""
        user = self.run.requested_by
        fresh = (
            None if user is None else type(user)._default_manager.using(self.using).filter(pk=user.pk).first()
        )
        reason = rights.missing_right(handler, VERB[self.run.kind].name, fresh, rows=rows)
        if reason:
            raise RunFailed(reason)

    # ---- how it ends

    def _done(self) -> None:
        step = self._steps().filter(final=True).order_by("-pk").first()
        self._finish(RunState.SUCCEEDED, "", step.counts if step else self.counts)
        if not self.inline:
            self._analyze(step)

    def _analyze(self, step: RunStep | None) -> None:
        """Take figures on what is new in bulk: without them the planner may choose a plan that takes minutes."""
        counts = step.counts if step else self.counts
        handler = self._handler()
        what: list[str] = []
        if self.run.kind in (RunKind.POPULATE, RunKind.REPOPULATE) and sum(counts.values()) >= ANALYZE_ROWS:
            names = _planned_by(handler.row_model)
            columns = ", ".join(sql.column(handler.row_model, name) for name in names)
            what.append(f"{sql.table(handler.row_model)} ({columns})")
        if self.run.kind == RunKind.EXECUTE and counts.get(RowStatus.APPLIED, 0) >= ANALYZE_ROWS:
            # One who does not own the table gets a warning from the server, no error.
            what += [
                sql.table(t.model) for t in handler.targets.values() if self.made.get(t.to, 0) >= ANALYZE_ROWS
            ]
        if not what:
            return
        try:
            with transaction.atomic(using=self.using):
                self._settings()
                sql.run(self.using, f"ANALYZE {', '.join(what)}")
        except DatabaseError as error:
            # The work is committed; figures come by themselves later, such as from the VACUUM that was in the way.
            logger.warning("run %s: no figures were taken: %s", self.run.pk, error)

    def _undone(self, state: RunState, error: BaseException) -> bool:
        """Put the batch back to where it was and record why. The work's transaction is gone, and all that it wrote.

        Where chunks were committed, the batch is executed in part. Where all was (the error came afterwards), finish the run
        as done and return False.
        """
        sentence = self._sentence(error)
        verb = VERB[self.run.kind]
        if connections[self.using].in_atomic_block and not self.inline:
            return True
        with transaction.atomic(using=self.using):
            self._lock()
            self.fence()
            if self._steps().filter(final=True).exists():
                self._done()
                self.batch = find_batch(self.batch.pk)
                return False
            if self._steps().exists():
                sentence = end_in_part(self, self.reason(error))
                self._finish(state, sentence, self.counts)
                return True
            if self.run.kind in CLEAN_UP:
                CLEAN_UP[self.run.kind](self.run)
            back = self.run.params.get("back") or verb.fallback
            if back:
                type(self.batch)._default_manager.using(self.using).filter(pk=self.batch.pk).update(
                    status=back
                )
            self._log(str(verb.through or ""), str(back or ""), sentence)
            self._finish(state, sentence, {})
            self.batch = find_batch(self.batch.pk)
        return True

    def _finish(self, state: RunState, error: str, counts: dict[str, Any]) -> None:
        # In one transaction: as soon as the run is at its end, somebody may delete its batch.
        with transaction.atomic(using=self.using):
            Run.objects.filter(pk=self.run.pk, attempt=self.run.attempt).update(
                state=state,
                error=error,
                counts=counts,
                done=self.keeper.done,
                total=self.keeper.total,
                blocked=0,
                finished=Now(),
            )
            self.run.refresh_from_db()

    def _sentence(self, error: BaseException) -> str:
        """Return what a person should read of an error that undid everything."""
        if isinstance(error, KeyboardInterrupt):
            return _("Stopped at the keyboard; nothing was written.")
        if isinstance(error, DatabaseError):
            return database_sentence(self._handler().targets.values(), error)
        if isinstance(error, (BatchError, ValidationError)):
            return self.reason(error)
        logger.error("run %s failed", self.run.pk, exc_info=error)
        return _("Something unexpected went wrong (%(type)s: %(text)s); nothing was written.") % {
            "type": type(error).__name__,
            "text": error,
        }

    def reason(self, error: BaseException) -> str:
        """Return what a person should read of an error that did not undo everything: a sentence about nothing but the cause."""
        if isinstance(error, KeyboardInterrupt):
            return _("Stopped at the keyboard.")
        if isinstance(error, Stopped) and self.run.is_chunked:
            return _("Stopped by a person.")
        if isinstance(error, BatchError):
            return str(error)
        if isinstance(error, ValidationError):
            return validation_sentence(error)
        if isinstance(error, DatabaseError):
            return database_reason(self._handler().targets.values(), error)
        return _("Something unexpected went wrong (%(type)s: %(text)s).") % {
            "type": type(error).__name__,
            "text": error,
        }


def _planned_by(model: type[BatchRowBase]) -> list[str]:
    """Return the fields by which rows are sought and joined; figures on all of them would take several times as long."""
    links = [f.name for f in model._meta.concrete_fields if f.is_relation and f.editable]
    return ["batch", "sequence", "status", *links]


def resume(run_id: int) -> Run | None:
    """Carry on with a run if nobody else does; None if there is nothing to do."""
    run = claim(run_id, owner_name())
    if run is None:
        return None
    try:
        return Runner(run).go()
    except (LeaseLost, Interrupted):
        return None
    except BatchError as error:
        logger.info("run %s: %s", run_id, error)
        return Run.objects.filter(pk=run_id).first()

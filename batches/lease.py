"""Who works on a run: claims on the database's clock, and the thread that renews them and shows progress.

A session lock is no proof of life (a stopped process keeps it), so a worker owns a run until a deadline that it moves. The
attempt is the fencing token: a takeover raises it under the batch's lock, and work checks it under that lock.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from datetime import timedelta
from types import TracebackType

from django.db import DatabaseError, connections, router, transaction
from django.db.models.functions import Now
from django.utils import timezone

from . import sql
from .conf import conf
from .exceptions import LeaseLost, Stopped
from .models import BatchNumber, Run, RunStep
from .states import RunState

logger = logging.getLogger("batches")
# Nobody should have to wait longer for what a run locks; so often it is looked whether somebody does.
PATIENCE = 1.0

# Set where this process shall end: a run in chunks is given back after the present one, so that others go on with it at once.
ENDING = threading.Event()


def owner_name() -> str:
    """Return a name for this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"


def claim(run_id: int, owner: str) -> Run | None:
    """Take a run that waits, or whose worker is gone, and raise its attempt; None if somebody owns it."""
    using = router.db_for_write(Run)
    lease = conf("LEASE_SECONDS")
    alone = not connections[using].in_atomic_block
    try:
        with transaction.atomic(using=using, durable=False):
            sql.run(using, "SELECT set_config('lock_timeout', '2s', true)")
            if alone:
                # One who hangs just here would keep the run from everybody else.
                sql.end_if_idle(using, conf("IDLE_TIMEOUT_MS"))
            batch_id = Run.objects.using(using).values_list("batch_id", flat=True).get(pk=run_id)
            # The same lock as the work's: while a stopped worker's transaction lives, nobody else begins.
            sql.fetch(
                using,
                f"SELECT number FROM {sql.table(BatchNumber)} WHERE number = %s FOR NO KEY UPDATE",
                [batch_id],
            )
            taken = sql.run(
                using,
                f"UPDATE {sql.table(Run)} SET attempt = attempt + 1, owner = %s, state = CASE WHEN stop_requested THEN"
                " 'stopping' WHEN pause_requested THEN 'pausing' ELSE 'running' END,"
                " started = COALESCE(started, clock_timestamp()),"
                f" done = COALESCE((SELECT max(s.cursor) FROM {sql.table(RunStep)} s WHERE s.run_id = {sql.table(Run)}.id), 0),"
                " lease_until = clock_timestamp() + make_interval(secs => %s)"
                " WHERE id = %s AND (state = 'queued' OR (state IN ('running', 'pausing', 'stopping', 'interrupted')"
                " AND lease_until < clock_timestamp()))",
                [owner, lease, run_id],
            )
            # Read here: after the commit, whoever slept for a lease's time would read the attempt of the one who took over.
            return Run.objects.using(using).get(pk=run_id) if taken else None
    except (Run.DoesNotExist, DatabaseError) as error:
        logger.info(
            "run %s cannot be claimed now: %s",
            run_id,
            str(error).strip().splitlines()[0] if str(error) else error,
        )
        return None


def waiting(patience: float) -> list[int]:
    """Return runs that need a worker: whose lease ran out, or that have waited longer than `patience` seconds for their task."""
    using = router.db_for_write(Run)
    rows = sql.fetch(
        using,
        f"SELECT id FROM {sql.table(Run)} WHERE (state IN ('running', 'pausing', 'stopping', 'interrupted') AND lease_until <"
        " clock_timestamp()) OR (state = 'queued' AND created < clock_timestamp() - make_interval(secs => %s)) ORDER BY id",
        [patience],
    )
    return [row[0] for row in rows]


def mark_interrupted() -> int:
    """Show runs whose worker is gone as interrupted; return how many."""
    using = router.db_for_write(Run)
    return sql.run(
        using,
        f"UPDATE {sql.table(Run)} SET state = 'interrupted' WHERE state = 'running' AND lease_until < clock_timestamp()",
    )


def is_silent(run: Run) -> bool:
    """Tell whether a run's worker missed several of its signs of life: it may be dead, and another one goes on when the lease ends."""
    if run.state != RunState.RUNNING or run.lease_until is None:
        return False
    lived = timedelta(seconds=max(0.0, conf("LEASE_SECONDS") - 3 * conf("RENEW_SECONDS")))
    if run.lease_until > timezone.now() + lived:
        return False
    # Only the clock of the database counts; this one spares the question.
    return Run.objects.filter(pk=run.pk, state=RunState.RUNNING, lease_until__lt=Now() + lived).exists()


def give_back(run: Run) -> None:
    """Let any other worker go on with a run at once."""
    using = router.db_for_write(Run)
    sql.run(
        using,
        f"UPDATE {sql.table(Run)} SET state = CASE state WHEN 'running' THEN 'interrupted' ELSE state END, owner = '',"
        " lease_until = clock_timestamp() WHERE id = %s AND attempt = %s AND state IN ('running', 'pausing', 'stopping')",
        [run.pk, run.attempt],
    )


class Keeper:
    """Renews a run's lease and writes its progress from a thread with a connection of its own."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.using = router.db_for_write(Run)
        self.done = 0
        self.total: int | None = None
        self.lost = False
        self.stop_requested = run.stop_requested
        # The session that works, and how many others wait for it now, and have waited since somebody asked.
        self.backend: int | None = None
        self.blocked = 0
        self.blocked_since = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"lease-{run.pk}", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def check(self) -> None:
        """Raise LeaseLost or Stopped if the work must end here."""
        if self.lost:
            raise LeaseLost
        if self.stop_requested:
            raise Stopped

    def progress(self, done: int) -> None:
        """Note how far the work is, and end it here if it must end."""
        self.done = done
        self.check()

    def held_up(self) -> int:
        """Return how many sessions had to wait for the work since the last call."""
        found, self.blocked_since = self.blocked_since, 0
        return found

    def _loop(self) -> None:
        beaten = time.monotonic()
        try:
            while not self._end.wait(min(PATIENCE, conf("RENEW_SECONDS"))):
                try:
                    news = self.look()
                    if news or time.monotonic() - beaten >= conf("RENEW_SECONDS"):
                        self.beat()
                        beaten = time.monotonic()
                except DatabaseError as error:
                    logger.warning("run %s: lease not renewed: %s", self.run.pk, error)
                    connections[self.using].close()
        finally:
            connections[self.using].close()

    def look(self) -> bool:
        """Count who waits for the work's locks for more than `PATIENCE` seconds; tell whether that number changed."""
        if self.backend is None:
            return False
        before = self.blocked
        self.blocked = sql.fetch(
            self.using,
            "SELECT count(DISTINCT l.pid) FROM pg_locks l WHERE NOT l.granted AND l.waitstart < clock_timestamp()"
            " - make_interval(secs => %s) AND %s = ANY(pg_blocking_pids(l.pid))",
            [PATIENCE, self.backend],
        )[0][0]
        self.blocked_since = max(self.blocked_since, self.blocked)
        return self.blocked != before

    def beat(self) -> None:
        """Renew the lease once, write progress, and hear requests."""
        rows = sql.fetch(
            self.using,
            f"UPDATE {sql.table(Run)} SET lease_until = clock_timestamp() + make_interval(secs => %s), done = %s, total = %s,"
            " blocked = %s, state = CASE state WHEN 'interrupted' THEN 'running' ELSE state END"
            " WHERE id = %s AND attempt = %s AND state IN ('running', 'pausing', 'stopping', 'interrupted')"
            # What was given back is nobody's until another worker claims it.
            " AND owner <> '' RETURNING stop_requested",
            [conf("LEASE_SECONDS"), self.done, self.total, self.blocked, self.run.pk, self.run.attempt],
        )
        if not rows:
            self.lost = True
        elif rows[0][0]:
            self.stop_requested = True


class NoKeeper:
    """Stands in for a Keeper where the run and the work share one transaction, so that nobody else can see either."""

    def __init__(self) -> None:
        self.done = 0
        self.total: int | None = None
        self.backend: int | None = None

    def held_up(self) -> int:
        """Tell of nobody who waits."""
        return 0

    def __enter__(self) -> NoKeeper:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def check(self) -> None:
        """Let the work go on."""

    def progress(self, done: int) -> None:
        """Note how far the work is."""
        self.done = done

"""Work on runs, those enqueued as tasks and those whose worker is gone, and send what batches tell other systems."""

from __future__ import annotations

import json
import logging
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connections, router
from django_tasks_db.management.commands.db_worker import Worker as TaskWorker
from django_tasks_db.models import DBTaskResult

from batches import sql
from batches.conf import conf
from batches.lease import ENDING, mark_interrupted, owner_name, waiting
from batches.models import Run
from batches.outbox import send_due
from batches.runner import resume

logger = logging.getLogger("batches")


class Command(BaseCommand):
    help = "Work on batches in the background; resumes what a dead worker left. As many as wanted, on as many machines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --once and --json."""
        parser.add_argument("--once", action="store_true", help="Do what is waiting now, then end.")
        parser.add_argument(
            "--json",
            action="store_true",
            dest="as_json",
            help="With --once: print what was done as one JSON object.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until told to end."""
        loop = Loop()
        if options["as_json"] and not options["once"]:
            raise CommandError(
                "--json needs --once: a worker that goes on has no end to report.", returncode=2
            )
        if options["once"]:
            try:
                began = database_time()
                loop.once()
                sent = send_due()
                if options["as_json"]:
                    self.stdout.write(json.dumps({"runs": runs_since(began), "sent": sent}))
            except (DatabaseError, InterfaceError) as error:
                raise CommandError(f"The database cannot be worked with: {error}") from error
            return
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, loop.stop)
        logger.info("worker started")
        loop.forever()
        logger.info("worker ended")


def database_time() -> Any:
    """Return the time of the database, which is that of runs."""
    return sql.fetch(router.db_for_write(Run), "SELECT clock_timestamp()")[0][0]


def runs_since(began: Any) -> list[dict[str, Any]]:
    """Return the runs that this process ended since a time, in order."""
    runs = Run.objects.filter(owner=owner_name(), finished__gte=began).order_by("finished", "pk")
    return [
        {
            "run": run.pk,
            "batch": run.batch_id,
            "kind": run.kind,
            "state": run.state,
            "counts": run.counts,
            "error": run.error,
        }
        for run in runs
    ]


class Loop:
    """Looks for work; a database that is away for a while is waited for."""

    def __init__(self) -> None:
        self.ending = threading.Event()

    def stop(self, number: int, frame: FrameType | None) -> None:
        """End after the run that is on; one in chunks is left to others after the chunk that is on."""
        self.ending.set()
        ENDING.set()

    def forever(self) -> None:
        """Work until `stop`. Sending has a thread of its own: a long run does not hold it up, nor a slow target a run."""
        sender = threading.Thread(target=self._senders, name="sender")
        sender.start()
        try:
            self.keep_on(self.once)
        finally:
            self.ending.set()
            sender.join()

    def _senders(self) -> None:
        try:
            self.keep_on(self.send)
        finally:
            # One that ends in an error ends the worker, so that it is started again whole.
            self.ending.set()
            connections.close_all()

    def keep_on(self, work: Callable[[], bool]) -> None:
        """Do work whenever there is some, until `stop`."""
        pause = conf("POLL_SECONDS")
        while not self.ending.is_set():
            try:
                worked = work()
                pause = conf("POLL_SECONDS")
            except (DatabaseError, InterfaceError) as error:
                logger.warning(
                    "worker: the database is away (%s); trying again", str(error).strip().splitlines()[:1]
                )
                connections.close_all()
                worked, pause = False, min(pause * 2, 15.0)
            if not worked:
                self.ending.wait(pause)

    def send(self) -> bool:
        """Send what is due now; tell whether there was anything."""
        return send_due(more=lambda: not self.ending.is_set()) > 0

    def once(self) -> bool:
        """Do everything that is waiting now; tell whether there was anything."""
        worked = False
        mark_interrupted()
        # Twice the poll is patience enough: a task that was going to come has come by then.
        for run_id in waiting(2 * conf("POLL_SECONDS")):
            worked = self.resumed(run_id) or worked
        tasks = TaskWorker(
            queue_names=["*"],
            interval=0,
            batch=True,
            backend_name="default",
            startup_delay=False,
            max_tasks=1,
            worker_id=f"batches-{threading.get_ident()}"[:64],
            excluded_queue_names=[],
        )
        while not self.ending.is_set() and DBTaskResult.objects.ready().exists():
            tasks._run_tasks = 0
            tasks.run()
            worked = True
        return worked

    def resumed(self, run_id: int) -> bool:
        """Carry on with a run; a type whose code is broken must not end the worker, which has other types to serve."""
        try:
            return resume(run_id) is not None
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            logger.exception("run %s ended in an unexpected error", run_id)
            return True

"""Random kill -9 of the database server with all of its processes, while two `worker` commands work on it.

Only on a server that `./reliability` has started for itself: with fsync and full_page_writes on, as the site's own has them.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from django.conf import settings
from django.db import connections

from batches.models import Run
from batchsite.localpg.server import Server

from ..harness import until
from .ground import Book, scalar
from .report import Report
from .rounds import Killer, Stuck, clock, judge, play
from .worker_kills import GOING

TOP = Path(__file__).resolve().parents[3]
# (rows of one file, files at once, of which in chunks, kills, kills in one round)
SIZES = {"small": (2_000, 1, 1, 1, 1), "ci": (6_000, 3, 2, 5, 5), "long": (10_000, 4, 3, 100, 25)}
MOST_OF_ONE = 5


def own_server() -> Server:
    """Return the server that this process may kill; there is none where the settings do not say that it is its own."""
    local = settings.DATABASES["default"].get("LOCALPG")
    own = os.environ.get("RELIABILITY_VAR")
    if not (local and own and Path(local["var"]).samefile(own)):
        raise RuntimeError(
            "This trial kills the database server, so it only works by ./reliability, on one of its own."
        )
    return Server(Path(local["var"]), local["cluster"])


def children(pid: int) -> list[int]:
    """Return the processes that a process has begun."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass
class ServerKiller(Killer):
    """Kills the server at a random moment of the work, and starts it again."""

    server: Server | None = None
    met: Counter[int] = field(default_factory=Counter)

    def strike(self, batches: list[Any]) -> None:
        """Kill the postmaster and all that it has begun."""
        time.sleep(self.rng.uniform(0.0, 0.6))
        pks = [batch.pk for batch in batches]
        runs = list(Run.objects.filter(batch_id__in=pks, state__in=GOING))
        # One that nobody has taken over since its last kill is not under way.
        last = {hit.run: hit.attempt for hit in self.struck}
        runs = [run for run in runs if last.get(run.pk) != run.attempt]
        if not runs or any(not run.is_chunked and self.met[run.pk] >= MOST_OF_ONE for run in runs):
            time.sleep(0.1)
            return
        at = clock()
        connections.close_all()
        postmaster = self.server.postmaster()
        for pid in (postmaster, *children(postmaster)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.server.is_alive() or self.server.postmaster() not in (None, postmaster), 30)
        self.server.ensure()
        connections.close_all()
        if self.note(runs, at):
            self.met.update(run.pk for run in runs)


class Commands:
    """Real `worker` commands, each a process that is started as people start it."""

    def __init__(self, number: int, log: Path) -> None:
        self.number = number
        self.log = log
        self.running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Commands":
        with self.log.open("ab") as log:
            for _ in range(self.number):
                command = [sys.executable, "manage.py", "worker"]
                self.running.append(
                    subprocess.Popen(command, cwd=TOP, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
                )
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.running:
            process.kill()
            process.wait()

    def ends(self) -> list[int | None]:
        """Return with which code each has ended, or None for one that lives."""
        return [process.poll() for process in self.running]


def trial(size: str, seed: int) -> Report:
    """Play rounds until all kills have fallen into work."""
    rows, files, in_chunks, kills, each = SIZES[size]
    report = Report("database_kills", seed)
    server = own_server()
    rng = Random(seed)
    whole = Killer(rng, 0)
    left, number = kills, 0
    with report.timed(), tempfile.TemporaryDirectory(prefix="batchsite-workers-") as folder:
        log = Path(folder) / "log"
        report.must_be(scalar("SHOW fsync"), "on", "fsync of the server")
        with Commands(2, log) as workers:
            while left > 0:
                number += 1
                killer = ServerKiller(rng, min(left, each), server=server)
                books = [Book(f"D{number}F{n}-", rows, chunked=n < in_chunks) for n in range(files)]
                try:
                    play(books, killer, report)
                except Stuck as error:
                    report.must(False, str(error))
                left -= killer.kills
                for hit in killer.struck:
                    hit.kill += whole.kills
                whole.struck += killer.struck
                whole.kills += killer.kills
                if report.faults:
                    break
                report.count("rows", rows * files)
                print(f"  database_kills: {kills - left} of {kills}", file=sys.stderr, flush=True)
            report.must_be(
                workers.ends(), [None, None], "how the workers ended, who were to live through all of it"
            )
        judge(whole, report)
        if report.faults:
            print(log.read_text(errors="replace")[-3_000:], file=sys.stderr)
    return report

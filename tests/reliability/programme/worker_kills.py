"""Random kill -9 of workers, in files of 40,000 rows in all: makes, changes and conflicts, in chunks and in one transaction."""

import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from batches.models import Run
from batches.states import RunState

from .crew import Crew
from .ground import Book
from .report import Report
from .rounds import STUCK, Killer, Stuck, clock, judge, play

GOING = (RunState.RUNNING, RunState.PAUSING, RunState.STOPPING)
# (rows of one file, files at once, of which in chunks, workers, kills, kills in one round)
SIZES = {
    "small": (400, 1, 1, 2, 2, 2),
    "ci": (10_000, 4, 3, 4, 60, 60),
    "long": (10_000, 4, 3, 4, 1_000, 100),
}
# A run of one transaction that is killed each time would never end.
MOST_OF_ONE = 5


@dataclass
class WorkerKiller(Killer):
    """Kills the worker of one run that is under way, at a random moment of it."""

    crew: Crew | None = None
    met: Counter[int] = field(default_factory=Counter)

    def strike(self, batches: list[Any]) -> None:
        """Choose a run, wait for a moment, kill who works on it then."""
        time.sleep(self.rng.uniform(0.0, 0.25))
        pks = [batch.pk for batch in batches]
        runs = [
            run
            for run in Run.objects.filter(batch_id__in=pks, state__in=GOING).order_by("pk")
            if (run.is_chunked or self.met[run.pk] < MOST_OF_ONE) and self._pid(run) in self.crew.pids
        ]
        if not runs:
            return
        run = self.rng.choice(runs)
        at = clock()
        pid = self._pid(run)
        self.crew.kill(pid)
        if self.note([run], at):
            self.met[run.pk] += 1
        self.crew.hire()

    def _pid(self, run: Run) -> int:
        # The owner's name is host:process:thread.
        return int(run.owner.split(":")[-2]) if run.owner else 0


def trial(size: str, seed: int, *, stuck: float = STUCK) -> Report:
    """Play rounds until all kills have fallen into work."""
    rows, files, in_chunks, workers, kills, each = SIZES[size]
    report = Report("worker_kills", seed)
    rng = Random(seed)
    left, number = kills, 0
    with report.timed(), tempfile.TemporaryDirectory(prefix="batchsite-crew-") as folder:
        killers = []
        with Crew(workers, Path(folder) / "log") as crew:
            while left > 0:
                number += 1
                killer = WorkerKiller(rng, min(left, each), crew=crew)
                killers.append(killer)
                books = [Book(f"R{number}F{n}-", rows, chunked=n < in_chunks) for n in range(files)]
                try:
                    play(books, killer, report, stuck=stuck)
                except Stuck as error:
                    report.must(False, str(error))
                    break
                left -= killer.kills
                report.count("rows", rows * files)
                print(f"  worker_kills: {kills - left} of {kills}", file=sys.stderr, flush=True)
        whole = Killer(rng, 0)
        for killer in killers:
            whole.struck += [
                type(hit)(hit.kill + whole.kills, hit.run, hit.kind, hit.attempt, hit.at)
                for hit in killer.struck
            ]
            whole.kills += killer.kills
        judge(whole, report)
        report.must_be(crew.odd(), 0, "errors that nobody foresaw, in what the workers said")
    return report

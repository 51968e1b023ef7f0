"""Time, queries and memory of a piece of work; several pieces measured in turn."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection

Work = Callable[[], Any]
# What a step may take: all in all, and more than before it began.
PEAK_MB, GROWTH_MB = 300, 60


@dataclass
class Step:
    """One contender: `before` prepares and is not timed."""

    work: Work
    before: Work = lambda: None
    seconds: list[float] = field(default_factory=list)
    queries: int = 0
    peak_mb: float = 0.0
    growth_mb: float = 0.0

    @property
    def best(self) -> float:
        """Return the quickest run: what other processes add is not ours."""
        return min(self.seconds)

    def run(self) -> None:
        """Do the work once and note what it took."""
        self.before()
        gc.collect()
        before = resident_mb()
        reset_peak()
        self.queries = 0
        with connection.execute_wrapper(self._count):
            started = time.perf_counter()
            self.work()
            self.seconds.append(time.perf_counter() - started)
        self.peak_mb = max(self.peak_mb, peak_mb())
        self.growth_mb = max(self.growth_mb, peak_mb() - before)

    def _count(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.queries += 1
        return execute(sql, params, many, context)


def in_turn(steps: dict[str, Step], rounds: int) -> None:
    """Run the contenders in turn, so that a slow minute hits all of them."""
    for _round in range(rounds):
        for step in steps.values():
            step.run()


def _status(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


def resident_mb() -> float:
    """Return this process's resident memory."""
    with suppress(OSError):
        return _status("VmRSS")
    return peak_mb()


def reset_peak() -> None:
    """Let the peak count from now on; only Linux can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Return the most that this process had resident since `reset_peak()`."""
    with suppress(OSError):
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def result(
    name: str, rows: int, steps: dict[str, Step], target: float, floor: float | None = None
) -> dict[str, Any]:
    """Return what ./bench prints of one comparison: ours, the baseline and, where there is one, the floor."""
    ours, baseline = steps["ours"], steps["baseline"]
    ratio = ours.best / baseline.best
    found: dict[str, Any] = {
        "name": name,
        "rows": rows,
        "seconds": round(ours.best, 3),
        "baseline_seconds": round(baseline.best, 3),
        "ratio": round(ratio, 2),
        "target": target,
        "peak_mb": round(ours.peak_mb, 1),
        "growth_mb": round(ours.growth_mb, 1),
        "queries": ours.queries,
    }
    within = ratio <= target and ours.peak_mb <= PEAK_MB and ours.growth_mb <= GROWTH_MB
    if floor is not None:
        floor_ratio = ours.best / steps["floor"].best
        found |= {
            "floor_seconds": round(steps["floor"].best, 3),
            "floor_ratio": round(floor_ratio, 2),
            "floor_target": floor,
        }
        within = within and floor_ratio <= floor
    return found | {"within": within}

"""Workers that are forked with the code loaded, each in the real `worker` command, and killed one after the other."""

import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from django.core.management import call_command

from ..harness import ended, spawn

# What no worker may say: of an error that nobody foresaw.
ODD = ("Traceback (most recent call last)", "ended in an unexpected error")


class Crew:
    """Some workers; each that is killed has a successor at once."""

    def __init__(self, number: int, log: Path) -> None:
        self.number = number
        self.log = log
        self.pids: set[int] = set()

    def __enter__(self) -> "Crew":
        for _ in range(self.number):
            self.hire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in list(self.pids):
            self.kill(pid)

    def hire(self) -> None:
        """Begin a worker."""
        self.pids.add(spawn(self._work))

    def kill(self, pid: int) -> None:
        """End a worker of this crew by kill -9, and wait until it is gone."""
        self.pids.remove(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        ended(pid)

    def odd(self) -> int:
        """Return how often a worker spoke of an error that nobody foresaw."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return max(text.count(words) for words in ODD)

    def _work(self) -> None:
        speak_into(self.log)
        call_command("worker")


def speak_into(log: Path) -> None:
    """Let what this process says and logs go to the end of a file."""
    stream = log.open("a", buffering=1)
    sys.stdout = sys.stderr = stream
    handler = logging.StreamHandler(stream)
    for name in ("", "batches", "django_tasks", "django_tasks_db"):
        logger = logging.getLogger(name)
        logger.handlers = [] if name else [handler]
        logger.propagate = True

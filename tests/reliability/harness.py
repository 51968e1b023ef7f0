"""Processes that die on purpose: forked with the code loaded, each with connections of its own."""

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable

from django.db import connection, connections


def spawn(work: Callable[[], object]) -> int:
    """Run `work` in a child process that does not outlive this one; return its number at once."""
    # A child that inherited an open connection would end the parent's session with its own.
    connections.close_all()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            threading.Thread(target=_end_with, args=[parent], daemon=True).start()
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def ended(child: int) -> int:
    """Wait for the end of a child process; return its wait status."""
    return os.waitpid(child, 0)[1]


def forked(work: Callable[[], object]) -> int:
    """Run `work` in a child process; return its wait status (0 = it came to its end)."""
    return ended(spawn(work))


def killed(status: int) -> bool:
    """Tell whether a wait status is that of kill -9."""
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


class KillAt:
    """An execute wrapper that ends the process with kill -9 just before or just after statement `n`."""

    def __init__(self, n: int, after: bool = False) -> None:
        self.n = n
        self.after = after
        self.seen = 0

    def __call__(self, execute, statement, params, many, context):
        self.seen += 1
        if self.seen == self.n and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = execute(statement, params, many, context)
        if self.seen == self.n and self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until a condition holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def statements(work: Callable[[], None]) -> int:
    """Return how many statements `work` sends from this thread."""
    counter = KillAt(-1)
    with connection.execute_wrapper(counter):
        work()
    return counter.seen


def in_thread(work: Callable[[], object]) -> None:
    """Do work in a thread, with a connection of its own, and wait for its end."""

    def run() -> None:
        work()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


class AtStep:
    """An execute wrapper that works once, when chunk `n` is committed: at the next statement outside a transaction."""

    def __init__(self, work, n):
        self.work = work
        self.n = n
        self.steps = 0

    def __call__(self, execute, statement, params, many, context):
        if self.steps == self.n and not connection.in_atomic_block:
            self.n = -1
            in_thread(self.work)
        result = execute(statement, params, many, context)
        self.steps += 'INSERT INTO "batches_runstep"' in str(statement)
        return result

"""Let a thread work ahead of what uses up its results."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from queue import Full, Queue
from threading import Event, Thread
from typing import Any

from django.db import connections
from django.utils import translation


class _End:
    """What comes last out of the queue: the error that ended the work, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterator[Any], number: int) -> Generator[Any, None, None]:
    """Yield items that a thread makes, up to `number` before they are asked for; close it to end the thread.

    What makes them can't use the database: a thread has a connection of its own, outside the caller's transaction, so a query
    there raises RuntimeError.
    """
    queue: Queue[Any] = Queue(number)
    enough = Event()
    thread = Thread(target=_fill, args=(items, queue, enough, translation.get_language()), daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        enough.set()
        thread.join()


def _fill(items: Iterator[Any], queue: Queue[Any], enough: Event, language: str | None) -> None:
    end = _End()
    try:
        with translation.override(language), ExitStack() as guarded:
            for alias in connections:
                guarded.enter_context(connections[alias].execute_wrapper(_refuse))
            for item in items:
                if not _put(queue, item, enough):
                    return
    except BaseException as error:  # it is raised where the items are used
        end = _End(error)
    finally:
        connections.close_all()
    _put(queue, end, enough)


def _refuse(execute: Any, statement: Any, *rest: Any) -> Any:
    raise RuntimeError(
        "Cells are converted ahead, outside the transaction, and cannot ask the database;"
        " load what a converter needs in a cached_property of the handler, or use a Lookup."
    )


def _put(queue: Queue[Any], item: Any, enough: Event) -> bool:
    while not enough.is_set():
        try:
            queue.put(item, timeout=0.1)
        except Full:
            continue
        return True
    return False

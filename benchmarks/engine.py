"""The ways to execute and to undo: in chunks against one transaction, and an undo against the bare UPDATE and by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from batches import actions
from batches.models import BatchBase, Run
from batches.registry import registry

from .data import PRODUCT, ROW, in_review, user, write_file
from .database import fetch, run, run_file, settle, without_history
from .measure import Step, in_turn, result
from .product_file import remove_created, rounds_of

EVENTS = "products_productevent"


class Changes:
    """Batches that give every product another price and description, one after the other."""

    def __init__(self, first: int) -> None:
        # Another case may have written the first versions already; what is there as wanted is no change.
        self.versions = count(first)
        remove_created()
        self.batch: Any = None
        self.executed = 0

    def reviewed(self) -> None:
        """Make the next one, in review."""
        run(f"TRUNCATE {ROW}")
        self.batch = in_review(write_file("price_change", version=next(self.versions)))
        settle(PRODUCT, EVENTS)

    def done(self) -> None:
        """Make the next one and execute it; `executed` is its run."""
        self.reviewed()
        self.executed = actions.execute(self.batch, user()).pk
        settle(PRODUCT, EVENTS, ROW)


@contextmanager
def in_chunks(batch: BatchBase) -> Iterator[None]:
    """Let the type of a batch execute in chunks."""
    handler: Any = registry.for_model(type(batch))
    handler.atomic = False
    try:
        yield
    finally:
        del handler.atomic


def execute_chunked(rows: int) -> Iterator[dict[str, Any]]:
    """Price and description of every product, in chunks; against the same in one transaction."""
    changes = Changes(101)

    def chunked() -> None:
        with in_chunks(changes.batch):
            made = actions.execute(changes.batch, user())
        assert made.is_chunked, "it must have been in chunks"

    changes.reviewed()
    actions.execute(changes.batch, user())
    steps = {
        "baseline": Step(lambda: actions.execute(changes.batch, user()), before=changes.reviewed),
        "ours": Step(chunked, before=changes.reviewed),
    }
    in_turn(steps, rounds_of(rows, quick=False))
    written = run(f"SELECT FROM {ROW} WHERE batch_id = %s AND status = 'applied'", [changes.batch.pk])
    assert written == rows, "every row must be written"
    yield result("engine.execute_chunked", rows, steps, target=1.15)


def revert(rows: int) -> Iterator[dict[str, Any]]:
    """Undo a change of every product; against the bare UPDATE and the same promises by hand."""
    changes = Changes(201)
    before: list[Any] = []

    def bare() -> None:
        with without_history(PRODUCT):
            run_file("baseline_updates", batch=changes.batch.pk)

    def executed() -> None:
        changes.reviewed()
        before.append(checksum())
        changes.executed = actions.execute(changes.batch, user()).pk
        settle(PRODUCT, EVENTS, ROW)

    def undo() -> None:
        actions.revert(changes.batch, user())

    steps = {
        "baseline": Step(bare, before=changes.reviewed),
        "floor": Step(
            lambda: run_file("floor_revert", batch=changes.batch.pk, run=changes.executed), before=executed
        ),
        "ours": Step(undo, before=executed),
    }
    in_turn(steps, rounds_of(rows, quick=False))
    assert Run.objects.filter(batch_id=changes.batch.pk).first().counts == {"reverted": rows}
    assert checksum() == before[-1], "after the undo every column must be as before"
    yield result("engine.revert", rows, steps, target=5.0, floor=1.3)


def checksum() -> Any:
    """Return a digest of all columns of all products."""
    return fetch(f"SELECT md5(string_agg(md5(p::text), '' ORDER BY p.id)) FROM {PRODUCT} p")


CASES = {"engine.execute_chunked": execute_chunked, "engine.revert": revert}

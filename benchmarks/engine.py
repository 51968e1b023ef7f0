"""The ways to execute and to undo: in chunks against one transaction, and an undo against the bare UPDATE and by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from batches import actions
from batches.models import Run

from .data import COST, PRODUCT, ROW, in_review, user, write_file
from .database import fetch, run, run_file, settle, without_history
from .measure import Step, in_turn, result
from .product_file import remove_created, rounds_of

EVENTS, COST_EVENTS = "products_productevent", "products_productcostevent"


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


def execute_chunked(rows: int) -> Iterator[dict[str, Any]]:
    """Price and description of every product, in chunks; against the same in one transaction."""
    changes = Changes(101)

    def at_once() -> None:
        made = actions.execute(changes.batch, user(), in_chunks=False)
        assert not made.is_chunked, "it must have been at once"

    def chunked() -> None:
        made = actions.execute(changes.batch, user(), in_chunks=True)
        assert made.is_chunked, "it must have been in chunks"

    changes.reviewed()
    at_once()
    steps = {
        "baseline": Step(at_once, before=changes.reviewed),
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
        # An undo works as the execution did.
        changes.executed = actions.execute(changes.batch, user(), in_chunks=False).pk
        settle(PRODUCT, EVENTS, ROW)

    def undo() -> None:
        assert not actions.revert(changes.batch, user()).is_chunked

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


def price_book(rows: int) -> Iterator[dict[str, Any]]:
    """A price book with a tenth of the products changed and a hundredth new: both ways to execute it, and its undo."""
    versions = count(301)
    batch: Any = None
    before: list[Any] = []

    def reviewed() -> None:
        nonlocal batch
        remove_created()
        run(f"TRUNCATE {ROW}")
        batch = in_review(write_file("price_book", version=next(versions), rows=rows))
        settle(PRODUCT, COST, EVENTS, COST_EVENTS)

    def bare() -> None:
        with without_history(PRODUCT):
            run_file("baseline_price_book", batch=batch.pk)

    def execute(in_chunks: bool) -> None:
        made = actions.execute(batch, user(), in_chunks=in_chunks)
        assert made.is_chunked is in_chunks

    def undo() -> None:
        assert actions.revert(batch, user()).is_chunked

    def executed() -> None:
        reviewed()
        before.append((checksum(PRODUCT), checksum(COST)))
        execute(in_chunks=True)
        settle(PRODUCT, COST, EVENTS, COST_EVENTS, ROW)

    steps = {
        "baseline": Step(bare, before=reviewed),
        "ours": Step(lambda: execute(in_chunks=False), before=reviewed),
        "chunks": Step(lambda: execute(in_chunks=True), before=reviewed),
        "undo": Step(undo, before=executed),
    }
    in_turn(steps, rounds_of(rows, quick=False))
    assert (checksum(PRODUCT), checksum(COST)) == before[-1], "after the undo every column must be as before"
    counts = Run.objects.filter(batch_id=batch.pk).order_by("-pk")[0].counts
    assert counts["reverted"] >= rows // 10 + rows // 100, "all that was written must be undone"
    yield result("engine.price_book", rows, steps, target=6.0)
    chunked = {"baseline": steps["ours"], "ours": steps["chunks"]}
    yield result("engine.price_book_chunked", rows, chunked, target=1.15)
    undone = {"baseline": steps["baseline"], "ours": steps["undo"]}
    yield result("engine.price_book_undo", rows, undone, target=5.0)


def checksum(table: str = PRODUCT) -> Any:
    """Return a digest of all columns of all objects of a table."""
    return fetch(f"SELECT md5(string_agg(md5(t::text), '' ORDER BY t.id)) FROM {table} t")


CASES = {
    "engine.price_book": price_book,
    "engine.execute_chunked": execute_chunked,
    "engine.revert": revert,
}

"""The steps of a product file, each beside the best SQL that we can write by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from django.db import connection, transaction

from batches import actions
from batches.files import Reader, Reading
from batches.models import BatchBase

from .data import COPY, COST, PRODUCT, ROW, draft, in_review, user, write_file, write_workbook
from .database import run, run_file, settle, statements, without_history
from .measure import Step, in_turn, result

# The columns of the file, and those of a row by which two ways of making it are compared.
FILED = "number, code, description, size, unit, brand_name, department_name, regular_price, vendor_code, unit_cost"
SHOWN = (
    "sequence, source_row, status, action, issues, product_id, cost_id, department_id, brand_id, vendor_id, new_number, code,"
    " new_description, new_unit, new_unit_cost, first_cost, old_code, old_description, old_size, old_unit, old_brand_id,"
    " old_department_id, old_category_id, old_location, old_regular_price, old_unit_cost, old_case_size"
)


def rounds_of(rows: int, quick: bool = True) -> int:
    """Return how often each contender runs; executions of a million rows take minutes."""
    if rows <= 200_000:
        return 5 if quick else 3
    return 2 if quick else 1


def populate(rows: int) -> Iterator[dict[str, Any]]:
    """File -> read, looked up, checked; against the client's COPY of the same file."""
    path = write_file("price_book", version=1, rows=rows)
    drafts: list[BatchBase] = []

    def new_draft() -> None:
        run(f"TRUNCATE {ROW}")
        settle(ROW)
        drafts.append(draft(path))

    def copy() -> None:
        with transaction.atomic(), connection.cursor() as cursor, path.open("rb") as file:
            cursor.copy_expert(f"COPY {COPY} FROM STDIN (FORMAT csv, HEADER)", file)

    def by_hand() -> None:
        made, filled, counted, *others = statements("floor_populate")
        with transaction.atomic(), connection.cursor() as cursor, path.open("rb") as file:
            cursor.execute("SET LOCAL work_mem = '64MB'")
            for statement in (made, filled, counted):
                cursor.execute(statement)
            cursor.copy_expert(f"COPY floor_file ({FILED}) FROM STDIN (FORMAT csv, HEADER)", file)
            for statement in others:
                cursor.execute(statement, {"batch": drafts[-1].pk})

    steps = {
        "baseline": Step(copy, before=lambda: run(f"TRUNCATE {COPY}")),
        "floor": Step(by_hand, before=new_draft),
        "ours": Step(lambda: actions.populate(drafts[-1], user()), before=new_draft),
    }
    in_turn(steps, rounds_of(rows))
    run(f"CREATE TABLE bench_ours AS SELECT {SHOWN} FROM {ROW}")
    new_draft()
    by_hand()
    other = run(f"(SELECT {SHOWN} FROM {ROW}) EXCEPT SELECT * FROM bench_ours")
    assert other == 0, f"the floor must make the same rows as ours; {other} differ"
    yield result("product_file.populate", rows, steps, target=9.0, floor=1.3)


def populate_xlsx(rows: int) -> Iterator[dict[str, Any]]:
    """The same from a workbook, of 100,000 records at most; against reading it alone."""
    price_book = write_file("price_book", version=1, rows=rows)
    rows = min(rows, 100_000)
    path = write_workbook(price_book, rows)
    drafts: list[Any] = []

    def new_draft() -> None:
        run(f"TRUNCATE {ROW}")
        settle(ROW)
        drafts.append(draft(path))

    def read() -> None:
        batch = drafts[-1]
        unreadable: list[Any] = []
        with batch.file.open("rb") as file:
            reader = Reader(file, Reading.from_json(batch.reading), batch.original_name, unreadable.append)
            assert sum(1 for _record in reader.records()) == rows, "the whole workbook must be read"
        assert not unreadable

    steps = {
        "baseline": Step(read, before=new_draft),
        "ours": Step(lambda: actions.populate(drafts[-1], user()), before=new_draft),
    }
    in_turn(steps, rounds_of(rows))
    yield result("product_file.populate_xlsx", rows, steps, target=2.0)


def refresh(rows: int) -> Iterator[dict[str, Any]]:
    """Look up and check again while production moved under a tenth; against the guarded UPDATE."""
    batch = in_review(write_file("price_book", version=1, rows=rows))
    versions = count(1)
    touched = {}

    def stale() -> None:
        with without_history(PRODUCT):
            run_file("make_stale", version=next(versions))
        settle(PRODUCT, ROW)

    def by_hand() -> None:
        touched["baseline"] = run_file("baseline_refresh", batch=batch.pk)

    stale()
    actions.refresh(batch, user())
    steps = {
        "baseline": Step(by_hand, before=stale),
        "ours": Step(lambda: actions.refresh(batch, user()), before=stale),
    }
    in_turn(steps, rounds_of(rows))
    assert touched["baseline"] == run(f"SELECT FROM {PRODUCT} WHERE mod(id, 10) = 3"), (
        "the baseline must do the same work"
    )
    assert run_file("baseline_refresh", batch=batch.pk) == 0, "the baseline must agree with what ours wrote"
    yield result("product_file.refresh", rows, steps, target=1.5)


def execute_updates(rows: int) -> Iterator[dict[str, Any]]:
    """Price and description of every product; against the bare UPDATE and the same promises by hand."""
    versions = count(1)
    batches: list[BatchBase] = []

    def reviewed() -> None:
        run(f"TRUNCATE {ROW}")
        batches.append(in_review(write_file("price_change", version=next(versions))))
        settle(PRODUCT, "products_productevent")

    def bare() -> None:
        with without_history(PRODUCT):
            run_file("baseline_updates", batch=batches[-1].pk)

    reviewed()
    bare()  # so that each contender finds the free space that an update of all products leaves
    steps = {
        "baseline": Step(bare, before=reviewed),
        "floor": Step(lambda: run_file("floor_updates", batch=batches[-1].pk), before=reviewed),
        "ours": Step(lambda: actions.execute(batches[-1], user()), before=reviewed),
    }
    in_turn(steps, rounds_of(rows, quick=False))
    assert _applied(batches[-1]) == rows, "every row must be written"
    yield result("product_file.execute_updates", rows, steps, target=4.0, floor=1.3)


def remove_created() -> None:
    """Remove the products that a creating case has made, so that every case works on as many as were asked for."""
    made = "number ~ '^[79][0-9]{8}$'"
    with without_history(PRODUCT, COST):
        run(f"DELETE FROM {COST} USING {PRODUCT} p WHERE p.id = product_id AND p.{made}")
        run(f"DELETE FROM {PRODUCT} WHERE {made}")


def execute_creates(rows: int) -> Iterator[dict[str, Any]]:
    """New products; against the bare INSERT … SELECT and the same promises by hand."""
    path = write_file("new_products", rows=rows)
    batches: list[BatchBase] = []

    def reviewed() -> None:
        remove_created()
        run(f"TRUNCATE {ROW}")
        batches.append(in_review(path))
        settle(PRODUCT, COST, "products_productevent")

    def bare() -> None:
        with without_history(PRODUCT):
            run_file("baseline_creates", batch=batches[-1].pk)

    reviewed()
    bare()
    steps = {
        "baseline": Step(bare, before=reviewed),
        "floor": Step(lambda: run_file("floor_creates", batch=batches[-1].pk), before=reviewed),
        "ours": Step(lambda: actions.execute(batches[-1], user()), before=reviewed),
    }
    in_turn(steps, rounds_of(rows, quick=False))
    assert _applied(batches[-1]) == rows, "every row must be written"
    yield result("product_file.execute_creates", rows, steps, target=6.0, floor=1.3)


def _applied(batch: BatchBase) -> int:
    return run(f"SELECT FROM {ROW} WHERE batch_id = %s AND status = 'applied'", [batch.pk])


CASES = {
    "product_file.populate": populate,
    "product_file.populate_xlsx": populate_xlsx,
    "product_file.refresh": refresh,
    "product_file.execute_updates": execute_updates,
    "product_file.execute_creates": execute_creates,
}

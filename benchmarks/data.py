"""Goods and price books of the bench: made by SQL, the same at every run, nothing downloaded."""

import csv
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files import File
from django.core.management import call_command
from django.db import connection

from batches import actions
from batches.files.sheet import write_xlsx
from batches.models import BatchBase

from .database import run_file, settle, statements, without_history

PRODUCT, COST, ROW, COPY = "products_product", "products_productcost", "products_productfilerow", "bench_copy"
MAPPING = {
    "number": "Number",
    "code": "UPC",
    "description": "Description",
    "size": "Size",
    "unit": "Unit",
    "brand_name": "Brand",
    "department_name": "Department",
    "category_name": "Category",
    "location": "Location",
    "regular_price": "Regular price",
    "vendor_code": "Vendor code",
    "unit_cost": "Unit cost",
}


def prepare(rows: int) -> None:
    """Migrate the empty database and fill it with `rows` products."""
    call_command("migrate", verbosity=0)
    run_file("functions")
    with without_history(PRODUCT, COST):
        run_file("load", rows=rows)
    settle(PRODUCT, COST, "products_brand", "products_department", "products_category", "products_vendor")
    get_user_model().objects.create_superuser("bench", password=None)


def user() -> Any:
    """Return the person who does it all."""
    return get_user_model().objects.get(username="bench")


def write_file(query: str, **params: Any) -> Path:
    """Write what a file of SQL selects as CSV; return where."""
    path = Path(settings.MEDIA_ROOT) / f"{query}-{params.get('version', 0)}.csv"
    with connection.cursor() as cursor, path.open("wb") as file:
        text = cursor.mogrify(statements(query)[0].rstrip(";"), params).decode()
        cursor.copy_expert(f"COPY ({text}) TO STDOUT (FORMAT csv, HEADER)", file)
    return path


def write_workbook(path: Path, limit: int) -> Path:
    """Write the first records of a CSV file once more as XLSX, numbers as numbers; return where."""
    book = path.with_suffix(".xlsx")
    with path.open(newline="") as source, book.open("wb") as out:
        records = csv.reader(source)
        headings = next(records)
        numeric = {headings.index(name) for name in ("Size", "Regular price", "Unit cost")}
        rows = (
            [Decimal(c) if n in numeric and c else c for n, c in enumerate(r)] for r in islice(records, limit)
        )
        write_xlsx(headings, rows, out)
    return book


def draft(path: Path) -> BatchBase:
    """Return a batch made from a file, mapped, not read yet."""
    with path.with_suffix(".csv").open(newline="") as source:
        headings = next(csv.reader(source))
    mapping = {field: heading for field, heading in MAPPING.items() if heading in headings}
    with path.open("rb") as file:
        return actions.make("product_file", user(), file=File(file, name=path.name), mapping=mapping)


def in_review(path: Path) -> BatchBase:
    """Return a batch made from a file, read and checked, on settled tables."""
    batch = draft(path)
    actions.populate(batch, user())
    settle(ROW)
    return batch

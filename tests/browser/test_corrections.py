"""Rows of which one in 25 has a price, a date or a code that nobody can read: all are corrected in the grid, no second upload."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.management import call_command
from playwright.sync_api import expect

from batches.models import Unreadable
from products.batches.product_file import ProductFileBatch
from products.batches.vendor_catalog import VendorCatalogBatch
from products.models import Product, ProductCost
from tests.products.factories import ProductCostFactory, ProductFactory, VendorFactory, upc

from .walker import Walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
EVERY = 25
ROWS = 1_000


@pytest.fixture
def walk(person, live_server):
    return Walk(person, live_server.url, lambda: call_command("worker", "--once"))


def cells(n, *kinds):
    """Return the three cells of row n, and, of every 25th row, which is made unreadable and how."""
    right = [text for text, _bad in kinds]
    if n % EVERY:
        return right, None
    which = n // EVERY % len(kinds)
    return [bad if at == which else text for at, (text, bad) in enumerate(kinds)], which


def correct_all(walk, labels, right):
    """Correct each unreadable cell in the grid, where the tiles follow; `right` is row -> which cell, and its text."""
    stands = walk.tiles("How they stand")
    assert stands["Must fix"] == len(right)
    assert "Unreadable" not in stands
    must_fix = walk.page.locator("a.b-tile", has_text="Must fix")
    must_fix.click()
    expect(walk.page.locator("tbody.b-row-error")).to_have_count(len(right))
    for left, (row, (which, text)) in zip(range(len(right) - 1, -1, -1), right.items(), strict=True):
        walk.correct(str(row), labels[which], text)
        expect(must_fix.locator(".b-tile-n")).to_have_text(str(left))
    assert len(walk.decisions) == len(right)


def test_prices_sizes_and_codes_of_a_product_file(walk, tmp_path):
    lines, right = ["Item Number,Description,Retail,Net Weight,UPC"], {}
    for n in range(1, ROWS + 1):
        good = (f"{n / 100 + 1:.2f}", f"{n / 1000 + 1:.3f}", upc(3_600_000_000 + n))
        row, which = cells(n, *zip(good, ("3.4.9", "half", "4.78E+10"), strict=True))
        lines.append(f"N{n},Item {n},{','.join(row)}")
        if which is not None:
            right[n] = (which, good[which])
    file = tmp_path / "thousand.csv"
    file.write_text("\n".join(lines) + "\n")
    walk.upload("Product file", file)
    walk.read()
    assert len(right) == 40
    correct_all(walk, ("Regular price", "Size", "Code"), right)
    assert walk.execute() == "Executed: 1,000 written"
    batch = ProductFileBatch.objects.get()
    assert (batch.records, batch.rows.count()) == (ROWS, ROWS)
    assert not Unreadable.objects.exists()
    made = {product.number: product for product in Product.objects.all()}
    assert len(made) == ROWS
    for n in range(1, ROWS + 1):
        product = made[f"N{n}"]
        assert (product.regular_price, product.size, product.code) == (
            Decimal(f"{n / 100 + 1:.2f}"), Decimal(f"{n / 1000 + 1:.3f}"), upc(3_600_000_000 + n)
        )  # fmt: skip


def test_costs_dates_and_codes_of_a_vendor_catalog(walk, tmp_path):
    vendor = VendorFactory(code="ACME", name="Acme Foods")
    lines, right = ["UPC,Unit Cost,Effective Date"], {}
    for n in range(1, ROWS + 1):
        good = (upc(3_600_000_000 + n), f"{n / 100 + 1:.2f}", f"2026-{n % 12 + 1:02d}-01")
        ProductCostFactory(
            vendor=vendor, product=ProductFactory(code=good[0]), unit_cost=Decimal("0.99"), case_cost=None
        )
        row, which = cells(n, *zip(good, ("4.78E+10", "$2.3.4", "2026-02-30"), strict=True))
        lines.append(",".join(row))
        if which is not None:
            right[n] = (which, good[which])
    file = tmp_path / "thousand.csv"
    file.write_text("\n".join(lines) + "\n")
    walk.upload("Vendor catalog", file, vendor="ACME")
    walk.read()
    assert len(right) == 40
    assert walk.tiles("Our costs")["No longer in their list"] == 13, "their codes cannot be read"
    correct_all(walk, ("Code", "Unit cost", "Valid from"), right)
    walk.check_again()
    assert "No longer in their list" not in walk.tiles("Our costs")
    assert walk.execute() == "Executed: 1,000 written"
    batch = VendorCatalogBatch.objects.get()
    rows = list(batch.rows.order_by("sequence"))
    assert (batch.records, len(rows)) == (ROWS, ROWS)
    assert not Unreadable.objects.exists()
    assert [row.valid_from for row in rows] == [date(2026, n % 12 + 1, 1) for n in range(1, ROWS + 1)]
    costs = dict(ProductCost.objects.values_list("product__code", "unit_cost"))
    assert costs == {upc(3_600_000_000 + n): Decimal(f"{n / 100 + 1:.2f}") for n in range(1, ROWS + 1)}

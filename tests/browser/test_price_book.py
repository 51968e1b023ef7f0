"""A real vendor's price book, and that vendor's lists of the next months, by a person at a browser: with how many decisions.

What counts as a decision is written in `walker`. `python -m tests.browser.walk --file F` runs these tests over a real file.
"""

import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.management import call_command
from playwright.sync_api import expect

from batches import actions
from products.models import Product, ProductCost

from .price_book import price_book, read, write
from .walk import biggest_vendor, load, show, two_months
from .walker import Walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOST_DECISIONS, MOST_BAD = 6, 0.05
GIVEN = os.environ.get("WALK_FILE")
ALTERED = int(os.environ.get("WALK_ALTERED", "40"))
MAPPED = {
    "Number": "Item Number", "Code": "UPC", "Description": "Item Description", "Size": "Bottle Volume (ml)",
    "Category": "Category Name", "Regular price": "State Bottle Retail", "Vendor code": "Vendor", "Vendor name": "Vendor Name",
    "Case size": "Pack", "Case cost": "State Case Cost", "Unit cost": "State Bottle Cost",
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    return Path(GIVEN) if GIVEN else write(price_book(), tmp_path / "book.csv")


@pytest.fixture
def book(file):
    return read(file)


@pytest.fixture
def walk(person, live_server):
    pictures = os.environ.get("WALK_PICTURES")
    return Walk(
        person,
        live_server.url,
        lambda: call_command("worker", "--once"),
        Path(pictures) if pictures else None,
    )


def shared(book):
    """Return UPC -> rows that have it, of those that several have."""
    return {upc: n for upc, n in Counter(row["UPC"] for row in book).items() if upc and n > 1}


def test_a_price_book_is_executed_by_few_decisions_and_none_per_row(walk, file, book):
    found = load(walk, file)
    show("Price book", found)
    groups = shared(book)
    wrong = sum(float(row["Bottle Volume (ml)"]) <= 0 for row in book)
    assert found["mapping"] == MAPPED
    assert found["asked"] == []
    assert len(found["decisions"]) <= MOST_DECISIONS
    assert found["decisions"] == ["Unit of sizes: ml", "Rows that share their code: Decide"]
    assert found["does"] == {"All rows": len(book), "New": len(book)}
    assert found["stands"] == {"Fine": len(book) - wrong, "Look": 0, "Must fix": wrong}
    assert wrong <= len(book) * MOST_BAD
    assert found["state"] == f"Executed: {len(book) - wrong:,} written, {wrong} left out before"
    kept = sum(1 for row in book if row["UPC"]) - sum(groups.values()) + len(groups)
    assert Product.objects.count() == ProductCost.objects.count() == len(book) - wrong
    assert Product.objects.exclude(code="").count() in range(kept - wrong, kept + 1)
    assert sum(groups.values()) > len(book) * 0.6, "it is what makes such a file hard"


def test_a_vendors_lists_show_exactly_what_was_altered(walk, file, book, tmp_path):
    loaded(book, file)
    vendor = biggest_vendor(book)
    theirs = ProductCost.objects.filter(vendor__code=vendor)
    seen = []
    for n, (month, shown) in enumerate(two_months(walk, book, tmp_path, ALTERED), 1):
        moved = shown.pop("moved")
        show(f"List {n}: of {len(month.planted)} altered {len(moved)} shown", shown)
        assert moved == month.planted
        up = sum(planted.by > 0 for planted in month.planted.values())
        ended = shown["ours"].pop("No longer in their list", 0)
        assert (shown["ours"], ended) == ({"New cost": 0, "Dearer": up, "Cheaper": ALTERED - up}, 3 * (n - 1))
        assert shown["does"]["Change"] == ALTERED
        seen.append((month, shown, up))
    (first, october, _up), (second, november, up) = seen
    assert (october["notices"], october["asked"], october["since"], october["decisions"]) == ([], [], {}, [])
    (words,) = november["notices"]
    assert words.startswith("Same columns as the file of ")
    assert "mapped as saved under “october.csv of " in words
    assert (november["asked"], november["decisions"]) == ([], [])
    assert november["mapping"] == october["mapping"]
    assert november["since"] == {"New": 2, "Dropped": 3, "Dearer": up, "Cheaper": ALTERED - up}
    now = {
        row["Item Number"]: Decimal(row["State Bottle Cost"])
        for row in second.rows
        if row["Vendor"] == vendor
    }
    for cost in theirs.select_related("product"):
        if cost.product.number in now:
            assert cost.unit_cost == now[cost.product.number], cost.product
    walk.upload("Vendor catalog", tmp_path / "november.csv", vendor=vendor)
    same = walk.page.get_by_text("The very same file was uploaded before, as november.csv")
    expect(same).to_contain_text("that batch is “Executed”")
    assert first.rows != second.rows


def loaded(book, file):
    """Bring a price book into production without a browser."""
    boss = get_user_model().objects.get(username="admin")
    upload = ContentFile(file.read_bytes(), name="book.csv")
    batch = actions.make("product_file", boss, file=upload, options={"size_unit": "ml"})
    actions.populate(batch, boss)
    if shared(book):
        actions.settle(batch, boss, "shared_code")
    actions.execute(batch, boss)

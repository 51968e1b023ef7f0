"""Batches of the demo store, in different states: something to look at on the first day."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile

from batches import actions
from batches.models import BatchBase

from ..codes import check_digit
from ..models import Product, ProductCost

HEADINGS = [
    "Item No",
    "UPC",
    "Description",
    "Dept",
    "Brand",
    "Pack",
    "Case Cost",
    "Vendor",
    "Vendor Item",
    "Retail",
]
CENT = Decimal("0.01")


def load_batches() -> int:
    """Make the demo batches; return how many."""
    person = get_user_model()._default_manager.get_by_natural_key  # type: ignore[attr-defined]
    dairy, grocery, snacks = _goods(20, 60), _goods(10, 120), _goods(12, 40)
    done = _make(
        person("manager"), "Dairy: new prices for November", "dairy-november.csv", _dearer(dairy, "1.04")
    )
    actions.populate(done, person("manager"))
    actions.execute(done, person("manager"))
    review = _make(
        person("buyer"), "Grocery price book, week 48", "grocery-week-48.csv", _price_book(grocery)
    )
    actions.populate(review, person("buyer"))
    _make(person("buyer"), "Snacks: autumn list", "snacks-autumn.csv", _dearer(snacks, "1.02"))
    return 3


def _make(user: Any, description: str, name: str, rows: Iterable[list[Any]]) -> BatchBase:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADINGS)
    writer.writerows(rows)
    file = ContentFile(text.getvalue().encode(), name=name)
    return actions.make("product_file", user, description=description, file=file)


def _goods(department: int, limit: int) -> list[ProductCost]:
    """Return preferred costs of packaged goods, an even choice across the department."""
    costs = ProductCost.objects.select_related("product__brand", "product__department", "vendor").filter(
        preferred=True, product__department__number=department, product__code__regex=r"^\d{12}$"
    )
    every = list(costs.order_by("product__number"))
    return every[:: max(len(every) // limit, 1)][:limit]


def _line(cost: ProductCost, price: Decimal, case_cost: Decimal) -> list[Any]:
    product: Product = cost.product
    return [
        product.number, product.code, product.description, product.department, product.brand, cost.case_size, case_cost,
        cost.vendor.code, cost.vendor_item_code, price,
    ]  # fmt: skip


def _nine(price: Decimal) -> Decimal:
    """Return the next price that ends in 9."""
    return (price * 10).to_integral_value(rounding="ROUND_CEILING") / 10 - CENT


def _dearer(costs: list[ProductCost], factor: str) -> Iterable[list[Any]]:
    """Yield a list with every third price as it is, the others by a factor dearer."""
    for n, cost in enumerate(costs):
        price, case_cost = cost.product.regular_price or Decimal(1), cost.case_cost or Decimal(1)
        if n % 3:
            price, case_cost = _nine(price * Decimal(factor)), (case_cost * Decimal(factor)).quantize(CENT)
        yield _line(cost, price, case_cost)


def _price_book(costs: list[ProductCost]) -> Iterable[list[Any]]:
    """Yield what a vendor really sends: news, changes, and cells that somebody must look at."""
    lines = list(_dearer(costs, "1.03"))
    lines[4][9] = "call us"
    lines[9][6] = "1.234,5"
    lines[14][9] = Decimal("0.49")
    lines[19][1] = lines[19][1][:-1] + str((int(lines[19][1][-1]) + 1) % 10)
    lines[24][1] = lines[24][1].lstrip("0")
    lines[29][3] = "Grocerry"
    lines[34][1] = lines[33][1]
    lines[39][8] = "=HYPERLINK(1)"
    yield from lines
    for n, (name, brand) in enumerate(
        [
            ("Toasted Oat Clusters", "Maple Hollow"),
            ("Fig and Walnut Spread", "Cedar Ridge"),
            ("Smoked Paprika Crackers", "New Harbor"),
        ]
    ):
        code = f"02791309{n:03d}"
        yield [
            f"10-9{n:03d}",
            _with_check_digit(code),
            f"{brand} {name}",
            "Grocery",
            brand,
            12,
            Decimal("31.20"),
            "UNW",
            f"U9{n:03d}",
            "3.99",
        ]


def _with_check_digit(body: str) -> str:
    return body + check_digit(body)

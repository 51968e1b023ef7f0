"""Vendor catalog: what follows from the cells of a row, step by step."""

import re
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Cast, Coalesce, Lower, NullIf, Round

from products.models import Product

from .product_file import COST_LIMIT
from .readers import UNITS as SPELT
from .vendor_catalog_rules import LISTED, MOVED_CASE, MOVED_UNIT, SAME_CASE, Unknown

# Field of the cost -> field of the row.
COST = {
    "vendor_item_code": "new_vendor_item_code",
    "case_size": "case_size",
    "case_cost": "new_case_cost",
    "unit_cost": "new_unit_cost",
}
MOST_UNITS = 10**5  # in a case whose cost is reckoned from that of a unit
UNITS = Coalesce(F("case_size"), F("old_case_size"))
KEY = models.BigIntegerField()
MONEY = models.DecimalField(max_digits=24, decimal_places=4)
SIZE = models.DecimalField(max_digits=14, decimal_places=3)
# Longer words first, so that "fl oz" is not taken for something that ends with "oz".
WORDS = "|".join(re.escape(word) for word in sorted([*Product.Unit.values, *SPELT], key=len, reverse=True))


def per_unit() -> Case:
    """Return the cost of a unit by that of the case; a case that costs what it did leaves it as it is, without rounding anew."""
    same = Q(case_cost=F("old_case_cost")) & SAME_CASE
    # More than production can hold is refused there; here its quotient would not fit either, and cost all rows.
    fits = Q(case_cost__gt=-COST_LIMIT, case_cost__lt=COST_LIMIT)
    return Case(
        When(same, then=F("old_unit_cost")),
        When(fits, then=Round(F("case_cost") / NullIf(UNITS, 0), 4)),
        default=None,
        output_field=MONEY,
    )


def per_case() -> Case:
    """Return the cost of a case by that of a unit, where we keep one and the row moves it."""
    fits = Q(unit_cost__gt=-COST_LIMIT / 100, unit_cost__lt=COST_LIMIT / 100, old_case_cost__isnull=False)
    fits &= Q(case_size__lt=MOST_UNITS) | Q(case_size__isnull=True, old_case_size__lt=MOST_UNITS)
    return Case(
        When(fits & ~(Q(unit_cost=F("old_unit_cost")) & SAME_CASE), then=Round(F("unit_cost") * UNITS, 2)),
        default=None,
        output_field=MONEY,
    )


def yes(when: Q | None) -> Any:
    """Return yes where a condition holds, else nothing."""
    none = Cast(Value(None), models.BooleanField())
    return none if when is None else Case(When(when, then=Value(True)), default=none)


def part_of_size(before: str, after: str = "") -> Func:
    """Return a part of the text of a size that stands alone, as in “16 oz” or “750”: what may be a pack or a fraction is left."""
    pattern = rf"(?i)^\s*{before}\s*{after}\.?\s*$"
    return Func(
        F("size_text"),
        Value(pattern),
        function="substring",
        arg_joiner=" FROM ",
        output_field=models.CharField(),
    )


def size() -> Any:
    """Return how much is in a unit that the row makes."""
    number = Cast(part_of_size(r"(\d{1,7}(?:\.\d{1,3})?)", f"(?:{WORDS})?"), SIZE)
    return Case(When(makes=True, then=NullIf(number, Decimal(0))), default=None, output_field=SIZE)


def unit() -> Any:
    """Return the unit of size of what the row makes: its own cell, or the word behind the size."""
    behind = Lower(part_of_size(r"\d{1,7}(?:\.\d{1,3})?", f"({WORDS})"))
    return Case(
        When(makes=True, then=Coalesce(F("unit"), behind)), default=None, output_field=models.CharField()
    )


def derived(batch: Any) -> list[dict[str, Any]]:
    """Fill in what follows: the product of the cost, the cost of a unit, by how much it moves, the margin then."""
    makes = LISTED & Q(product__isnull=True) if batch.unknown_products == Unknown.CREATE else None
    before = Case(When(MOVED_UNIT, then=F("old_unit_cost")), default=F("old_case_cost"), output_field=MONEY)
    price = F("product__regular_price")
    return [
        _identity(batch),
        {
            "product_name": F("product__description"),
            "last_sold": F("product__last_sold"),
            "new_case_cost": Coalesce(F("case_cost"), per_case()),
            "makes": yes(makes),
        },
        {
            "change": Case(
                When(MOVED_UNIT, then=F("new_unit_cost") - F("old_unit_cost")),
                When(MOVED_CASE, then=F("new_case_cost") - F("old_case_cost")),
                default=None,
                output_field=MONEY,
            ),
            "new_number": Case(When(makes=True, then=Coalesce(F("our_number"), F("code")))),
            "new_size": size(),
            "new_unit": unit(),
        },
        {
            "percent": Round(F("change") * 100 / NullIf(before, Decimal(0)), 2),
            "margin": Case(
                When(product__regular_price__gt=0, then=Round((price - F("new_unit_cost")) * 100 / price, 2)),
                default=None,
                output_field=MONEY,
            ),
            "new_unit": Case(
                *[When(new_unit=word, then=Value(name)) for word, name in SPELT.items()],
                default=F("new_unit"),
                output_field=models.CharField(),
            ),
        },
    ]


def _identity(batch: Any) -> dict[str, Any]:
    """Return whose item a row is, which product and cost of ours it means, and what the unit costs."""
    vendor, theirs = batch.vendor_id, Q(named__isnull=False)
    mine = Q(ended__isnull=True) & (~theirs | Q(named=vendor))
    return {
        # A row of another vendor, and one of ours that ends, is no item of this vendor's list.
        "vendor": Case(When(mine, then=Cast(Value(vendor), KEY)), default=None),
        "cost": Case(When(mine, then=F("cost")), default=None, output_field=KEY),
        "product": Coalesce(
            F("ended__product"),
            Case(When(mine, then=Coalesce(F("cost__product"), F("product"), output_field=KEY))),
            output_field=KEY,
        ),
        "new_vendor_item_code": Case(
            When(numbered__isnull=False, numbered=F("cost__product"), then=Value(None)),
            default=F("vendor_item_code"),
            output_field=models.CharField(),
        ),
        "new_unit_cost": Coalesce(F("unit_cost"), per_unit()),
        # What a row ends is shown as what was.
        **{f"old_{name}": Coalesce(F(f"ended__{name}"), F(f"old_{name}")) for name in COST},
    }

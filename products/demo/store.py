"""Builds the demo store: the same goods at every load; dates count back from today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import product as combinations
from random import Random

from django.utils import timezone

from .. import codes
from ..models import Brand, Category, Department, Product, ProductCost, ProductPrice, Vendor
from .brands import BRANDS, OWN_BRAND
from .departments import DEPARTMENTS, VENDORS
from .goods import LINES, WEIGHED, Line
from .produce import PRODUCE

SEED = 1936
PRODUCTS_A_LINE = 34
CASES = 40
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Item:
    """One product before it has keys."""

    department: int
    category: str
    brand: str | None
    description: str
    size: str | None
    unit: str
    price: Decimal
    code: str
    case_size: int


def load_goods() -> int:
    """Write the catalogue into an empty database, in a few statements; return the number of products."""
    random = Random(SEED)  # noqa: S311 (no secret: the same store every time)
    items = list(_items(random))
    products = _write_products(random, items)
    _write_costs(random, items, products)
    _write_prices(random, products)
    return len(products)


def _items(random: Random) -> Iterator[Item]:
    coder = _Coder(random)
    packaged = [item for line in LINES for item in _of_line(random, coder, line)]
    yield from packaged
    for item in random.sample([item for item in packaged if len(item.code) == 12], CASES):
        yield _case_of(item)
    for code, name, unit, price in PRODUCE:
        yield Item(40, "Loose produce", None, name, "1", unit, Decimal(price), code, 40)
    for number, (department, category, name, price) in enumerate(WEIGHED, 10001):
        body = f"2{number}00000"
        yield Item(
            department, category, None, name, "1", "lb", Decimal(price), body + codes.check_digit(body), 10
        )


def _of_line(random: Random, coder: _Coder, line: Line) -> Iterator[Item]:
    shelves = [(brand, shelf) for shelf in line.shelf.split() for brand in BRANDS[shelf]]
    brands = random.sample(shelves, min(6, len(shelves))) + [(OWN_BRAND, "own")]
    every = list(combinations(brands, line.varieties.split(";"), line.sizes.split(";")))
    for (brand, shelf), variety, text in random.sample(every, min(PRODUCTS_A_LINE, len(every))):
        size, *unit, price = text.split()
        yield Item(
            department=line.department,
            category=line.category,
            brand=brand,
            description=f"{brand} {line.described(variety)}",
            size=size,
            unit=" ".join(unit),
            price=_ending_in_nine(Decimal(price) * coder.level(brand)),
            code=coder.code(brand, shelf, short=line.noun == "Soda" and text.startswith("12 ")),
            case_size=random.choice((6, 12, 12, 24)) if Decimal(price) < 10 else random.choice((2, 4, 6)),
        )


def _case_of(item: Item) -> Item:
    body = f"10{item.code[:-1]}"
    return Item(
        department=item.department,
        category=item.category,
        brand=item.brand,
        description=f"{item.description} {Decimal(item.size or 1).normalize():f} {item.unit}, case",
        size=str(item.case_size),
        unit="ct",
        price=_ending_in_nine(item.price * item.case_size * Decimal("0.92")),
        code=body + codes.check_digit(body),
        case_size=1,
    )


def _ending_in_nine(price: Decimal) -> Decimal:
    return max(price.quantize(Decimal("0.1"), ROUND_HALF_UP) - CENT, Decimal("0.49"))


class _Coder:
    """Gives each brand its company's prefix, and each of its products the next number."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.prefixes: dict[tuple[str, str], str] = {}
        self.levels: dict[str, Decimal] = {OWN_BRAND: Decimal("0.82")}
        self.next: dict[str, int] = defaultdict(lambda: 101)

    def level(self, brand: str) -> Decimal:
        """How dear the brand is."""
        if brand not in self.levels:
            self.levels[brand] = Decimal(self.random.randrange(90, 131)) / 100
        return self.levels[brand]

    def code(self, brand: str, shelf: str, *, short: bool) -> str:
        kind = "short" if short else "import" if shelf == "import" else "upc"
        key = (brand, kind)
        if key not in self.prefixes:
            self.prefixes[key] = self._prefix(kind)
        prefix = self.prefixes[key]
        number = self.next[prefix]
        self.next[prefix] += 1
        body = f"{prefix}{number:0{12 - len(prefix) if kind == 'import' else 11 - len(prefix)}d}"
        code = body + codes.check_digit(body)
        return codes.compress_upc_a(code) or code if short else code

    def _prefix(self, kind: str) -> str:
        """A prefix that is still free; that of a UPC-E is one that can be shortened."""
        taken = set(self.prefixes.values())
        while True:
            if kind == "import":
                prefix = self.random.choice(("400", "76", "80", "84", "49", "57")) + f"{len(taken):05d}"
            elif kind == "short":
                prefix = f"0{self.random.randrange(40, 99)}000"
            else:
                prefix = f"{self.random.choice('077')}{self.random.randrange(10001, 99999)}"
            if prefix not in taken:
                return prefix


def _write_products(random: Random, items: list[Item]) -> list[Product]:
    departments = {
        department.number: department
        for department in Department.objects.bulk_create(
            Department(number=number, name=name, target_margin=Decimal(margin))
            for number, (name, margin) in DEPARTMENTS.items()
        )
    }
    brands = {
        brand.name: brand
        for brand in Brand.objects.bulk_create(
            Brand(name=name) for name in sorted({item.brand for item in items if item.brand})
        )
    }
    homes = {item.category: item.department for item in reversed(items)}
    categories = {
        category.name: category
        for category in Category.objects.bulk_create(
            Category(name=name, department=departments[home]) for name, home in sorted(homes.items())
        )
    }
    today = timezone.localdate()
    counts: dict[int, int] = defaultdict(int)
    products = []
    for item in items:
        counts[item.department] += 1
        # One in thirty has lain on the shelf for more than half a year.
        idle = random.randrange(190, 500) if random.random() < 1 / 30 else random.randrange(0, 9)
        products.append(
            Product(
                number=f"{item.department}-{counts[item.department]:04d}",
                code=item.code,
                description=item.description,
                size=Decimal(item.size) if item.size else None,
                unit=item.unit,
                brand=brands[item.brand] if item.brand else None,
                department=departments[item.department],
                category=categories[item.category],
                location=f"{item.department}-{random.choice('ABCDEF')}{random.randrange(1, 40)}",
                active=random.random() > 0.02,
                regular_price=item.price,
                last_sold=today - timedelta(days=idle),
                last_received=today - timedelta(days=idle + random.randrange(1, 30)),
            )
        )
    return Product.objects.bulk_create(products, batch_size=2000)


def _write_costs(random: Random, items: list[Item], products: list[Product]) -> None:
    vendors = dict(
        zip(
            (code for code, _name, _departments in VENDORS),
            Vendor.objects.bulk_create(Vendor(code=code, name=name) for code, name, _departments in VENDORS),
            strict=True,
        )
    )
    serving = {
        number: [vendors[code] for code, _name, departments in VENDORS if number in departments]
        for number in DEPARTMENTS
    }
    costs = []
    for item, product in zip(items, products, strict=True):
        choice = serving[item.department]
        margin = Decimal(DEPARTMENTS[item.department][1]) + Decimal(random.gauss(0, 4)).quantize(CENT)
        usual = item.price * item.case_size * (100 - min(max(margin, Decimal(6)), Decimal(60))) / 100
        first = choice[0] if random.random() < 0.7 else random.choice(choice)
        costs.append(_cost(random, item, product, first, usual, preferred=True))
        others = [vendor for vendor in choice if vendor is not first]
        if others and random.random() < 0.25:
            dearer = usual * Decimal(random.randrange(101, 109)) / 100
            costs.append(_cost(random, item, product, random.choice(others), dearer, preferred=False))
    ProductCost.objects.bulk_create(costs, batch_size=2000)


def _cost(
    random: Random, item: Item, product: Product, vendor: Vendor, case_cost: Decimal, *, preferred: bool
) -> ProductCost:
    case_cost = case_cost.quantize(CENT, ROUND_HALF_UP)
    return ProductCost(
        product=product,
        vendor=vendor,
        vendor_item_code=f"{random.randrange(10_000, 999_999):06d}",
        case_size=item.case_size,
        case_cost=case_cost,
        unit_cost=(case_cost / item.case_size).quantize(Decimal("0.0001"), ROUND_HALF_UP),
        preferred=preferred,
    )


def _write_prices(random: Random, products: list[Product]) -> None:
    """Sales that run, that are over and that are to come, and some prices for members."""
    today = timezone.make_aware(datetime.combine(timezone.localdate(), time.min))
    chosen = random.sample([product for product in products if product.active], 280)
    prices = []
    for place, product in enumerate(chosen):
        if place < 240:
            begins = -3 if place < 160 else -30 if place < 210 else 4
            kind, share = ProductPrice.Kind.SALE, Decimal(random.choice(("0.75", "0.8", "0.85", "0.9")))
        else:
            begins, kind, share = -60, ProductPrice.Kind.MEMBER, Decimal("0.93")
        starts = today + timedelta(days=begins)
        prices.append(
            ProductPrice(
                product=product,
                kind=kind,
                amount=_ending_in_nine(product.regular_price * share),
                starts=starts,
                ends=starts + timedelta(days=7) if kind == ProductPrice.Kind.SALE else None,
            )
        )
    ProductPrice.objects.bulk_create(prices)

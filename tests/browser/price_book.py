"""A price book like the Iowa liquor commission's: the same headings, and what is wrong with it in the same proportions.

Of that file's 6,482 rows 4,526 share their UPC with others, in groups of 2 to 12; half of the UPCs lost their leading zero; 7 are
blank and 10 are codes of the house; sizes are millilitres, which only their heading tells, and 5 of them are 0; 284 vendors, of
which one has an eighth of all rows. The same rows come out at every call.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random

from products import codes

HEADINGS = (
    "Item Number", "Category Name", "Item Description", "Vendor", "Vendor Name", "Bottle Volume (ml)", "Pack", "Inner Pack", "Age",
    "Proof", "List Date", "UPC", "SCC", "State Bottle Cost", "State Case Cost", "State Bottle Retail", "Report Date",
)  # fmt: skip
SEED = 1934
ROWS = 1_500
SHARED = 0.7
GROUPS = {2: 817, 3: 389, 4: 154, 5: 92, 6: 45, 7: 26, 8: 8, 10: 11, 12: 1}
SIZES = {"750": 4388, "1750": 550, "1000": 472, "50": 460, "375": 290, "200": 144, "100": 70, "700": 34}
PACKS = {"6": 3446, "12": 2244, "24": 172, "3": 151, "1": 131}
VENDORS, BIGGEST = 65, 0.12
CENT = Decimal("0.01")
Row = dict[str, str]


def price_book(rows: int = ROWS) -> list[Row]:
    """Return the rows of the book."""
    random = Random(SEED)
    upcs = _upcs(random, rows)
    book = []
    for n, upc in enumerate(upcs):
        cost = (Decimal(random.randrange(300, 6_000)) / 100).quantize(CENT)
        pack = _one_of(random, PACKS)
        vendor = 0 if random.random() < BIGGEST else random.randrange(1, VENDORS)
        book.append(
            {
                "Item Number": str(10_000 + 7 * n),
                "Category Name": f"CATEGORY {random.randrange(49)} & MORE",
                "Item Description": f"BOTTLE NO {random.randrange(rows)} W/2 GLASSES"[
                    : random.randrange(9, 30)
                ],
                "Vendor": f"{35 + 7 * vendor:03d}",
                "Vendor Name": f"DISTILLERY {vendor}  INC",
                "Bottle Volume (ml)": "0" if n == rows // 2 else _one_of(random, SIZES),
                "Pack": pack,
                "Inner Pack": "1",
                "Age": "0",
                "Proof": "80",
                "List Date": f"20{random.randrange(10, 23)}-{random.randrange(1, 13):02d}-01",
                "UPC": upc,
                "SCC": f"10{random.randrange(10**12):012d}",
                "State Bottle Cost": str(cost),
                "State Case Cost": str(cost * int(pack)),
                "State Bottle Retail": str((cost * Decimal("1.5")).quantize(CENT, ROUND_HALF_UP)),
                "Report Date": "2022-11-01",
            }
        )
    return book


def _upcs(random: Random, rows: int) -> list[str]:
    """Return a UPC for each row: shared in groups, of its own, blank, or no UPC at all."""
    bodies = iter(random.sample(range(10**9, 10**10), rows))
    found: list[str] = []
    while len(found) < rows * SHARED:
        found += [_upc(random, next(bodies))] * int(_one_of(random, {str(n): w for n, w in GROUPS.items()}))
    found += ["", "", "979986", "4002"]
    found += [_upc(random, next(bodies)) for _n in range(rows - len(found))]
    random.shuffle(found)
    return found


def _upc(random: Random, body: int) -> str:
    """Return a UPC with its check digit; every second lost its leading zero."""
    lead = random.choice("08")
    code = f"{lead}{body:010d}"
    return (code + codes.check_digit(code)).removeprefix("0")


def _one_of(random: Random, weights: dict[str, int]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


def write(rows: Iterable[Row], file: Path) -> Path:
    """Write rows as the CSV that they come in."""
    rows = list(rows)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return file


def read(file: Path) -> list[Row]:
    """Return the rows of such a CSV."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))

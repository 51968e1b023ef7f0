"""Walk a price book, and one vendor's lists after it, through the pages; the test walks a small book, the command a real one.

`.venv/bin/python -m tests.browser.walk --file F` walks a file that has the headings of the Iowa price book, with the same
expectations as the test, and prints what was decided and counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from playwright.sync_api import expect

from .price_book import Row, write
from .walker import Walk

CENT = Decimal("0.01")
TOP = Path(__file__).resolve().parents[2]


def load(walk: Walk, file: Path) -> dict[str, Any]:
    """Take a price book from upload to executed; return what was decided and what the pages counted."""
    before = len(walk.decisions)
    walk.upload("Product file", file, Unit_of_sizes="ml")
    mapping, asked = walk.mapping(), walk.asked()
    walk.read()
    shared = next((sentence for sentence in walk.findings() if "has the same code" in sentence), None)
    if shared:
        walk.settle(shared, "Rows that share their code: Decide")
    counts = {
        "does": walk.tiles("What the rows do"),
        "stands": walk.tiles("How they stand"),
        "findings": walk.findings(),
    }
    return {
        "mapping": mapping, "asked": asked, **counts, "state": walk.execute(), "decisions": walk.decisions[before:],
    }  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """A unit cost that was altered: what it was and is now."""

    was: Decimal
    now: Decimal

    @property
    def by(self) -> Decimal:
        """By how much it moved."""
        return self.now - self.was

    @property
    def percent(self) -> Decimal:
        """By how many percent it moved."""
        return (self.by * 100 / self.was).quantize(CENT, ROUND_HALF_UP)


def biggest_vendor(book: Iterable[Row]) -> str:
    """Return the code of the vendor with most rows."""
    return Counter(row["Vendor"] for row in book).most_common(1)[0][0]


@dataclass(frozen=True)
class Month:
    """A vendor's list of one month: a copy of the one before with costs altered, items dropped and new ones added."""

    rows: list[Row]
    planted: dict[int, Planted]  # by line


def next_month(book: list[Row], vendor: str, n: int, seed: int, dropped: int = 0, new: int = 0) -> Month:
    """Return a copy of a book with n unit costs of a vendor altered, up and down, and those of their cases with them."""
    random = Random(seed)
    mine = [row["Item Number"] for row in book if row["Vendor"] == vendor]
    chosen = random.sample(mine, n + dropped)
    altered, gone = set(chosen[:n]), set(chosen[n:])
    rows = [dict(row) for row in book if row["Item Number"] not in gone]
    planted = {}
    for line, row in enumerate(rows, 2):
        if row["Item Number"] in altered:
            was = Decimal(row["State Bottle Cost"])
            by = max(CENT, (was * random.randrange(1, 2_500) / 10_000).quantize(CENT, ROUND_HALF_UP))
            by = -by if random.random() < 0.4 and by < was else by
            row["State Bottle Cost"] = str(was + by)
            row["State Case Cost"] = str(Decimal(row["State Case Cost"]) + by * int(row["Pack"]))
            planted[line] = Planted(was, was + by)
    rows += [{**rows[0], "Vendor": vendor, "Item Number": f"NEW{n}", "UPC": ""} for n in range(new)]
    return Month(rows, planted)


def catalog(walk: Walk, file: Path, vendor: str) -> dict[str, Any]:
    """Take a vendor's list to where it is reviewed; return what the pages ask and count, and each dearer or cheaper row."""
    before = len(walk.decisions)
    walk.upload("Vendor catalog", file, vendor=vendor)
    notices = walk.page.locator("p.b-notice").all_inner_texts()
    mapping, asked = walk.mapping(), walk.asked()
    walk.read()
    tiles = {
        name: walk.tiles(label)
        for name, label in (("does", "What the rows do"), ("stands", "How they stand"), ("ours", "Our costs"),
                            ("since", "Since their last file"))
    }  # fmt: skip
    return {
        "notices": notices, "mapping": mapping, "asked": asked, **tiles, "findings": walk.findings(), "moved": moved(walk),
        "decisions": walk.decisions[before:],
    }  # fmt: skip


def moved(walk: Walk) -> dict[int, Planted | str]:
    """Return line -> cost that was and is, of all rows under the tiles Dearer and Cheaper; what does not add up as text."""
    found: dict[int, Planted | str] = {}
    for word in ("Dearer", "Cheaper"):
        walk.follow(walk.page.get_by_role("navigation", name="Our costs").get_by_role("link", name=word))
        expect(walk.page.locator("#rows-head + .b-count")).to_contain_text(" of ")
        for row in walk.rows():
            was, _arrow, now = row["Unit cost"].partition(" → ")
            shown = Planted(Decimal(was), Decimal(now))
            right = (
                Decimal(row["Change"]) == shown.by
                and Decimal(row["Change %"]) == shown.percent
                and (shown.by > 0) == (word == "Dearer")
            )
            found[int(row["Line"])] = shown if right else f"{word}: {row}"
    return found


def two_months(walk: Walk, book: list[Row], folder: Path, n: int) -> Iterator[tuple[Month, dict[str, Any]]]:
    """Take two lists of the biggest vendor through the pages; yield each and what the pages showed, before it is executed."""
    vendor = biggest_vendor(book)
    first = next_month(book, vendor, n, seed=1)
    second = next_month(first.rows, vendor, n, seed=2, dropped=3, new=2)
    for name, month in (("october", first), ("november", second)):
        yield month, catalog(walk, write(month.rows, folder / f"{name}.csv"), vendor)
        walk.execute()


def main() -> int:
    """Walk a file and print what was decided and counted."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.walk", description=__doc__)
    parser.add_argument("--file", type=Path, help="a price book (default: the one that the test makes)")
    parser.add_argument("--altered", type=int, default=200, help="how many costs of a vendor are altered")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of each page, wide and narrow")
    asked = parser.parse_args()
    if asked.file:
        os.environ |= {"WALK_FILE": str(asked.file.resolve()), "WALK_ALTERED": str(asked.altered)}
    if asked.pictures:
        asked.pictures.mkdir(parents=True, exist_ok=True)
        os.environ["WALK_PICTURES"] = str(asked.pictures.resolve())
    os.chdir(TOP)
    return int(pytest.main(["-s", "tests/browser/test_price_book.py"]))


def show(title: str, found: dict[str, Any]) -> None:
    """Print what was found on the pages."""
    print(f"\n{title}")
    for name, value in found.items():
        print(f"  {name}: {json.dumps(value, ensure_ascii=False)}")


if __name__ == "__main__":
    sys.exit(main())

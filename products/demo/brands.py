"""Brands of the demo store, all invented, by the shelves they stand on: brands.txt."""

from .goods import text_rows

OWN_BRAND = "Corner Market"

BRANDS: dict[str, list[str]] = {
    shelf: names.strip().split(" | ")
    for shelf, _colon, names in (row.partition(":") for row in text_rows("brands.txt"))
}

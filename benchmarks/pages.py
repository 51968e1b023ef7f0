"""The batch page at any size."""

from collections.abc import Iterator
from typing import Any


def pages(rows: int) -> Iterator[dict[str, Any]]:
    yield from ()


CASES = {"product_file.pages": pages}

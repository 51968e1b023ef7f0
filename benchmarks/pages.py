"""The batch page: first look, first, middle and last rows, and filtered, at the size that the site has by default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.test import Client
from django.urls import reverse

from .data import ROW, in_review, user, write_file
from .database import run
from .measure import GROWTH_MB, PEAK_MB, Step

SECONDS, QUERIES, TIMES = 0.1, 30, 9


def pages(rows: int) -> Iterator[dict[str, Any]]:
    """Ask for the page as a browser does, through all of Django."""
    run(f"TRUNCATE {ROW}")
    batch = in_review(write_file("price_book", version=1, rows=rows))
    client = Client()
    client.force_login(user())
    address = client.get(reverse("batches:batch", args=[batch.pk]))["Location"]
    # Not what the first look at a revision costs, when its figures are counted: that one is shown without a target.
    yield _measured("page_counted", rows, client, address, times=1)
    for name, query in {
        "page_first": "",
        "page_middle": f"?from={rows // 2}",
        "page_last": f"?from={rows - 20}",
        "page_filtered": "?status=warning",
        "page_filtered_common": "?action=update",
    }.items():
        yield _measured(name, rows, client, address + query, target=SECONDS)


def _measured(
    name: str, rows: int, client: Client, address: str, times: int = TIMES, target: float | None = None
) -> dict[str, Any]:
    def get() -> None:
        response = client.get(address)
        assert response.status_code == 200, f"{address} answered {response.status_code}"

    step = Step(get)
    for _time in range(times):
        step.run()
    small = step.peak_mb <= PEAK_MB and step.growth_mb <= GROWTH_MB and step.queries <= QUERIES
    return {
        "name": f"product_file.{name}",
        "rows": rows,
        "seconds": round(step.best, 3),
        "baseline_seconds": None,
        "ratio": None,
        "target": target,
        "peak_mb": round(step.peak_mb, 1),
        "growth_mb": round(step.growth_mb, 1),
        "queries": step.queries,
        "within": small and (target is None or step.best <= target),
    }


CASES = {"product_file.pages": pages}

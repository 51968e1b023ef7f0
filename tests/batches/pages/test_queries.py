"""No page costs more for more rows or batches."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from batches import actions
from batches.models import Run
from batches.testing import make_batch
from tests.toys.models import Thing

from .conftest import batch_url

MOST = 15


def count(web, url, **headers):
    web.get(url, **headers)  # figures are counted at the first look
    with CaptureQueriesContext(connection) as found:
        assert web.get(url, **headers).status_code == 200
    return len(found)


@pytest.mark.parametrize(
    "query",
    ["", "status=ok&excluded=no", "status=warning", "action=update&excluded=no", "q=M00000", "finding=rise:new_price", "after=5",
     "before=9", "from=3", "sort=-new_price", "sort=new_price&after=5", "excluded=yes"],
)  # fmt: skip
def test_the_batch_page_costs_as_many_queries_for_1000_rows_as_for_10(web, many, query):
    few, lots = many(10), None
    first = count(web, batch_url(few, query))
    lots = make_batch_of(few, 1000)
    assert count(web, batch_url(lots, query)) == first
    assert first <= MOST


def make_batch_of(few, n):
    """Return a batch like `few` with n rows."""
    Thing.objects.bulk_create(
        [Thing(code=f"L{i:06}", name=f"thing {i}", price=Decimal(i % 900)) for i in range(n)]
    )
    return make_batch("toy_price", user=few.created_by, options={"factor": Decimal("2.10")})


def test_related_objects_of_the_grid_come_along(web, book):
    assert count(web, batch_url(book)) <= MOST


def test_lists_cost_as_many_queries_for_twelve_batches_as_for_two(web, boss, things):
    def make(n):
        for _n in range(n):
            make_batch("toy_price", user=boss)
            actions.execute(make_batch("toy_price", user=boss, options={"factor": "2"}), boss)

    make(1)
    urls = [reverse("admin:toys_pricebatch_changelist"), reverse("batches:overview")]
    few = [count(web, url) for url in urls]
    make(6)
    assert [count(web, url) for url in urls] == few
    assert max(few) <= MOST


def test_progress_costs_few_queries(web, boss, things):
    batch = actions.make("toy_price", boss)
    run = actions.start(batch, "populate", boss)
    Run.objects.filter(pk=run.pk).update(
        state="running", done=500, total=1000, started=timezone.now() - timedelta(seconds=10)
    )
    assert count(web, reverse("batches:progress", args=[batch.pk]), headers={"HX-Request": "true"}) <= 6


def test_no_page_of_rows_counts_or_skips_them(web, many):
    batch = many(200)
    url = batch_url(batch, "after=100")
    web.get(url)
    with CaptureQueriesContext(connection) as found:
        web.get(url)
    texts = [query["sql"] for query in found]
    assert not [text for text in texts if "OFFSET" in text]
    assert not [text for text in texts if "COUNT(" in text.upper() and "toys_pricerow" in text]

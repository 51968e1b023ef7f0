"""The History page of a product where a batch that changed it was purged."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from batches import actions, journal
from batches.registry import find_batch
from batches.testing import run_batch
from products.batches.product_file import ProductFileBatch
from products.models import Product

from .factories import ProductFactory
from .pages import page

pytestmark = pytest.mark.django_db


def test_what_is_left_is_shown_and_true(client, boss):
    product = ProductFactory(number="1", regular_price=Decimal("1.00"))
    with journal.acting("mary"):
        Product.objects.update(regular_price=Decimal("2.00"))
    file = ContentFile(b"number,price\n1,3.00\n", name="prices.csv")
    batch = run_batch("product_file", user=boss, file=file, options={"match_by": "number"})
    with journal.acting("paul"):
        Product.objects.update(regular_price=Decimal("4.00"))
    address = page("product", product.pk, view="history")
    assert f"{batch.pk:08d}" in client.get(address).content.decode()
    ProductFileBatch.objects.update(executed=timezone.now() - timedelta(days=400))
    actions.purge(find_batch(batch.pk), boss)
    html = client.get(address).content.decode()
    # The rows are gone, the history is not yet: its line leads to the batch's page.
    assert f"{batch.pk:08d}" in html
    assert "What became of it is not kept" not in html
    ProductFileBatch.objects.update(executed=timezone.now() - timedelta(days=2000))
    actions.purge(find_batch(batch.pk), boss)
    answer = client.get(address)
    assert f"{batch.pk:08d}" not in answer.content.decode()
    lines = [
        (line["entry"].user, [(c.old, c.new) for c in line["entry"].changes])
        for line in answer.context["lines"]
    ]
    assert lines[:2] == [("paul", [("3.00", "4.00")]), ("mary", [])]
    assert "What became of it is not kept" in answer.content.decode()

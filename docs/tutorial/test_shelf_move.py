"""Shelf moves keep the contract of batch types, and do what they are for."""

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile

from batches.testing import BatchTypeContract, make_batch, run_batch
from products.models import Department, Product


def store(count):
    """Make products that all stand in A1."""
    dairy = Department.objects.create(number=20, name="Dairy")
    Product.objects.bulk_create(
        Product(number=f"{n}", description=f"Cheese {n}", department=dairy, location="A1")
        for n in range(1, count + 1)
    )


def moves(*lines):
    """Return a file of moves."""
    return ContentFile("\n".join(["SKU,Shelf", *lines, ""]).encode(), name="moves.csv")


class TestShelfMove(BatchTypeContract):
    key = "shelf_move"

    def make(self, user, n=3):
        store(n)
        return make_batch(self.key, user=user, file=moves(*[f"{i},B{i}" for i in range(1, n + 1)]))


@pytest.mark.django_db
def test_products_get_their_new_locations():
    boss = get_user_model().objects.create_superuser("boss")
    store(2)

    batch = run_batch("shelf_move", user=boss, file=moves("1,B7", "2,A1", "3,B9"))

    assert [row.status for row in batch.rows.all()] == ["applied", "unchanged", "error"]
    assert list(Product.objects.order_by("number").values_list("location", flat=True)) == ["B7", "A1"]

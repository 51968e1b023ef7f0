"""The whole life of a shelf move, in one test."""

import pytest
from django.contrib.auth import get_user_model

from batches.testing import run_batch
from products.models import Department, Product


@pytest.mark.django_db
def test_products_get_their_new_locations(tmp_path):
    boss = get_user_model().objects.create_superuser("boss")
    dairy = Department.objects.create(number=20, name="Dairy")
    Product.objects.create(number="1", description="Milk", department=dairy, location="A1")
    Product.objects.create(number="2", description="Eggs", department=dairy, location="A2")
    file = tmp_path / "moves.csv"
    file.write_text("SKU,Shelf\n1,B7\n2,A2\n3,B9\n")

    batch = run_batch("shelf_move", user=boss, file=file)

    assert [row.status for row in batch.rows.all()] == ["applied", "unchanged", "error"]
    assert list(Product.objects.order_by("number").values_list("location", flat=True)) == ["B7", "A2"]

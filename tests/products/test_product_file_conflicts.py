"""What a price book meets that changed in production since review."""

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile

from batches import actions
from batches.figures import figures
from batches.testing import make_batch
from products.models import Product

from .factories import ProductFactory

pytestmark = pytest.mark.django_db


def test_a_code_that_another_product_has_by_now_leaves_the_row_out_and_says_so():
    boss = get_user_model().objects.create_superuser("boss", password="boss")
    text = b"Item Number,UPC,Description\n1,036000291452,Milk\n2,036000291469,Cream\n"
    batch = make_batch("product_file", user=boss, file=ContentFile(text, name="book.csv"))
    other = ProductFactory(number="77", code="036000291452")
    actions.execute(batch, boss)
    data = figures(batch)
    assert data["counts"] == {"applied": 1, "conflict": 1}
    assert [(i["code"], i["rows"]) for i in data["issues"] if i["severity"] == "error"] == [
        ("taken_now", [1])
    ]
    assert Product.objects.get(code="036000291452") == other
    assert set(Product.objects.values_list("number", flat=True)) == {"77", "2"}


def test_a_new_code_that_another_product_has_by_now_is_the_conflict_of_its_row():
    boss = get_user_model().objects.create_superuser("boss", password="boss")
    for number, code in (("1", "036000291452"), ("2", "036000291469")):
        ProductFactory(number=number, code=code, description="old")
    text = b"Item Number,UPC,Description\n1,012345678905,Milk\n2,036000291469,Cream\n"
    batch = make_batch("product_file", user=boss, file=ContentFile(text, name="book.csv"))
    assert figures(batch)["counts"] == {"ok": 2}
    ProductFactory(number="77", code="012345678905")
    actions.execute(batch, boss)
    data = figures(batch)
    assert data["counts"] == {"applied": 1, "conflict": 1}
    assert [(i["code"], i["field"]) for i in data["issues"]] == [("taken_now", "code")]
    assert set(Product.objects.values_list("number", "code", "description")) >= {
        ("1", "036000291452", "old"),
        ("2", "036000291469", "Cream"),
    }

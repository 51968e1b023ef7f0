"""Product file: products that share a code, settled by one decision."""

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile

from batches import actions
from batches.figures import figures
from batches.testing import make_batch
from products.models import Product

from .factories import DepartmentFactory, ProductFactory

pytestmark = pytest.mark.django_db
LINES = """1,036000291452,Milk,Dairy,3.49
2,036000291452,Milk in a jug,Dairy,3.99
3,036000291452,Milk for two,Dairy,5.99
4,036000291469,Cream,Dairy,2.99
"""


def book(head):
    return ContentFile((head + "\n" + LINES).encode(), name="book.csv")


@pytest.fixture
def boss():
    DepartmentFactory(name="Dairy")
    return get_user_model().objects.create_superuser("boss", password="boss")


def test_products_known_by_number_give_up_a_shared_code(boss):
    batch = make_batch("product_file", user=boss, file=book("Item Number,UPC,Description,Dept,Retail"))
    assert figures(batch)["counts"] == {"error": 3, "ok": 1}
    actions.settle(batch, boss, "shared_code", keep="highest", by="regular_price")
    assert figures(batch)["counts"] == {"ok": 4}
    actions.execute(batch, boss)
    assert dict(Product.objects.values_list("number", "code")) == {
        "1": "",
        "2": "",
        "3": "036000291452",
        "4": "036000291469",
    }


def test_the_product_that_has_the_code_keeps_it(boss):
    ProductFactory(number="2", code="036000291452")
    batch = make_batch("product_file", user=boss, file=book("Item Number,UPC,Description,Dept,Retail"))
    actions.settle(batch, boss, "shared_code", keep="first")
    assert list(batch.rows.filter(code="036000291452").values_list("number", flat=True)) == ["2"]
    assert "error" not in figures(batch)["counts"]


def test_rows_for_products_known_by_code_are_excluded(boss):
    batch = make_batch("product_file", user=boss, file=book("Line,UPC,Description,Dept,Retail"))
    actions.settle(batch, boss, "shared_code", keep="last")
    assert list(batch.rows.filter(removed=True).values_list("sequence", flat=True)) == [1, 2]
    assert "error" not in figures(batch)["included"]

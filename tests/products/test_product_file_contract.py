"""The product file keeps the contract, and no cell or name of a price book costs more than its row."""

from decimal import Decimal

import pytest
from django.core.files.base import ContentFile

from batches.checks import check_handler
from batches.figures import figures
from batches.testing import BatchTypeContract, make_batch
from products.batches.product_file import ProductFileHandler
from products.models import Department, Product, ProductCost, Vendor

from .factories import VendorFactory, upc


def price_book(lines, name="book.csv"):
    """Return a price book of lines."""
    heading = "number,upc,description,size,uom,brand,department,category,price,vendor,vendor name,case pack,case cost"
    return ContentFile("\n".join([heading, *lines, ""]).encode(), name=name)


class TestProductFile(BatchTypeContract):
    """Half the rows change products and costs, half create them, with new brands, categories and vendors on the way."""

    key = "product_file"

    def make(self, user, n=3):
        grocery = Department.objects.create(number=1, name="Grocery")
        vendor = VendorFactory(code="ACME", name="Acme Foods")
        known = Product.objects.bulk_create(
            [
                Product(
                    number=f"{i}",
                    code=upc(3600029000 + i),
                    description=f"Old {i}",
                    department=grocery,
                    regular_price=Decimal("1.99"),
                )
                for i in range(1, n // 2 + 2)
            ]
        )
        ProductCost.objects.bulk_create(
            [ProductCost(product=p, vendor=vendor, unit_cost=Decimal("1.0000")) for p in known[::2]]
        )
        lines = [
            f"{i},{upc(3600029000 + i)},New {i},12,oz,Brand {i % 3},GROCERY,Category {i % 2},{2 + i % 50}.49,"
            f"{'acme,' if i % 3 else 'NEWV,New Vendor'},12,{6 + i % 10}.00"
            for i in range(1, n + 1)
        ]
        return make_batch(self.key, user=user, file=price_book(lines))


class TestProductFileMatchedByCode(TestProductFile):
    def make(self, user, n=3):
        batch = super().make(user, n)
        return make_batch(
            self.key, user=user, file=batch.file, options={"match_by": "code"}, mapping=batch.mapping
        )


def test_all_checks_pass():
    assert check_handler(ProductFileHandler) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("number", "code", "pack"),
    [("1", "9" * 61, "1"), ("9" * 61, "", "1"), ("1", "", "-5"), ("1", "", "99999999999")],
    ids=["long code", "long number", "below 0", "too large"],
)
def test_a_cell_that_its_column_cannot_hold_is_a_finding(admin_user, number, code, pack):
    lines = [f"{number},{code},Bad,,,,,,1.00,,,{pack},", "2,,Good,,,,,,1.00,,,,"]
    mapping = {"number": "number", "code": "upc", "description": "description", "regular_price": "price"}
    mapping["case_size"] = "case pack"
    batch = make_batch("product_file", user=admin_user, file=price_book(lines), mapping=mapping)
    assert figures(batch)["counts"] == {"error": 1, "ok": 1}
    assert len(batch.rows.get(sequence=1).raw) == 1


@pytest.mark.django_db
def test_two_vendors_of_one_name_do_not_double_the_rows(admin_user):
    VendorFactory(code="A", name="Twin")
    VendorFactory(code="B", name="TWIN")
    batch = make_batch("product_file", user=admin_user, file=price_book(["1,,One,,,,,,1.00,,twin,12,6.00"]))
    assert batch.rows.count() == 1
    assert batch.rows.get().vendor == Vendor.objects.get(code="A")

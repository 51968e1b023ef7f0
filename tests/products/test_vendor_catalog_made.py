"""Vendor catalog: products that the list makes."""

from decimal import Decimal

import pytest

from batches import actions
from batches.figures import figures
from batches.views.remedies import remedy_of
from products.models import Product

from .factories import BrandFactory, DepartmentFactory, ProductFactory, upc
from .test_vendor_catalog import acme, catalog, found, sentence

pytestmark = pytest.mark.django_db
__all__ = ["acme"]


def test_a_product_is_made_with_all_that_the_row_has(boss, acme):
    """Size and unit out of a cell of their own or out of “Size and pack”; brands are made, departments are not."""
    dairy = DepartmentFactory(name="Dairy")
    acme_brand = BrandFactory(name="Acme")
    head = "Item #,UPC,Description,Size,Unit of Size,Brand,Dept,Unit Cost\n"
    upcs = [upc(n) for n in range(8)]
    cells = [
        ("16 oz.", "", "acme", "dairy"), ("750", "ML", "Best", "Fish"), ("12/16 oz", "", "Best", ""), ("1/2 gal", "", "", ""),
        ("1.5 Liter", "", "", ""), ("0", "", "", ""), ("12 FL OZ", "", "", ""), ("large", "ea", "", ""),
    ]  # fmt: skip
    lines = [
        f"A{n},{code},Oats {n},{','.join(rest)},3"
        for n, (code, rest) in enumerate(zip(upcs, cells, strict=True))
    ]
    assert "product_unknown" in found(catalog(boss, acme, *lines, head=head))
    batch = catalog(boss, acme, *lines, head=head, unknown_products="create")
    assert found(batch) == {"product_unknown": 8, "unknown_brand": 2, "unknown_department": 1}
    assert (
        sentence(batch, "unknown_department")
        == "There is no department Fish, so the product is made without one."
    )
    assert figures(batch)["counts"] == {"ok": 7, "warning": 1}
    actions.execute(batch, boss)
    made = [Product.objects.select_related("brand").get(code=code) for code in upcs]
    assert [(product.size, product.unit) for product in made] == [
        (16, "oz"), (750, "ml"), (None, ""), (None, ""), (Decimal("1.5"), "l"), (None, ""), (12, "fl oz"), (None, "each"),
    ]  # fmt: skip
    assert [str(product.brand) for product in made[:3]] == ["Acme", "Best", "Best"]
    assert made[0].brand == acme_brand
    assert made[1].brand == made[2].brand
    assert (made[0].department, made[1].department) == (dairy, None)


def test_a_unit_that_we_do_not_have_must_be_fixed_where_it_is_written(boss, acme):
    known = ProductFactory(code=upc(1))
    head = "Item #,UPC,Unit of Size,Description,Unit Cost\n"
    batch = catalog(
        boss,
        acme,
        f"A1,{upc(2)},furlong,Oats,3",
        f"A2,{known.code},furlong,x,3",
        head=head,
        unknown_products="create",
    )
    assert list(batch.rows.values_list("status", flat=True)) == ["error", "ok"]
    assert remedy_of(actions.handler_of(batch), "not_a_choice", "new_unit").row_field == "unit"

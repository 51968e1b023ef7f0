"""Product file: a row that names its vendor twice, by code and by name."""

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from batches import actions
from batches.figures import figures
from batches.testing import make_batch
from products.models import Product, ProductCost

from .factories import ProductFactory, VendorFactory

pytestmark = pytest.mark.django_db
HEAD = "Item Number,Vendor code,Vendor name,Unit cost\n"


def batch_of(boss, *lines):
    for n in range(1, len(lines) + 1):
        ProductFactory(number=str(n))
    VendorFactory(code="ACME", name="Acme Foods")
    VendorFactory(code="BEST", name="Best Foods")
    rows = "\n".join(f"{n},{line}" for n, line in enumerate(lines, 1))
    return make_batch(
        "product_file", user=boss, file=ContentFile((HEAD + rows + "\n").encode(), name="a.csv")
    )


def differing(batch):
    return [g for g in figures(batch)["issues"] if g["code"] == "vendors_differ"]


@pytest.mark.parametrize("name", ["Best Foods", "BEST FOODS", " best foods "])
def test_code_and_name_of_two_vendors_are_told_and_the_code_holds(boss, name):
    batch = batch_of(boss, f"acme,{name},1.50")
    (group,) = differing(batch)
    assert (group["severity"], group["field"], group["n"]) == ("warning", "vendor_name", 1)
    for part in ("ACME", "Acme Foods", name.strip()):
        assert part in group["message"]
    actions.execute(batch, boss)
    assert ProductCost.objects.get().vendor.code == "ACME"
    row = batch.rows.get()
    assert row.vendor.code == "ACME"


@pytest.mark.parametrize(
    "line",
    [
        "ACME,Acme Foods,1", "ACME, ACME foods ,1", "ACME,,1", ",Best Foods,1", "ACME,Acme Incorporated,1", "NEW,New Foods,1"
    ],
)  # fmt: skip
def test_nothing_is_said_where_they_are_one_vendor_or_one_is_none_of_ours(boss, line):
    assert differing(batch_of(boss, line)) == []


def test_the_page_tells_it_and_offers_no_mapping_of_a_name_that_is_known(client, boss):
    batch = batch_of(boss, "ACME,Best Foods,1")
    client.force_login(boss)
    html = client.get(reverse("admin:products_productfilebatch_change", args=[batch.pk])).content.decode()
    assert "but Best Foods is another vendor of yours" in html
    assert reverse("batches:unknown", args=[batch.pk, "vendors_differ", "vendor_name"]) not in html


def test_it_goes_when_the_name_is_corrected_and_comes_with_a_wrong_one(boss):
    batch = batch_of(boss, "ACME,Best Foods,1", "ACME,Acme Foods,1")
    first, second = batch.rows.order_by("sequence")
    actions.edit_row(batch, boss, first.pk, {"vendor_name": "Acme Foods"})
    actions.edit_row(batch, boss, second.pk, {"vendor_code": "BEST"})
    (group,) = differing(batch)
    assert group["rows"] == [second.sequence]
    assert Product.objects.count() == 2

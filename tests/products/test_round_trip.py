"""What the catalogue exports is what it imports: by its own import and as a product file, nothing changes."""

from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse

from batches.testing import make_batch
from products.models import Product

from .factories import UserFactory
from .pages import page

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def store(django_db_setup, django_db_blocker):
    """Load the store once for all tests of this file; they change nothing in it."""
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("load_demo_store", stdout=StringIO())
        yield
        transaction.set_rollback(True)


@pytest.fixture
def owner(client):
    user = UserFactory(username="owner", is_superuser=True)
    client.force_login(user)
    return user


def exported(client, place, query=""):
    answer = client.post(page("product", view="export") + query, {"format": place, "resource": "0"})
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize(("place", "name"), [(0, "products.csv"), (1, "products.xlsx")])
def test_all_products_are_unchanged_as_a_product_file(store, client, owner, place, name):
    file = ContentFile(exported(client, place), name=name)
    batch = make_batch("product_file", user=owner, file=file)
    rows = batch.rows
    assert {*batch.mapping} == {
        "number", "code", "description", "size", "unit", "brand_name", "department_name", "category_name", "location",
        "regular_price",
    }  # fmt: skip
    assert rows.count() == Product.objects.count() == batch.records
    assert set(rows.values_list("action", flat=True)) == {"unchanged"}
    assert not rows.filter(status="error").exists()
    assert [row.code or "" for row in rows.order_by("number")] == [
        product.code for product in Product.objects.order_by("number")
    ]


def test_products_of_a_filter_are_those_of_the_export(store, client, owner):
    department = Product.objects.exclude(department=None).first().department_id
    query = f"?department__id__exact={department}"
    file = ContentFile(exported(client, 1, query), name="some.xlsx")
    batch = make_batch("product_file", user=owner, file=file)
    wanted = Product.objects.filter(department=department).values_list("number", flat=True)
    assert sorted(batch.rows.values_list("number", flat=True)) == sorted(wanted)


def test_all_products_are_unchanged_by_the_imports_own_look(store, client, owner):
    file = SimpleUploadedFile("products.csv", exported(client, 0))
    preview = client.post(page("product", view="import"), {"format": 0, "import_file": file})
    result = preview.context["result"]
    assert not result.has_errors()
    assert not result.has_validation_errors()
    assert result.totals["skip"] == Product.objects.count()
    assert sum(result.totals.values()) == result.totals["skip"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_rows_of_a_price_book_come_back(store, client, owner, kind):
    products = list(Product.objects.exclude(code="").order_by("number")[:40])
    lines = ["UPC,Item Description,Retail,Case Cost,Case Pack,Vendor,Item Size,UOM"]
    for n, product in enumerate(products):
        code = product.code[:-1].lstrip("0") if n % 7 == 0 else product.code
        price, risky = f"{n}.9{'x' * (n % 9 == 0)}", "=" * (n % 5 == 0)
        lines.append(f"{code},{risky}{n} new,{price},12.00,6,V{n % 3},{n + 1},OZ")
    source = ContentFile("\n".join(lines).encode(), name="book.csv")
    batch = make_batch("product_file", user=owner, file=source)
    answer = client.get(reverse(f"batches:rows_{kind}", args=[batch.pk]))
    again = make_batch(
        "product_file", user=owner, file=ContentFile(b"".join(answer.streaming_content), name=f"again.{kind}")
    )
    own = [f.attname for f in batch.rows.model._meta.concrete_fields]
    same = [name for name in own if name not in ("id", "batch_id", "source_row", "issues", "status")]
    assert set(again.mapping) == set(batch.mapping)
    found, wanted = (
        again.rows.order_by("sequence").values(*same),
        batch.rows.order_by("sequence").values(*same),
    )
    assert list(found) == list(wanted)

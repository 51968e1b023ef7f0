"""Import and export of the catalogue, over HTTP."""

import io
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook

from batches import journal
from products.models import Product

from .factories import BrandFactory, DepartmentFactory, ProductFactory
from .pages import ALL_OF_PRODUCT, MODELS, clerk, fill, page, users_of

pytestmark = pytest.mark.django_db


def upload(client, model, text, file_format=0):
    """Import a file as a person does: upload, look, confirm."""
    file = SimpleUploadedFile("file.csv", text.encode())
    preview = client.post(page(model, view="import"), {"format": file_format, "import_file": file})
    confirm = preview.context.get("confirm_form")
    assert confirm is not None, preview.content.decode()
    return client.post(page(model, view="process_import"), confirm.initial, follow=True)


def export(client, model, place):
    return client.post(page(model, view="export"), {"format": place, "resource": "0"})


NASTY = ["=1+1", "+1", "-cmd", "@SUM(A1)", "\uff1d1+1", "'=1", "''=1", "'quoted'", "plain", "-5"]


def test_an_import_names_the_person_and_links_by_what_people_know(client, boss):
    DepartmentFactory(name="Dairy")
    BrandFactory(name="Acme")
    upload(
        client,
        "product",
        "number,code,description,department,brand,regular_price\n9,36000291452,Milk,Dairy,Acme,3.49\n",
    )
    product = Product.objects.get()
    assert (product.code, product.department.name, product.brand.name) == ("036000291452", "Dairy", "Acme")
    assert users_of(Product) == [("insert", "boss")]


def test_an_import_changes_by_number_and_leaves_the_unchanged_alone(client, boss):
    product = ProductFactory(number="9", description="old", regular_price=Decimal("1.00"))
    same = ProductFactory(number="10", description="same", regular_price=Decimal("1.00"))
    upload(client, "product", "number,description,regular_price\n9,new,1.00\n10,same,1.00\n")
    product.refresh_from_db()
    assert (product.description, product.code != "") == ("new", True)
    assert users_of(Product, id=same.pk) == [("insert", None)]


def test_a_workbook_cannot_be_imported_here(client, boss):
    html = client.get(page("product", view="import")).content.decode()
    assert "xlsx" not in html


def test_formulas_are_harmless_in_an_export_and_come_back_as_they_were(client, boss):
    before = {f"N{place}": text for place, text in enumerate(NASTY)}
    for number, text in before.items():
        ProductFactory(number=number, description=text)
    exported = export(client, "product", 0).content.decode()
    for line in exported.splitlines()[1:]:
        assert not any(cell.strip('"').startswith(tuple("=+-@\uff1d")) for cell in line.split(","))
    Product.objects.update(description="lost")
    upload(client, "product", exported)
    assert dict(Product.objects.values_list("number", "description")) == before


def test_formulas_are_harmless_in_a_workbook_and_numbers_stay_numbers(client, boss):
    DepartmentFactory(name="=1+1", target_margin=Decimal("12.50"))
    sheet = load_workbook(io.BytesIO(export(client, "department", 1).content)).active
    rows = list(sheet.iter_rows())
    cells = {head.value: cell for head, cell in zip(rows[0], rows[1], strict=True)}
    assert (cells["name"].value, cells["name"].data_type) == ("'=1+1", "s")
    assert cells["target_margin"].value == 12.5


@pytest.mark.parametrize("model", MODELS[:-1])
def test_an_export_imported_again_changes_nothing(client, boss, model):
    fill(3)
    upload(client, model, export(client, model, 0).content.decode())
    for tracked in journal.tracked_models():
        if tracked._meta.app_label == "products":
            assert {label for label, _user in users_of(tracked)} <= {"insert"}


def test_import_and_export_need_rights(client):
    ProductFactory()
    clerk(client, "view_product")
    assert client.get(page("product", view="import")).status_code == 403
    assert client.post(page("product", view="process_import")).status_code == 403
    assert client.get(page("product", view="export")).status_code == 200
    assert client.get(page("vendor", view="export")).status_code == 403


def test_a_person_with_a_scope_cannot_import_what_may_lie_outside(client):
    clerk(client, *ALL_OF_PRODUCT, departments=[DepartmentFactory()])
    assert client.get(page("product", view="import")).status_code == 403


def test_exports_keep_to_the_scope(client):
    dairy, meat = DepartmentFactory(), DepartmentFactory()
    mine, foreign = ProductFactory(department=dairy), ProductFactory(department=meat)
    clerk(client, "view_product", departments=[dairy])
    text = export(client, "product", 0).content.decode()
    assert mine.number in text
    assert foreign.number not in text

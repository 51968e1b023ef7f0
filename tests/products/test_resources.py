"""Import and export of the catalogue, over HTTP."""

import io
import os
import re
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook

from batches import journal
from products.models import Department, Product
from products.spreadsheets import KEPT_SECONDS, PREFIX

from .factories import BrandFactory, DepartmentFactory, ProductFactory
from .pages import ALL_OF_PRODUCT, MODELS, clerk, fill, page, users_of

pytestmark = pytest.mark.django_db


def waiting():
    """Return the uploads that wait to be confirmed."""
    return set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))


def upload(client, model, text, file_format=0):
    """Import a file as a person does: upload, look, confirm."""
    file = SimpleUploadedFile("file.csv", text.encode())
    preview = client.post(page(model, view="import"), {"format": file_format, "import_file": file})
    confirm = preview.context.get("confirm_form")
    assert confirm is not None, preview.content.decode()
    return client.post(page(model, view="process_import"), confirm.initial, follow=True)


def export(client, model, place):
    """Return the content of an export as a person gets it: 0 is CSV, 1 XLSX."""
    answer = client.post(page(model, view="export"), {"format": place, "resource": "0"})
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    return b"".join(answer.streaming_content)


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
    exported = export(client, "product", 0).decode("utf-8-sig")
    for line in exported.splitlines()[1:]:
        cells = {cell.strip('"') for cell in line.split(",")} - {"-5"}
        assert not any(cell.startswith(tuple("=+-@\uff1d")) for cell in cells)
    Product.objects.update(description="lost")
    upload(client, "product", exported)
    assert dict(Product.objects.values_list("number", "description")) == before


def test_formulas_are_harmless_in_a_workbook_and_numbers_stay_numbers(client, boss):
    DepartmentFactory(name="=1+1", target_margin=Decimal("12.50"))
    sheet = load_workbook(io.BytesIO(export(client, "department", 1))).active
    rows = list(sheet.iter_rows())
    cells = {head.value: cell for head, cell in zip(rows[0], rows[1], strict=True)}
    assert (cells["name"].value, cells["name"].data_type, cells["name"].quotePrefix) == ("=1+1", "s", True)
    assert cells["target_margin"].value == 12.5


@pytest.mark.parametrize("model", MODELS[:-1])
def test_an_export_imported_again_changes_nothing(client, boss, model):
    fill(3)
    upload(client, model, export(client, model, 0).decode("utf-8-sig"))
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
    text = export(client, "product", 0).decode("utf-8-sig")
    assert mine.number in text
    assert foreign.number not in text


def test_a_negative_number_stays_a_number_in_an_export(client, boss):
    DepartmentFactory(name="-5", target_margin=Decimal("12.50"))
    lines = export(client, "department", 0).decode("utf-8-sig").splitlines()
    assert lines[1].endswith(",-5,12.50")


def test_the_name_of_an_export_says_as_of_when(client, boss):
    answer = client.post(page("product", view="export"), {"format": 0, "resource": "0"})
    assert re.search(r'"Product-\d{4}-\d\d-\d\d-\d{4}\.csv"', answer["Content-Disposition"])


def test_an_upload_that_is_refused_or_imported_leaves_no_file(client, boss):
    before = waiting()
    for text in ("", "number\n", "number,description\n1,\n", 'number,active\n"1,x\n'):
        file = SimpleUploadedFile("file.csv", text.encode())
        client.post(page("product", view="import"), {"format": 0, "import_file": file})
        assert waiting() == before, text
    upload(client, "department", "number,name\n1,Dairy\n")
    assert Department.objects.exists()
    assert waiting() == before


def test_a_large_file_is_for_a_batch(client, boss):
    before = waiting()
    file = SimpleUploadedFile("file.csv", b"number,name\n" + b"1,Dairy\n" * 700_000)
    answer = client.post(page("department", view="import"), {"format": 0, "import_file": file})
    assert "Make a batch of it instead" in answer.content.decode()
    assert waiting() == before


def test_an_upload_that_nobody_confirms_is_removed_later(client, boss):
    before = waiting()
    file = SimpleUploadedFile("file.csv", b"number,name\n1,Dairy\n")
    client.post(page("department", view="import"), {"format": 0, "import_file": file})
    (left,) = waiting() - before
    assert left.stat().st_mode & 0o077 == 0
    old = left.stat().st_mtime - KEPT_SECONDS - 1
    os.utime(left, (old, old))
    upload(client, "brand", "name\nAcme\n")
    assert not left.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "passwd", "batchsite-import-../x", ""])
def test_confirming_reads_and_removes_no_other_file(client, boss, name):
    answer = client.post(
        page("department", view="process_import"),
        {"import_file_name": name, "original_file_name": "x", "format": "0", "resource": "0"},
    )
    assert answer.status_code in (200, 400)
    assert not Department.objects.exists()
    assert os.path.exists("/etc/passwd")


def test_confirming_twice_is_told(client, boss):
    file = SimpleUploadedFile("file.csv", b"number,name\n1,Dairy\n")
    preview = client.post(page("department", view="import"), {"format": 0, "import_file": file})
    data = preview.context["confirm_form"].initial
    client.post(page("department", view="process_import"), data)
    again = client.post(page("department", view="process_import"), data, follow=True)
    assert "no longer there" in again.content.decode()

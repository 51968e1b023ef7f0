"""The catalogue's admin: lists, search, forms, scope, import, export and history, over HTTP."""

import io
import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import reverse
from openpyxl import load_workbook

from batches import journal
from batches.models import BatchNumber, Run
from products.models import Brand, Department, DepartmentScope, Product, ProductCost, ProductPrice

from .factories import (
    BrandFactory,
    CategoryFactory,
    DepartmentFactory,
    ProductCostFactory,
    ProductFactory,
    ProductPriceFactory,
    UserFactory,
    VendorFactory,
)

pytestmark = pytest.mark.django_db

MODELS = [
    "department",
    "brand",
    "category",
    "vendor",
    "product",
    "productprice",
    "productcost",
    "departmentscope",
]
NO_INLINES = {
    "prices-TOTAL_FORMS": "0",
    "prices-INITIAL_FORMS": "0",
    "costs-TOTAL_FORMS": "0",
    "costs-INITIAL_FORMS": "0",
}


@pytest.fixture
def boss(client):
    user = UserFactory(username="boss", is_superuser=True)
    client.force_login(user)
    return user


def clerk(client, *permissions, departments=None):
    """Log a person in who has these permissions, and perhaps a scope."""
    user = UserFactory(username="clerk")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    if departments is not None:
        DepartmentScope.objects.create(user=user).departments.set(departments)
    client.force_login(user)
    return user


def page(model, *args, view="changelist"):
    return reverse(f"admin:products_{model}_{view}", args=args)


def fill(number):
    """Some of everything, each with links of its own."""
    for _time in range(number):
        department = DepartmentFactory()
        product = ProductFactory(
            department=department, brand=BrandFactory(), category=CategoryFactory(department=department)
        )
        ProductPriceFactory(product=product)
        ProductCostFactory(product=product)
        DepartmentScope.objects.create(user=UserFactory()).departments.add(department)


@pytest.mark.parametrize("model", MODELS)
def test_lists_need_as_many_queries_for_many_rows_as_for_few(
    client, boss, model, django_assert_max_num_queries
):
    fill(2)
    client.get(page(model))
    with django_assert_max_num_queries(12) as few:
        assert client.get(page(model)).status_code == 200
    fill(10)
    with django_assert_max_num_queries(len(few)):
        assert client.get(page(model)).status_code == 200


def test_the_list_of_products_shows_what_matters(client, boss):
    product = ProductFactory(
        code="036000291452",
        size=Decimal("12.500"),
        unit="oz",
        brand=BrandFactory(name="Acme"),
        department=DepartmentFactory(name="Dairy"),
    )
    html = client.get(page("product")).content.decode()
    for text in (
        product.number,
        "036000291452",
        "UPC-A",
        product.description,
        "12.5 oz",
        "Acme",
        "Dairy",
        "3.99",
    ):
        assert text in html


def found(client, text):
    changelist = client.get(page("product"), {"q": text}).context["cl"]
    return {product.number for product in changelist.result_list}


@pytest.mark.parametrize(
    "text", ["036000291452", "36000291452", "3600029145", "03600029145", "0-36000-29145-2"]
)
def test_products_are_found_by_code_with_or_without_zero_and_check_digit(client, boss, text):
    ProductFactory(number="A1", code="036000291452")
    ProductFactory(number="A2")
    assert found(client, text) == {"A1"}


def test_products_are_found_by_number_and_by_words_in_any_order(client, boss):
    ProductFactory(number="A1", description="Maple Hollow Honey Oat Cereal")
    ProductFactory(number="A2", description="Maple Syrup")
    assert found(client, "A2") == {"A2"}
    assert found(client, "cereal maple") == {"A1"}
    assert found(client, "maple") == {"A1", "A2"}
    assert found(client, "100%") == set()


@pytest.mark.parametrize("model", ["productprice", "productcost"])
def test_prices_and_costs_are_found_by_the_code_of_their_product(client, boss, model):
    product = ProductFactory(code="036000291452")
    ProductPriceFactory(product=product)
    ProductPriceFactory()
    ProductCostFactory(product=product)
    ProductCostFactory()
    changelist = client.get(page(model), {"q": "36000291452"}).context["cl"]
    assert [row.product for row in changelist.result_list] == [product]


def form(**values):
    return {"number": "1", "description": "one", "active": "on", **NO_INLINES, **values}


def test_a_code_is_brought_into_canonical_form(client, boss):
    client.post(page("product", view="add"), form(code="0-36000-29145-2"))
    assert Product.objects.get().code == "036000291452"


def test_a_wrong_check_digit_is_refused_with_the_right_one(client, boss):
    response = client.post(page("product", view="add"), form(code="036000291453"))
    assert "036000291452" in response.content.decode()
    assert not Product.objects.exists()


def test_a_product_whose_stored_code_is_wrong_can_still_be_edited(client, boss):
    product = ProductFactory(number="1", code="036000291453")
    client.post(page("product", product.pk, view="change"), form(code="036000291453", description="new"))
    product.refresh_from_db()
    assert product.description == "new"


def test_rules_of_the_database_are_sentences_at_the_form(client, boss):
    product = ProductFactory(number="1")
    response = client.post(page("product", view="add"), form(regular_price="-1"))
    html = response.content.decode()
    assert "There is a product with this number." in html
    assert "A price is at least 0." in html
    values = {
        "product": product.pk,
        "kind": "sale",
        "amount": "1",
        "starts_0": "2026-03-01",
        "starts_1": "12:00",
    }
    early = client.post(
        page("productprice", view="add"), {**values, "ends_0": "2026-02-01", "ends_1": "12:00"}
    )
    assert "A price ends after it starts." in early.content.decode()
    client.post(page("productprice", view="add"), values)
    again = client.post(page("productprice", view="add"), values)
    assert "another price of this kind at that time" in again.content.decode()
    assert ProductPrice.objects.count() == 1


def users_of(model, **filters):
    events = journal.event_model(model).objects.filter(**filters).order_by("pgh_id")
    return list(events.values_list("pgh_label", "pgh_user"))


def test_every_door_of_the_admin_names_the_person(client, boss):
    client.post(page("product", view="add"), form())
    product = Product.objects.get()
    vendor = VendorFactory()
    with_cost = {
        **form(description="two"),
        "costs-TOTAL_FORMS": "1",
        "costs-0-product": product.pk,
        "costs-0-vendor": vendor.pk,
        "costs-0-case_size": "1",
        "costs-0-unit_cost": "2",
    }
    client.post(page("product", product.pk, view="change"), with_cost)
    client.post(page("product", product.pk, view="delete"), {"post": "yes"})
    other = ProductFactory()
    client.post(page("product"), {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"})
    assert users_of(Product, id=product.pk) == [("insert", "boss"), ("update", "boss"), ("delete", "boss")]
    assert users_of(ProductCost) == [("insert", "boss"), ("delete", "boss")]
    assert users_of(Product, id=other.pk) == [("insert", None), ("delete", "boss")]


def upload(client, model, text, file_format=0):
    """Import a file as a person does: upload, look, confirm."""
    file = SimpleUploadedFile("file.csv", text.encode())
    preview = client.post(page(model, view="import"), {"format": file_format, "import_file": file})
    confirm = preview.context.get("confirm_form")
    assert confirm is not None, preview.content.decode()
    return client.post(page(model, view="process_import"), confirm.initial, follow=True)


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


def export(client, model, place):
    return client.post(page(model, view="export"), {"format": place, "resource": "0"})


NASTY = ["=1+1", "+1", "-cmd", "@SUM(A1)", "\uff1d1+1", "'=1", "''=1", "'quoted'", "plain", "-5"]


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


ALL_OF_PRODUCT = ("view_product", "add_product", "change_product", "delete_product")


def test_a_person_sees_and_changes_only_departments_of_the_scope(client):
    dairy, meat = DepartmentFactory(name="Dairy"), DepartmentFactory(name="Meat")
    mine, foreign = ProductFactory(department=dairy), ProductFactory(department=meat)
    clerk(client, *ALL_OF_PRODUCT, departments=[dairy])
    assert found(client, "") == {mine.number}
    assert client.get(page("product", foreign.pk, view="change")).status_code == 302
    assert client.get(page("product", foreign.pk, view="history")).status_code == 302
    client.post(page("product", mine.pk, view="change"), form(number="1", department=meat.pk))
    client.post(page("product", foreign.pk, view="delete"), {"post": "yes"})
    assert Product.objects.filter(pk=foreign.pk).exists()
    mine.refresh_from_db()
    assert mine.department == dairy


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


def history_of(client, product, **query):
    return client.get(page("product", product.pk, view="history"), query)


def test_history_shows_who_changed_what(client, boss):
    product = ProductFactory(number="1", description="<b>old</b>")
    client.post(page("product", product.pk, view="change"), form(description="new", code=product.code))
    Product.objects.update(regular_price=Decimal("4.29"))
    html = history_of(client, product).content.decode()
    assert "&lt;b&gt;old&lt;/b&gt;" in html
    assert "<b>old</b>" not in html
    lines = history_of(client, product).context["lines"]
    assert [(line["entry"].label, line["entry"].user) for line in lines] == [
        ("Changed", ""),
        ("Changed", "boss"),
        ("Created", ""),
    ]
    assert "Not recorded" in html


def test_history_names_the_run_s_batch_and_person(client, boss):
    product = ProductFactory(regular_price=Decimal("3.99"))
    batch = BatchNumber.objects.create(type="gone_type")
    run = Run.objects.create(batch=batch, kind="execute", state="succeeded", requested_by_name="Bea Buyer")
    with transaction.atomic():
        journal.set_run(run.pk)
        Product.objects.update(regular_price=Decimal("4.29"))
        journal.set_run(10**9)
        Product.objects.update(regular_price=Decimal("4.39"))
    html = history_of(client, product).content.decode()
    assert f"{batch.pk:08d}" in html
    assert "Bea Buyer" in html
    assert "run 1000000000, deleted since" in html


def test_history_comes_in_pages(client, boss, django_assert_max_num_queries):
    product = ProductFactory(regular_price=Decimal(0))
    for price in range(1, 70):
        Product.objects.update(regular_price=price)
    with django_assert_max_num_queries(10):
        first = history_of(client, product)
    rest = history_of(client, product, before=first.context["older"])
    ids = [line["entry"].id for line in [*first.context["lines"], *rest.context["lines"]]]
    assert (len(first.context["lines"]), len(set(ids))) == (50, 70)
    assert rest.context["older"] is None
    assert len(history_of(client, product, before="9" * 30).context["lines"]) == 50
    assert "nothing older" in history_of(client, product, before="0").content.decode()


def test_history_needs_the_right_to_see_the_object(client):
    product = ProductFactory()
    clerk(client, "view_brand")
    assert history_of(client, product).status_code == 403


def test_no_page_of_the_catalogue_carries_inline_script_or_style(client, boss):
    fill(1)
    product = Product.objects.get()
    for address in (
        page("product"),
        page("product", product.pk, view="change"),
        page("product", product.pk, view="history"),
        page("product", view="import"),
        page("product", view="export"),
    ):
        html = client.get(address).content.decode()
        assert "<style" not in html, address
        assert "style=" not in html, address
        assert not re.search(r"\son[a-z]+=", html), address
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", html), address


def test_links_are_chosen_by_search_not_from_endless_lists(client, boss):
    for name in ("brand", "department", "vendor", "product"):
        response = client.get(
            reverse("admin:autocomplete"),
            {
                "term": "",
                "app_label": "products",
                **{
                    "brand": {"model_name": "product", "field_name": "brand"},
                    "department": {"model_name": "product", "field_name": "department"},
                    "vendor": {"model_name": "productcost", "field_name": "vendor"},
                    "product": {"model_name": "productcost", "field_name": "product"},
                }[name],
            },
        )
        assert response.status_code == 200, name


def test_a_department_with_products_is_not_deleted(client, boss):
    product = ProductFactory(department=DepartmentFactory(), brand=BrandFactory())
    client.post(page("department", product.department.pk, view="delete"), {"post": "yes"})
    client.post(page("brand", product.brand.pk, view="delete"), {"post": "yes"})
    assert (Department.objects.count(), Brand.objects.count()) == (1, 1)

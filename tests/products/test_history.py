"""Who changed what: the admin names the person, and the History page shows it."""

from decimal import Decimal

import pytest
from django.db import transaction

from batches import journal
from batches.models import BatchNumber, Run
from products.models import Product, ProductCost

from .factories import ProductFactory, VendorFactory
from .pages import clerk, form, page, users_of

pytestmark = pytest.mark.django_db


def history_of(client, product, **query):
    return client.get(page("product", product.pk, view="history"), query)


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


def test_a_short_history_has_no_empty_line_of_pages(client, boss):
    product = ProductFactory()
    assert "paginator" not in history_of(client, product).content.decode()

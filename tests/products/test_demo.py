"""The demo store is a believable grocery."""

from decimal import Decimal
from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import transaction
from django.db.models import Count, F, Q

from batches import journal
from products import codes
from products.codes import Kind
from products.demo import LOGINS
from products.models import Brand, Category, Department, Product, ProductCost, ProductPrice, Vendor
from products.scopes import departments_of

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def store(django_db_setup, django_db_blocker):
    """Load the store once for all tests of this file; they change nothing in it."""
    out = StringIO()
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("load_demo_store", stdout=out)
        yield out.getvalue()
        transaction.set_rollback(True)


def test_the_store_is_that_of_a_grocery(store):
    text = store
    products = list(Product.objects.select_related("department"))
    assert 2800 <= len(products) <= 3200
    assert Department.objects.count() >= 14
    assert Category.objects.count() >= 25
    assert Brand.objects.count() >= 130
    assert Vendor.objects.count() == 20
    assert len({product.description for product in products}) > 2000
    for username, password, _what in LOGINS:
        assert username in text
        assert password in text


def test_codes_are_valid_canonical_and_of_many_kinds(store):
    kinds = {}
    for code in Product.objects.values_list("code", flat=True):
        assert codes.is_valid(code), code
        assert codes.normalise(code) == (code, None)
        kinds[codes.kind(code)] = kinds.get(codes.kind(code), 0) + 1
    assert kinds.pop(Kind.UPC_A) > 2000
    assert set(kinds) == {Kind.PLU, Kind.UPC_E, Kind.EAN_13, Kind.GTIN_14, Kind.TYPE_2}
    assert kinds[Kind.PLU] >= 60


def test_prices_cover_their_costs_and_margins_meet_the_target(store):
    assert not Product.objects.filter(regular_price=None).exists()
    assert not Product.objects.exclude(regular_price__gt=0).exists()
    preferred = ProductCost.objects.filter(preferred=True)
    assert preferred.count() == Product.objects.count()
    assert not preferred.filter(unit_cost__gte=F("product__regular_price")).exists()
    assert Product.objects.alias(costs_=Count("costs")).filter(costs_=2).count() > 300
    for department in Department.objects.all():
        margins = [
            100 * (1 - cost.unit_cost / cost.product.regular_price)
            for cost in preferred.filter(product__department=department).select_related("product")
        ]
        assert abs(sum(margins) / len(margins) - department.target_margin) < 3, department


def test_some_sales_run_some_are_over_some_will_come(store):
    in_force = Product.objects.with_price().filter(price_kind="sale")
    assert in_force.count() >= 100
    assert not in_force.filter(price__gte=F("regular_price")).exists()
    assert ProductPrice.objects.filter(kind="sale").count() > in_force.count()
    assert Product.objects.with_price(member=True).filter(price_kind="member").exists()


def test_people_can_log_in_and_have_their_rights_and_departments(store):
    people = {name: authenticate(username=name, password=password) for name, password, _what in LOGINS}
    assert all(person and person.is_staff for person in people.values())
    assert people["admin"].is_superuser
    assert people["buyer"].has_perms(["products.change_product", "products.add_productcost"])
    assert not people["buyer"].has_perm("products.delete_department")
    assert people["reviewer"].has_perm("products.view_product")
    assert not people["reviewer"].has_perm("products.change_product")
    assert people["manager"].has_perm("products.delete_department")
    scope = departments_of(people["buyer"])
    assert scope
    assert 0 < Department.objects.exclude(pk__in=scope).count() < Department.objects.count()
    assert departments_of(people["manager"]) is None


def test_the_journal_says_where_the_goods_came_from(store):
    events = journal.event_model(Product).objects
    assert events.filter(pgh_user="demo store", pgh_label="insert").count() == Product.objects.count()


def test_prices_end_as_prices_do(store):
    odd = Product.objects.exclude(Q(regular_price__endswith="9"))
    assert list(odd.values_list("regular_price", flat=True)) == []
    assert Product.objects.filter(regular_price__lt=Decimal("0.49")).count() == 0

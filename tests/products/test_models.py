"""Rules that the database itself keeps, and the price in force."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from batches import journal
from products import models as catalogue
from products.models import DepartmentScope, Product, ProductPrice
from products.scopes import departments_of

from .factories import (
    BrandFactory,
    DepartmentFactory,
    ProductCostFactory,
    ProductFactory,
    ProductPriceFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
SALE, MEMBER = ProductPrice.Kind.SALE, ProductPrice.Kind.MEMBER
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def refused(constraint, make, *args, **kwargs):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make(*args, **kwargs)


def test_a_code_is_unique_among_active_products():
    old = ProductFactory(code="036000291452")
    refused("product_code_unique", ProductFactory, code="036000291452")
    ProductFactory(code="036000291452", active=False)
    Product.objects.filter(pk=old.pk).update(active=False)
    ProductFactory(code="036000291452")


def test_many_products_may_have_no_code():
    ProductFactory(code="")
    ProductFactory(code="")


def test_numbers_of_products():
    ProductFactory(number="7")
    refused("product_number_unique", ProductFactory, number="7")
    refused("product_number_given", ProductFactory, number="")


@pytest.mark.parametrize("price", ["-0.01", "NaN"])
def test_a_price_is_a_number_from_zero(price):
    product = ProductFactory()
    for constraint, statement, key in (
        ("product_price_range", "UPDATE products_product SET regular_price = %s WHERE id = %s", product.pk),
        (
            "price_amount_range",
            "INSERT INTO products_productprice (amount, product_id, kind, starts) VALUES (%s, %s, 'sale', now())",
            product.pk,
        ),
        (
            "cost_unit_cost_range",
            "UPDATE products_productcost SET unit_cost = %s WHERE id = %s",
            ProductCostFactory().pk,
        ),
    ):
        with connection.cursor() as cursor:
            refused(constraint, cursor.execute, statement, [price, key])


def test_names_differ_by_more_than_case():
    BrandFactory(name="Acme")
    refused("brand_name_unique", BrandFactory, name="ACME")
    DepartmentFactory(name="Dairy")
    refused("department_name_unique", DepartmentFactory, name="dairy")


def test_a_product_needs_only_number_and_description_in_sql():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO products_product (number, description) VALUES ('1', 'one') RETURNING id")
        product = Product.objects.get(pk=cursor.fetchone()[0])
    assert (product.code, product.unit, product.location) == ("", "", "")
    assert (product.active, product.manual_price) == (True, False)
    assert product.created == product.modified


def test_two_prices_of_a_kind_at_one_time_are_refused():
    product = ProductFactory()
    ProductPriceFactory(product=product, starts=NOON, ends=NOON + HOUR)
    refused("price_no_two_at_once", ProductPriceFactory, product=product, starts=NOON + HOUR / 2, ends=None)
    ProductPriceFactory(product=product, starts=NOON, ends=None, kind=MEMBER)
    ProductPriceFactory(starts=NOON, ends=None)
    # Half open: the next may start when the last one ends.
    ProductPriceFactory(product=product, starts=NOON + HOUR, ends=None)
    refused("price_no_two_at_once", ProductPriceFactory, product=product, starts=NOON + 9 * HOUR, ends=None)


def test_a_price_ends_after_it_starts():
    product = ProductFactory()
    refused("price_ends_after_start", ProductPriceFactory, product=product, starts=NOON, ends=NOON)
    for ends in (NOON, NOON - HOUR):
        with pytest.raises(ValidationError, match="A price ends after it starts") as caught:
            ProductPrice(product=product, kind=SALE, amount=1, starts=NOON, ends=ends).full_clean()
        assert list(caught.value.message_dict) == ["ends"]


def test_an_overlap_is_a_sentence_for_the_person():
    product = ProductFactory()
    ProductPriceFactory(product=product, starts=NOON, ends=None)
    with pytest.raises(ValidationError, match="another price of this kind at that time"):
        ProductPrice(product=product, kind=SALE, amount=1, starts=NOON, ends=None).full_clean()


def test_only_known_kinds_of_price():
    refused("price_kind_known", ProductPriceFactory, kind="regular")


def test_a_product_has_one_preferred_cost_and_one_from_each_vendor():
    cost = ProductCostFactory(preferred=True)
    refused("cost_one_preferred", ProductCostFactory, product=cost.product, preferred=True)
    refused("cost_product_vendor_unique", ProductCostFactory, product=cost.product, vendor=cost.vendor)
    ProductCostFactory(product=cost.product)
    refused("cost_case_size_range", ProductCostFactory, case_size=0)
    refused("cost_unit_cost_range", ProductCostFactory, unit_cost=Decimal("-1"))


def price_at(product, at, **options):
    found = Product.objects.with_price(at, **options).get(pk=product.pk)
    return found.price, found.price_kind


def test_the_price_in_force_is_the_regular_one_without_a_sale():
    product = ProductFactory(regular_price=Decimal("3.99"))
    assert price_at(product, NOON) == (Decimal("3.99"), "regular")
    assert price_at(ProductFactory(regular_price=None), NOON) == (None, None)


def test_the_price_in_force_is_that_of_the_sale_while_it_runs():
    product = ProductFactory(regular_price=Decimal("3.99"))
    ProductPriceFactory(product=product, amount=Decimal("2.99"), starts=NOON, ends=NOON + HOUR)
    ProductPriceFactory(product=product, amount=Decimal("2.49"), starts=NOON + HOUR, ends=None)
    prices = [price_at(product, NOON + step * HOUR / 2) for step in (-1, 0, 1, 2, 99)]
    assert prices == [
        (Decimal("3.99"), "regular"),
        (Decimal("2.99"), "sale"),
        (Decimal("2.99"), "sale"),
        (Decimal("2.49"), "sale"),
        (Decimal("2.49"), "sale"),
    ]


@pytest.mark.parametrize(
    ("regular", "sale", "member", "expected"),
    [
        ("3.99", None, "3.49", ("3.49", "member")),
        ("3.99", "3.29", "3.49", ("3.29", "sale")),
        ("3.99", "3.69", "3.49", ("3.49", "member")),
        (None, None, "3.49", ("3.49", "member")),
        ("3.99", None, "4.49", ("3.99", "regular")),
    ],
)
def test_a_member_pays_the_member_price_where_it_is_lower(regular, sale, member, expected):
    product = ProductFactory(regular_price=regular and Decimal(regular))
    for kind, amount in ((SALE, sale), (MEMBER, member)):
        if amount:
            ProductPriceFactory(product=product, kind=kind, amount=Decimal(amount), starts=NOON, ends=None)
    assert price_at(product, NOON, member=True) == (Decimal(expected[0]), expected[1])
    assert price_at(product, NOON)[1] != "member"


def test_the_price_in_force_is_asked_for_now_by_default():
    product = ProductFactory(regular_price=Decimal("3.99"))
    ProductPriceFactory(product=product, amount=Decimal("2.99"), starts=timezone.now() - HOUR)
    assert price_at(product, None) == (Decimal("2.99"), "sale")


def test_prices_of_all_products_take_one_query(django_assert_num_queries):
    for price in ProductPriceFactory.create_batch(5):
        ProductPriceFactory(product=price.product, kind=MEMBER)
    with django_assert_num_queries(1):
        assert len(Product.objects.with_price(member=True)) == 5


def test_scope_of_departments():
    dairy = DepartmentFactory()
    DepartmentFactory()
    user, boss = UserFactory(), UserFactory(is_superuser=True)
    assert departments_of(user) is None
    for person in (user, boss):
        DepartmentScope.objects.create(user=person).departments.add(dairy)
    assert departments_of(user) == {dairy.pk}
    assert departments_of(boss) is None
    user.department_scope.departments.clear()
    assert departments_of(user) == set()
    assert departments_of(AnonymousUser()) is None


def test_all_of_the_catalogue_is_journalled():
    tracked = {name for name in catalogue.__all__ if journal.is_tracked(getattr(catalogue, name))}
    assert tracked == set(catalogue.__all__) - {"DepartmentScope"}


def test_search_uses_the_indexes():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        found = Product.objects.search("36000291452")
        plan = found.explain()
    assert "product_description_trigrams" in plan
    assert "product_code" in plan
    assert "product_number_unique" in plan

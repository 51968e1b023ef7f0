"""Loading the demo store: once, the same every time, and never where it could do harm."""

from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from products.demo import load_store
from products.models import Brand, Category, Department, Product, ProductCost, ProductPrice, Vendor

from .factories import ProductFactory

pytestmark = pytest.mark.django_db


def load():
    out = StringIO()
    call_command("load_demo_store", stdout=out)
    return out.getvalue()


def shape():
    return list(
        Product.objects.order_by("number").values_list(
            "number", "code", "description", "brand__name", "regular_price", "location"
        )
    ), list(
        ProductCost.objects.order_by("product__number", "vendor__code").values_list(
            "vendor__code", "unit_cost"
        )
    )


def test_every_load_gives_the_same_store():
    load()
    first = shape()
    ProductPrice.objects.all().delete()
    Product.objects.all().delete()
    for model in (Category, Brand, Vendor, Department):
        model.objects.all().delete()
    load()
    assert shape() == first


def test_it_is_loaded_once_and_never_over_somebody_s_products():
    load()
    products, users = Product.objects.count(), get_user_model().objects.count()
    get_user_model().objects.get(username="buyer").delete()
    assert "nothing was loaded" in load()
    assert Product.objects.count() == products
    assert get_user_model().objects.count() == users - 1


def test_where_products_are_nothing_is_loaded():
    ProductFactory()
    assert load_store() is None
    assert Product.objects.count() == 1
    assert not get_user_model().objects.exists()


def test_it_is_refused_in_production(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="not for production"):
        load()
    assert not Product.objects.exists()

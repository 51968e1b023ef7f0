"""Makes things of the catalogue for tests."""

from datetime import timedelta
from decimal import Decimal

import factory
from django.contrib.auth import get_user_model
from django.utils import timezone

from products import codes
from products.models import Brand, Category, Department, Product, ProductCost, ProductPrice, Vendor


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    is_staff = True


class DepartmentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Department

    number = factory.Sequence(lambda n: n + 1)
    name = factory.Sequence(lambda n: f"Department {n}")


class BrandFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Brand

    name = factory.Sequence(lambda n: f"Brand {n}")


class CategoryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Category

    name = factory.Sequence(lambda n: f"Category {n}")


class VendorFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Vendor

    code = factory.Sequence(lambda n: f"V{n}")
    name = factory.Sequence(lambda n: f"Vendor {n}")


def upc(number: int) -> str:
    """A valid UPC-A out of a number."""
    body = f"0{number:010d}"
    return body + codes.check_digit(body)


class ProductFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Product

    number = factory.Sequence(lambda n: f"{n + 100000}")
    code = factory.Sequence(lambda n: upc(n + 3600029000))
    description = factory.Sequence(lambda n: f"Product {n}")
    regular_price = Decimal("3.99")


class ProductPriceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ProductPrice

    product = factory.SubFactory(ProductFactory)
    kind = ProductPrice.Kind.SALE
    amount = Decimal("2.99")
    starts = factory.LazyFunction(lambda: timezone.now() - timedelta(days=1))
    ends = factory.LazyAttribute(lambda price: price.starts + timedelta(days=7))


class ProductCostFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ProductCost

    product = factory.SubFactory(ProductFactory)
    vendor = factory.SubFactory(VendorFactory)
    unit_cost = Decimal("2.5000")

"""Helpers to use the admin as a person does."""

from django.contrib.auth.models import Permission
from django.urls import reverse

from batches import journal
from products.models import DepartmentScope

from .factories import (
    BrandFactory,
    CategoryFactory,
    DepartmentFactory,
    ProductCostFactory,
    ProductFactory,
    ProductPriceFactory,
    UserFactory,
)

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
ALL_OF_PRODUCT = ("view_product", "add_product", "change_product", "delete_product")


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


def form(**values):
    return {"number": "1", "description": "one", "active": "on", **NO_INLINES, **values}


def users_of(model, **filters):
    events = journal.event_model(model).objects.filter(**filters).order_by("pgh_id")
    return list(events.values_list("pgh_label", "pgh_user"))

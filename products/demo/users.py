"""People of the demo store: who may do what, and in which departments."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.utils.translation import gettext_lazy as _

from batches.registry import registry

from ..models import Department, DepartmentScope
from .departments import GROCERY_SIDE

# Username, password, what the person does. For a store on one's own machine only.
LOGINS = [
    ("admin", "admin-demo", _("may do everything")),
    ("buyer", "buyer-demo", _("makes and executes batches for the grocery side")),
    ("reviewer", "reviewer-demo", _("reviews batches of all departments")),
    ("manager", "manager-demo", _("executes, withdraws and deletes batches of all departments")),
]
GROUPS = {"buyer": "Buyers", "reviewer": "Reviewers", "manager": "Managers"}
NAMES = {
    "admin": ("Ada", "Admin"),
    "buyer": ("Bea", "Buyer"),
    "reviewer": ("Rolf", "Reviewer"),
    "manager": ("Mona", "Manager"),
}
CATALOGUE = ("department", "brand", "category", "vendor", "product", "productprice", "productcost")


def load_users() -> int:
    """Add the people that are missing, with their groups and scopes; return how many were added."""
    grant_catalogue_permissions()
    grant_batch_permissions()
    added = 0
    for username, password, _what in LOGINS:
        added += _add_user(username, password)
    return added


def _add_user(username: str, password: str) -> bool:
    model = get_user_model()
    if model._default_manager.filter(**{model.USERNAME_FIELD: username}).exists():
        return False
    first, last = NAMES[username]
    create = (
        model._default_manager.create_superuser if username == "admin" else model._default_manager.create_user
    )
    user = create(username, password=password, email="", first_name=first, last_name=last, is_staff=True)
    if username in GROUPS:
        user.groups.add(Group.objects.get(name=GROUPS[username]))
    if username == "buyer":
        scope = DepartmentScope.objects.create(user=user)
        scope.departments.set(Department.objects.filter(number__in=GROCERY_SIDE))
    return True


def grant(group: str, permissions: Iterable[str]) -> None:
    """Give a group those of the permissions ("products.view_product") that exist."""
    wanted = set(permissions)
    existing = Permission.objects.select_related("content_type").filter(
        codename__in={permission.partition(".")[2] for permission in wanted}
    )
    Group.objects.get_or_create(name=group)[0].permissions.add(
        *(
            permission
            for permission in existing
            if f"{permission.content_type.app_label}.{permission.codename}" in wanted
        )
    )


def grant_catalogue_permissions() -> None:
    """Let all look, buyers change prices, costs and products, managers also the rest."""
    goods = ("product", "productprice", "productcost")
    grant("Reviewers", _permissions(CATALOGUE, "view"))
    grant("Buyers", [*_permissions(CATALOGUE, "view"), *_permissions(goods, "add", "change", "delete")])
    grant("Managers", _permissions(CATALOGUE, "view", "add", "change", "delete"))


def grant_batch_permissions() -> None:
    """Let all see batches, buyers make and execute them, reviewers correct and approve, managers everything."""
    verbs = {
        "Buyers": ("view", "add", "change", "delete", "submit", "execute", "withdraw"),
        "Reviewers": ("view", "change", "approve"),
        "Managers": (
            "view",
            "add",
            "change",
            "delete",
            "submit",
            "approve",
            "execute",
            "revert",
            "withdraw",
            "purge",
        ),
    }
    for group, names in verbs.items():
        for handler in registry.all():
            options = handler.model._meta
            grant(group, [f"{options.app_label}.{verb}_{options.model_name}" for verb in names])
    remembered = ("savedmapping", "savedvalue")
    grant("Buyers", [f"batches.view_{name}" for name in remembered])
    grant(
        "Managers", [f"batches.{verb}_{name}" for verb in ("view", "change", "delete") for name in remembered]
    )
    # What a price book may bring along: a maker or a kind of goods that the store did not have.
    grant("Buyers", ["products.add_brand", "products.add_category"])


def _permissions(models: Iterable[str], *verbs: str) -> list[str]:
    return [f"products.{verb}_{model}" for model in models for verb in verbs]

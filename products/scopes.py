"""Which departments a person works with."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from .models import DepartmentScope


def departments_of(user: AbstractBaseUser | AnonymousUser) -> set[int] | None:
    """Return the keys of the departments that the user may see, or None for everything.

    Superusers and users without a scope have everything; an empty scope is nothing.
    """
    if getattr(user, "is_superuser", False):
        return None
    scope = DepartmentScope.objects.filter(user_id=user.pk).first()
    return None if scope is None else set(scope.departments.values_list("pk", flat=True))

"""Which departments a person works with."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class DepartmentScope(models.Model):
    """The departments that a user may see and change; a user without a scope has all of them."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="department_scope",
        verbose_name=_("user"),
    )
    departments = models.ManyToManyField(
        "products.Department", blank=True, related_name="scopes", verbose_name=_("departments")
    )

    class Meta:
        verbose_name = _("department scope")
        verbose_name_plural = _("department scopes")

    def __str__(self) -> str:
        return str(self.user)

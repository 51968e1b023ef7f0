"""Admin pages of the registered batch types."""

from django.apps import apps
from django.contrib import admin
from django.utils.module_loading import autodiscover_modules

from ..models import SavedValue
from ..registry import registry
from .batch import BatchAdmin
from .values import SavedValueAdmin

__all__ = ["BatchAdmin", "register_types"]


def register_types() -> None:
    """Register an admin page for each batch type that has none."""
    if not apps.is_installed("django.contrib.admin"):
        return
    # First what the apps register themselves: a type's own page, with a BatchAdmin of its own, wins.
    autodiscover_modules("admin", register_to=admin.site)
    if not admin.site.is_registered(SavedValue):
        admin.site.register(SavedValue, SavedValueAdmin)
    for handler in registry.all():
        if not admin.site.is_registered(handler.model):
            admin.site.register(handler.model, BatchAdmin)

"""Admin pages of the registered batch types."""

from django.apps import apps
from django.contrib import admin
from django.utils.module_loading import autodiscover_modules

from ..models import SavedMapping, SavedValue
from ..registry import registry
from .batch import BatchAdmin
from .mappings import SavedMappingAdmin
from .values import SavedValueAdmin

__all__ = ["BatchAdmin", "register_types"]


def register_types() -> None:
    """Register an admin page for each batch type that has none."""
    if not apps.is_installed("django.contrib.admin"):
        return
    # First what the apps register themselves: a type's own page, with a BatchAdmin of its own, wins.
    autodiscover_modules("admin", register_to=admin.site)
    for model, page in ((SavedMapping, SavedMappingAdmin), (SavedValue, SavedValueAdmin)):
        if not admin.site.is_registered(model):
            admin.site.register(model, page)
    for handler in registry.all():
        if not admin.site.is_registered(handler.model):
            admin.site.register(handler.model, BatchAdmin)

"""Configuration of the app `batches`: finds the batch types of every installed app."""

import importlib
import pkgutil

from django.apps import AppConfig, apps
from django.utils.module_loading import module_has_submodule
from django.utils.translation import gettext_lazy as _


class BatchesConfig(AppConfig):
    """Imports each app's `batches` (a package with all its modules), then registers the types' admin pages."""

    name = "batches"
    verbose_name = _("Batches")

    def ready(self) -> None:
        from . import checks, upkeep  # noqa: F401 - registers the system checks and the upkeep after migrate

        for config in apps.get_app_configs():
            if (
                config.name == self.name
                or config.module is None
                or not module_has_submodule(config.module, "batches")
            ):
                continue
            found = importlib.import_module(f"{config.name}.batches")
            for module in pkgutil.iter_modules(getattr(found, "__path__", [])):
                importlib.import_module(f"{found.__name__}.{module.name}")
        from . import admin

        admin.register_types()

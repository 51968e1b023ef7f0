"""Configuration of the app `batchsite`, and of its admin."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class BatchsiteConfig(AppConfig):
    name = "batchsite"

    def ready(self) -> None:
        from . import checks  # noqa: F401  # registers itself; needs the settings


class SiteAdminConfig(AdminConfig):
    default_site = "batchsite.site.BatchAdminSite"

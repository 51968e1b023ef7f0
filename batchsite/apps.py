"""Configuration of the app `batchsite`."""

from django.apps import AppConfig


class BatchsiteConfig(AppConfig):
    name = "batchsite"

    def ready(self) -> None:
        from . import checks  # noqa: F401  # registers itself; needs the settings

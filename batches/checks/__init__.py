"""System checks: each config fault of a batch type has an id, a message and what to type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, register

from ..handlers import BatchHandler
from ..registry import registry
from . import changes, declared, delivering, findings, site, types

__all__ = ["TAG", "check_handler"]

TAG = "batches"


def check_handler(handler_class: type[BatchHandler]) -> list[CheckMessage]:
    """Return what is wrong with a batch type; the database is not asked."""
    found = types.check(handler_class)
    if found:
        # What is declared can only be read against models that are right.
        return found
    handler = handler_class(handler_class.model())
    broken = types.check_hooks(handler)
    if broken:
        return broken
    return [
        *changes.check(handler),
        *declared.check(handler),
        *findings.check(handler),
        *delivering.check(handler),
    ]


def _concerns(handler: type[BatchHandler], app_configs: Sequence[AppConfig] | None) -> bool:
    if app_configs is None:
        return True
    module = handler.__module__
    return any(module == config.name or module.startswith(config.name + ".") for config in app_configs)


@register(TAG)
def check_types(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check every registered batch type (of the given apps)."""
    return [
        message
        for handler in registry.all()
        if _concerns(handler, app_configs)
        for message in check_handler(handler)
    ]


@register(TAG)
def check_settings(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the setting BATCHES."""
    return site.check_settings() or site.check_keeping(registry.all())


@register(Tags.database)
def check_database(
    app_configs: Sequence[AppConfig] | None = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check the databases that are named (`check --database NAME`, `migrate`)."""
    return [message for alias in databases or () for message in site.check_schema(alias)]

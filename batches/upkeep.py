"""What the database needs after migrations: room in the row tables' pages for the outcomes that will be written."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from . import sql
from .registry import registry

# A row is written once at populate and once or twice later; the room keeps those updates on the same page.
FILLFACTOR = 85


@receiver(post_migrate, dispatch_uid="batches.fillfactor")
def set_fillfactor(app_config: AppConfig, using: str, **kwargs: Any) -> None:
    """Give the row tables of an app their fillfactor, where it is not set yet."""
    for handler in registry.all():
        if handler.row_model._meta.app_label != app_config.label:
            continue
        table = sql.table(handler.row_model)
        there = sql.fetch(using, "SELECT reloptions FROM pg_class WHERE oid = to_regclass(%s)", [table])
        if there and f"fillfactor={FILLFACTOR}" not in (there[0][0] or []):
            sql.run(using, f"ALTER TABLE {table} SET (fillfactor = {FILLFACTOR})")

"""System checks of the site."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db.backends.postgresql.psycopg_any import is_psycopg3


@register(Tags.compatibility)
def check_driver(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """batchsite.E001: Django talks to PostgreSQL through psycopg2."""
    return driver_messages(is_psycopg3)


def driver_messages(is_psycopg3: bool) -> list[CheckMessage]:
    """Return what is wrong with the driver that Django chose when it was imported."""
    if not is_psycopg3:
        return []
    return [
        Error(
            "Django uses psycopg 3, because a package 'psycopg' is installed; expected psycopg2.",
            hint="Type `pip uninstall psycopg`, or adapt batches/sql.py to psycopg 3 and drop this check.",
            id="batchsite.E001",
        )
    ]

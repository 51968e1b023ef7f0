"""The models and their migrations say the same."""

from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

OWN = ("batches", "importers", "products", "batchsite", "tests.toys")


@pytest.mark.django_db
def test_no_migration_is_missing():
    said = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said)
    except SystemExit:
        pytest.fail(f"Type `manage.py makemigrations`. It would write:\n{said.getvalue()}")


def test_every_app_with_models_has_migrations():
    without = [
        config.name
        for config in apps.get_app_configs()
        if config.name in OWN and list(config.get_models()) and not has_migrations(config.path)
    ]
    assert without == []


def has_migrations(path):
    """Tell whether an app's folder holds a first migration."""
    return any(Path(path, "migrations").glob("0001_*.py"))

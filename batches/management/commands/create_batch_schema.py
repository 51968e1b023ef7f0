"""Create the PostgreSQL schema that importer batches keep their tables in."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection


class Command(BaseCommand):
    help = "Create the schema `batch`, if it is not there."

    def handle(self, *args: Any, **options: Any) -> None:
        """Create it."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'batch'")
            if cursor.fetchone() is None:
                cursor.execute("CREATE SCHEMA batch")
                self.stdout.write("Created the schema batch.")

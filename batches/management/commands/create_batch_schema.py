"""Create the PostgreSQL schema that importer batches keep their tables in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, IntegrityError, InterfaceError, connection


class Command(BaseCommand):
    help = "Create the schema `batch`, if it is not there."

    def handle(self, *args: Any, **options: Any) -> None:
        """Create it."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'batch'")
                if cursor.fetchone() is None:
                    # Of several at once one makes it; the others find it made.
                    cursor.execute("CREATE SCHEMA IF NOT EXISTS batch")
                    self.stdout.write("Created the schema batch.")
        except IntegrityError:
            return
        except (DatabaseError, InterfaceError) as error:
            why = " ".join(str(error).split())
            raise CommandError(f"The schema batch cannot be created: {why}") from error

"""The database of a bench run: made empty, dropped at the end."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, connections, transaction

PREFIX = "batchsite_bench_"
SQL = Path(__file__).parent / "sql"


@contextmanager
def own_database() -> Iterator[None]:
    """Make the database that the settings name, hold it, and drop it; also what killed runs left behind."""
    name = connection.settings_dict["NAME"]
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [PREFIX + "%"])
        for (left,) in cursor.fetchall():
            with suppress(DatabaseError):  # another run's, in use
                cursor.execute(f'DROP DATABASE "{left}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
    connection.ensure_connection()
    try:
        yield
    finally:
        connections.close_all()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def statements(name: str) -> list[str]:
    """Return the statements of a file in benchmarks/sql, without its comments."""
    lines = (SQL / f"{name}.sql").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
    return [part.strip() for part in text.split(";\n") if part.strip().rstrip(";")]


def run_file(name: str, **params: Any) -> int:
    """Run a file of SQL in one transaction; return the rows that its last statement touched."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements(name):
            cursor.execute(statement, params)
        return cursor.rowcount


def run(statement: str, params: Any = ()) -> int:
    """Run one statement; return the rows that it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


def fetch(statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of one statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


@contextmanager
def without_history(*tables: str) -> Iterator[None]:
    """Write these tables without journal, as a bare statement would; foreign keys stay checked."""
    for table in tables:
        run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        yield
    finally:
        for table in tables:
            run(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def settle(*tables: str) -> None:
    """Bring the tables into the state in which an idle server would have them, so that each run begins alike."""
    for table in tables:
        run(f"VACUUM (ANALYZE) {table}")
    with suppress(DatabaseError):  # not everybody may
        run("CHECKPOINT")

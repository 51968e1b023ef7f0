"""The rights that docs/how-to/existing-postgresql.md names are enough, and no role needs to be superuser."""

import os
import subprocess
import sys
from urllib.parse import quote

import psycopg2
import pytest
from django.db import connection

from .pages import DOCS, TOP, blocks

PAGE = DOCS / "how-to" / "existing-postgresql.md"
SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"


class Server:
    """The server of the tests, as its administrator."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.settings = connection.settings_dict

    def sql(self, text, database="postgres"):
        """Run a block of the page, for the role and database of this test."""
        opened = psycopg2.connect(
            host=self.settings["HOST"],
            port=self.settings["PORT"] or 5432,
            user=self.settings["USER"],
            password=self.settings["PASSWORD"] or None,
            dbname=database,
        )
        opened.autocommit = True
        try:
            with opened.cursor() as cursor:
                for statement in text.replace("batchsite", self.name).split(";"):
                    if statement.strip():
                        cursor.execute(statement)
                return cursor.fetchall() if cursor.description else None
        finally:
            opened.close()

    def manage(self, *words):
        """Run a command of manage.py as the role of this test."""
        place = f"{quote(self.settings['HOST'], safe='')}:{self.settings['PORT'] or 5432}"
        url = f"postgres://{self.name}:choose-one@{place}/{self.name}"
        own = {
            "DATABASE_URL": url,
            "BATCHSITE_VAR": self.folder,
            "DJANGO_SETTINGS_MODULE": "batchsite.settings",
        }
        environment = os.environ | own
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=TOP, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def server(django_db_blocker, tmp_path):
    with django_db_blocker.unblock():
        connection.ensure_connection()  # starts the embedded server
        connection.close()
    found = Server(f"docs_role_{os.getpid()}", str(tmp_path))
    if not found.sql(SUPERUSER)[0][0]:
        pytest.skip("needs a test role that may create roles")
    yield found
    found.sql("DROP DATABASE IF EXISTS batchsite WITH (FORCE); DROP ROLE IF EXISTS batchsite")


def sql_blocks():
    return [block.text for block in blocks(PAGE) if block.language == "sql"]


def prepare(server):
    server.manage("migrate", "--verbosity", "0")
    server.manage("create_batch_schema")
    assert "no issues" in server.manage("check", "--database", "default")


def test_a_role_that_owns_its_database_needs_nothing_else(server):
    owned, _granted = sql_blocks()
    server.sql(owned)
    prepare(server)


def test_a_role_that_owns_nothing_needs_what_the_page_grants(server):
    owned, granted = sql_blocks()
    server.sql(owned.replace(" OWNER batchsite", "") + "REVOKE ALL ON DATABASE batchsite FROM PUBLIC;")
    server.sql("GRANT CONNECT ON DATABASE batchsite TO batchsite")
    server.sql(granted, database=server.name)
    prepare(server)
    # It also reads files, which needs temporary tables.
    assert "Loaded" in server.manage("load_demo_store")

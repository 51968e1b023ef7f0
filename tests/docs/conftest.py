"""A checkout and a database in which ./run has worked, to follow the pages in."""

import os
import shlex
import shutil
import subprocess
import sys
from urllib.parse import quote

import pytest
from django.db import connection

from .pages import TOP

CHECKOUT = (
    "batches", "batchsite", "importers", "products", "templates", "docs", "manage.py", "pyproject.toml", "README.md",
)  # fmt: skip
TESTS = ("__init__.py", "conftest.py", "settings.py", "toys", "products/__init__.py")


class Checkout:
    """A copy of the code, and how to run a command line of a page in it."""

    def __init__(self, folder, url, var):
        self.folder = folder
        self.environment = os.environ | {"DATABASE_URL": url, "BATCHSITE_VAR": str(var)}
        for name in ("DJANGO_SETTINGS_MODULE", "TEST_DATABASE_URL", "DJANGO_ALLOW_ASYNC_UNSAFE"):
            self.environment.pop(name, None)
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in (*CHECKOUT, *(f"tests/{name}" for name in TESTS)):
            source, target = TOP / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignore)
            elif source.exists():
                shutil.copy(source, target)
        (folder / ".venv" / "bin").mkdir(parents=True)
        python = folder / ".venv" / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        python.chmod(0o755)

    def run(self, line):
        """Run a command line as a page shows it; return its exit code, what it printed, what it complained about."""
        if line.startswith("./test "):
            line = line.replace("./test", ".venv/bin/python -m pytest -p no:cacheprovider", 1)
        done = subprocess.run(
            line, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout, done.stderr

    def manage(self, *words):
        """Run a command of manage.py that must succeed; return what it printed."""
        code, out, errors = self.run(shlex.join([".venv/bin/python", "manage.py", *words]))
        assert code == 0, errors
        return out


def url_of(name):
    settings = connection.settings_dict
    user = quote(settings["USER"], safe="")
    if settings["PASSWORD"]:
        user += ":" + quote(settings["PASSWORD"], safe="")
    return f"postgres://{user}@{quote(settings['HOST'], safe='')}:{settings['PORT'] or 5432}/{name}"


@pytest.fixture(scope="session")
def administer(django_db_blocker):
    """Run a statement outside of the tests' database."""

    def run(statement):
        with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
            cursor.execute(statement)

    return run


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory, administer):
    """The name of a database that holds the demo store, and the directory of its files."""
    name = f"docs_store_{os.getpid()}"
    var = tmp_path_factory.mktemp("var")
    administer(f'CREATE DATABASE "{name}"')
    made = Checkout(tmp_path_factory.mktemp("store"), url_of(name), var)
    made.manage("migrate", "--verbosity", "0")
    made.manage("create_batch_schema")
    made.manage("load_demo_store")
    yield name, var
    administer(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, demo_store, administer):
    """A checkout in which ./run has worked, with a demo store of its own."""
    store, var = demo_store
    folder = tmp_path_factory.mktemp("checkout")
    name = f"{store}_{folder.name}"
    administer(f'CREATE DATABASE "{name}" TEMPLATE "{store}"')
    yield Checkout(folder, url_of(name), var)
    administer(f'DROP DATABASE "{name}" WITH (FORCE)')

"""The tutorial is followed to the letter, in a checkout and a database of its own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from urllib.parse import quote

import pytest
from django.db import connection

from .pages import DOCS, TOP, blocks, commands

PAGE = DOCS / "tutorial" / "first-batch-type.md"
TYPE = DOCS / "tutorial" / "shelf_move.py"
TEST = DOCS / "tutorial" / "test_shelf_move.py"
CHECKOUT = ("batches", "batchsite", "importers", "products", "templates", "manage.py", "pyproject.toml")
TESTS = ("__init__.py", "conftest.py", "settings.py", "toys", "products/__init__.py")


def without_blank_lines(text):
    return "\n".join(line for line in text.splitlines() if line.strip())


def test_the_snippets_of_the_page_are_the_tested_file():
    snippets = [block.text for block in blocks(PAGE) if block.language == "python" and not block.note]
    assert without_blank_lines("\n".join(snippets)) == without_blank_lines(TYPE.read_text())


def test_the_test_in_the_page_is_the_file_beside_it():
    (shown,) = [block.text for block in blocks(PAGE) if block.note == "file: test_shelf_move.py"]
    assert shown == TEST.read_text()


class Checkout:
    """A copy of the code, and how to run a command of the page in it."""

    def __init__(self, folder, url):
        self.folder = folder
        self.environment = os.environ | {"DATABASE_URL": url, "BATCHSITE_VAR": str(folder / "var")}
        for name in ("DJANGO_SETTINGS_MODULE", "TEST_DATABASE_URL"):
            self.environment.pop(name, None)
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in (*CHECKOUT, *(f"tests/{name}" for name in TESTS)):
            source, target = TOP / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignore)
            elif source.exists():
                shutil.copy(source, target)

    def run(self, line):
        """Run a command line of the page; return what it printed and what it complained about."""
        words = shlex.split(line)
        if words[0] == "./test":
            words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words[1:]]
        assert words[0] in (".venv/bin/python", sys.executable), line
        done = subprocess.run(
            [sys.executable, *words[1:]],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    def manage(self, *words):
        code, out, errors = self.run(shlex.join([".venv/bin/python", "manage.py", *words]))
        assert code == 0, errors
        return out


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, django_db_blocker):
    """A checkout in which ./run has worked: tables and demo store are there."""
    name = f"docs_tutorial_{os.getpid()}"
    settings = connection.settings_dict
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    user = quote(settings["USER"], safe="")
    if settings["PASSWORD"]:
        user += ":" + quote(settings["PASSWORD"], safe="")
    url = f"postgres://{user}@{quote(settings['HOST'], safe='')}:{settings['PORT'] or 5432}/{name}"
    made = Checkout(tmp_path_factory.mktemp("checkout"), url)
    made.manage("migrate", "--verbosity", "0")
    made.manage("create_batch_schema")
    made.manage("load_demo_store")
    yield made
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def _files(checkout):
    shutil.copy(TYPE, checkout.folder / "products" / "batches")
    shutil.copy(TEST, checkout.folder / "tests" / "products")
    (moves,) = [block.text for block in blocks(PAGE) if block.language == "csv"]
    (checkout.folder / "moves.csv").write_text(moves)


@pytest.mark.usefixtures("_files")
def test_every_command_of_the_page_prints_what_the_page_shows(checkout):
    followed = commands(PAGE)
    assert len(followed) == 6
    for command in followed:
        code, out, errors = checkout.run(command.line)
        assert code == 0, f"{command.line}\n{out}\n{errors}"
        printed = out.splitlines()
        for line in command.output:
            assert line in printed, f"{command.line} printed:\n{out}"
    assert re.search(r'"location": "10-B07"', location_of(checkout, "10-0001"))


def location_of(checkout, number):
    code = (
        "import json; from products.models import Product;"
        f"print(json.dumps(Product.objects.filter(number={number!r}).values('location').get()))"
    )
    return checkout.manage("shell", "--command", code)


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize(
    ("missing", "check_id"), [("    old_location = ", "batches.E012"), ("    title = ", "batches.E003")]
)
def test_check_names_a_missing_line_as_the_page_shows(checkout, missing, check_id):
    (shown,) = [block.text for block in blocks(PAGE) if block.language == "text" and check_id in block.text]
    file = checkout.folder / "products" / "batches" / TYPE.name
    whole = file.read_text()
    lines = [line for line in whole.splitlines() if not line.startswith(missing)]
    assert len(lines) == len(whole.splitlines()) - 1
    try:
        file.write_text("\n".join(lines) + "\n")
        code, out, errors = checkout.run(".venv/bin/python manage.py check")
    finally:
        file.write_text(whole)
    assert code == 1
    for line in shown.splitlines():
        assert line in (out + errors).splitlines()

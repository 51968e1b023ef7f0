"""The reference is whole: what the code has, the pages have."""

import ast
import dataclasses
import inspect
import json
import re

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from batches import conf, verbs
from batches.changes import Change, Create, Delete, Upsert
from batches.files import Column
from batches.findings import Finding, Unique
from batches.handlers import BatchHandler
from batches.models import BatchBase
from batches.pipeline import Lookup
from batches.testing import make_batch
from products.batches.product_file import ProductFileBatch, ProductFileHandler
from tests.toys.models import Box, Thing

from . import generate
from .pages import DOCS, TOP, sections

REFERENCE = DOCS / "reference"
DECLARATIONS = (Create, Change, Upsert, Delete, Lookup, Finding, Unique, Column)


def page(name):
    return (REFERENCE / f"{name}.md").read_text()


def named(name):
    """Return all that a page writes as code; of `a, b` and `f(x)` also the parts."""
    return {word for found in re.findall(r"`([^`\n]+)`", page(name)) for word in re.findall(r"[\w.]+", found)}


@pytest.mark.parametrize("path", sorted(REFERENCE.glob("*.md")), ids=lambda path: path.stem)
def test_the_drawn_tables_are_those_of_the_code(path):
    text = path.read_text()
    assert generate.redrawn(text) == text, "Type `python -m tests.docs.generate`."


def test_every_kind_of_table_is_drawn_somewhere():
    drawn = {
        found["name"]
        for path in REFERENCE.glob("*.md")
        for found in generate.BLOCK.finditer(path.read_text())
    }
    assert drawn == {*generate.DRAWN, *(f"command {name}" for name in generate.command_names())}


def test_every_verb_that_exists_is_there_and_no_other():
    rows = re.findall(r"^\| `(\w+)` \|", sections(REFERENCE / "states-and-verbs.md")["Verbs"], re.MULTILINE)
    assert rows == [verb.name for verb in verbs.built_verbs()]


def test_every_hook_and_attribute_of_a_handler_is_there():
    public = {name for name in dir(BatchHandler) if not name.startswith("_")}
    for part in BatchHandler.__mro__:
        public |= {name for name in inspect.get_annotations(part) if not name.startswith("_")}
    header = ProductFileBatch()
    public |= {name for name in vars(ProductFileHandler(header)) if not name.startswith("_")}
    assert public - named("hooks") == set()


def test_every_declaration_and_each_of_its_fields_is_there():
    parts = sections(REFERENCE / "changes.md")
    for declaration in DECLARATIONS:
        fields = {field.name for field in dataclasses.fields(declaration)}
        assert fields - set(re.findall(r"`(\w+)`", parts[declaration.__name__])) == set(), (
            declaration.__name__
        )


def check_ids():
    """Return the ids that the checks of the framework and the site can give."""
    ids = set()
    for path in (TOP / "batches" / "checks").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            number = node.args[0].value
            if name in ("error", "warning", "_add") and isinstance(number, int):
                ids.add(f"batches.{'W' if name == 'warning' else 'E'}{number:03d}")
    source = (TOP / "batchsite" / "checks.py").read_text()
    return ids | set(re.findall(r'id="(batchsite\.[EW]\d+)"', source))


def test_every_check_is_there_and_no_other():
    ids = check_ids()
    assert len(ids) > 20
    assert {word for word in named("checks") if re.fullmatch(r"\w+\.[EW]\d+", word)} == ids


def test_every_setting_is_there_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", page("settings"), re.MULTILINE))
    assert rows == {key: repr(value) for key, value in conf.DEFAULTS.items()}


def test_every_right_is_there():
    rights = {f"{right}_" for right in BatchBase.Meta.default_permissions}
    assert rights - named("permissions") == set()


def keys(value):
    """Return the keys of an object and of the objects in it; not those of maps from values, such as counts."""
    found = set(value)
    for name in ("issues", "unreadable", "row_list"):
        for entry in value.get(name, []):
            found |= set(entry)
    return found | set(value["run"] or ()) if "run" in value else found


@pytest.mark.django_db
def test_every_key_of_the_json_is_there(tmp_path, capsys):
    boss = get_user_model().objects.create_superuser("boss")
    Thing.objects.create(code="a", price=1, box=Box.objects.create(name="one"))
    file = tmp_path / "things.csv"
    file.write_text("code,price\na,2\nb,much\nc,1,too many\n")
    batch = make_batch("toy_file", user=boss, file=file)
    capsys.readouterr()
    call_command("show_batch", str(batch.pk), "--rows", "--json")
    shown = json.loads(capsys.readouterr().out)
    call_command("list_batches", "--json")
    (listed,) = json.loads(capsys.readouterr().out)
    assert shown["issues"]
    assert shown["unreadable"]
    assert shown["run"]
    assert (keys(shown) | keys(listed)) - named("commands") == set()

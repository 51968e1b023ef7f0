"""The commands that the pages show exist and do what is said."""

import csv
import json
import re
import secrets
import shlex

import pytest
from django.core.management import get_commands, load_command_class

from batches.files import messages
from batches.findings import BUILT_IN
from products.batches.product_file import ProductFileBatch, ProductFileHandler
from products.demo import LOGINS

from . import generate
from .pages import DOCS, TOP, blocks, commands, commands_of, pages

README = TOP / "README.md"
COMMAND_LINE = DOCS / "how-to" / "command-line.md"
DEPLOY = DOCS / "how-to" / "deploy.md"
CORRECT = DOCS / "how-to" / "correct-a-file.md"
MANAGE = re.compile(r"manage(?:\.py)? ([a-z_]+)((?: [^|;&)`\n]+)?)")


def shown():
    """Return (page, command of manage.py, its words) for all that pages show."""
    found = []
    for page in pages():
        for command in commands(page):
            line = re.split(r"\s#|\)", command.line)[0]
            for name, rest in MANAGE.findall(line):
                found.append(
                    pytest.param(name, shlex.split(rest), id=f"{page.stem}: {name} {rest.strip()}"[:80])
                )
    return found


@pytest.mark.parametrize(("name", "words"), shown())
def test_a_command_that_is_shown_exists_with_its_options(name, words):
    assert name in get_commands()
    app = get_commands()[name]
    parser = load_command_class(app, name).create_parser("manage.py", name)
    options = {option for action in parser._actions for option in action.option_strings}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} - options == set()
    required = {a.option_strings[-1] for a in parser._actions if a.required and a.option_strings}
    if app in generate.APPS:
        assert required - set(words) == set()


def test_the_readme_names_those_who_can_log_in():
    rows = re.findall(r"^\| `(\w+)` \| `([\w-]+)` \| (.+) \|$", README.read_text(), re.MULTILINE)
    assert rows == [(name, password, str(what)) for name, password, what in LOGINS]


WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def test_the_readme_is_true_of_its_example(checkout):
    made = checkout.manage(
        "make_batch", "product_file", "--file", "docs/examples/price-book.csv", "--user", "buyer", "--json"
    )
    batch = json.loads(made)
    counts = batch["counts"]
    said = (
        f"Of {WORDS[batch['records']]} records in the file, {WORDS[batch['rows']]} became rows."
        f" {WORDS[counts['ok'] + counts['warning']].capitalize()} would be written,"
        f" {WORDS[counts['unchanged']]} is unchanged, {WORDS[counts['error']]} must be fixed first."
        f" {WORDS[len(batch['unreadable'])].capitalize()} record is unreadable"
    )
    readme = " ".join(README.read_text().split())
    assert said in readme
    assert [f"“{issue['message'].rstrip('.')}”" in readme for issue in batch["issues"]].count(True) == 1


@pytest.fixture(scope="module")
def prices(checkout):
    """Files of products that exist: one with headings that are understood, one with others."""
    example = list(csv.DictReader((DOCS / "examples" / "price-book.csv").read_text().splitlines()))
    for name, headings in {
        "prices": ("UPC", "Description", "SRP"),
        "odd": ("UPC", "What it is", "Shelf tag"),
    }.items():
        with (checkout.folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(headings)
            writer.writerows([row["UPC"], row["Description"], "6.49"] for row in example[:2])
    return checkout.folder / "prices.csv"


@pytest.mark.usefixtures("prices")
def test_the_commands_of_the_page_print_what_it_shows_one_after_the_other(checkout):
    number = int(checkout.manage("list_batches").split()[0]) + 1
    followed = [command for block in blocks(COMMAND_LINE) if not block.note for command in commands_of(block)]
    assert len(followed) == 7
    for command in followed:
        line = re.sub(r" 4\b", f" {number}", command.line)
        code, out, errors = checkout.run(line)
        assert code == 0, f"{line}\n{out}\n{errors}"
        for shown_line in command.output:
            assert shown_line.replace("00000004", f"{number:08d}") in out.splitlines(), out


def test_the_script_executes_what_is_fine_and_leaves_the_rest_to_people(checkout, prices):
    (script,) = [block.text for block in blocks(COMMAND_LINE) if block.note == "file: nightly.sh"]
    (checkout.folder / "nightly.sh").write_text(script)
    prices.write_text(prices.read_text().replace("6.49", "6.59"))
    code, out, errors = checkout.run(f"sh nightly.sh {prices}")
    assert (code, "Executed" in out) == (0, True), out + errors
    code, out, errors = checkout.run("sh nightly.sh docs/examples/price-book.csv")
    assert code == 0, errors
    assert "waits: 2 rows must be fixed." in out


def test_the_remedies_are_those_of_the_findings_that_exist():
    handler = ProductFileHandler(ProductFileBatch())
    codes = {f.code for f in handler.all_findings.values()} | {u.code for u in handler.unique_rules}
    cells = {*messages.CELL_MESSAGES, *messages.RECORD_MESSAGES}
    first = re.findall(r"^\| (`[^|]+`) \|", CORRECT.read_text(), re.MULTILINE)
    named = {code for cell in first for code in re.findall(r"`(\w+)`", cell)}
    assert named == codes | set(BUILT_IN) | cells


def test_every_variable_that_the_site_reads_is_in_the_page_about_deploying():
    read = set(re.findall(r'environ\.get\("(\w+)"', (TOP / "batchsite" / "settings.py").read_text()))
    assert len(read) > 8
    assert set(re.findall(r"^\| `(\w+)` \|", DEPLOY.read_text(), re.MULTILINE)) == read


def test_the_file_of_the_environment_is_enough_for_production(checkout):
    (environment,) = [block.text for block in blocks(DEPLOY) if block.language == "ini"]
    text = environment.replace("a-long-random-text", secrets.token_urlsafe(64))
    text = re.sub(r"^DATABASE_URL=.*\n", "", text, flags=re.MULTILINE)
    (checkout.folder / "batchsite.env").write_text(text)
    shown = [command.line for command in commands(DEPLOY)]
    (load,) = [line for line in shown if "batchsite.env" in line]
    (check,) = [line for line in shown if "check --deploy" in line]
    code, out, errors = checkout.run(f"{load.replace('/etc/', './')}; {check}")
    assert (code, "no issues" in out + errors) == (0, True), out + errors

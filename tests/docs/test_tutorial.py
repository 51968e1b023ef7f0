"""The tutorial is followed to the letter, in a checkout and a database of its own."""

import re
import shutil

import pytest

from .pages import DOCS, blocks, commands

PAGE = DOCS / "tutorial" / "first-batch-type.md"
TYPE = DOCS / "tutorial" / "shelf_move.py"
TEST = DOCS / "tutorial" / "test_shelf_move.py"


def without_blank_lines(text):
    return "\n".join(line for line in text.splitlines() if line.strip())


def test_the_snippets_of_the_page_are_the_tested_file():
    snippets = [block.text for block in blocks(PAGE) if block.language == "python" and not block.note]
    assert without_blank_lines("\n".join(snippets)) == without_blank_lines(TYPE.read_text())


def test_the_test_in_the_page_is_the_file_beside_it():
    (shown,) = [block.text for block in blocks(PAGE) if block.note == "file: test_shelf_move.py"]
    assert shown == TEST.read_text()


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

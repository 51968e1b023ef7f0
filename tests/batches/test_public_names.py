"""What batch types and their tests import is public, is there, and is in the reference."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import batches
import batches.testing

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"


@pytest.mark.parametrize("name", batches.__all__)
def test_a_public_name_is_that_of_its_module(name):
    assert getattr(batches, name) is getattr(import_module(f"batches.{batches._HOMES[name]}"), name)


def test_the_reference_lists_the_public_names():
    section = PAGE.read_text().split("## Public names")[1]
    named = set(re.findall(r"`(\w+)`", section)) - {"batches"}
    assert named == {*batches.__all__, *batches.testing.__all__}


def test_another_name_is_an_error_as_usual():
    with pytest.raises(AttributeError, match="no attribute 'Batch'"):
        batches.Batch  # noqa: B018

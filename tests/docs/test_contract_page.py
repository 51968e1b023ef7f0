"""The page about the contract names its tests and hooks, all of them and no others."""

import re

from batches.contract.ground import Ground
from batches.testing import BatchTypeContract

from .pages import DOCS

TEXT = (DOCS / "reference" / "contract.md").read_text()
HELPERS = re.compile(r"^\| `(\w+)", re.MULTILINE)


def test_every_test_is_named():
    tests = {name for name in dir(BatchTypeContract) if name.startswith("test_")}
    assert {name for name in HELPERS.findall(TEXT) if name.startswith("test_")} == tests


def test_what_is_to_be_filled_in_exists():
    named = {name for name in HELPERS.findall(TEXT) if not name.startswith("test_")}
    settings = {
        name for name, value in vars(Ground).items() if not callable(value) and not name.startswith("_")
    }
    settings -= {name for name, value in vars(Ground).items() if isinstance(value, property)}
    assert named == settings | {"make", "touch", "snapshot", "make_user"}

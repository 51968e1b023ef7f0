"""The checks of what types tell other systems, and of the settings about it; the tests bear the checks' ids."""

import pytest

from batches.changes import Change
from batches.checks import check_handler, check_settings
from batches.targets import DropFolder, Parcel
from tests.toys.mistakes import make_type

PRICE = Change("thing.price", new="new_price", old="old_price")


def tell(self, row):
    yield Parcel(row, "drop_folder", {"code": row.code})


def telling(**attributes):
    own = {"deliver_row": tell, "delivers_to": ["drop_folder"], "cannot_take_back": "The till shows it."}
    return make_type(changes=[PRICE], **own | attributes)


def found(handler):
    messages = check_handler(handler)
    assert all(message.hint and message.msg.endswith(".") for message in messages), messages
    return sorted({message.id for message in messages})


def test_a_right_type_passes():
    assert found(telling()) == []


def test_E035():
    assert found(telling(delivers_to=[])) == ["batches.E035"]
    assert found(make_type(changes=[PRICE], delivers_to=["drop_folder"], cannot_take_back="It is.")) == [
        "batches.E035"
    ]
    decided_later = telling(delivers_to=[], get_delivers_to=lambda self: [])
    assert found(decided_later) == []


def test_E036():
    assert found(telling(cannot_take_back=" ")) == ["batches.E036"]


def test_E037(settings):
    assert found(telling(delivers_to=["till"])) == ["batches.E037"]
    settings.BATCHES = {"DROP_FOLDER": ""}
    (message,) = check_handler(telling())
    assert message.id == "batches.E037"
    assert "set BATCHES['DROP_FOLDER']" in message.msg
    settings.BATCHES = {"DELIVER_TO": {"drop_folder": "batches.nowhere.Folder"}}
    assert found(telling()) == ["batches.E037"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DELIVER_TO", None),
        ("DELIVER_TO", {"till": "batches.targets.Parcel"}),
        ("DELIVER_TO", {"till": "batches.nowhere.Folder"}),
        ("DELIVER_TO", {"till": DropFolder}),
        ("DELIVER_TO", {"../till": "batches.targets.DropFolder"}),
        ("DELIVER_TO", {"": "batches.targets.DropFolder"}),
        ("DROP_FOLDER", "drop"),
        ("DROP_FOLDER", 7),
        ("DELIVER_TRIES", 0),
        ("DELIVER_SECONDS", "60"),
    ],
)
def test_E041(settings, key, value):
    settings.BATCHES = {key: value}
    assert [message.id for message in check_settings()] == ["batches.E041"]


def test_settings_that_fit_pass(settings, tmp_path):
    settings.BATCHES = {
        "DELIVER_TO": {"till_2": "batches.targets.DropFolder"},
        "DROP_FOLDER": tmp_path,
        "DELIVER_SECONDS": 5,
    }
    assert check_settings() == []

"""A batch that tells a till, with tries and leases that take a moment."""

import pytest
from django.contrib.auth import get_user_model

from batches import actions
from tests.toys.batches import TellHandler

from .till import Recorded, told


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture(autouse=True)
def quick(settings, tmp_path):
    """Try again after a moment, with leases that run out in a moment."""
    settings.BATCHES = {
        "LEASE_SECONDS": 0.4,
        "RENEW_SECONDS": 0.1,
        "POLL_SECONDS": 0.05,
        "DROP_FOLDER": str(tmp_path),
        "DELIVER_SECONDS": 0.4,
        "DELIVER_WAIT_SECONDS": 0.01,
        "DELIVER_TRIES": 3,
    }


@pytest.fixture
def recorded(settings, monkeypatch):
    """Deliver to a target that notes what it gets, two at a time."""
    monkeypatch.setattr(Recorded, "sent", [])
    monkeypatch.setattr(Recorded, "before", None)
    settings.BATCHES = settings.BATCHES | {
        "DELIVER_TO": {"drop_folder": "tests.reliability.outbox.till.Recorded"}
    }
    return Recorded


@pytest.fixture
def in_chunks(settings, monkeypatch):
    """Execute in chunks of two rows."""
    monkeypatch.setattr(TellHandler, "atomic", False)
    settings.BATCHES = settings.BATCHES | {"CHUNK_MIN_ROWS": 2, "CHUNK_MAX_ROWS": 2}


@pytest.fixture
def batch(boss):
    return told(boss)


@pytest.fixture
def executed(batch, boss):
    actions.execute(batch, boss)
    return batch

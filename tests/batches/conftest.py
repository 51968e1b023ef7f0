"""Users and things for the framework's tests."""

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model

from tests.toys.batches import CleanHandler, PriceHandler, ThingFileHandler
from tests.toys.models import Box, Thing


@pytest.fixture
def boss(db):
    """Return a superuser."""
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def nobody(db):
    """Return a user without any right."""
    return get_user_model().objects.create_user("nobody", password="nobody", is_staff=True)


@pytest.fixture
def things(db):
    """Return three things with prices in one box."""
    box = Box.objects.create(name="First")
    return [
        Thing.objects.create(code=f"T{n}", name=f"thing {n}", price=Decimal(n), box=box) for n in (1, 2, 3)
    ]


@pytest.fixture(params=["sql", "model"])
def writer(request, monkeypatch):
    """Let the declared toys write set-based, then through the models; return which."""
    for handler in (PriceHandler, ThingFileHandler, CleanHandler):
        monkeypatch.setattr(handler, "write", request.param)
    return request.param

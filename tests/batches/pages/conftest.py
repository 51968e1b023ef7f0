"""Batches of the toys, and people with and without rights, for the tests of the pages."""

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from batches.testing import make_batch
from tests.toys.models import Box, Thing

BOOK = """Code,Name,Color,Cost,Box
T1,thing one,red,1.50,First
T9,thing nine,blue,9.00,Ninth
T2,thing 2,green,2,First
T8,thing eight,red,many,First
"""


@pytest.fixture
def web(client, boss):
    """Return a client that is logged in as the superuser."""
    client.force_login(boss)
    return client


@pytest.fixture
def user_with(db):
    """Return a function that makes a staff user with some rights on some models of the toys."""

    def make(*codenames, name="worker"):
        user = get_user_model().objects.create_user(name, password=name, is_staff=True)
        found = Permission.objects.filter(content_type__app_label="toys", codename__in=codenames)
        assert len(found) == len(codenames), f"one of {codenames} is missing"
        user.user_permissions.set(found)
        return user

    return make


@pytest.fixture
def client_of():
    """Return a function that logs a user in."""

    def login(user, **kwargs):
        client = Client(**kwargs)
        client.force_login(user)
        return client

    return login


@pytest.fixture
def book(things, boss):
    """Return a batch in review from a file of four records: a change, a new thing, one bad colour, one bad price."""
    return make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))


@pytest.fixture
def many(boss):
    """Return a function that makes a batch of prices with many rows."""

    def make(n):
        box = Box.objects.get_or_create(name="Big")[0]
        Thing.objects.bulk_create(
            [Thing(code=f"M{i:06}", name=f"thing {i}", price=Decimal(i % 900), box=box) for i in range(n)]
        )
        return make_batch("toy_price", user=boss, options={"factor": Decimal("1.10")})

    return make


def batch_url(batch, query=""):
    meta = batch._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[batch.pk])
    return f"{url}?{query}" if query else url


def text(response):
    return response.content.decode()

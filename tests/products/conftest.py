"""What the tests of the catalogue share."""

import pytest

from .factories import UserFactory


@pytest.fixture
def boss(client):
    user = UserFactory(username="boss", is_superuser=True)
    client.force_login(user)
    return user

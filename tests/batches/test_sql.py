"""COPY reports what went wrong as Django does, and lets the caller's own errors through."""

import pytest
from django.db import DataError, transaction

from batches import sql

pytestmark = pytest.mark.django_db


def lines(error=None):
    yield "1\tFirst\n"
    if error is not None:
        raise error


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_what_is_raised_while_lines_are_made_reaches_the_caller(error):
    with pytest.raises(type(error)), transaction.atomic():
        sql.copy_in("default", '"toys_box"', ["id", "name"], lines(error))


def test_what_the_server_refuses_is_an_error_of_django():
    with pytest.raises(DataError), transaction.atomic():
        sql.copy_in("default", '"toys_box"', ["id", "name"], iter(["x\ty\n"]))

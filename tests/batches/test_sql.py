"""COPY reports what went wrong as Django does; a queryset's condition is said again only where it can be."""

import pytest
from django.db import DataError, transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from batches import actions, sql
from batches.testing import make_batch
from tests.toys.models import Thing

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


def test_a_condition_over_more_than_the_rows_themselves_is_not_plain(boss):
    rows = Thing.objects.filter(code="T1", box=1)
    assert sql.is_plain(rows)
    ranked = Thing.objects.annotate(place=Window(RowNumber(), order_by="code"))
    for wider in (rows.filter(box__name="x"), ranked.filter(place=1), rows.union(rows)):
        assert not sql.is_plain(wider)


def test_rows_that_a_window_chooses_are_changed_and_no_others(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    handler = actions.handler_of(batch, boss)
    ranked = handler.rows().annotate(place=Window(RowNumber(), order_by="-new_price"))
    assert handler.update_from(ranked.filter(place=1), new_price=F("old_price") * 10) == 1
    assert [int(p) for p in batch.rows.order_by("sequence").values_list("new_price", flat=True)] == [2, 4, 30]

"""Adding a row by hand: checked at once, logged, and refused where it cannot be."""

import pytest
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.actions.rows import EditRefused
from batches.exceptions import Forbidden, Refused
from batches.models import Event
from batches.testing import make_batch
from tests.toys.batches import PriceHandler
from tests.toys.models import Thing

from .conftest import batch_url, text

pytestmark = pytest.mark.django_db


def url_of(batch):
    return reverse("batches:add_row", args=[batch.pk])


def test_a_row_is_added_behind_the_others_checked_and_logged(web, book, boss, things):
    assert f'href="{url_of(book)}"' in text(web.get(batch_url(book)))
    revision, records = book.revision, book.records
    answer = web.post(url_of(book), {"new-code": "T3", "new-name": "third", "new-price": "3.50"}, follow=True)
    assert "Row 5 was added." in text(answer)
    row = book.rows.get(sequence=5)
    assert (row.code, row.action, row.status, row.old_name, row.source_row) == (
        "T3",
        "update",
        "ok",
        "thing 3",
        None,
    )
    book.refresh_from_db()
    assert (book.revision, book.records) == (revision + 1, records)
    event = Event.objects.filter(batch=book.pk, verb="add_row").get()
    assert event.comment == "Row 5 was added by hand."
    assert event.data["changes"]["code"] == [None, "T3"]
    actions.execute(book, boss)
    assert Thing.objects.get(code="T3").name == "third"


def test_a_row_added_twice_is_told_on_both(web, book):
    for _time in range(2):
        web.post(url_of(book), {"new-code": "T3", "new-name": "third"})
    twice = book.rows.filter(code="T3")
    assert [{entry["code"] for entry in row.issues} for row in twice] == [{"several_rows"}] * 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "This field is required."),
        ({"new-code": "   "}, "Give the new row at least one value."),
        ({"new-code": "T3", "new-price": "cheap"}, "cheap"),
        ({"new-code": "x" * 41}, "at most 40"),
    ],
)
def test_what_is_no_row_is_told_beside_its_field_and_adds_nothing(web, book, data, why):
    answer = web.post(url_of(book), data)
    assert answer.status_code == 422
    assert why in text(answer)
    assert book.rows.count() == 4


def test_who_may_not_and_when_not(book, boss, nobody, user_with, client_of, things):
    client = client_of(user_with("view_thingfilebatch"))
    assert client.get(url_of(book)).status_code == 403
    assert client.post(url_of(book), {"new-code": "T3"}).status_code == 403
    with pytest.raises(Forbidden):
        actions.add_row(book, nobody, {"code": "T3"})
    with pytest.raises(Refused, match="cannot be edited"):
        actions.add_row(book, boss, {"status": "ok"})
    with pytest.raises(EditRefused):
        actions.add_row(book, boss, {"code": "T3", "price": "x"})
    with pytest.raises(Refused, match="changed since you looked"):
        actions.add_row(book, boss, {"code": "T3"}, revision=0)
    with pytest.raises(Refused, match="are collected"):
        actions.add_row(make_batch("toy_rename", user=boss), boss, {"name": "new"})
    client_of(boss).get(url_of(book), {"new-code": "T3"})
    actions.withdraw(book, boss)
    with pytest.raises(Refused, match="needs the state"):
        actions.add_row(book, boss, {"code": "T3"})
    assert book.rows.count() == 4


def test_a_row_outside_the_scope_is_refused(boss, things, monkeypatch, user_with):
    batch = make_batch("toy_price", user=boss)
    worker = user_with("view_pricebatch", "change_pricebatch")
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q() if user == boss else Q(code="T1"))
    with pytest.raises(Refused, match="outside what you may work on"):
        actions.add_row(batch, worker, {"code": "T2", "new_price": "5"})
    assert batch.rows.count() == 3
    assert actions.add_row(batch, worker, {"code": "T1", "new_price": "5"}).sequence == 4

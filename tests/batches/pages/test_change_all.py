"""The page that changes one field of all rows that match: shown first, then done, never by rows that somebody names."""

import pytest
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.models import Run
from batches.runner import resume
from batches.testing import make_batch
from tests.toys.batches import PriceHandler

from .conftest import batch_url, text

pytestmark = pytest.mark.django_db


def url_of(batch):
    return reverse("batches:change_all", args=[batch.pk])


def change(field="name", how="set", value="same", **more):
    return {"set-field": field, "set-how": how, "set-value": value, "filter": "", **more}


def test_it_is_shown_before_it_is_done(web, book):
    assert f'href="{url_of(book)}?q=First"' in text(web.get(batch_url(book, "q=First")))
    assert 'name="filter" value="q=First"' in text(web.get(f"{url_of(book)}?q=First"))
    shown = text(web.get(url_of(book), change("price", "amount", "1", filter="q=First")))
    assert "2 rows: Price is changed by +1" in shown
    assert "1 not: there is no number to start from." in shown
    assert book.rows.get(sequence=1).version == 0
    data = change("price", "amount", "1", filter="q=First", expected="2", revision=str(book.revision))
    answer = web.post(url_of(book), data, follow=True)
    assert answer.redirect_chain[-1][0] == batch_url(book, "q=First")
    assert "2 rows were changed: Price is changed by +1." in text(answer)
    assert [str(p) for p in book.rows.values_list("price", flat=True)] == ["2.50", "9.00", "3.00", "None"]


@pytest.mark.parametrize(
    "more",
    [
        {"expected": "3"}, {"expected": ""}, {"expected": "-4"}, {"expected": "4.0"}, {"expected": "٤"}, {"revision": ""},
        {"revision": "0"}, {"revision": "9" * 50}, {"filter": "pk=1"}, {"filter": "status=nonsense"},
        {"filter": "status__in=ok"}, {"set-field": "status"}, {"set-field": "batch"}, {"set-how": "sql"},
        {"set-field": "price", "set-value": "many"}, {"set-value": "x" * 61}, {"set-field": "code", "set-how": "clear"},
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_shown_or_no_value_changes_nothing(web, book, more):
    data = {**change(expected="4", revision=str(book.revision)), **more}
    answer = web.post(url_of(book), data)
    assert answer.status_code in (302, 422)
    assert set(book.rows.values_list("version", flat=True)) == {0}
    assert (
        'role="alert"' in text(answer)
        if answer.status_code == 422
        else 'class="error"' in text(web.get(batch_url(book)))
    )


def test_looking_changes_nothing_and_ids_are_not_taken(web, book, boss, things):
    web.get(url_of(book), change(expected="4", revision=str(book.revision)))
    assert set(book.rows.values_list("version", flat=True)) == {0}
    other = make_batch("toy_price", user=boss)
    data = change(filter="q=T9", expected="1", revision=str(book.revision), rows=other.rows.first().pk)
    web.post(url_of(book), data)
    assert list(book.rows.filter(version=1).values_list("code", flat=True)) == ["T9"]


def test_who_may_not_is_told_so(book, user_with, client_of):
    client = client_of(user_with("view_thingfilebatch"))
    assert client.get(url_of(book)).status_code == 403
    assert client.post(url_of(book), change(expected="4", revision="1")).status_code == 403
    assert url_of(book) not in text(client.get(batch_url(book)))


def test_a_scope_holds(boss, things, monkeypatch, client_of, user_with):
    batch = make_batch("toy_price", user=boss)
    client = client_of(user_with("view_pricebatch", "change_pricebatch"))
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q() if user == boss else Q(code="T1"))
    assert "1 row: New price is set to 8" in text(client.get(url_of(batch), change("new_price", value="8")))
    client.post(url_of(batch), change("new_price", value="8", expected="1", revision="1"))
    assert list(batch.rows.values_list("new_price", flat=True)) == [8, 2, 3]


def test_a_batch_that_is_not_in_review_sends_back_with_the_reason(web, book, boss):
    actions.withdraw(book, boss)
    answer = web.post(url_of(book), change(expected="4", revision=str(book.revision)), follow=True)
    assert "needs the state" in text(answer)


@pytest.mark.django_db(transaction=True)
def test_many_rows_are_changed_by_a_worker(web, book, settings):
    settings.BATCHES = {"AT_ONCE_ROWS": 3}
    assert "a worker changes them" in text(web.get(url_of(book), change()))
    answer = web.post(url_of(book), change(expected="4", revision=str(book.revision)), follow=True)
    assert "Changing rows" in text(answer)
    assert resume(Run.objects.get(batch_id=book.pk, kind="bulk_change").pk).state == "succeeded"
    assert set(book.rows.values_list("name", flat=True)) == {"same"}


def test_queries_do_not_grow_with_rows(web, many, django_assert_max_num_queries):
    batch = many(300)
    web.get(batch_url(batch))
    with django_assert_max_num_queries(20):
        web.get(url_of(batch), change("new_price", "percent", "5"))

"""The page that moves the rows of a filter to a new batch: offered with a filter only, asked with the number, then done."""

import pytest
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.models import BatchNumber
from batches.registry import find_batch
from batches.testing import make_batch
from tests.toys.batches import PriceHandler

from .conftest import batch_url, text

pytestmark = pytest.mark.django_db


def url_of(batch):
    return reverse("batches:split", args=[batch.pk])


def sent(batch, query="q=First", expected=3, **more):
    return {"filter": query, "expected": str(expected), "revision": str(batch.revision), **more}


def the_new_one():
    return find_batch(BatchNumber.objects.latest("number").pk)


def test_it_is_offered_with_a_filter_only(web, book):
    assert url_of(book) not in text(web.get(batch_url(book)))
    page = text(web.get(batch_url(book, "q=First")))
    assert f'<a href="{url_of(book)}?q=First">Move to a new batch…</a>' in page
    assert url_of(book) not in text(web.get(batch_url(book, "q=nothing")))


def test_it_is_asked_with_the_number_and_then_done(web, book):
    shown = text(web.get(f"{url_of(book)}?q=First"))
    assert "Move 3 rows to a new batch?" in shown
    assert "<dt>Rows that move</dt><dd>3</dd>" in shown
    assert "<dt>Rows that stay</dt><dd>1</dd>" in shown
    assert 'name="filter" value="q=First"' in shown
    assert book.rows.count() == 4
    answer = web.post(url_of(book), sent(book), follow=True)
    made = the_new_one()
    assert answer.redirect_chain[-1][0] == batch_url(made)
    page = text(answer)
    assert f'3 rows were moved here from batch <a href="{batch_url(book)}">{book.shown_number}</a>.' in page
    assert f'<dt>Made from</dt><dd><a href="{reverse("batches:batch", args=[book.pk])}">' in page
    assert (made.rows.count(), book.rows.count()) == (3, 1)


def test_each_page_tells_where_the_rows_are(web, book):
    web.post(url_of(book), sent(book))
    made = the_new_one()
    old, new = text(web.get(batch_url(book))), text(web.get(batch_url(made)))
    assert f'<dt>Rows moved to</dt><dd><a href="{reverse("batches:batch", args=[made.pk])}">' in old
    assert "Of 4 records in the file: 3 records were moved to another batch." in old
    assert f"Moved to batch {made.shown_number}." in old
    assert f"Moved here from batch {book.shown_number}." in new
    assert "Rows moved to" not in new
    assert "records in the file" not in new
    for page in (old, new):
        assert "Read the file again" not in page
        assert reverse("batches:file", args=[book.pk]) in old
    web.post(url_of(made), sent(made, "status=error", 2))
    assert "Of 3 records that were moved here: 2 records were moved to another batch." in text(
        web.get(batch_url(made))
    )
    actions.delete(made, made.created_by)
    assert "Rows moved to" not in text(web.get(batch_url(book)))


@pytest.mark.parametrize(
    "more",
    [
        {"expected": "4"}, {"expected": ""}, {"expected": "-3"}, {"expected": "3.0"}, {"expected": "\u0663"}, {"revision": ""},
        {"revision": "0"}, {"revision": "9" * 50}, {"filter": "pk=1"}, {"filter": "status=nonsense"}, {"filter": ""},
        {"filter": "status__in=ok"}, {"filter": "q=nothing"}, {"filter": "excluded=no", "expected": "4"}, {"filter": "batch=1"},
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_shown_moves_nothing(web, book, more):
    answer = web.post(url_of(book), {**sent(book), **more})
    assert answer.status_code == 302
    assert (book.rows.count(), BatchNumber.objects.count()) == (4, 1)
    assert 'class="error"' in text(web.get(batch_url(book)))


@pytest.mark.parametrize(
    ("query", "why"), [("q=nothing", "No row matches this filter."), ("excluded=no", "All rows match")]
)
def test_what_cannot_be_moved_is_told_instead_of_asked(web, book, query, why):
    page = text(web.get(f"{url_of(book)}?{query}"))
    assert why in page
    assert 'method="post" class="b-form"' not in page


def test_without_a_filter_it_says_what_to_do(web, book):
    answer = web.get(url_of(book), follow=True)
    assert "Choose with the filter which rows are to be moved." in text(answer)


def test_what_was_done_twice_is_done_once(web, book):
    data = sent(book)
    web.post(url_of(book), data)
    answer = web.post(url_of(book), data, follow=True)
    assert "changed since you looked at it" in text(answer)
    assert BatchNumber.objects.count() == 2


@pytest.mark.parametrize("rights", [("view", "change"), ("view", "add"), ("view",)])
def test_who_may_not_is_told_so(book, user_with, client_of, rights):
    client = client_of(user_with(*[f"{right}_thingfilebatch" for right in rights]))
    assert client.get(f"{url_of(book)}?q=First").status_code == 403
    assert client.post(url_of(book), sent(book)).status_code == 403
    assert url_of(book) not in text(client.get(batch_url(book, "q=First")))
    assert book.rows.count() == 4


def test_who_has_both_rights_may(book, user_with, client_of):
    client = client_of(user_with("view_thingfilebatch", "add_thingfilebatch", "change_thingfilebatch"))
    client.post(url_of(book), sent(book))
    assert the_new_one().created_by_name == "worker"


def test_a_scope_holds(boss, things, monkeypatch, client_of, user_with):
    batch = make_batch("toy_price", user=boss)
    client = client_of(user_with("view_pricebatch", "change_pricebatch", "add_pricebatch"))
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q() if user == boss else ~Q(code="T1"))
    page = text(client.get(f"{url_of(batch)}?status=unchanged"))
    assert "Move 2 rows to a new batch?" in page
    assert "<dt>Rows that stay</dt><dd>1</dd>" in page
    client.post(url_of(batch), sent(batch, "status=unchanged", 2))
    assert [row.code for row in batch.rows.all()] == ["T1"]


def test_a_batch_that_is_not_in_review_sends_back_with_the_reason(web, book, boss):
    actions.withdraw(book, boss)
    for answer in (
        web.get(f"{url_of(book)}?q=First", follow=True),
        web.post(url_of(book), sent(book), follow=True),
    ):
        assert "needs the state" in text(answer)
    assert url_of(book) not in text(web.get(batch_url(book, "q=First")))


@pytest.mark.parametrize("n", [30, 300])
def test_queries_do_not_grow_with_rows(web, many, n, django_assert_num_queries):
    batch = many(n)
    web.get(batch_url(batch))
    with django_assert_num_queries(8):
        web.get(f"{url_of(batch)}?q=M00000")
    web.post(url_of(batch), sent(batch, "q=M00000", 10))
    made = the_new_one()
    assert made.rows.count() == 10
    for part, queries in ((batch, 13), (made, 13)):
        web.get(batch_url(part))
        with django_assert_num_queries(queries):
            web.get(batch_url(part))

"""Every page opens."""

import pytest
from django.urls import reverse

from batches import actions

from .conftest import batch_url, text


def test_the_batch_page_shows_before_and_after_and_what_could_not_be_read(web, book):
    answer = web.get(batch_url(book))
    html = text(answer)
    assert answer.status_code == 200
    assert "<del>thing 1</del>" in html
    assert "<ins>thing one</ins>" in html
    assert "many" in html
    assert "In review" in html
    assert "book.csv" in html


@pytest.mark.parametrize(
    "name",
    [
        "options",
        "summary",
        "log",
        "unreadable",
        "file",
        "rows_csv",
        "rows_xlsx",
        "exclude_all",
        "include_all",
        "execute",
        "withdraw",
        "delete",
    ],
)
def test_each_page_of_a_batch_opens(web, book, name):
    answer = web.get(reverse(f"batches:{name}", args=[book.pk]))
    assert answer.status_code == 200


def test_the_lists_open(web, book):
    assert web.get(reverse("admin:toys_thingfilebatch_changelist")).status_code == 200
    answer = web.get(reverse("batches:overview"))
    assert answer.status_code == 200
    assert book.shown_number in text(answer)
    assert reverse("batches:overview") in text(web.get(reverse("admin:index")))


def test_the_number_leads_to_the_page(web, book):
    answer = web.get(reverse("batches:batch", args=[book.pk]))
    assert answer.status_code == 302
    assert answer.url == batch_url(book)


def test_each_page_of_a_row_opens(web, book):
    row = book.rows.first()
    for name in ("edit_row", "exclude_row", "include_row"):
        url = reverse(f"batches:{name}", args=[book.pk, row.pk])
        assert web.get(url).status_code == 200
        assert web.get(url, headers={"HX-Request": "true"}).status_code == 200
    answer = web.get(reverse("batches:row", args=[book.pk, row.pk]), headers={"HX-Request": "true"})
    assert f'id="row-{row.pk}"' in text(answer)


def test_an_upload_page_and_a_draft_open(web, things, boss):
    assert web.get(reverse("admin:toys_thingfilebatch_add")).status_code == 200
    assert web.get(reverse("admin:toys_pricebatch_add")).status_code == 200
    batch = actions.make("toy_price", boss)
    assert web.get(batch_url(batch)).status_code == 200

"""Attacks over HTTP, each by its name."""

import re

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from batches import actions
from batches.models import Event, Run
from batches.states import Status
from batches.testing import make_batch
from batches.views.verbs import ASKS, DO
from tests.toys.models import ThingFileBatch

from .conftest import BOOK, batch_url, text

ADD = "admin:toys_thingfilebatch_add"
SCRIPT = "<script>alert(1)</script>"


def upload(client, content=None, name="book.csv", **more):
    """Send a file to the upload page."""
    return client.post(
        reverse(ADD),
        {"file": SimpleUploadedFile(name, BOOK.encode() if content is None else content), **more},
    )


def row_of(batch, sequence=1):
    return batch.rows.get(sequence=sequence)


def test_get_changes_nothing(web, book):
    before = (book.status, book.revision, Event.objects.count(), Run.objects.count())
    row = row_of(book)
    for name in [*DO, "map", "collect", "options", "exclude_all", "include_all"]:
        answer = web.get(reverse(f"batches:{name}", args=[book.pk]))
        asks = name in {*ASKS, "options", "exclude_all", "include_all"}
        # What cannot be done with a batch in review is told on its page.
        expected = 302 if name in ("revert", "reapply", "close", "release") else 200 if asks else 405
        assert answer.status_code == expected, name
    for name in ("edit_row", "exclude_row", "include_row"):
        web.get(
            reverse(f"batches:{name}", args=[book.pk, row.pk]), {"reason": "x", f"row{row.pk}-name": "other"}
        )
    book.refresh_from_db()
    assert (book.status, book.revision, Event.objects.count(), Run.objects.count()) == before
    assert row_of(book).name == row.name
    assert not row_of(book).removed


def test_post_to_the_batch_page_changes_nothing(web, book):
    assert web.post(batch_url(book), {"status": "executed", "description": "x"}).status_code == 405
    book.refresh_from_db()
    assert (book.status, book.description) == (Status.REVIEW, "")


def test_without_csrf_token_nothing_happens(book, boss):
    client = Client(enforce_csrf_checks=True)
    client.force_login(boss)
    row = row_of(book)
    for name in [*DO, "exclude_all", "options"]:
        assert client.post(reverse(f"batches:{name}", args=[book.pk]), {"expected": 4}).status_code == 403, (
            name
        )
    assert client.post(reverse("batches:edit_row", args=[book.pk, row.pk])).status_code == 403
    assert client.post(reverse(ADD)).status_code == 403
    book.refresh_from_db()
    assert book.status == Status.REVIEW


def test_posted_status_and_maker_are_ignored(web, boss, things, django_user_model):
    other = django_user_model.objects.create_user("other")
    forged = {
        "status": "executed",
        "created_by": other.pk,
        "revision": 99,
        "records": 5,
        "executed_by": other.pk,
        "ref": 1,
    }
    upload(web, description="mine", **forged)
    batch = ThingFileBatch.objects.get()
    assert (batch.status, batch.created_by, batch.revision, batch.records, batch.executed_by) == (
        Status.DRAFT, boss, 0, None, None
    )  # fmt: skip
    web.post(reverse("batches:options", args=[batch.pk]), {"description": "new", **forged})
    batch.refresh_from_db()
    assert (batch.description, batch.status, batch.created_by) == ("new", Status.DRAFT, boss)


def test_fields_that_are_not_editable_are_ignored_in_a_row(web, book):
    row = row_of(book)
    data = {
        f"row{row.pk}-version": row.version,
        f"row{row.pk}-name": "fresh",
        f"row{row.pk}-old_name": "forged",
    }
    data |= {
        "status": "applied",
        f"row{row.pk}-status": "applied",
        f"row{row.pk}-batch": 1,
        f"row{row.pk}-code": "T1",
    }
    web.post(reverse("batches:edit_row", args=[book.pk, row.pk]), data)
    fresh = row_of(book)
    assert (fresh.name, fresh.old_name, fresh.status, fresh.batch_id) == ("fresh", "thing 1", "ok", book.pk)


def test_the_row_of_another_batch_is_not_found(web, book, boss):
    other = make_batch("toy_price", user=boss)
    foreign = other.rows.first()
    mine = set(book.rows.values_list("pk", flat=True))
    unused = max([*mine, foreign.pk]) + 1000
    for name in ("row", "edit_row", "exclude_row", "include_row"):
        for row_id in (unused, 2**63, 10**30):
            assert web.post(
                reverse(f"batches:{name}", args=[book.pk, row_id]), {"reason": "x"}
            ).status_code in (404, 405)


def test_the_row_of_another_batch_of_the_same_type_is_not_found(web, book, boss, things):
    other = make_batch("toy_file", user=boss, file=ContentFile(b"Code,Name\nT3,third\n", name="other.csv"))
    foreign = other.rows.get()
    for name in ("edit_row", "exclude_row", "include_row"):
        answer = web.post(reverse(f"batches:{name}", args=[book.pk, foreign.pk]), {"reason": "x"})
        assert answer.status_code == 404
    foreign.refresh_from_db()
    assert not foreign.removed


def test_bulk_takes_no_ids(web, book, boss, things):
    other = make_batch("toy_file", user=boss, file=ContentFile(b"Code,Name\nT3,third\n", name="other.csv"))
    data = {
        "filter": "q=T9",
        "expected": "1",
        "rows": other.rows.get().pk,
        "ids": row_of(book).pk,
        "reason": "x",
    }
    web.post(reverse("batches:exclude_all", args=[book.pk]), data)
    assert list(book.rows.filter(removed=True).values_list("code", flat=True)) == ["T9"]
    assert not other.rows.filter(removed=True).exists()


@pytest.mark.parametrize("expected", ["3", "5", "", "-4", "4.0", "1e9", "٤", "9" * 50])
def test_bulk_with_another_number_changes_nothing(web, book, expected):
    answer = web.post(
        reverse("batches:exclude_all", args=[book.pk]),
        {"filter": "", "expected": expected, "reason": "x"},
        follow=True,
    )
    assert not book.rows.filter(removed=True).exists()
    assert 'class="error"' in text(answer)


@pytest.mark.parametrize("query", ["status=nonsense", "batch=1", "status__in=ok", "pk=1", "action=drop"])
def test_bulk_with_a_filter_that_is_not_understood_changes_nothing(web, book, query):
    web.post(
        reverse("batches:exclude_all", args=[book.pk]), {"filter": query, "expected": "4", "reason": "x"}
    )
    assert not book.rows.filter(removed=True).exists()


def test_a_stale_edit_is_refused_with_its_sentence(web, book, boss):
    row = row_of(book)
    actions.edit_row(book, boss, row.pk, {"name": "first"})
    data = {f"row{row.pk}-version": row.version, f"row{row.pk}-code": "T1", f"row{row.pk}-name": "second"}
    answer = web.post(reverse("batches:edit_row", args=[book.pk, row.pk]), data)
    assert "changed since you opened it" in text(answer)
    assert row_of(book).name == "first"


@pytest.mark.parametrize(
    "query",
    [
        "batch__created_by__password__startswith=m", "created_by__password__startswith=m", "thing__code=T1", "pk__in=1,2",
        "sort=batch__created_by__password", "sort=thing__code", "sort=-pk", "sort=?", "order_by=status",
    ],
)  # fmt: skip
def test_lookups_in_the_query_string_do_nothing(web, book, query):
    plain, asked = text(web.get(batch_url(book))), text(web.get(batch_url(book, query)))
    assert re.findall(r'id="row-\d+"', plain) == re.findall(r'id="row-\d+"', asked)


def test_lookups_in_the_query_string_of_a_list_tell_nothing(web, book, boss):
    letter = boss.password[0]
    url = reverse("admin:toys_thingfilebatch_changelist")
    answers = [web.get(url, {"created_by__password__startswith": start}) for start in (letter, "zzz")]
    assert [a.status_code for a in answers] == [400, 400]
    assert all(book.shown_number not in text(a) for a in answers)


@pytest.mark.parametrize(
    "value", ["1000000000", "9" * 30, "-1", "0", "abc", "", "١٢", "1e5", "2147483648", "%00"]
)
@pytest.mark.parametrize("name", ["after", "before", "from", "page", "p"])
def test_page_numbers_of_any_size_open_a_page(web, book, name, value):
    assert web.get(batch_url(book, f"{name}={value}")).status_code == 200


def test_odd_values_of_filters_open_a_page(web, book):
    for query in (
        "status=x",
        "q=%00",
        "q=" + "a" * 5000,
        "finding=" + "%27" * 50,
        "finding=a:b:c",
        "excluded=maybe",
        "q=%25_%5C",
    ):
        assert web.get(batch_url(book, query)).status_code == 200


def test_script_in_cells_headings_names_and_texts_is_escaped(web, boss, things):
    content = f'Code,Name,"{SCRIPT}",Box\nT1,{SCRIPT},x,"<img src=x onerror=alert(1)>"\nT2,b,c\n'.encode()
    upload(web, content, f"{SCRIPT.replace('/', '')}.csv", description=SCRIPT, notes=SCRIPT)
    batch = ThingFileBatch.objects.get()
    pages = [text(web.get(batch_url(batch)))]
    actions.populate(batch, boss)
    row = batch.rows.first()
    actions.exclude(batch, boss, batch.rows.filter(pk=row.pk), reason=SCRIPT)
    pages += [text(web.get(url)) for url in all_pages(batch)]
    assert any("&lt;script&gt;" in html for html in pages)
    for html in pages:
        assert "<script>alert" not in html
        assert "<img src=x" not in html


def all_pages(batch):
    """Return the addresses of all pages of a batch in review."""
    row = batch.rows.order_by("sequence").first()
    names = (
        "options",
        "log",
        "unreadable",
        "exclude_all",
        "include_all",
        "execute",
        "withdraw",
        "delete",
        "summary",
    )
    found = [
        batch_url(batch),
        reverse("batches:overview"),
        reverse("admin:toys_thingfilebatch_changelist"),
        reverse(ADD),
    ]
    found += [reverse(f"batches:{name}", args=[batch.pk]) for name in names]
    return found + [
        reverse(f"batches:{name}", args=[batch.pk, row.pk]) for name in ("edit_row", "exclude_row")
    ]


def test_no_page_has_anything_inline_and_each_says_so(web, book):
    for url in all_pages(book):
        answer = web.get(url)
        html = text(answer)
        assert "default-src 'self'" in answer["Content-Security-Policy"], url
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html), url
        assert not re.search(r"<script(?![^>]*\ssrc=)", html), url
        assert "hx-on" not in html


def test_execute_twice_or_while_running_starts_one_run(web, book):
    url = reverse("batches:execute", args=[book.pk])
    data = {"revision": book.revision, "number": "2"}
    assert web.post(url, data).status_code == 302
    again = web.post(url, data, follow=True)
    assert Run.objects.filter(batch_id=book.pk, kind="execute").count() == 1
    assert 'class="error"' in text(again)


def test_execute_needs_the_revision_that_was_looked_at(web, book, boss):
    seen = book.revision
    actions.edit_row(book, boss, row_of(book).pk, {"name": "other"})
    answer = web.post(
        reverse("batches:execute", args=[book.pk]), {"revision": seen, "number": "2"}, follow=True
    )
    assert "changed since you looked" in text(answer)
    assert not Run.objects.filter(batch_id=book.pk, kind="execute").exists()


@pytest.mark.parametrize("typed", ["", "1", "3", "two", "-2x3"])
def test_execute_needs_the_number_where_much_is_left_out(web, book, typed):
    url = reverse("batches:execute", args=[book.pk])
    assert "more than a tenth" in text(web.get(url))
    answer = web.post(url, {"revision": book.revision, "number": typed})
    assert answer.status_code == 200
    assert not Run.objects.filter(batch_id=book.pk, kind="execute").exists()


def test_execute_of_a_draft_or_an_executed_batch_is_refused(web, boss, things):
    draft = actions.make("toy_price", boss)
    done = make_batch("toy_price", user=boss, options={"factor": "2"})
    actions.execute(done, boss)
    for batch in (draft, done):
        web.post(reverse("batches:execute", args=[batch.pk]), {"revision": batch.revision})
        assert Run.objects.filter(batch_id=batch.pk, kind="execute", state="queued").count() == 0


def test_a_forged_way_back_stays_on_the_batch(web, book):
    row = row_of(book)
    data = {"reason": "x", "back": "https://evil.example/?a=1&b"}
    answer = web.post(reverse("batches:exclude_row", args=[book.pk, row.pk]), data)
    assert answer.url.startswith(batch_url(book))

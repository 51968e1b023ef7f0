"""Making a batch, mapping its columns, and the runs that the pages start and show."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from batches import actions
from batches.models import Run
from batches.states import RunState, Status
from batches.testing import make_batch
from tests.toys.models import PriceBatch, ThingFileBatch

from .conftest import BOOK, batch_url, text

ADD = "admin:toys_thingfilebatch_add"


@pytest.fixture
def draft(web, things):
    """Return a draft that was made by the upload page."""
    file = SimpleUploadedFile("book.csv", BOOK.encode())
    answer = web.post(reverse(ADD), {"file": file, "description": "spring", "notes": "from the vendor"})
    batch = ThingFileBatch.objects.get()
    assert answer.url == batch_url(batch)
    return batch


def test_the_mapping_page_proposes_and_shows_how_the_file_is_read(web, draft):
    html = text(web.get(batch_url(draft)))
    assert (draft.description, draft.notes) == ("spring", "from the vendor")
    for words in ("UTF-8", "comma", "thing nine", "required", "Read the file"):
        assert words in html
    chosen = re.findall(r'<select name="map-(\w+)".*?selected>([^<]*)</option>', html, re.S)
    assert dict(chosen) == {
        "code": "Code",
        "name": "Name",
        "colour": "Color",
        "price": "Cost",
        "box_name": "Box",
    }


def test_a_file_that_was_uploaded_before_is_said_to_be_the_same(web, draft):
    assert "very same file" not in text(web.get(batch_url(draft)))
    file = SimpleUploadedFile("copy.csv", BOOK.encode())
    html = text(web.post(reverse(ADD), {"file": file}, follow=True))
    assert "The very same file was uploaded before, as book.csv" in html
    assert reverse("batches:batch", args=[draft.pk]) in html
    other = SimpleUploadedFile("book.csv", BOOK.replace("1.50", "1.60").encode())
    assert "very same file" not in text(web.post(reverse(ADD), {"file": other}, follow=True))


def test_a_batch_that_was_given_up_says_by_whom_and_why(web, draft):
    web.post(reverse("batches:withdraw", args=[draft.pk]), {"reason": "the wrong file"})
    html = text(web.get(batch_url(draft)))
    assert re.search(r"Withdrawn by boss\.\s+the wrong file", html)
    assert "This batch has no rows." in html
    assert "b-tile" not in html
    assert "Search the rows" not in html


def test_batches_without_a_description_are_told_apart_by_their_files(web, draft):
    web.post(reverse(ADD), {"file": SimpleUploadedFile("autumn.csv", BOOK.encode())})
    html = text(web.get(reverse("batches:overview")))
    assert re.search(r"<td>autumn.csv<span", html)
    assert re.search(r"<td>spring<span[^>]*>[^<]* · book.csv<", html)


def test_sending_the_mapping_starts_to_read(web, draft):
    answer = web.post(
        reverse("batches:map", args=[draft.pk]), {"map-code": "0", "map-name": "1", "map-price": "3"}
    )
    assert answer.url == batch_url(draft)
    draft.refresh_from_db()
    assert draft.mapping == {"code": "Code", "name": "Name", "price": "Cost"}
    assert draft.status == Status.POPULATING
    run = Run.objects.get(batch_id=draft.pk)
    assert (run.kind, run.state, run.door) == ("populate", "queued", "page")
    html = text(web.get(batch_url(draft)))
    assert "Waiting for a worker" in html
    assert reverse("batches:progress", args=[draft.pk]) in html


@pytest.mark.parametrize(
    "data", [{}, {"map-code": ""}, {"map-code": "99"}, {"map-code": "x"}, {"map-name": "1"}]
)
def test_a_mapping_that_does_not_fit_is_refused_at_its_field(web, draft, data):
    answer = web.post(reverse("batches:map", args=[draft.pk]), data)
    assert 'class="b-error"' in text(answer)
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT
    assert not Run.objects.exists()


def test_a_batch_that_needs_no_file_collects_at_once(web, things):
    answer = web.post(reverse("admin:toys_pricebatch_add"), {"description": "up", "factor": "1.5"})
    batch = PriceBatch.objects.get()
    assert answer.url == batch_url(batch)
    assert (str(batch.factor), batch.status) == ("1.50", Status.POPULATING)


def test_an_option_that_does_not_hold_is_told_at_its_field(web, things):
    answer = web.post(reverse("admin:toys_pricebatch_add"), {"factor": "many"})
    assert "Enter a number." in text(answer)
    assert not PriceBatch.objects.exists()


def test_progress_tells_done_rate_and_time_left(web, draft, boss):
    run = actions.start(draft, "populate", boss)
    started = timezone.now() - timedelta(seconds=100)
    Run.objects.filter(pk=run.pk).update(
        state=RunState.RUNNING, done=250_000, total=1_000_000, started=started
    )
    url = reverse("batches:progress", args=[draft.pk])
    html = text(web.get(url, headers={"HX-Request": "true"}))
    assert '<progress value="250000" max="1000000"' in html
    assert "250,000 of 1,000,000 rows" in html
    assert "about 5 min left" in html
    assert re.search(r"2,[45]\d\d a second", html)
    page = text(web.get(batch_url(draft)))
    assert ">Stop<" in page
    assert 'hx-trigger="every 1s"' in page


def test_stop_of_a_waiting_run_makes_a_draft_again_and_the_page_reloads(web, draft, boss):
    actions.start(draft, "populate", boss)
    assert web.post(reverse("batches:stop", args=[draft.pk])).status_code == 302
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT
    answer = web.get(reverse("batches:progress", args=[draft.pk]), headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"
    assert "Stopped" in text(web.get(batch_url(draft)))


def test_a_run_that_failed_is_told_with_its_sentence(web, draft, boss):
    run = actions.start(draft, "populate", boss)
    Run.objects.filter(pk=run.pk).update(state=RunState.FAILED, error="The vendor's <file> is torn.")
    ThingFileBatch.objects.update(status=Status.DRAFT)
    html = text(web.get(batch_url(draft)))
    assert "The vendor&#x27;s &lt;file&gt; is torn." in html
    assert "Read the file" in html


def test_execute_says_what_it_does_and_what_is_left_out(web, book):
    html = text(web.get(reverse("batches:execute", args=[book.pk])))
    assert "Left out: 2" in html
    assert "is none of the values allowed" in html
    assert "Type how many are left out" in html
    answer = web.post(reverse("batches:execute", args=[book.pk]), {"revision": book.revision, "number": "2"})
    assert answer.url == batch_url(book)
    run = Run.objects.get(batch_id=book.pk, kind="execute")
    assert run.params["revision"] == book.revision
    book.refresh_from_db()
    assert book.status == Status.EXECUTING
    page = text(web.get(batch_url(book)))
    assert "b-run" in page
    assert ">Edit<" not in page


def test_withdraw_with_a_reason_then_delete(web, book):
    web.post(reverse("batches:withdraw", args=[book.pk]), {"reason": "sent twice"})
    book.refresh_from_db()
    assert book.status == Status.WITHDRAWN
    assert "sent twice" in text(web.get(reverse("batches:log", args=[book.pk])))
    answer = web.post(reverse("batches:delete", args=[book.pk]), follow=True)
    assert answer.redirect_chain[-1][0] == reverse("batches:overview")
    assert "was deleted" in text(answer)
    assert not ThingFileBatch.objects.exists()


def test_stock_pages_of_the_admin_lead_to_ours(web, book):
    delete = web.get(reverse("admin:toys_thingfilebatch_delete", args=[book.pk]))
    assert delete.url == reverse("batches:delete", args=[book.pk])
    history = web.get(reverse("admin:toys_thingfilebatch_history", args=[book.pk]))
    assert history.url == reverse("batches:log", args=[book.pk])


@pytest.mark.parametrize("term", ["{number}", "000{number}", "book.csv", "BOOK", "spring"])
def test_the_list_finds_by_number_description_and_file_name(web, draft, term):
    url = reverse("admin:toys_thingfilebatch_changelist")
    assert draft.shown_number in text(web.get(url, {"q": term.format(number=draft.pk)}))
    assert draft.shown_number not in text(web.get(url, {"q": "other"}))


def test_empty_lists_explain_themselves(web):
    html = text(web.get(reverse("batches:overview")))
    assert "Nothing waits for you." in html
    assert "Nothing was executed yet." in html


def test_rows_under_review_follow_changed_options_at_once(web, boss, things):
    batch = make_batch("toy_price", user=boss)
    answer = web.post(
        reverse("batches:options", args=[batch.pk]), {"description": "d", "factor": "3"}, follow=True
    )
    run = Run.objects.get(batch_id=batch.pk, state=RunState.QUEUED)
    assert run.kind == "refresh"
    assert reverse("batches:progress", args=[batch.pk]) in text(answer)
    batch.refresh_from_db()
    assert (batch.description, str(batch.factor)) == ("d", "3.00")
    actions.stop(batch, boss)
    web.post(reverse("batches:options", args=[batch.pk]), {"description": "e", "factor": "3.00"})
    assert not Run.objects.filter(batch_id=batch.pk, state=RunState.QUEUED).exists()

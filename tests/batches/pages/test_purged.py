"""The pages of a batch that is held, and of one whose rows are removed."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from batches import actions
from batches.models import Event
from batches.registry import find_batch
from batches.testing import run_batch
from batches.urls import urlpatterns
from tests.toys.models import ThingFileBatch

from .conftest import BOOK, batch_url, text

pytestmark = pytest.mark.django_db
SENTENCE = "under the retention rule; 2 had been written"
# Addresses that lead to a batch's own page, or to what needs no rows.
ALSO_WITHOUT_ROWS = {"written", "batch", "log", "hold", "release"}


@pytest.fixture
def purged(things, boss):
    """Return an executed batch whose rows are gone."""
    batch = run_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))
    ThingFileBatch.objects.update(executed=timezone.now() - timedelta(days=2000))
    batch.row = batch.rows.first().pk
    actions.purge(find_batch(batch.pk), boss)
    return batch


def addresses(batch):
    """Return name -> address of every page about one batch."""
    values = {
        "number": batch.pk,
        "row_id": batch.row,
        "record_id": 1,
        "artifact_id": 1,
        "code": "rise",
        "field": "price",
    }
    found = {}
    for pattern in urlpatterns:
        wanted = pattern.pattern.converters
        if "number" in wanted:
            found[pattern.name] = reverse(
                f"batches:{pattern.name}", kwargs={name: values[name] for name in wanted}
            )
    return found


def test_the_page_says_what_is_gone_and_shows_what_stays(web, purged):
    html = text(web.get(batch_url(purged)))
    assert SENTENCE in html
    assert "What it wrote was removed from the history of production on" in html
    assert "How its rows stood: 4 in all" in html
    assert "book.csv" in html
    assert "Executed: 2 written, 2 left out before" in html
    assert 'href="' + reverse("batches:log", args=[purged.pk]) in html
    assert reverse("batches:hold", args=[purged.pk]) in html
    for name in ("revert", "file", "rows_csv", "release", "delete"):
        assert reverse(f"batches:{name}", args=[purged.pk]) not in html
    assert "Why not?" not in html


def test_the_log_tells_who_removed_what(web, purged):
    html = text(web.get(reverse("batches:log", args=[purged.pk])))
    assert "Rows and files are removed; the log stays." in html
    assert "entries of the history of things were removed." in html
    assert html.count("Purge") >= 3


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_other_page_leads_back_with_the_sentence(web, purged, method):
    """Whatever somebody has open still: no page trips over rows that are missing."""
    checked = 0
    for name, address in addresses(purged).items():
        if name in ALSO_WITHOUT_ROWS:
            continue
        answer = getattr(web, method)(address)
        if answer.status_code == 405:
            continue
        checked += 1
        assert (answer.status_code, answer.url) == (302, batch_url(purged)), name
        assert SENTENCE in text(web.get(batch_url(purged))), name
    assert checked > 10


def test_what_it_wrote_says_that_the_history_is_gone(web, purged):
    html = text(web.get(reverse("batches:written", args=[purged.pk])))
    assert "The history of what it wrote was removed under the retention rule." in html


def test_a_part_of_a_page_that_polls_is_led_back_too(web, purged):
    answer = web.get(addresses(purged)["progress"], headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == batch_url(purged)


def test_lists_show_the_figures_that_were(web, purged):
    for address in (reverse("batches:overview"), reverse("admin:toys_thingfilebatch_changelist")):
        assert "Executed: 2 written, 2 left out before" in text(web.get(address))
    assert "Rows removed" in text(web.get(reverse("admin:toys_thingfilebatch_changelist")))


def test_a_batch_is_held_and_released_on_its_page(web, book, boss):
    address = reverse("batches:hold", args=[book.pk])
    assert address in text(web.get(batch_url(book)))
    assert "This field is required" in text(web.post(address, {"reason": " "}))
    assert not find_batch(book.pk).ref.is_held
    web.post(address, {"reason": "dispute with <ACME>"})
    html = text(web.get(batch_url(book)))
    assert "It is held by boss since" in html
    assert "dispute with &lt;ACME&gt;." in html
    assert address not in html
    assert "Held: dispute with &lt;ACME&gt;" in text(web.get(reverse("admin:toys_thingfilebatch_changelist")))
    answer = web.get(reverse("batches:delete", args=[book.pk]), follow=True)
    assert "It is held by boss since" in text(answer)
    web.post(reverse("batches:release", args=[book.pk]), {"reason": "settled"})
    assert not find_batch(book.pk).ref.is_held
    assert [e.comment for e in Event.objects.filter(verb__in=["hold", "release"])] == [
        "dispute with <ACME>",
        "settled",
    ]


def test_only_who_may_purge_may_hold(book, client_of, user_with):
    viewer = client_of(user_with("view_thingfilebatch", "change_thingfilebatch", "delete_thingfilebatch"))
    address = reverse("batches:hold", args=[book.pk])
    assert address not in text(viewer.get(batch_url(book)))
    assert viewer.post(address, {"reason": "x"}).status_code == 403
    keeper = client_of(user_with("view_thingfilebatch", "purge_thingfilebatch", name="keeper"))
    assert keeper.post(address, {"reason": "x"}).status_code == 302
    assert find_batch(book.pk).ref.held_by_name == "keeper"


def test_who_sees_a_part_of_the_rows_sees_the_page_too(web, purged, monkeypatch):
    from django.db.models import Q

    from tests.toys.batches import ThingFileHandler

    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q(colour="red"))
    assert SENTENCE in text(web.get(batch_url(purged)))
    assert web.get(reverse("batches:overview")).status_code == 200

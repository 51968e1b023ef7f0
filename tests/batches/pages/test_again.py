"""Reading a file again: what comes and goes is told and true, and failing leaves the batch as it was."""

import re

import pytest
from django.core.files.base import ContentFile
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.bulk import Said
from batches.exceptions import FileRefused, Forbidden, Refused
from batches.models import Event, Run, Unreadable
from batches.runner import resume
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler

from .conftest import batch_url, text

pytestmark = pytest.mark.django_db
WITHOUT_PRICE = {"code": "Code", "name": "Name", "colour": "Color", "box_name": "Box"}


def url_of(batch):
    return reverse("batches:again", args=[batch.pk])


def picture(batch):
    return list(batch.rows.order_by("sequence").values())


def signed(answer):
    return re.search(r'name="answers" value="([^"]+)"', text(answer))[1]


def mapping(**columns):
    """Return what the form of the mapping sends: field -> number of its column."""
    return {f"map-{name}": column for name, column in columns.items()}


def test_another_mapping_is_shown_then_read_and_what_is_lost_is_counted(web, book, boss):
    assert f'href="{url_of(book)}"' in text(web.get(batch_url(book)))
    actions.edit_row(book, boss, book.rows.get(sequence=1).pk, {"name": "mine"})
    actions.exclude(book, boss, book.rows.filter(sequence=2), reason="x")
    actions.add_row(book, boss, {"code": "T3"})
    before = picture(book)
    page = web.get(url_of(book))
    data = {
        "answers": signed(page),
        "step": "mapping",
        **mapping(code="0", name="1", colour="2", box_name="4"),
    }
    shown = web.post(url_of(book), data)
    html = re.sub(r"\s+", " ", text(shown))
    for words in (
        "New rows</dt><dd>0<",
        "Rows that go</dt><dd>1<",
        "Rows with other values</dt><dd>4<",
        "stay the same</dt><dd>0<",
        "2 rows that people corrected",
        "1 rows that are excluded now",
        "1 rows that were added by hand",
    ):
        assert words in html
    assert picture(book) == before, "Looking changed rows."
    web.post(url_of(book), {"answers": signed(shown), "step": "confirm"})
    book.refresh_from_db()
    assert book.status == "populating"
    assert resume(Run.objects.get(batch_id=book.pk, kind="repopulate").pk).state == "succeeded"
    book.refresh_from_db()
    assert (book.status, sorted(book.mapping)) == ("review", sorted(WITHOUT_PRICE))
    assert list(book.rows.values_list("sequence", "name", "price", "removed"))[:2] == [
        (1, "thing one", None, False),
        (2, "thing nine", None, False),
    ]
    assert book.rows.count() == 4 == book.records
    assert Event.objects.filter(batch=book.pk, verb="repopulate", data__has_key="counts").exists()


def test_another_reading_is_shown_with_its_columns_and_changes_nothing_yet(web, book):
    before = dict(book.reading)
    choices = {
        "read-delimiter": ",",
        "read-encoding": book.reading["encoding"],
        "read-heading_lines": "0",
        "read-first_row": "1",
        "step": "reading",
    }
    page = web.post(url_of(book), {**choices, "answers": signed(web.get(url_of(book)))})
    assert "Column A" in text(page)
    book.refresh_from_db()
    assert book.reading == before
    shown = web.post(url_of(book), {"answers": signed(page), "step": "mapping", **mapping(code="0")})
    assert "New rows</dt><dd>1<" in text(shown)


def test_the_same_again_changes_nothing_but_people_s_work(boss, book):
    before = [(row["sequence"], row["code"], row["raw"], row["issues"]) for row in picture(book)]
    counts = actions.comes_and_goes(book, boss, {})
    assert (counts["same"], counts["new"], counts["gone"], counts["changed"], counts["touched"]) == (
        4,
        0,
        0,
        0,
        0,
    )
    actions.bulk_change(book, boss, Said("name", value="other"))
    assert actions.comes_and_goes(book, boss, {})["touched"] == 4
    revision = book.revision
    actions.repopulate(book, boss)
    assert [(row["sequence"], row["code"], row["raw"], row["issues"]) for row in picture(book)] == before
    assert (book.status, book.revision) == ("review", revision + 1)


def test_records_that_were_mended_are_told_as_lost(boss, things):
    file = ContentFile(b"Code,Name,Color\nT1,a,red\nT2,b\nT3\n", name="book.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    first, second = Unreadable.objects.filter(batch_id=batch.pk).order_by("source_row")
    actions.mend_record(batch, boss, first.pk, "T2,b,red")
    actions.drop_record(batch, boss, second.pk, reason="empty")
    counts = actions.comes_and_goes(batch, boss, {})
    assert (counts["by_hand"], counts["dropped"], counts["gone"], counts["unreadable"]) == (1, 1, 1, 2)
    actions.repopulate(batch, boss)
    counts = actions.comes_and_goes(batch, boss, {})
    assert (counts["by_hand"], counts["dropped"], counts["gone"]) == (0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_run_with_answers_that_lack_what_is_needed_or_for_a_part_of_the_rows_fails(boss, book, monkeypatch):
    before = picture(book)
    for answers, why in (({"mapping": {}}, "Map a column to “Code” first"), ({}, "only a part")):
        run = actions.begin_again(book, boss, answers)
        if not answers:  # meanwhile the person was given a part of the rows
            monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q(code="T1"))
        assert resume(run.pk).state == "failed"
        assert why in Run.objects.get(pk=run.pk).error
        book.refresh_from_db()
        assert (book.status, picture(book)) == ("review", before)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", ["file", "hook"])
def test_failing_leaves_the_batch_in_review_with_its_rows(boss, book, monkeypatch, fault):
    actions.edit_row(book, boss, book.rows.get(sequence=1).pk, {"name": "mine"})
    before, mapped, revision = picture(book), dict(book.mapping), book.revision
    if fault == "file":
        book.file.storage.delete(book.file.name)
    else:
        monkeypatch.setattr(ThingFileHandler, "refresh_batch", lambda handler: 1 / 0)
    with pytest.raises((FileRefused, ZeroDivisionError)):
        actions.repopulate(book, boss, WITHOUT_PRICE)
    book.refresh_from_db()
    assert (book.status, book.mapping, book.revision, picture(book)) == ("review", mapped, revision, before)


def test_who_may_not_what_is_stale_and_what_is_no_file(
    web, book, boss, nobody, things, user_with, client_of, monkeypatch
):
    client = client_of(user_with("view_thingfilebatch"))
    assert client.get(url_of(book)).status_code == 403
    assert client.post(url_of(book), {"step": "confirm"}).status_code == 403
    with pytest.raises(Forbidden):
        actions.repopulate(book, nobody)
    with pytest.raises(Refused, match="no column"):
        actions.repopulate(book, boss, {"code": "Nonsense"})
    with pytest.raises(Refused, match="Map a column to “Code” first"):
        actions.repopulate(book, boss, {"name": "Name"})
    with pytest.raises(Refused, match="not made from a file"):
        actions.repopulate(make_batch("toy_price", user=boss), boss)
    page = web.get(url_of(book))
    unseen = {"step": "confirm", "answers": signed(page)}
    assert "what comes and goes first" in text(web.post(url_of(book), unseen, follow=True))
    token = signed(web.post(url_of(book), {"answers": signed(page), "step": "mapping", **mapping(code="0")}))
    for data in ({"answers": token[:-3] + "abc"}, {"answers": ""}, {}):
        assert "did not arrive whole" in text(
            web.post(url_of(book), {"step": "confirm", **data}, follow=True)
        )
    actions.edit_row(book, boss, book.rows.get(sequence=1).pk, {"name": "mine"})
    assert "changed since" in text(web.post(url_of(book), {"step": "confirm", "answers": token}, follow=True))
    assert not Run.objects.filter(batch_id=book.pk, kind="repopulate").exists()
    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q(code="T1"))
    with pytest.raises(Refused, match="only a part"):
        actions.repopulate(book, boss)

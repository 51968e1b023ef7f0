"""Many rows are saved by a worker, in a file for the person who asked and nobody else; the batch stays as it is."""

import io
from pathlib import Path

import openpyxl
import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.exceptions import FileRefused, Refused
from batches.models import Artifact, Event, Run
from batches.registry import find_batch, registry
from batches.runner import resume
from batches.states import Status
from batches.testing import make_batch
from batches.views.overview import kept_figures
from tests.toys.batches import PriceHandler
from tests.toys.models import ThingFileBatch

from .conftest import batch_url, text

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def few(settings, tmp_path):
    """Let more than two rows be many, and storage be a folder of its own."""
    settings.BATCHES = {"AT_ONCE_ROWS": 2}
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def stored(few, tmp_path):
    """Return a function that returns what lies in storage."""
    return lambda: {path for path in Path(tmp_path).rglob("*") if path.is_file()}


def rows_url(batch, kind="csv", query=""):
    return reverse(f"batches:rows_{kind}", args=[batch.pk]) + (f"?{query}" if query else "")


def saved_url(made):
    return reverse("batches:saved", args=[made.batch_id, made.pk])


def made_by_worker(batch, user, kind="csv", chosen=None):
    run = resume(actions.export(batch, user, kind, chosen).pk)
    assert (run.state, run.error) == ("succeeded", "")
    return Artifact.objects.get(run=run.pk)


def figures_known(batch, user):
    return kept_figures([(batch.pk, batch.revision, registry.for_model(type(batch)))], user)[batch.pk]


def content(answer):
    return b"".join(answer.streaming_content)


def test_few_rows_are_sent_at_once_and_many_by_a_worker(web, book, settings):
    few = web.get(rows_url(book, query="q=Ninth"))
    assert few["Content-Type"] == "text/csv; charset=utf-8"
    page = text(web.get(rows_url(book)))
    assert "Save 4 rows as CSV" in page
    assert "a worker makes the file" in page
    assert not Run.objects.filter(kind="export").exists(), "Looking started it."
    answer = web.post(rows_url(book), follow=True)
    assert answer.redirect_chain[-1][0] == batch_url(book)
    assert "Saving rows" in text(answer)
    assert resume(Run.objects.get(kind="export").pk).state == "succeeded"
    made = Artifact.objects.get()
    shown = text(web.get(batch_url(book)))
    assert "4 rows were saved:" in shown
    assert shown.count(f'href="{saved_url(made)}"') == 2
    assert "all rows" in shown
    sent = web.get(saved_url(made))
    settings.BATCHES = {}
    assert content(sent) == content(web.get(rows_url(book)))
    assert sent["Content-Type"] == few["Content-Type"]
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert sent["Content-Disposition"].startswith(f'attachment; filename="{made.name}"')
    assert made.size == int(sent["Content-Length"])


def test_the_batch_stays_as_it_is(web, boss, book):
    before = find_batch(book.pk)
    known = figures_known(before, boss)
    assert known["total"] == 4
    made = made_by_worker(book, boss, "csv", {"q": "First"})
    after = find_batch(book.pk)
    assert (after.revision, after.status) == (before.revision, before.status)
    assert set(book.rows.values_list("version", flat=True)) == {0}
    told = Event.objects.filter(batch=book.pk, verb="export").latest("pk")
    assert told.comment == "3 rows were saved as CSV."
    assert (told.data["rows"], told.data["filter"], told.data["file"]) == (3, {"q": "First"}, made.name)
    assert "Ninth" not in made.file.open("rb").read().decode()
    # The overview has the figures that populate left, where nobody looked at the batch yet.
    assert figures_known(after, boss) == known


def test_a_sheet_is_guarded_as_the_one_that_is_sent_at_once(web, boss):
    lines = b"Code,Name\nA1,=1+1\nA2,@x\nA3,plain\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(lines, name="formulas.csv"))
    sheet = openpyxl.load_workbook(
        io.BytesIO(content(web.get(saved_url(made_by_worker(batch, boss, "xlsx")))))
    )
    cell = sheet.active["B2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == ("=1+1", "s", True) or cell.data_type != "f"
    assert b"'=1+1" in content(web.get(saved_url(made_by_worker(batch, boss))))


@pytest.mark.parametrize(
    "status", [Status.REVIEW, Status.READY, Status.EXECUTED, Status.REVERTED, Status.WITHDRAWN]
)
def test_it_is_done_in_every_state_in_which_rows_are_shown(boss, book, status):
    ThingFileBatch.objects.filter(pk=book.pk).update(status=status)
    book.refresh_from_db()
    assert made_by_worker(book, boss).rows == 4
    assert find_batch(book.pk).status == status


def test_another_persons_file_is_not_there(boss, book, user_with, client_of):
    one = user_with("view_thingfilebatch", name="one")
    made = made_by_worker(book, one)
    assert "Your saved files" not in text(client_of(boss).get(batch_url(book)))
    # Who sees all rows may have it; who sees some may not, whoever has no right to the type neither.
    assert client_of(boss).get(saved_url(made)).status_code == 200
    assert client_of(user_with(name="out")).get(saved_url(made)).status_code == 403
    for number in (made.pk + 1, 2**63, 10**30):
        url = reverse("batches:saved", args=[book.pk, number])
        assert client_of(boss).get(url).status_code == 404
    other = make_batch("toy_file", user=boss, file=ContentFile(b"Code\nX1\n", name="x.csv"))
    assert client_of(boss).get(reverse("batches:saved", args=[other.pk, made.pk])).status_code == 404


def test_a_scope_holds_in_the_file_and_at_the_door(boss, things, monkeypatch, user_with, client_of, settings):
    settings.BATCHES = {"AT_ONCE_ROWS": 1}
    batch = make_batch("toy_price", user=boss)
    one, two = (user_with("view_pricebatch", name=name) for name in ("one", "two"))
    seen = {one.pk: Q(code__in=["T1", "T2"]), two.pk: Q(code__in=["T1", "T2"])}
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: seen.get(user.pk, Q()))
    made = made_by_worker(batch, one)
    assert made.rows == 2
    assert b"T3" not in content(client_of(one).get(saved_url(made)))
    assert client_of(two).get(saved_url(made)).status_code == 404
    # Whoever sees other rows now does not get those that were seen then.
    seen[one.pk] = Q(code="T1")
    assert client_of(one).get(saved_url(made)).status_code == 404
    assert saved_url(made) not in text(client_of(one).get(batch_url(batch)))


def test_the_scope_is_that_of_the_moment_it_is_made(boss, things, monkeypatch, user_with):
    batch = make_batch("toy_price", user=boss)
    one = user_with("view_pricebatch")
    run = actions.export(batch, one, "csv")
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q() if user == boss else Q(code="T1"))
    resume(run.pk)
    assert Artifact.objects.get().rows == 1
    run = actions.export(batch, one, "csv")
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q(code="none of them"))
    run = resume(run.pk)
    assert (run.state, run.error) == (
        "failed",
        "No row that you may see matches any more, so nothing was saved.",
    )


def test_a_right_that_was_lost_meanwhile_counts(book, user_with, stored):
    one = user_with("view_thingfilebatch")
    before = stored()
    run = actions.export(book, one, "csv")
    one.user_permissions.clear()
    run = resume(run.pk)
    assert run.state == "failed"
    assert run.error.startswith("You have no permission for “Save rows”")
    assert stored() == before


def test_who_asked_may_stop_it_and_no_other_reader(boss, book, user_with, client_of, stored):
    one, two = (user_with("view_thingfilebatch", name=name) for name in ("one", "two"))
    before = stored()
    run = actions.export(book, one, "csv")
    stop = reverse("batches:stop", args=[book.pk])
    assert f'action="{stop}"' not in text(client_of(two).get(batch_url(book)))
    assert client_of(two).post(stop).status_code == 403
    assert f'action="{stop}"' in text(client_of(one).get(batch_url(book)))
    client_of(one).post(stop)
    run.refresh_from_db()
    assert run.state == "stopped"
    assert resume(run.pk) is None
    assert stored() == before
    # What others started is not theirs to stop.
    actions.start(book, "refresh", boss)
    assert client_of(one).post(stop).status_code == 403


def test_only_one_thing_at_a_time(web, boss, book):
    actions.export(book, boss, "csv")
    with pytest.raises(Refused, match="“Saving rows” is under way"):
        actions.export(book, boss, "xlsx")
    with pytest.raises(Refused, match="“Saving rows” is under way"):
        actions.execute(book, boss)
    for send in (web.get, web.post):
        assert "is under way" in text(send(rows_url(book), follow=True))


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        ("pdf", {}),
        ("csv", {"pk": "1"}),
        ("csv", {"status": "nonsense"}),
        ("csv", {"q": "there is no such row"}),
    ],
)
def test_what_cannot_be_saved_is_refused_with_a_sentence(boss, book, kind, chosen):
    with pytest.raises(Refused) as refused:
        actions.export(book, boss, kind, chosen)
    assert str(refused.value).endswith(".")
    assert not Run.objects.filter(kind="export").exists()


def test_more_lines_than_a_sheet_has_are_refused_before_it_begins(boss, book, monkeypatch):
    monkeypatch.setattr("batches.actions.downloads.MAX_ROWS", 4)
    with pytest.raises(FileRefused):
        actions.export(book, boss, "xlsx")


def test_a_file_that_cannot_be_stored_leaves_nothing(boss, book, stored, tmp_path, settings):
    before = stored()
    run = actions.export(book, boss, "csv")
    token = run.params["token"]
    (tmp_path / "batches").mkdir(exist_ok=True)
    # A file stands where the folder should be.
    blocked = tmp_path / "batches" / token[:2]
    if blocked.exists():
        pytest.skip("this token shares the folder of another upload")
    blocked.write_text("")
    run = resume(run.pk)
    assert run.state == "failed"
    assert run.error.startswith("The file could not be stored")
    blocked.unlink()
    assert stored() == before
    assert not Artifact.objects.exists()


def test_a_cell_that_no_sheet_holds_is_told_and_leaves_nothing(web, boss, book, stored):
    before = stored()
    book.rows.filter(sequence=2).update(raw={"price": "9" * 40_000})
    run = resume(actions.export(book, boss, "xlsx").pk)
    assert (run.state, "32,767" in run.error or "32767" in run.error) == ("failed", True)
    assert "Saving rows: Failed" in text(web.get(batch_url(book)))
    assert stored() == before


def test_it_goes_with_its_batch(boss, book, stored):
    made = made_by_worker(book, boss)
    assert any(path.name == Path(made.file.name).name for path in stored())
    actions.delete(book, boss)
    assert stored() == set()
    assert not Artifact.objects.exists()


def test_a_file_outlives_the_person_and_one_that_is_gone_is_told(boss, book, user_with, client_of, stored):
    one = user_with("view_thingfilebatch")
    made = made_by_worker(book, one)
    get_user_model().objects.filter(pk=one.pk).delete()
    made.refresh_from_db()
    assert (made.made_for_id, made.made_for_name) == (None, "worker")
    assert client_of(boss).get(saved_url(made)).status_code == 200
    made.file.storage.delete(made.file.name)
    assert client_of(boss).get(saved_url(made)).status_code == 404


def test_queries_do_not_grow_with_rows(web, boss, many, django_assert_max_num_queries):
    batch = many(60)
    for _n in range(3):
        made_by_worker(batch, boss)
    web.get(batch_url(batch))
    with django_assert_max_num_queries(30):
        web.get(batch_url(batch))
    with django_assert_max_num_queries(20):
        web.get(rows_url(batch))

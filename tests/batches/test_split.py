"""Splitting a batch, as code calls it: each row in exactly one batch, and nothing lost of file, findings, rights and figures."""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Q

from batches import actions, rights
from batches.actions import parts
from batches.bulk import Said
from batches.contract.pictures import picture
from batches.exceptions import Forbidden, Refused
from batches.figures import batch_json, figures, not_rows, of_records
from batches.models import BatchNumber, Event, Run, Summary
from batches.registry import find_batch
from batches.testing import make_batch
from tests.toys.batches import PriceHandler, ThingFileHandler
from tests.toys.models import Thing

pytestmark = pytest.mark.django_db
BOOK = """Code,Name,Color,Cost,Box
T1,one,red,1.50,First
T9,nine,blue,9.00,Ninth
,,,,
T2,two,green,,First
T8,eight,red,many,First
T3
T1,one again,red,3,First
"""
CODES = ["T1", "T9", "T2", "T8", "T1"]


@pytest.fixture
def book(boss, things):
    return make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))


def codes(batch):
    return list(batch.rows.order_by("sequence").values_list("code", flat=True))


def pictured(*batches):
    """Return all that the rows of some batches hold, except in which of them they are."""
    return sorted(line for batch in batches for line in picture(batch.rows.all(), ["batch"]))


def found(row):
    return {entry["code"] for entry in row.issues or []}


def last_event(batch):
    return Event.objects.filter(batch=batch.pk, verb="split").latest("pk")


def holds(batch):
    """Tell whether the records of a batch's file are all accounted for."""
    data = batch_json(batch)
    rows = data["rows"] - data["added"] + len(data["unreadable"]) + data["blank"] + data["moved"]
    return data["records"] == rows


def test_rows_move_with_all_that_people_did_to_them(boss, book):
    row = book.rows.get(code="T8")
    actions.edit_row(book, boss, row.pk, {"name": "ate"})
    actions.exclude(book, boss, book.rows.filter(pk=row.pk), reason="never mind")
    before, revision = pictured(book), book.revision
    made, moved = actions.split(book, boss, {"q": "T8"}, expected=1, revision=revision)
    assert moved == 1
    assert pictured(book, made) == before
    kept = made.rows.get()
    assert (kept.pk, kept.sequence, kept.source_row, kept.version) == (row.pk, 4, 6, 2)
    assert (kept.name, kept.raw, kept.removed_reason) == ("ate", {"price": "many"}, "never mind")
    assert found(kept) == {"not_a_number"}
    assert codes(book) == ["T1", "T9", "T2", "T1"]
    book.refresh_from_db()
    assert (book.revision, made.revision, made.status) == (revision + 1, 0, "review")


def test_the_new_batch_is_like_the_old_one_and_of_who_made_it(boss, book, django_user_model):
    actions.change_options(book, boss, {"description": "Week 48", "notes": "by hand"})
    other = django_user_model.objects.create_superuser("other", password="other")
    made = actions.split(book, other, {"q": "T8"}).batch
    same = (
        "description",
        "notes",
        "mapping",
        "reading",
        "original_name",
        "sha256",
        "file",
        "heading_row",
        "delimiter",
        "encoding",
    )
    assert {name: getattr(made, name) for name in same} == {name: getattr(book, name) for name in same}
    assert (made.created_by, made.created_by_name, made.source_batch_id) == (other, "other", book.pk)
    assert made.created > book.created
    assert BatchNumber.objects.get(pk=made.pk).type == "toy_file"
    assert not Run.objects.filter(batch_id=made.pk).exists()
    priced = make_batch("toy_price", user=boss, options={"factor": "2.5"})
    assert actions.split(priced, boss, {"q": "T1"}).batch.factor == 2.5


def test_both_logs_name_the_other_batch(boss, book):
    made = actions.split(book, boss, {"q": "first"}).batch
    gave, took = last_event(book), last_event(made)
    assert (gave.comment, took.comment) == (
        f"Moved to batch {made.pk:08d}.", f"Moved here from batch {book.pk:08d}.",
    )  # fmt: skip
    same = {"rows": 4, "first": [1, 3, 4, 5], "filter": {"q": "first"}}
    assert gave.data == {**same, "to": made.pk}
    assert took.data == {**same, "from": book.pk}
    assert (gave.user_name, took.new) == ("boss", "review")


def test_every_record_is_accounted_for_in_each_part(boss, book):
    actions.add_row(book, boss, {"code": "T7"})
    assert holds(book)
    assert not_rows(book) == "1 blank row was left out."
    made = actions.split(book, boss, {"q": "first"}).batch
    further = actions.split(made, boss, {"finding": "several_rows"}).batch
    added = actions.split(book, boss, {"q": "T7"}).batch
    for part, records, moved in ((book, 7, 4), (made, 4, 2), (further, 2, 0), (added, 0, 0)):
        part = find_batch(part.pk)
        assert holds(part)
        assert (part.records, part.ref.moved_records) == (records, moved)
        assert part.parts() == [book.pk, made.pk, further.pk, added.pk]
    book, made, further = map(find_batch, (book.pk, made.pk, further.pk))
    assert f"{of_records(book)} {not_rows(book)}" == (
        "Of 7 records in the file: 1 blank row was left out. 4 records were moved to another batch."
    )
    assert f"{of_records(made)} {not_rows(made)}" == (
        "Of 4 records that were moved here: 2 records were moved to another batch."
    )
    assert not_rows(further) == ""
    assert (len(batch_json(book)["unreadable"]), len(batch_json(made)["unreadable"])) == (1, 0)


def test_figures_are_those_of_each_part(boss, book):
    before = figures(book, boss)
    made = actions.split(book, boss, {"status": "error"}).batch
    book.refresh_from_db()
    here, there = figures(book, boss), figures(made, boss)
    assert (before["total"], here["total"], there["total"]) == (5, 1, 4)
    assert (here["counts"], there["counts"]) == ({"ok": 1}, {"error": 4})
    assert here["issues"] == []
    assert Summary.objects.get(batch_id=book.pk, scope="").revision == book.revision


def test_who_shared_something_with_a_row_that_left_stands_alone(boss, book):
    assert [found(row) for row in book.rows.filter(code="T1")] == [{"several_rows"}] * 2
    made = actions.split(book, boss, {"q": "again"}).batch
    assert [(row.status, row.issues) for row in (made.rows.get(), book.rows.get(code="T1"))] == [
        ("ok", None)
    ] * 2


def test_rows_that_share_something_share_it_in_the_new_batch(boss, book):
    made = actions.split(book, boss, {"finding": "several_rows"}).batch
    assert [found(row) for row in made.rows.all()] == [{"several_rows"}] * 2
    assert figures(find_batch(book.pk), boss)["counts"] == {"ok": 1, "error": 2}


def test_many_rows_are_compared_all_at_once(boss, book, monkeypatch):
    monkeypatch.setattr("batches.actions.parts.LOGGED_ROWS", 0)
    made = actions.split(book, boss, {"q": "again"}).batch
    assert [row.status for row in (made.rows.get(), book.rows.get(code="T1"))] == ["ok", "ok"]


def test_the_parts_executed_are_the_whole_executed(boss, things):
    whole = make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))
    skip = ("modified",)
    actions.exclude(whole, boss, whole.rows.filter(name="one again"))
    made = actions.split(whole, boss, {"q": "one"}).batch
    actions.execute(made, boss)
    actions.execute(whole, boss)
    production = picture(Thing.objects.all(), skip)
    for part in (made, whole):
        actions.revert(part, boss)
    again = make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))
    actions.exclude(again, boss, again.rows.filter(name="one again"))
    actions.execute(again, boss)
    assert picture(Thing.objects.all(), skip) == production
    assert len(production) == 4


def test_numbers_of_rows_stay_and_new_ones_come_behind(boss, book):
    made = actions.split(book, boss, {"q": "T8"}).batch
    assert actions.add_row(made, boss, {"code": "T5"}).sequence == 5
    assert actions.add_row(book, boss, {"code": "T6"}).sequence == 6
    assert actions.split(made, boss, {"q": "4"}).batch.rows.get().code == "T8"


# ---- what is refused


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"chosen": {"q": "nothing"}}, "No row matches this filter, so nothing was moved."),
        ({"chosen": {}}, "All rows match, so nothing would be left"),
        ({"chosen": None}, "All rows match"),
        ({"chosen": {"excluded": "no"}}, "All rows match"),
        ({"chosen": {"q": "T8"}, "expected": 2}, "2 rows matched when you pressed, now 1 do; look again."),
        ({"chosen": {"q": "T8"}, "expected": 0}, "0 rows matched when you pressed"),
        ({"chosen": {"q": "T8"}, "revision": 0}, "changed since you looked at it"),
        ({"chosen": {"pk": "1"}}, "There is no filter 'pk'"),
        ({"chosen": {"batch": "1"}}, "There is no filter 'batch'"),
        ({"chosen": {"status": "nice"}}, "cannot be 'nice'"),
        ({"chosen": {"q": "a\0"}}, "cannot be stored"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_moves_nothing(boss, book, given, why):
    before = pictured(book)
    with pytest.raises(Refused, match=why):
        actions.split(book, boss, **given)
    assert pictured(book) == before
    assert BatchNumber.objects.count() == 1
    assert last_event(book).data == {"refused": True}
    fresh = find_batch(book.pk)
    assert (fresh.revision, fresh.is_part) == (book.revision, False)


def test_it_is_for_batches_in_review_on_which_nothing_runs(boss, things, book):
    other = make_batch("toy_price", user=boss)
    actions.start(other, "refresh", boss)
    with pytest.raises(Refused, match="“Checking again” is under way"):
        actions.split(other, boss, {"q": "T1"})
    actions.withdraw(book, boss)
    with pytest.raises(Refused, match="needs the state “In review”"):
        actions.split(book, boss, {"q": "T8"})
    draft = actions.make("toy_price", boss)
    with pytest.raises(Refused, match="needs the state"):
        actions.split(draft, boss, {"q": "T8"})


@pytest.mark.parametrize("lacking", ["add", "change"])
def test_it_needs_the_right_to_change_batches_and_to_make_them(boss, nobody, book, lacking):
    names = [f"{right}_thingfilebatch" for right in ("view", "add", "change", "execute") if right != lacking]
    nobody.user_permissions.set(Permission.objects.filter(codename__in=names))
    with pytest.raises(Forbidden, match="You have no permission for “Move to a new batch” on thing files"):
        actions.split(book, nobody, {"q": "T8"})
    assert codes(book) == CODES
    nobody.user_permissions.add(Permission.objects.get(codename=f"{lacking}_thingfilebatch"))
    nobody = type(nobody).objects.get(pk=nobody.pk)
    assert actions.split(book, nobody, {"q": "T8"}).rows == 1


def test_rows_outside_the_scope_never_move(boss, nobody, book, monkeypatch):
    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q() if user == boss else ~Q(code="T8"))
    nobody.is_superuser = True
    nobody.save()
    with pytest.raises(Refused, match="No row matches"):
        actions.split(book, nobody, {"q": "T8"})
    with pytest.raises(Refused, match="4 rows matched when you pressed, now 3 do"):
        actions.split(book, nobody, {"q": "First"}, expected=4)
    # All that one sees is not all there is.
    made = actions.split(book, nobody, {}).batch
    assert (codes(book), codes(made)) == (["T8"], ["T1", "T9", "T2", "T1"])


def test_a_row_that_leaves_the_filter_meanwhile_undoes_everything(boss, book, monkeypatch):
    """A filter or scope may ask production, which others write while the batch is locked."""
    real = parts._move
    monkeypatch.setattr(
        parts, "_move", lambda handler, rows, other, n: real(handler, rows.filter(name="one"), other, n)
    )
    with pytest.raises(Refused, match="2 rows matched when you pressed, now 1 do"):
        actions.split(book, boss, {"finding": "several_rows"})
    assert codes(book) == CODES
    assert BatchNumber.objects.count() == 1


# ---- file


def test_who_moved_rows_did_not_send_the_file(boss, nobody, book, monkeypatch):
    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q() if user == boss else Q(code="T1"))
    nobody.is_superuser = True
    nobody.save()
    made = actions.split(book, nobody, {"q": "again"}).batch
    assert made.created_by == nobody
    assert not rights.may_have_file(ThingFileHandler(made, user=nobody))
    assert rights.may_have_file(ThingFileHandler(made, user=boss))
    own = make_batch("toy_file", user=nobody, file=ContentFile(BOOK.encode(), name="own.csv"))
    assert rights.may_have_file(ThingFileHandler(own, user=nobody))


def test_neither_part_reads_the_file_again(boss, book):
    made = actions.split(book, boss, {"q": "T8"}).batch
    for part in (book, made):
        with pytest.raises(
            Refused, match="reading it again would make them twice; make a new batch of the file"
        ):
            actions.repopulate(find_batch(part.pk), boss)
    assert codes(made) == ["T8"]
    assert len(codes(book)) == 4


@pytest.mark.parametrize("first", ["old", "new"])
def test_the_file_goes_with_the_last_batch_that_has_it(boss, book, first, django_capture_on_commit_callbacks):
    made = actions.split(book, boss, {"q": "T8"}).batch
    one, other = (book, made) if first == "old" else (made, book)
    name = book.file.name
    with django_capture_on_commit_callbacks(execute=True):
        actions.delete(one, boss)
    assert default_storage.exists(name)
    left = find_batch(other.pk)
    assert left.file.read().decode() == BOOK
    assert left.source_batch_id is None or first == "new"
    assert holds(left)
    assert left.parts() == [left.pk]
    actions.refresh(left, boss)
    with django_capture_on_commit_callbacks(execute=True):
        actions.delete(left, boss)
    assert not default_storage.exists(name)


def test_a_refused_split_leaves_the_file_alone(boss, book, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(Refused):
        actions.split(book, boss, {})
    assert default_storage.exists(book.file.name)


# ---- what the batch remembers of its past


def test_options_that_rows_were_not_checked_with_are_so_in_both_parts(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2.5"})
    actions.change_options(batch, boss, {"factor": "3"})
    made = actions.split(batch, boss, {"q": "T1"}).batch
    further = make_batch("toy_price", user=boss, options={"factor": "2.5"})
    for part in (batch, made):
        with pytest.raises(Refused, match="check again first"):
            actions.execute(part, boss)
        actions.refresh(part, boss)
        actions.execute(part, boss)
    untouched = actions.split(further, boss, {"q": "T1"}).batch
    assert rights.why_not(untouched, "execute", boss) is None


def test_a_decision_about_groups_goes_with_its_rows(boss, book):
    actions.settle(book, boss, "several_rows", keep="first")
    gone = book.rows.get(removed=True)
    reason = gone.removed_reason
    made = actions.split(book, boss, {"excluded": "yes"}).batch
    assert (made.rows.get().removed_reason, "Row 1" in reason) == (reason, True)
    actions.include(made, boss, made.rows.all())
    assert made.rows.get().status == "ok"


def test_verbs_work_on_both_parts(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2.5"})
    made = actions.split(batch, boss, {"q": "T1"}).batch
    assert actions.bulk_change(made, boss, Said("new_price", value="7")).rows == 1
    assert actions.bulk_change(batch, boss, Said("new_price", value="8")).rows == 2
    for part in (made, batch):
        actions.execute(find_batch(part.pk), boss)
    assert list(Thing.objects.order_by("code").values_list("price", flat=True)) == [7, 8, 8]
    actions.revert(find_batch(made.pk), boss)
    assert list(Thing.objects.order_by("code").values_list("price", flat=True)) == [1, 8, 8]


def test_it_costs_as_many_queries_for_300_rows_as_for_30(boss, things, django_assert_num_queries):
    def made(n):
        rows = [{"code": f"N{i}", "new_price": i} for i in range(n)]
        return make_batch("toy_price", user=boss, rows=[*rows, {"code": "T1", "new_price": 9}])

    for n in (30, 300):
        batch = made(n)
        with django_assert_num_queries(QUERIES):
            assert actions.split(batch, boss, {"status": "error"}, expected=n).rows == n


QUERIES = 29


def test_handlers_know_whether_theirs_is_a_part(boss, things):
    batch = make_batch("toy_price", user=boss)
    assert (batch.is_part, batch.was_split_off, batch.parts()) == (False, False, [batch.pk])
    made = actions.split(batch, boss, {"q": "T1"}).batch
    batch.refresh_from_db()
    handler = PriceHandler(batch)
    assert (handler.batch.is_part, batch.was_split_off) == (True, False)
    assert (made.is_part, made.was_split_off) == (True, True)

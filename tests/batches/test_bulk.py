"""One change of all rows that match a filter, as code calls it: values, refusals, scope, revision, log, long ones as runs."""

from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.db import models
from django.db.models import Q
from django.http import QueryDict

from batches import actions
from batches.bulk import Bulk, Said
from batches.choosing import choose
from batches.exceptions import Forbidden, Refused
from batches.filters import RowFilter
from batches.models import Event, Run
from batches.runner import resume
from batches.testing import make_batch
from tests.toys.batches import PriceHandler, ThingFileHandler
from tests.toys.models import Thing

pytestmark = pytest.mark.django_db
BOOK = "Code,Name,Color,Cost,Box\nT1,thing one,red,1.50,First\nT9,nine,blue,9.00,Ninth\nT2,two,green,,First\nT8,eight,red,many,First\n"


@pytest.fixture
def book(boss, things):
    return make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))


def column(batch, name):
    return list(batch.rows.order_by("sequence").values_list(name, flat=True))


def logged(batch):
    return Event.objects.filter(batch=batch.pk, verb="bulk_change").latest("pk")


def test_a_value_is_set_in_the_rows_that_match_checked_and_logged(boss, book):
    revision = book.revision
    done = actions.bulk_change(
        book, boss, Said("colour", value=" blue "), {"q": "First"}, expected=3, revision=revision
    )
    assert done == (3, None)
    assert column(book, "colour") == ["blue", "blue", "blue", "blue"]
    assert book.revision == revision + 1
    assert book.rows.get(code="T2").status == "ok", (
        "The colour that did not exist is gone, and with it the finding."
    )
    event = logged(book)
    assert event.comment == "Colour is set to blue."
    assert event.data == {
        "rows": 3,
        "change": {"field": "colour", "how": "set", "value": " blue "},
        "filter": {"q": "First"},
        "first": [
            {"row": 1, "before": "red", "after": "blue"},
            {"row": 3, "before": "green", "after": "blue"},
            {"row": 4, "before": "red", "after": "blue"},
        ],
    }


def test_text_that_could_not_be_read_is_replaced_and_its_finding_goes(boss, book):
    row = book.rows.get(code="T8")
    assert (row.raw, row.status) == ({"price": "many"}, "error")
    actions.bulk_change(book, boss, Said("price", value="3"), {"status": "error"})
    row.refresh_from_db()
    assert (row.raw, row.price, row.issues, row.version) == (None, Decimal(3), None, 1)


def test_numbers_change_by_percent_and_amount_and_tell_which_cannot(boss, book):
    bulk = Bulk(ThingFileHandler(book, user=boss), Said("price", "percent", "-50%"), {})
    counts = bulk.counts()
    assert counts == {"": 2, "no_number": 2}
    assert bulk.sample() == [(1, Decimal("1.50"), Decimal("0.75")), (2, Decimal("9.00"), Decimal("4.50"))]
    assert bulk.reasons(counts) == [(2, "there is no number to start from")]
    assert actions.bulk_change(book, boss, Said("price", "percent", "3.5")).rows == 2
    assert column(book, "price") == [Decimal("1.55"), Decimal("9.32"), None, None], (
        "1.5525 and 9.315, rounded"
    )
    actions.bulk_change(book, boss, Said("price", "amount", "-0.05"))
    assert column(book, "price")[:2] == [Decimal("1.50"), Decimal("9.27")]


def test_a_number_that_would_not_fit_its_column_is_left(boss, book):
    book.rows.filter(code="T9").update(price=Decimal("9999999999.99"))
    assert actions.bulk_change(book, boss, Said("price", "percent", "100")).rows == 1
    assert column(book, "price")[:2] == [Decimal("3.00"), Decimal("9999999999.99")]
    with pytest.raises(Refused, match="would be 10,000,000,000 or more"):
        actions.bulk_change(book, boss, Said("price", "amount", "1"), {"q": "T9"})


def test_a_field_is_cleared_where_that_is_allowed(boss, book):
    assert actions.bulk_change(book, boss, Said("colour", "clear"), {"q": "First"}).rows == 3
    assert column(book, "colour") == [None, "blue", None, None]
    with pytest.raises(Refused, match="Code is needed in every row"):
        actions.bulk_change(book, boss, Said("code", "clear"))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said("price", value="cheap"), "cheap"),
        (Said("price", value="1.234"), "1.234"),
        (Said("price", value=""), "or clear it"),
        (Said("name", value="x" * 61), "60"),
        (Said("name", value="a\0b"), "cannot be stored"),
        (Said("name", value="a\ud800b"), "cannot be stored"),
        (Said("name", "percent", "5"), "is no number"),
        (Said("price", "percent", "five"), "five"),
        (Said("price", "percent", "0"), "by how much"),
        (Said("price", "amount", ""), "by how much"),
        (Said("price", "amount", "9" * 40), "too large|digits"),
        (Said("price", "double", "5"), "can be changed by"),
        (Said("status", value="ok"), "cannot be edited"),
        (Said("old_price", value="1"), "cannot be edited"),
        (Said("nonsense", value="1"), "cannot be edited"),
        (Said("na\0me", value="1"), "cannot be edited"),
        (Said("\udc80", value="1"), "cannot be edited"),
        (Said("price", value="1e400"), "exponent"),
        (Said("price", value="NaN"), "is not a number"),
        (Said("price", "percent", "\u0661\u0662"), "digits"),
        (Said("price", "percent", "0.01"), "2: rounded, it would be the same number"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_changes_nothing(boss, book, said, why):
    before = list(book.rows.values())
    with pytest.raises(Refused, match=why):
        actions.bulk_change(book, boss, said)
    assert list(book.rows.values()) == before
    book.refresh_from_db()
    assert book.revision == 1


@pytest.mark.parametrize(
    "chosen",
    [{"status": "nice"}, {"pk": "1"}, {"batch": "1"}, {"action": "drop"}, {"q": "x" * 300}, {"\udc80": "x"}],
)
def test_a_filter_that_is_not_understood_is_refused(boss, book, chosen):
    with pytest.raises(Refused, match="filter"):
        actions.bulk_change(book, boss, Said("name", value="same"), chosen)


@pytest.mark.parametrize(
    "chosen", [{"finding": "\0"}, {"finding": "a:\udc80"}, {"q": "\udc80"}, {"q": "a\0"}, {"status": "\0"}]
)
def test_a_filter_with_what_cannot_be_stored_is_refused_and_logged(boss, book, chosen):
    with pytest.raises(Refused, match="cannot be stored"):
        actions.bulk_change(book, boss, Said("name", value="same"), chosen)
    assert logged(book).data == {"refused": True}


@pytest.mark.parametrize(
    "query", ["q=+nine+", "q=++", "finding=not_a_number+", "status=error", "q=T&finding="]
)
def test_a_filter_means_the_rows_that_the_grid_shows(boss, book, query):
    handler = ThingFileHandler(book, user=boss)
    shown = RowFilter(QueryDict(query), handler, book.rows.all())
    assert shown.is_valid()
    assert shown.qs.count() > 0
    chosen = dict(QueryDict(query, mutable=True).items())
    assert set(choose(handler, handler.rows(), chosen)) == set(shown.qs)


@pytest.mark.parametrize(
    ("field", "most"),
    [
        (models.PositiveSmallIntegerField(), 32_767), (models.IntegerField(), 2**31 - 1), (models.BigIntegerField(), 2**63 - 1),
    ],
)  # fmt: skip
def test_a_whole_number_stays_within_what_its_column_holds(boss, book, field, most):
    bulk = Bulk(ThingFileHandler(book, user=boss), Said("price", "percent", "100"), {})
    bulk.field, bulk.column = field, None
    assert bulk._limits()[1] == most + 1


def test_another_number_or_revision_than_was_shown_changes_nothing(boss, book):
    with pytest.raises(Refused, match="3 rows matched when you pressed, now 4 do"):
        actions.bulk_change(book, boss, Said("name", value="same"), expected=3)
    with pytest.raises(Refused, match="changed since you looked"):
        actions.bulk_change(book, boss, Said("name", value="same"), revision=book.revision - 1)
    assert "same" not in column(book, "name")


def test_the_second_time_there_is_nothing_to_change(boss, book):
    assert actions.bulk_change(book, boss, Said("name", value="same")).rows == 4
    with pytest.raises(Refused, match="they have this value already"):
        actions.bulk_change(book, boss, Said("name", value="same"))
    assert set(column(book, "version")) == {1}


def test_rows_outside_the_scope_never_change(boss, things, nobody, monkeypatch):
    batch = make_batch("toy_price", user=boss)
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q() if user == boss else Q(code="T1"))
    with pytest.raises(Forbidden):
        actions.bulk_change(batch, nobody, Said("new_price", value="9"))
    nobody.is_superuser = True
    nobody.save()
    assert actions.bulk_change(batch, nobody, Said("new_price", value="9")).rows == 1
    assert column(batch, "new_price") == [9, 2, 3]
    assert column(batch, "version") == [1, 0, 0]


def test_rows_that_now_share_something_are_told(boss, book):
    actions.bulk_change(book, boss, Said("code", value="T1"), {"q": "Ninth"})
    assert {e["code"] for e in book.rows.get(sequence=1).issues} == {"several_rows"}
    assert book.rows.get(sequence=2).status == "error"


def test_a_batch_that_is_no_longer_in_review_is_refused(boss, book):
    actions.withdraw(book, boss)
    with pytest.raises(Refused, match="needs the state “In review”"):
        actions.bulk_change(book, boss, Said("name", value="same"))


@pytest.mark.django_db(transaction=True)
def test_many_rows_are_a_run_that_does_the_same(boss, things, settings):
    settings.BATCHES = {"AT_ONCE_ROWS": 2}
    batch = make_batch("toy_price", user=boss)
    done = actions.bulk_change(batch, boss, Said("new_price", "percent", "10"), expected=3)
    assert column(batch, "new_price") == [1, 2, 3]
    with pytest.raises(Refused, match="“Changing rows” is under way"):
        actions.bulk_change(batch, boss, Said("new_price", "percent", "10"))
    assert resume(done.run.pk).state == "succeeded"
    assert column(batch, "new_price") == [Decimal("1.10"), Decimal("2.20"), Decimal("3.30")]
    assert set(column(batch, "status")) == {"ok"}
    batch.refresh_from_db()
    assert (batch.status, batch.revision) == ("review", 2)
    assert logged(batch).comment == "New price is changed by +10 %."
    assert logged(batch).data["rows"] == 3
    assert Thing.objects.get(code="T1").price == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_that_would_change_other_rows_than_were_shown_writes_nothing(
    boss, things, settings, monkeypatch
):
    settings.BATCHES = {"AT_ONCE_ROWS": 2}
    batch = make_batch("toy_price", user=boss)
    done = actions.bulk_change(batch, boss, Said("new_price", value="7"))
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q(code="T1"))
    assert resume(done.run.pk).state == "failed"
    assert "3 rows matched when you pressed, now 1 do" in Run.objects.get(pk=done.run.pk).error
    assert column(batch, "new_price") == [1, 2, 3]

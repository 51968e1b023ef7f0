"""Rows that share what only one may have: one decision for all groups, what it leaves behind, and back."""

import random
from collections import Counter
from contextlib import suppress

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models import Q

from batches import actions
from batches.checks import findings as checks
from batches.exceptions import Forbidden, Refused
from batches.figures import figures
from batches.files import Column
from batches.findings import Unique
from batches.groups import KEEPS, Groups, comparable, rule_of
from batches.models import Event
from batches.testing import make_batch
from tests.toys.batches import PriceHandler, ThingFileHandler
from tests.toys.models import Thing

BOOK = """Code,Name,Cost,Bought
A1,alpha,1,2024-01-01
A2,alpha,9,2026-05-05
A3,alpha,5,
B1,beta,2,2025-02-02
B2,beta,2,2025-02-02
C1,alone,7,2020-01-01
"""


@pytest.fixture
def names_alone(monkeypatch):
    """Let only one thing have a name; the others give it up. Files tell when a thing was bought."""
    bought = Column("bought", "Bought", kind="date")
    monkeypatch.setattr(ThingFileHandler, "columns", [*ThingFileHandler.columns, bought])
    rule = Unique(("name",), "shared_name", "Another row has this name.", gives_up="name")
    monkeypatch.setattr(ThingFileHandler, "unique", [rule])


@pytest.fixture
def twins(names_alone, boss):
    return make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="twins.csv"))


def named(batch):
    """Return the codes of the rows that have a name, in order."""
    return " ".join(batch.rows.filter(name__isnull=False).order_by("sequence").values_list("code", flat=True))


def codes(batch):
    return {group["code"]: group["n"] for group in figures(batch)["issues"]}


@pytest.mark.parametrize(
    ("decision", "left"),
    [
        ({"keep": "first"}, "A1 B1 C1"),
        ({"keep": "last"}, "A3 B2 C1"),
        ({"keep": "highest", "by": "bought"}, "A2 B1 C1"),
        ({"keep": "lowest", "by": "bought"}, "A1 B1 C1"),
        ({"keep": "highest", "by": "price"}, "A2 B1 C1"),
        ({"keep": "none"}, "C1"),
    ],
)
def test_one_decision_settles_all_groups(twins, boss, decision, left):
    before = twins.revision
    assert codes(twins) == {"shared_name": 5}
    given_up = actions.settle(twins, boss, "shared_name", **decision)
    assert named(twins) == left
    assert given_up == 6 - len(left.split())
    assert "shared_name" not in codes(twins)
    assert not twins.rows.exclude(status="ok").exists()
    assert twins.revision == before + 1
    event = Event.objects.filter(batch=twins.pk).latest("pk")
    assert (event.verb, event.data["rows"], event.data["groups"]) == ("edit", given_up, 2)
    assert "2 groups" in event.comment


def test_a_row_says_to_which_it_gave_way_and_checks_keep_that(twins, boss):
    actions.settle(twins, boss, "shared_name")
    actions.refresh(twins, boss)
    row = twins.rows.get(code="A3")
    handler = actions.handler_of(twins)
    assert [handler.message(entry) for entry in row.issues] == ["Name alpha was given up to row 1."]
    assert codes(twins) == {"given_up_to": 3}


def test_what_was_given_up_is_put_back_with_what_was_found_about_it(twins, boss):
    row = twins.rows.get(code="A2")
    about = {"code": "odd", "field": "name", "severity": "warning", "keep": True, "params": {"x": None}}
    twins.rows.filter(pk=row.pk).update(issues=[about, *row.issues])
    before = list(twins.rows.order_by("sequence").values_list("name", "issues", "status", "action"))
    actions.settle(twins, boss, "shared_name", keep="none")
    assert [entry["code"] for entry in twins.rows.get(pk=row.pk).issues] == ["given_up"]
    assert actions.put_back(twins, boss, "shared_name") == 5
    after = list(twins.rows.order_by("sequence").values_list("name", "issues", "status", "action"))
    assert after == before


def test_a_name_given_since_is_not_overwritten_by_putting_back(twins, boss):
    actions.settle(twins, boss, "shared_name")
    row = twins.rows.get(code="A3")
    actions.edit_row(twins, boss, row.pk, {"name": "gamma"})
    row.refresh_from_db()
    assert (row.name, row.issues) == ("gamma", None)
    assert actions.put_back(twins, boss, "shared_name") == 2
    assert twins.rows.get(code="A3").name == "gamma"
    assert codes(twins) == {"shared_name": 4}


def test_an_edit_after_a_decision_is_compared_with_the_other_rows(twins, boss):
    actions.settle(twins, boss, "shared_name")
    row = twins.rows.get(code="A3")
    actions.edit_row(twins, boss, row.pk, {"name": "beta"})
    assert set(twins.rows.filter(status="error").values_list("code", flat=True)) == {"A3", "B1"}


def test_what_has_it_in_production_keeps_it(names_alone, boss, db):
    Thing.objects.create(code="A2", name="alpha")
    batch = make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="twins.csv"))
    rule = rule_of(actions.handler_of(batch), "shared_name")
    assert Groups(actions.handler_of(batch), rule, boss).counts() == {"groups": 2, "rows": 5, "held": 1}
    actions.settle(batch, boss, "shared_name", keep="last")
    assert named(batch) == "A2 B2 C1"


def test_others_are_excluded_with_the_reason_and_put_back_as_such(twins, boss):
    assert actions.settle(twins, boss, "shared_name", keep="last", others="exclude") == 3
    out = twins.rows.filter(removed=True).order_by("sequence")
    assert [row.code for row in out] == ["A1", "A2", "B1"]
    assert out[0].removed_reason == "Row 3 has the same (Name) and is kept."
    assert Event.objects.filter(batch=twins.pk).latest("pk").verb == "exclude"
    assert codes(twins) == {}
    actions.include(twins, boss, twins.rows.filter(removed=True))
    assert codes(twins) == {"shared_name": 5}


def test_rows_for_the_same_target_are_excluded(boss, things):
    rows = [{"code": code, "new_price": n} for n, code in enumerate(["T1", "T1", "T2", "T1"], 5)]
    batch = make_batch("toy_price", user=boss, rows=rows)
    assert actions.settle(batch, boss, "several_rows", keep="highest", by="new_price") == 2
    assert list(batch.rows.filter(removed=False).values_list("code", "new_price")) == [("T2", 7), ("T1", 8)]
    with pytest.raises(Refused, match="what becomes of the other rows"):
        actions.settle(batch, boss, "several_rows", others="give_up")
    with pytest.raises(Refused, match="put back as all excluded rows"):
        actions.put_back(batch, boss, "several_rows")


def test_only_groups_with_a_chosen_row_are_settled(twins, boss):
    assert actions.settle(twins, boss, "shared_name", rows=twins.rows.filter(code="B2")) == 1
    assert named(twins) == "A1 A2 A3 B1 C1"
    assert codes(twins) == {"shared_name": 3, "given_up_to": 1}


def test_a_group_with_a_row_of_somebody_else_is_left(twins, boss, monkeypatch):
    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: ~Q(code="A2"))
    assert actions.settle(twins, boss, "shared_name") == 1
    assert named(twins) == "A1 A2 A3 B1 C1"


def test_what_cannot_be_decided_is_refused(twins, boss, nobody):
    with pytest.raises(Forbidden):
        actions.settle(twins, nobody, "shared_name")
    with pytest.raises(Refused, match="no rule"):
        actions.settle(twins, boss, "nothing")
    with pytest.raises(Refused, match="which row is kept"):
        actions.settle(twins, boss, "shared_name", keep="best")
    with pytest.raises(Refused, match="date or a number"):
        actions.settle(twins, boss, "shared_name", keep="highest", by="colour")
    with pytest.raises(Refused, match="changed since you looked"):
        actions.settle(twins, boss, "shared_name", revision=twins.revision + 1)
    actions.settle(twins, boss, "shared_name")
    with pytest.raises(Refused, match="any more"):
        actions.settle(twins, boss, "shared_name")


def test_rows_are_compared_by_the_dates_and_numbers_that_the_file_has(twins, boss, things):
    handler = actions.handler_of(twins)
    assert comparable(handler, rule_of(handler, "shared_name")) == ["price", "bought"]
    assert Groups(handler, rule_of(handler, "shared_name"), boss).decided_by("price") == 1
    prices = PriceHandler(make_batch("toy_price", user=boss))
    assert comparable(prices, rule_of(prices, "several_rows")) == ["new_price"]


@pytest.mark.parametrize("gives_up", ["price", "sequence"])
def test_only_a_field_of_the_rule_that_may_be_empty_is_given_up(monkeypatch, gives_up):
    rule = Unique(("sequence",), "shared", "Another row has it.", gives_up=gives_up)
    monkeypatch.setattr(ThingFileHandler, "unique", [rule])
    handler = ThingFileHandler(ThingFileHandler.model())
    assert [fault.id for fault in checks.check(handler)] == ["batches.E034"]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_decided_edited_and_put_back_the_findings_are_those_of_the_rows(names_alone, boss, seed):
    pick = random.Random(seed)
    lines = [f"K{n},{pick.choice('pqrs')},{n},2026-01-{1 + n % 28:02}" for n in range(25)]
    file = ContentFile("\n".join(["Code,Name,Cost,Bought", *lines]).encode(), name="some.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    rows = batch.rows.all()
    for _step in range(15):
        some = rows.filter(name=pick.choice("pqrs"))
        decision = {"keep": pick.choice(KEEPS), "by": "price", "others": pick.choice(["give_up", "exclude"])}
        steps = [
            lambda: actions.settle(batch, boss, "shared_name", rows=some, **decision),  # noqa: B023
            lambda: actions.put_back(batch, boss, "shared_name"),
            lambda: actions.exclude(batch, boss, some, reason="so"),  # noqa: B023
            lambda: actions.include(batch, boss, rows.all()),
            lambda: actions.edit_row(batch, boss, pick.choice(rows.all()).pk, {"name": pick.choice("pqrs")}),
            lambda: actions.refresh(batch, boss),
        ]
        with suppress(Refused):
            pick.choice(steps)()
        names = Counter(row.name for row in rows.all() if not row.removed and row.name)
        for row in rows.all():
            found = [entry["code"] for entry in row.issues or []]
            shared = not row.removed and names[row.name] > 1
            assert found.count("shared_name") == shared, (row.code, row.name, found)
            assert found.count("given_up") + found.count("given_up_to") == (row.name is None)
            assert (row.status == "error") == shared


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("rows", "known"), [(150, False), (250, True)])
def test_the_planner_knows_the_rows_of_a_batch_that_are_many(boss, rows, known):
    """By a plan for two rows a decision about 700 takes as long as for 700 times 700."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE toys_thingfilerow")
        lines = "\n".join(f"A{n},n,1" for n in range(rows))
        batch = actions.make(
            "toy_file", boss, file=ContentFile(f"Code,Name,Cost\n{lines}\n".encode(), name="book.csv")
        )
        actions.populate(batch, boss)
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'toys_thingfilerow'")
        assert (cursor.fetchone()[0] == rows) is known

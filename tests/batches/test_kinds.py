"""A batch of each kind, from nothing to production."""

from decimal import Decimal

import pytest
from django.core.files.base import ContentFile

from batches import actions
from batches.exceptions import Forbidden, Refused
from batches.figures import batch_json, figures
from batches.models import Event, Run
from batches.testing import make_batch, run_batch
from tests.toys.models import Box, Tag, Thing

pytestmark = pytest.mark.django_db


def csv(text, name="things.csv"):
    return ContentFile(text.encode(), name=name)


@pytest.mark.usefixtures("writer")
def test_declared_change_is_written_once(boss, things):
    batch = run_batch("toy_price", user=boss, options={"factor": "1.5"})
    assert list(Thing.objects.order_by("code").values_list("price", flat=True)) == [
        Decimal("1.50"),
        Decimal("3.00"),
        Decimal("4.50"),
    ]
    assert batch.status == "executed"
    assert batch.executed_by == boss
    assert figures(batch)["counts"] == {"applied": 3}


@pytest.mark.usefixtures("writer")
def test_row_without_difference_is_unchanged_and_not_written(boss, things):
    batch = make_batch("toy_price", user=boss)
    assert figures(batch)["counts"] == {"unchanged": 3}
    with pytest.raises(Refused, match="No row takes part"):
        actions.execute(batch, boss)


def test_finding_of_the_type_makes_a_warning(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "3"})
    data = figures(batch)
    assert data["counts"] == {"warning": 3}
    assert data["issues"][0]["message"] == "3.00 is more than twice 1.00."
    assert data["issues"][0]["rows"] == [1, 2, 3]


@pytest.mark.usefixtures("writer")
def test_file_creates_changes_and_leaves(boss, things):
    text = (
        "sku,name,color,price,box\nT1,thing 1,red,1.00,first\nT2,renamed,blue,2.00,FIRST\n"
        "N1,new,red,9.99,Second\nN2,newer,,,second\n"
    )
    batch = make_batch("toy_file", user=boss, file=csv(text))
    assert batch.mapping == {
        "code": "sku",
        "name": "name",
        "colour": "color",
        "price": "price",
        "box_name": "box",
    }
    data = figures(batch)
    assert data["counts"] == {"unchanged": 1, "ok": 3}
    assert data["actions"] == {"unchanged": 1, "update": 1, "create": 2}
    actions.execute(batch, boss)
    assert Thing.objects.get(code="T2").name == "renamed"
    new, newer = Thing.objects.get(code="N1"), Thing.objects.get(code="N2")
    assert new.box == newer.box == Box.objects.get(name="Second")
    assert (newer.colour, newer.price, newer.modified is None) == ("red", None, False)
    assert Box.objects.count() == 2
    row = batch.rows.get(code="N1")
    assert row.thing == new
    assert row.status == "applied"


@pytest.mark.usefixtures("writer")
def test_declared_delete_spares_what_is_in_use(boss, things):
    Thing.objects.filter(code__in=["T1", "T2"]).update(price=None)
    Tag.objects.create(thing=Thing.objects.get(code="T2"), text="kept")
    batch = run_batch("toy_clean", user=boss)
    assert not Thing.objects.filter(code="T1").exists()
    assert Thing.objects.filter(code="T2").exists()
    assert figures(batch)["counts"] == {"applied": 1, "conflict": 1}
    assert figures(batch)["issues"][0]["message"] == "It is in use by tags and cannot be deleted."


def test_row_hooks_work_a_row_at_a_time(boss, things):
    batch = make_batch("toy_rename", user=boss)
    Thing.objects.filter(code="T2").update(name="somebody was here")
    actions.execute(batch, boss)
    assert list(Thing.objects.order_by("code").values_list("name", flat=True)) == [
        "THING 1",
        "somebody was here",
        "THING 3",
    ]
    assert figures(batch)["counts"] == {"applied": 2, "conflict": 1}


def test_a_row_hook_may_ask_the_database_for_every_row(boss, things, monkeypatch):
    def make_rows(self):
        for thing in Thing.objects.order_by("code"):
            yield {"code": thing.code, "new_price": Thing.objects.get(pk=thing.pk).price + 1}

    monkeypatch.setattr("tests.toys.batches.PriceHandler.make_rows", make_rows)
    run_batch("toy_price", user=boss)
    assert list(Thing.objects.order_by("code").values_list("price", flat=True)) == [
        Decimal(2),
        Decimal(3),
        Decimal(4),
    ]


def test_whole_hooks_work_in_sql(boss, things):
    run_batch("toy_double", user=boss)
    assert list(Thing.objects.order_by("code").values_list("price", flat=True)) == [
        Decimal(2),
        Decimal(4),
        Decimal(6),
    ]


def test_sql_of_a_type_says_why_a_row_is_a_conflict(boss, things):
    batch = make_batch("toy_double", user=boss)
    Thing.objects.filter(code="T2").update(price=7)
    actions.execute(batch, boss)
    data = figures(batch)
    assert data["counts"] == {"applied": 2, "conflict": 1}
    assert data["issues"][0]["message"] == "New price was 2.00 when checked, is 7.00 now, you want 4.00."
    assert sorted(int(t.price) for t in Thing.objects.all()) == [2, 6, 7]


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("how", ["save", "update", "sql"])
def test_what_changed_since_review_is_a_conflict_and_stays(boss, things, how):
    from django.db import connection

    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    thing = things[1]
    if how == "save":
        thing.price = Decimal("7")
        thing.save()
    elif how == "update":
        Thing.objects.filter(pk=thing.pk).update(price=7)
    else:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE toys_thing SET price = 7 WHERE id = %s", [thing.pk])
    actions.execute(batch, boss)
    assert list(Thing.objects.order_by("code").values_list("price", flat=True)) == [
        Decimal(2),
        Decimal(7),
        Decimal(6),
    ]
    data = figures(batch)
    assert data["counts"] == {"applied": 2, "conflict": 1}
    assert data["issues"][0]["message"] == "Price was 2.00 when checked, is 7.00 now, you want 4.00."


@pytest.mark.usefixtures("writer")
def test_what_was_deleted_or_created_since_review_is_a_conflict(boss, things):
    batch = make_batch("toy_file", user=boss, file=csv("code,name\nT1,changed\nN1,new\n"))
    things[0].delete()
    Thing.objects.create(code="N1", name="mine")
    actions.execute(batch, boss)
    assert {i["code"] for i in figures(batch)["issues"]} == {"gone", "exists_now"}
    assert Thing.objects.get(code="N1").name == "mine"


def test_cells_that_cannot_be_read_keep_their_row(boss, things):
    batch = make_batch("toy_file", user=boss, file=csv("code,price\nT1,abc\nT2,5\nT3\n"))
    data = batch_json(batch)
    assert data["counts"] == {"error": 1, "ok": 1}
    assert data["records"] == 3 == sum(data["counts"].values()) + len(data["unreadable"])
    row = batch.rows.get(sequence=1)
    assert row.raw == {"price": "abc"}
    actions.edit_row(batch, boss, row.pk, {"price": "2.50"}, version=0)
    row.refresh_from_db()
    assert (row.status, row.price, row.raw, row.issues) == ("ok", Decimal("2.50"), None, None)


def test_rows_that_share_a_key_are_errors_until_all_but_one_are_excluded(boss, things):
    batch = make_batch("toy_file", user=boss, file=csv("code,name\nT1,a\nT1,b\nT2,c\n"))
    assert figures(batch)["counts"] == {"error": 2, "ok": 1}
    actions.exclude(batch, boss, batch.rows.filter(sequence=2), reason="the older one")
    assert figures(batch)["counts"] == {"ok": 3}
    actions.include(batch, boss, batch.rows.filter(removed=True))
    assert figures(batch)["counts"] == {"error": 2, "ok": 1}


def test_targets_own_rules_are_findings(boss, things):
    text = f"code,name,colour,price\nT1,{'x' * 50},green,-1\nT2,ok,red,9001\nT3,ok,red,9999999999\n"
    batch = make_batch("toy_file", user=boss, file=csv(text))
    found = {(i["code"], i["field"]) for i in figures(batch)["issues"]}
    assert found == {
        ("too_long", "name"),
        ("not_a_choice", "colour"),
        ("rule_broken", "price"),
        ("above_maximum", "price"),
        ("too_large", "price"),
    }


def test_every_verb_is_refused_without_its_right(boss, nobody, things):
    with pytest.raises(Forbidden):
        actions.make("toy_price", nobody)
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    for verb in (actions.refresh, actions.execute, actions.withdraw, actions.delete):
        with pytest.raises(Forbidden):
            verb(batch, nobody)
    assert Event.objects.filter(batch=batch.pk, user_name="nobody", data__refused=True).count() == 4
    assert Run.objects.filter(batch_id=batch.pk).count() == 1


def test_options_that_changed_since_the_rows_were_checked_must_be_checked_first(boss, things):
    """Else the rows would be written by rules that nobody saw at work."""
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    actions.change_options(batch, boss, {"notes": "only words"})
    assert actions.why_not(batch, "execute", boss) is None
    actions.change_options(batch, boss, {"factor": "3"})
    with pytest.raises(Refused, match="Options were changed since the rows were checked"):
        actions.execute(batch, boss)
    assert sorted(int(t.price) for t in Thing.objects.all()) == [1, 2, 3]
    actions.refresh(batch, boss)
    actions.execute(batch, boss)
    assert batch.status == "executed"

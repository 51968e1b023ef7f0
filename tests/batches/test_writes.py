"""Details of writing declared changes: the same set-based and through the models."""

from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.db.models import Q

from batches import actions
from batches.changes import Change, Delete, Upsert
from batches.exceptions import Refused, RunFailed
from batches.figures import figures
from batches.findings import Finding
from batches.journal import event_model
from batches.models import Run
from batches.pipeline import Lookup
from batches.signals import rows_written
from batches.states import Severity
from batches.testing import make_batch
from tests.toys.batches import PriceHandler, ThingFileHandler
from tests.toys.models import Box, Tag, Thing

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("writer")]


def test_on_conflict_stop_writes_nothing(boss, things, monkeypatch):
    monkeypatch.setattr(PriceHandler, "on_conflict", "stop")
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    Thing.objects.filter(code="T2").update(price=9)
    with pytest.raises(RunFailed, match="1 rows were changed since review, so nothing was written"):
        actions.execute(batch, boss)
    assert [int(t.price) for t in Thing.objects.order_by("code")] == [1, 9, 3]
    assert batch.status == "review"
    assert figures(batch)["counts"] == {"ok": 3}


def test_automatic_timestamp_moves_with_a_set_based_write(boss, things):
    before = Thing.objects.get(code="T1").modified
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    actions.execute(batch, boss)
    assert Thing.objects.get(code="T1").modified > before


def test_value_that_production_has_already_is_no_conflict_and_not_written_again(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    Thing.objects.filter(code="T2").update(price=4)
    actions.execute(batch, boss)
    assert figures(batch)["counts"] == {"applied": 3}
    run = Run.objects.get(batch_id=batch.pk, kind="execute")
    assert event_model(Thing).objects.filter(pgh_run=run.pk).count() == 2


def test_other_fields_of_a_changed_thing_are_left_alone(boss, things):
    """Somebody renamed it since review; the batch only writes prices."""
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    Thing.objects.filter(code="T2").update(name="renamed")
    actions.execute(batch, boss)
    thing = Thing.objects.get(code="T2")
    assert (thing.name, thing.price) == ("renamed", Decimal(4))


def test_journal_carries_the_run_only_for_its_own_writes(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    actions.execute(batch, boss)
    Thing.objects.filter(code="T1").update(price=100)
    runs = list(
        event_model(Thing)
        .objects.filter(pgh_label="update")
        .order_by("pgh_id")
        .values_list("pgh_run", flat=True)
    )
    run = Run.objects.get(batch_id=batch.pk, kind="execute").pk
    assert runs == [run, run, run, None]


def test_written_rows_are_announced_after_commit(boss, things, django_capture_on_commit_callbacks):
    heard = []

    def hear(sender, model, pks, batch, run, **kwargs):
        heard.append((model, sorted(pks), batch, run))

    rows_written.connect(hear, sender=Thing)
    try:
        batch = make_batch("toy_price", user=boss, options={"factor": "2"})
        with django_capture_on_commit_callbacks(execute=True):
            actions.execute(batch, boss)
    finally:
        rows_written.disconnect(hear, sender=Thing)
    run = Run.objects.get(batch_id=batch.pk, kind="execute").pk
    assert heard == [(Thing, sorted(t.pk for t in things), batch.pk, run)]


def test_group_made_by_somebody_meanwhile_is_used(boss):
    batch = make_batch(
        "toy_file", user=boss, file=ContentFile(b"code,name,box\nN1,a,New\nN2,b,new\n", name="n.csv")
    )
    mine = Box.objects.create(name="NEW")
    actions.execute(batch, boss)
    assert {t.box for t in Thing.objects.all()} == {mine}


def test_executing_what_was_confirmed_only(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    confirmed = batch.revision
    actions.exclude(batch, boss, batch.rows.filter(sequence=1), reason="no")
    with pytest.raises(Refused, match="The batch changed since you looked at it"):
        actions.execute(batch, boss, revision=confirmed)
    actions.execute(batch, boss, revision=batch.revision)
    assert [int(t.price) for t in Thing.objects.order_by("code")] == [1, 4, 6]


def test_excluded_rows_and_errors_never_take_part(boss, things):
    text = b"code,price\nT1,5\nT2,x\nT3,7\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(text, name="n.csv"))
    actions.exclude(batch, boss, batch.rows.filter(sequence=1), reason="no")
    actions.execute(batch, boss)
    assert [int(t.price) for t in Thing.objects.order_by("code")] == [1, 2, 7]
    assert figures(batch)["counts"] == {"ok": 1, "error": 1, "applied": 1}


def test_a_change_with_a_condition_is_written_where_it_holds(boss, things, monkeypatch):
    monkeypatch.setattr(
        PriceHandler,
        "changes",
        [Change("thing.price", new="new_price", old="old_price", when=Q(new_price__gt=3))],
    )
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    assert figures(batch)["actions"] == {"unchanged": 1, "update": 2}
    # A row that production needs not be asked about is no conflict either.
    Thing.objects.filter(code="T1").update(price=50)
    actions.execute(batch, boss)
    assert [int(t.price) for t in Thing.objects.order_by("code")] == [50, 4, 6]
    assert figures(batch)["counts"] == {"unchanged": 1, "applied": 2}


def test_two_conditions_on_one_row_are_told_apart(boss, things, monkeypatch):
    """The row takes part for one of its changes; the other does not hold, and is not written."""
    monkeypatch.setattr(
        PriceHandler,
        "changes",
        [
            Change("thing.price", new="new_price", old="old_price", when=~Q(thing__name="thing 1")),
            Change("thing.code", new="code", old="code"),
        ],
    )
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    batch.rows.filter(sequence=1).update(status="ok")
    actions.execute(batch, boss)
    assert [int(t.price) for t in Thing.objects.order_by("code")] == [1, 4, 6]


def test_rows_that_delete_and_rows_that_change_share_a_batch(boss, things, monkeypatch):
    monkeypatch.setattr(
        PriceHandler,
        "changes",
        [
            Change("thing.price", new="new_price", old="old_price", when=~Q(code="T3")),
            Delete("thing", when=Q(code="T3")),
        ],
    )
    Tag.objects.create(thing=things[0], text="its price changes")
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    assert figures(batch)["actions"] == {"update": 2, "delete": 1}
    actions.execute(batch, boss)
    assert figures(batch)["counts"] == {"applied": 3}
    assert {t.code: int(t.price) for t in Thing.objects.all()} == {"T1": 2, "T2": 4}


def test_a_delete_of_what_changed_since_review_is_a_conflict(boss, things, monkeypatch):
    monkeypatch.setattr(PriceHandler, "changes", [Delete("thing", when=Q(code__in=["T2", "T3"]))])
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    Thing.objects.filter(code__in=["T1", "T2"]).update(name="touched")
    actions.execute(batch, boss)
    assert figures(batch)["counts"] == {"unchanged": 1, "applied": 1, "conflict": 1}
    assert set(Thing.objects.values_list("code", flat=True)) == {"T1", "T2"}


def test_a_type_may_limit_the_rows_that_take_part(boss, things, monkeypatch):
    everything = PriceHandler.effective_rows
    monkeypatch.setattr(PriceHandler, "effective_rows", lambda self: everything(self).exclude(code="T2"))
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    actions.execute(batch, boss)
    assert [int(t.price) for t in Thing.objects.order_by("code")] == [2, 2, 6]
    assert figures(batch)["counts"] == {"ok": 1, "applied": 2}


def test_a_link_that_was_deleted_since_review_is_the_conflict_of_its_row(boss, things):
    empty = Box.objects.create(name="Empty")
    text = b"code,name,box\nT1,renamed,First\nT2,renamed,Empty\nN1,new,Empty\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(text, name="n.csv"))
    empty.delete()
    actions.execute(batch, boss)
    data = figures(batch)
    assert data["counts"] == {"applied": 1, "conflict": 2}
    assert [(i["code"], i["message"], i["rows"]) for i in data["issues"]] == [
        ("link_gone", "Box was deleted since review; check again.", [2, 3])
    ]
    assert sorted(Thing.objects.values_list("code", "name")) == [
        ("T1", "renamed"),
        ("T2", "thing 2"),
        ("T3", "thing 3"),
    ]


def test_a_row_that_changes_nothing_takes_no_part_whatever_is_to_be_looked_at(boss, things, monkeypatch):
    look = Finding("look", "Look.", Severity.WARNING, Q(code="T1"), "code")
    monkeypatch.setattr(PriceHandler, "findings", [look])
    rows = [{"code": thing.code, "new_price": thing.price} for thing in things]
    batch = make_batch("toy_price", user=boss, rows=rows)
    assert figures(batch)["counts"] == {"warning": 1, "unchanged": 2}
    assert figures(batch)["taking_part"] == {}
    with pytest.raises(Refused, match="No row takes part"):
        actions.execute(batch, boss)
    rows[1]["new_price"] = 20
    batch = make_batch("toy_price", user=boss, rows=rows)
    assert figures(batch)["taking_part"] == {"update": 1}
    actions.execute(batch, boss)
    assert figures(batch)["counts"] == {"warning": 1, "applied": 1, "unchanged": 1}


def test_an_empty_cell_clears_where_the_mapping_says_so(boss, things):
    text = b"code,name,price,box\nT1,,,\nT2,two,2,First\nT3,three,,\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(text, name="n.csv"))
    assert figures(batch)["actions"] == {"unchanged": 1, "update": 2}
    batch.mapping = {**batch.mapping, "price": {"column": "price", "empty": "clear"}}
    batch.mapping["box_name"] = {"column": "box", "empty": "clear"}
    batch.save()
    actions.refresh(batch, boss)
    assert figures(batch)["actions"] == {"update": 3}
    actions.execute(batch, boss)
    found = list(Thing.objects.order_by("code").values_list("name", "price", "box__name"))
    assert found == [("thing 1", None, None), ("two", Decimal(2), "First"), ("three", None, None)]
    again = make_batch("toy_file", user=boss, file=ContentFile(text, name="n.csv"))
    assert figures(again)["counts"] == {"unchanged": 3}


def test_a_value_that_moved_before_it_was_cleared_is_a_conflict(boss, things):
    text = b"code,price\nT1,\nT2,5\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(text, name="n.csv"))
    batch.mapping = {**batch.mapping, "price": {"column": "price", "empty": "clear"}}
    batch.save()
    actions.refresh(batch, boss)
    Thing.objects.filter(code="T1").update(price=77)
    actions.execute(batch, boss)
    assert figures(batch)["counts"] == {"applied": 1, "conflict": 1}
    assert Thing.objects.get(code="T1").price == 77


def test_what_a_row_would_not_create_may_exist_by_now(boss, things, monkeypatch):
    monkeypatch.setattr(
        ThingFileHandler,
        "changes",
        [
            Change("thing.price", new="price", old="old_price"),
            Upsert(Box, to="box", key="name", fields={"name": "box_name"}, when=Q(price__gt=5)),
        ],
    )
    monkeypatch.setattr(
        ThingFileHandler,
        "lookups",
        [Lookup("thing", ({"code": "code"},)), Lookup("box", ({"name": "box_name"},))],
    )
    text = b"code,price,box\nT1,4,Cheap\nT2,7,Dear\nT3,9,Third\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(text, name="n.csv"))
    for name in ("Cheap", "Dear"):
        Box.objects.create(name=name)
    actions.execute(batch, boss)
    assert [int(t.price) for t in Thing.objects.order_by("code")] == [4, 2, 9]
    assert figures(batch)["counts"] == {"applied": 2, "conflict": 1}
    assert batch.rows.get(status="conflict").code == "T2"

"""The journal: what is recorded, from whichever code, and for whom."""

import io
from decimal import Decimal

import pytest
from django.db import connection, models, transaction

from batches import journal
from batches.history import history
from tests.toys.models import Box, Thing

pytestmark = pytest.mark.django_db

Event = journal.event_model(Thing)


def events(**filters):
    return list(Event.objects.filter(**filters).order_by("pgh_id").values_list("pgh_label", "code", "price"))


def sql(text, params=None):
    with connection.cursor() as cursor:
        cursor.execute(text, params)


def fail_after(write, **values):
    write(**values)
    raise ZeroDivisionError


def test_every_way_to_write_is_journalled_with_the_run():
    thing = Thing.objects.create(code="before", price=1)
    with transaction.atomic():
        journal.set_run(7)
        Thing.objects.create(code="orm", price=1)
        Thing.objects.bulk_create([Thing(code="bulk1", price=1), Thing(code="bulk2", price=1)])
        with connection.cursor() as cursor:
            cursor.copy_expert(
                "COPY toys_thing (code, name, colour, price, modified) FROM STDIN",
                io.StringIO("copied\t\tred\t1\t2026-01-01\n"),
            )
        sql(
            "INSERT INTO toys_thing (code, name, colour, price, modified)"
            " SELECT code || '+', name, colour, price, modified FROM toys_thing WHERE code = 'copied'"
        )
        sql(
            "INSERT INTO toys_thing (code, name, colour, price, modified)"
            " VALUES ('copied', '', 'red', 2, now()), ('upserted', '', 'red', 2, now())"
            " ON CONFLICT (code) DO UPDATE SET price = EXCLUDED.price"
        )
        Thing.objects.filter(pk=thing.pk).update(price=2)
        sql("UPDATE toys_thing SET price = 3 WHERE code = 'orm'")
        sql("SELECT * FROM toys_thing WHERE code = 'bulk1' FOR UPDATE")
        sql("DELETE FROM toys_thing WHERE code = 'bulk1'")
        Thing.objects.get(code="bulk2").delete()
    one, two = Decimal(1), Decimal(2)
    assert sorted(events(pgh_run=7)) == [
        ("delete", "bulk1", one),
        ("delete", "bulk2", one),
        ("insert", "bulk1", one),
        ("insert", "bulk2", one),
        ("insert", "copied", one),
        ("insert", "copied+", one),
        ("insert", "orm", one),
        ("insert", "upserted", two),
        ("update", "before", one),
        ("update", "copied", one),
        ("update", "orm", one),
    ]
    assert events(pgh_run=None) == [("insert", "before", one)]


def test_an_update_is_journalled_with_the_row_before_it_and_only_where_it_changed():
    Thing.objects.bulk_create(
        [Thing(code="a", price=1), Thing(code="b", price=2), Thing(code="c", price=None)]
    )
    Thing.objects.update(price=2)
    assert sorted(events(pgh_label="update")) == [("update", "a", Decimal(1)), ("update", "c", None)]


def test_saving_without_a_change_leaves_no_event():
    thing = Thing.objects.create(code="a")
    thing.save()
    assert events() == [("insert", "a", None)]


def test_a_rolled_back_write_leaves_no_event():
    with transaction.atomic():
        Thing.objects.create(code="a")
        transaction.set_rollback(True)
    assert events() == []


def test_a_run_ends_with_clear_run():
    with transaction.atomic():
        journal.set_run(7)
        Thing.objects.create(code="a")
        journal.clear_run()
        Thing.objects.create(code="b")
    assert list(Event.objects.order_by("pgh_id").values_list("code", "pgh_run")) == [("a", 7), ("b", None)]


@pytest.mark.django_db(transaction=True)
def test_a_run_ends_with_its_transaction():
    with transaction.atomic():
        journal.set_run(7)
        Thing.objects.create(code="a")
    Thing.objects.create(code="b")
    assert list(Event.objects.order_by("pgh_id").values_list("code", "pgh_run")) == [("a", 7), ("b", None)]


@pytest.mark.django_db(transaction=True)
def test_a_run_outside_a_transaction_is_refused():
    with pytest.raises(transaction.TransactionManagementError, match=r"'batches\.run'"):
        journal.set_run(7)


def test_acting_names_the_person_and_gives_the_name_back():
    with journal.acting("ann"):
        Thing.objects.create(code="a")
        with journal.acting("bob"):
            Thing.objects.create(code="b")
        with pytest.raises(ZeroDivisionError), journal.acting("eve"):
            fail_after(Thing.objects.create, code="e")
        Thing.objects.create(code="c")
    Thing.objects.create(code="d")
    who = dict(Event.objects.values_list("code", "pgh_user"))
    assert who == {"a": "ann", "b": "bob", "c": "ann", "d": None}


@pytest.mark.django_db(transaction=True)
def test_acting_undoes_everything_on_an_error():
    with pytest.raises(ZeroDivisionError), journal.acting("ann"):
        fail_after(Thing.objects.create, code="a")
    assert not Thing.objects.exists()


def test_percent_signs_in_raw_sql_and_odd_names_are_left_alone():
    Thing.objects.create(code="a")
    with journal.acting("50% o'Neill %s"), transaction.atomic():
        journal.set_run(7)
        sql("UPDATE toys_thing SET name = '100%' WHERE code LIKE 'a%'")
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE toys_thing SET name = %s", [["5%"], ["%s"]])
    assert Thing.objects.get().name == "%s"
    assert set(Event.objects.filter(pgh_run=7).values_list("pgh_user", flat=True)) == {"50% o'Neill %s"}


def test_an_event_outlives_what_its_links_name():
    box = Box.objects.create(name="box")
    thing = Thing.objects.create(code="a", box=box)
    key = box.pk
    thing.delete()
    box.delete()
    assert list(Event.objects.values_list("box_id", flat=True)) == [key, key]


def test_the_journal_has_no_constraint_and_no_more_indexes_than_it_needs():
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Event._meta.db_table)
    assert not [name for name, detail in found.items() if detail["foreign_key"] or detail["check"]]
    assert sorted(
        tuple(detail["columns"]) for detail in found.values() if detail["index"] or detail["primary_key"]
    ) == [
        ("id", "pgh_id"),
        ("pgh_id",),
        ("pgh_run",),
    ]


def test_tables_of_events_have_names_that_postgresql_keeps_whole():
    assert all(len(journal.event_model(model)._meta.db_table) <= 63 for model in journal.tracked_models())


def test_models_that_are_not_tracked_are_told_apart():
    assert journal.is_tracked(Thing)
    assert not journal.is_tracked(Event)
    with pytest.raises(LookupError, match="is not journalled"):
        journal.event_model(Event)


def test_keys_of_events_are_wide_enough():
    assert isinstance(Event._meta.pk, models.BigAutoField)


def changes(entry):
    return [(change.label, change.old, change.new) for change in entry.changes]


def test_history_tells_each_write_in_words():
    small, large = Box.objects.create(name="small"), Box.objects.create(name="large")
    with journal.acting("ann"):
        thing = Thing.objects.create(code="a", name="ball", price=Decimal("1.50"), box=small)
    with transaction.atomic():
        journal.set_run(7)
        Thing.objects.update(price=Decimal("2.00"), colour="blue")
        journal.clear_run()
    Thing.objects.update(box=large, name="")
    last, middle, first = history(thing)
    assert [entry.label for entry in (first, middle, last)] == ["Created", "Changed", "Changed"]
    assert (first.user, first.run) == ("ann", None)
    assert (middle.user, middle.run) == ("", 7)
    assert ("Price", "", "1.50") in changes(first)
    assert ("Box", "", Box.__str__(small)) in changes(first)
    assert changes(middle) == [("Colour", "Red", "Blue"), ("Price", "1.50", "2.00")]
    assert changes(last) == [("Name", "ball", ""), ("Box", str(small), str(large))]


def test_history_of_what_was_deleted_and_made_again():
    thing = Thing.objects.create(code="a", price=1)
    key = thing.pk
    Thing.objects.filter(pk=key).delete()
    deleted, _created = history(thing)
    assert ("Price", "1.00", "") in changes(deleted)
    assert deleted.label == "Deleted"
    Thing.objects.create(pk=key, code="b", price=2)
    again, deleted, _created = history(thing)
    assert ("Code", "", "b") in changes(again)
    assert ("Price", "1.00", "") in changes(deleted)


def test_history_turns_pages_without_losing_a_change():
    thing = Thing.objects.create(code="a", price=0)
    for price in range(1, 8):
        Thing.objects.update(price=price)
    whole = history(thing)
    first = history(thing, limit=3)
    rest = history(thing, limit=50, before=first[-1].id)
    assert [*first, *rest] == whole
    assert changes(whole[3]) == [("Price", "3.00", "4.00")]


def test_history_needs_a_constant_number_of_queries(django_assert_num_queries):
    boxes = [Box.objects.create(name=str(number)) for number in range(10)]
    thing = Thing.objects.create(code="a")
    for box in boxes:
        Thing.objects.update(box=box)
    with django_assert_num_queries(3):
        assert len(history(thing)) == 11

"""What the journal recorded stays: by no statement, unless a purge says that it is one."""

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from batches import journal
from batches.models import Event as Log
from products.models import Brand
from tests.toys.models import Thing

pytestmark = pytest.mark.django_db
Event = journal.event_model(Thing)
REFUSING = [
    trigger.get_uri(model) for model, trigger in pgtrigger.registered() if trigger.name == "no_truncate"
]
STATEMENTS = [
    "UPDATE toys_thingevent SET code = 'x'",
    "UPDATE toys_thingevent SET pgh_user = 'somebody else'",
    "DELETE FROM toys_thingevent",
    "TRUNCATE toys_thingevent",
]


@pytest.fixture
def recorded(db):
    """Return how many entries there are of one thing that was made and changed."""
    pgtrigger.install(*REFUSING)
    thing = Thing.objects.create(code="T1", price=1)
    thing.price = 2
    thing.save()
    sql("SET CONSTRAINTS ALL IMMEDIATE")  # else PostgreSQL itself refuses, for what it has yet to check
    return 2


def sql(*texts):
    with transaction.atomic(), connection.cursor() as cursor:
        for text in texts:
            cursor.execute(text)


def entry(verb="purge", **data):
    """Return an entry of the log, by default as a purge in this transaction writes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        data = {"transaction": cursor.fetchone()[0]} | data
    return Log.objects.create(batch=1, type="toy_price", verb=verb, data=data).pk


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_entry_can_be_changed_or_removed(recorded, statement):
    with pytest.raises(DatabaseError, match="journal toys_thingevent is append-only"):
        sql(statement)
    assert Event.objects.filter(code="T1", pgh_user=None).count() == recorded


def test_no_entry_can_be_changed_through_the_orm(recorded):
    for change in (lambda: Event.objects.update(code="x"), lambda: Event.objects.first().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    assert Event.objects.filter(code="T1").count() == recorded


@pytest.mark.parametrize("statement", ["TRUNCATE toys_thing CASCADE", "TRUNCATE toys_box CASCADE"])
def test_a_journalled_table_is_not_emptied_unnoticed(recorded, statement):
    with pytest.raises(DatabaseError, match="is journalled, which TRUNCATE would pass by"):
        sql(statement)
    assert Thing.objects.count() == 1


def test_deleting_is_allowed_and_recorded(recorded):
    sql("DELETE FROM toys_thing")
    assert Event.objects.filter(pgh_label="delete").count() == 1


@pytest.mark.parametrize("statement", [*STATEMENTS, "TRUNCATE toys_thing CASCADE"])
def test_a_purge_passes_in_its_own_transaction_only(recorded, statement):
    other = "SELECT set_config('batches.retention', 'other', true)"
    with pytest.raises(DatabaseError):
        sql(other, statement)
    with transaction.atomic(), journal.purging(entry()):
        sql(statement)
    with pytest.raises(DatabaseError), transaction.atomic():
        sql(statement)


@pytest.mark.parametrize(
    "logged",
    [{"verb": "delete"}, {"transaction": "1"}, {"transaction": None}, None],
    ids=["another verb", "another transaction", "no transaction", "no entry"],
)
@pytest.mark.parametrize("statement", [*STATEMENTS, "DELETE FROM batches_event"])
def test_a_purge_that_is_not_in_the_log_is_refused(recorded, statement, logged):
    """To say that it is a purge is not enough: what goes must stand in the log, by an entry of this very transaction."""
    number = 0 if logged is None else entry(**logged)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), journal.purging(number):
        sql(statement)
    assert Event.objects.filter(code="T1").count() == recorded


@pytest.mark.parametrize("model", journal.tracked_models(), ids=lambda model: model._meta.label)
def test_every_journalled_model_is_guarded(model):
    names = {
        (owner, trigger.name)
        for owner, trigger in pgtrigger.registered()
        if owner in (model, journal.event_model(model))
    }
    event = journal.event_model(model)
    assert {(event, "append_only"), (event, "no_truncate"), (model, "no_truncate")} <= names


def test_the_migration_goes_back_and_forth(db):
    Brand.objects.create(name="Acme")
    call_command("migrate", "products", "0005", verbosity=0)
    sql("UPDATE products_brandevent SET name = 'x'", "TRUNCATE products_brand CASCADE")
    call_command("migrate", "products", verbosity=0)
    for statement in ("UPDATE products_brandevent SET name = 'y'", "TRUNCATE products_brand CASCADE"):
        with pytest.raises(DatabaseError, match="refused"):
            sql(statement)

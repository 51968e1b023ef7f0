"""Types that write through the models: save(), its receivers and full_clean() have their say."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models.signals import post_delete, pre_save

from batches import actions
from batches.exceptions import RunFailed
from batches.figures import figures
from batches.testing import make_batch
from tests.toys.batches import CleanHandler, PriceHandler, ThingFileHandler
from tests.toys.models import Box, Thing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def through_models(monkeypatch):
    for handler in (PriceHandler, ThingFileHandler, CleanHandler):
        monkeypatch.setattr(handler, "write", "model")


@pytest.fixture
def hear():
    """Return a function that connects a receiver for the time of the test."""
    connected = []

    def connect(signal, receiver, sender):
        signal.connect(receiver, sender=sender)
        connected.append((signal, receiver, sender))

    yield connect
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


def csv(text):
    return ContentFile(text.encode(), name="things.csv")


def test_receivers_hear_each_thing_that_is_written_and_no_other(boss, things, hear):
    heard = []
    hear(pre_save, lambda instance, **_: heard.append(str(instance)), Thing)
    hear(pre_save, lambda instance, **_: heard.append(str(instance)), Box)
    text = (
        "code,name,price,box\nT1,thing 1,1.00,First\nT2,renamed,2,first\nN1,new,1,Second\nN2,new,2,SECOND\n"
    )
    batch = make_batch("toy_file", user=boss, file=csv(text))
    assert heard == []
    actions.execute(batch, boss)
    assert heard == ["Second", "T2", "N1", "N2"]
    assert {t.box.name for t in Thing.objects.filter(code__startswith="N")} == {"Second"}


def test_what_save_sets_beside_the_change_is_stored(boss, things, hear):
    def name_it(instance, **_):
        instance.name = f"{instance.code} at {instance.price}"

    hear(pre_save, name_it, Thing)
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    actions.execute(batch, boss)
    assert Thing.objects.get(code="T2").name == "T2 at 4.00"


def refuse_t2(instance, **_):
    if instance.code == "T2":
        raise ValidationError({"price": "Ask the owner first."})


def test_a_row_that_production_refuses_undoes_everything_and_says_why(boss, things, hear):
    hear(pre_save, refuse_t2, Thing)
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    with pytest.raises(RunFailed) as refused:
        actions.execute(batch, boss)
    assert str(refused.value) == (
        "Row 2 failed, so nothing was written: Production refused it: price: Ask the owner first."
    )
    assert [int(t.price) for t in Thing.objects.order_by("code")] == [1, 2, 3]
    batch.refresh_from_db()
    assert (batch.status, figures(batch)["counts"]) == ("review", {"ok": 3})
    assert {(r.status, r.applied_at, r.issues) for r in batch.rows.all()} == {("ok", None, None)}


def test_a_refusal_of_the_database_is_told_too(boss, things):
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION no_blue() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN IF NEW.colour = 'blue' THEN RAISE EXCEPTION 'Blue is sold out.'; END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER no_blue BEFORE INSERT OR UPDATE ON toys_thing FOR EACH ROW EXECUTE FUNCTION no_blue()"
        )
    batch = make_batch("toy_file", user=boss, file=csv("code,name,colour\nT1,a,blue\nN1,b,red\n"))
    with pytest.raises(RunFailed, match=r"Row 1 failed, .* Production refused it: Blue is sold out\."):
        actions.execute(batch, boss)
    assert not Thing.objects.filter(code="N1").exists()


def test_a_group_that_production_refuses_is_the_failure_of_its_row(boss, things, hear):
    def refuse(instance, **_):
        raise ValidationError("No more boxes.")

    hear(pre_save, refuse, Box)
    batch = make_batch("toy_file", user=boss, file=csv("code,price,box\nT1,7,Second\n"))
    with pytest.raises(RunFailed, match=r"Production refused it: No more boxes\."):
        actions.execute(batch, boss)
    assert Thing.objects.get(code="T1").price == Decimal(1)


def test_deletes_go_through_the_model(boss, things, hear):
    heard = []
    hear(post_delete, lambda instance, **_: heard.append(instance.code), Thing)
    Thing.objects.filter(code__in=["T1", "T3"]).update(price=None)
    batch = make_batch("toy_clean", user=boss)
    actions.execute(batch, boss)
    assert heard == ["T1", "T3"]
    assert figures(batch)["counts"] == {"applied": 2}


def test_what_full_clean_demands_is_found_at_review(boss, things):
    """In SQL the column's default would do."""
    batch = make_batch("toy_file", user=boss, file=csv("code,price\nT1,7\nN1,7\n"))
    (found,) = figures(batch)["issues"]
    assert (found["code"], found["field"], found["rows"]) == ("required", "name", [2])
    actions.execute(batch, boss)
    assert not Thing.objects.filter(code="N1").exists()

"""Conflicts of an executed batch, taken to a new one: checked against production as it is now, each once."""

import io
import json
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.exceptions import Forbidden, Refused
from batches.figures import figures
from batches.lease import waiting
from batches.models import BatchNumber, Event, Run
from batches.registry import find_batch
from batches.runner import resume
from batches.testing import make_batch
from tests.toys.batches import PriceHandler, ThingFileHandler
from tests.toys.models import Box, Thing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def executed(boss):
    """Return an executed batch of five rows, of which those of T2 and T4 were changed since review."""
    box = Box.objects.create(name="First")
    Thing.objects.bulk_create(Thing(code=f"T{n}", price=Decimal(n), box=box) for n in range(1, 6))
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    Thing.objects.filter(code="T2").update(price=77)
    Thing.objects.filter(code="T4").update(price=44)
    actions.execute(batch, boss)
    assert figures(batch)["counts"] == {"applied": 3, "conflict": 2}
    return batch


def prices():
    return [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)]


def test_conflicts_are_reviewed_again_and_executed(executed, boss):
    made = actions.carry_on(executed, boss)
    assert (made.rows, made.batch.status) == (2, "review")
    rows = list(PriceHandler(made.batch).rows())
    assert [(r.code, r.old_price, r.new_price, r.status, r.applied_at) for r in rows] == [
        ("T2", 77, 4, "warning", None),
        ("T4", 44, 8, "warning", None),
    ]
    said = PriceHandler(made.batch).message(rows[0].issues[0])
    assert "2.00" in said
    assert "77.00" in said
    assert "4.00" in said
    assert figures(executed)["counts"] == {"applied": 3, "left": 2}
    left = PriceHandler(executed).rows().filter(status="left").first()
    assert left.removed_reason == f"Carried on in batch {made.batch.shown_number}."
    actions.execute(made.batch, boss)
    assert prices() == [2, 4, 6, 8, 10]
    actions.revert(made.batch, boss)
    assert prices() == [2, 77, 6, 44, 10]


def test_what_changes_again_is_a_conflict_again(executed, boss):
    made = actions.carry_on(executed, boss).batch
    Thing.objects.filter(code="T2").update(price=78)
    actions.execute(made, boss)
    assert prices() == [2, 78, 6, 8, 10]
    assert figures(made)["counts"] == {"applied": 1, "conflict": 1}
    assert actions.carry_on(made, boss).rows == 1


def test_each_is_carried_on_once(executed, boss):
    assert actions.carry_on(executed, boss, {"q": "T4"}).rows == 1
    with pytest.raises(Refused, match="No row that was changed since review matches"):
        actions.carry_on(executed, boss, {"q": "T4"})
    assert actions.carry_on(executed, boss).rows == 1
    with pytest.raises(Refused, match="No row was changed since review"):
        actions.carry_on(executed, boss)
    assert figures(executed)["counts"] == {"applied": 3, "left": 2}


def test_what_exists_by_now_becomes_a_change(boss):
    file = ContentFile(b"code,name,price\nA,mine,1\nB,mine,2\n", name="n.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    Thing.objects.create(code="A", name="yours", price=9)
    actions.execute(batch, boss)
    made = actions.carry_on(batch, boss).batch
    row = ThingFileHandler(made).rows().get()
    assert (row.action, row.source_row, row.thing.name) == ("update", 2, "yours")
    actions.execute(made, boss)
    assert Thing.objects.get(code="A").price == 1
    for one in (made, batch):
        one.refresh_from_db()
    assert (batch.records, made.records) == (2, 1)


def test_many_rows_are_checked_by_a_worker(executed, boss, settings):
    settings.BATCHES = settings.BATCHES | {"AT_ONCE_ROWS": 1}
    made = actions.carry_on(executed, boss).batch
    run = Run.objects.get(batch_id=made.pk)
    assert (run.kind, run.state) == ("refresh", "queued")
    assert run.pk in waiting(0)
    assert resume(run.pk).state == "succeeded"
    assert [r.old_price for r in PriceHandler(made).rows()] == [77, 44]


def test_both_logs_and_pages_name_the_other(executed, boss, client):
    client.force_login(boss)
    address = reverse("batches:carry_on", args=[executed.pk])
    page = reverse("batches:batch", args=[executed.pk])
    assert address in client.get(page, follow=True).text
    assert client.get(address).status_code == 405
    text = client.post(address, follow=True).text
    assert f"2 rows were taken from batch {executed.shown_number}." in text
    assert address not in client.get(page, follow=True).text
    mine, theirs = Event.objects.filter(verb="carry_on").order_by("pk")
    if mine.batch != executed.pk:
        mine, theirs = theirs, mine
    assert mine.data["to"] == theirs.batch
    assert theirs.data["from"] == executed.pk


def test_wrong_user_and_scope(executed, boss, monkeypatch):
    clerk = get_user_model().objects.create_user("clerk", password="clerk")
    rights = Permission.objects.filter(content_type__app_label="toys")
    clerk.user_permissions.set(rights.filter(codename__in=["view_pricebatch", "execute_pricebatch"]))
    with pytest.raises(Forbidden):
        actions.carry_on(executed, clerk)
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q() if user.is_superuser else Q(code="T2"))
    clerk.user_permissions.add(*rights.filter(codename__in=["add_pricebatch", "change_pricebatch"]))
    clerk = get_user_model().objects.get(pk=clerk.pk)
    assert [r.code for r in PriceHandler(actions.carry_on(executed, clerk).batch).rows()] == ["T2"]


def test_who_may_carry_on_but_not_execute_finds_the_button(executed, boss, client, settings):
    settings.BATCHES = settings.BATCHES | {"AT_ONCE_ROWS": 1}
    clerk = get_user_model().objects.create_user("clerk", password="clerk", is_staff=True)
    rights = Permission.objects.filter(content_type__app_label="toys")
    clerk.user_permissions.set(rights.filter(codename__in=["view_pricebatch", "add_pricebatch"]))
    client.force_login(clerk)
    # Its rows could not be checked.
    assert client.post(reverse("batches:carry_on", args=[executed.pk])).status_code == 403
    clerk.user_permissions.add(rights.get(codename="change_pricebatch"))
    text = client.get(reverse("batches:batch", args=[executed.pk]), follow=True).text
    assert reverse("batches:carry_on", args=[executed.pk]) in text
    assert reverse("batches:close", args=[executed.pk]) not in text
    client.post(reverse("batches:carry_on", args=[executed.pk]))
    assert resume(Run.objects.get(kind="refresh").pk).state == "succeeded"


def test_what_moves_out_of_sight_meanwhile_is_in_one_batch_all_the_same(executed, boss, monkeypatch):
    clerk = get_user_model().objects.create_superuser("clerk", password="clerk")
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q(thing__name=""))

    def rename(execute, statement, params, many, context):
        result = execute(statement, params, many, context)
        if statement.startswith('INSERT INTO "toys_pricerow"'):
            Thing.objects.filter(code="T2").update(name="moved")
        return result

    with connection.execute_wrapper(rename):
        made = actions.carry_on(executed, clerk)
    assert made.rows == PriceHandler(made.batch).rows().count() == 2
    assert figures(executed)["counts"] == {"applied": 3, "left": 2}


def test_hook_that_cannot_check_takes_nothing_and_says_why(boss, client):
    Thing.objects.bulk_create(Thing(code=f"T{n}", name=f"thing {n}") for n in (1, 2))
    batch = make_batch("toy_rename", user=boss)
    Thing.objects.filter(code="T2").delete()
    actions.execute(batch, boss)
    client.force_login(boss)
    text = client.post(reverse("batches:carry_on", args=[batch.pk]), follow=True).text
    assert "The rows could not be checked again (DoesNotExist: Thing matching query does not exist.)" in text
    assert figures(batch)["counts"] == {"applied": 1, "conflict": 1}
    assert not BatchNumber.objects.exclude(pk=batch.pk).exists()


def test_command(executed):
    out, err = io.StringIO(), io.StringIO()
    call_command("carry_on_batch", str(executed.pk), "--user", "boss", "--json", stdout=out)
    made = json.loads(out.getvalue())
    assert made["status"] == "review"
    assert find_batch(made["number"]).source_batch_id == executed.pk
    with pytest.raises(SystemExit) as ended:
        call_command("carry_on_batch", str(executed.pk), "--user", "boss", stderr=err)
    assert ended.value.code == 1
    assert "No row was changed since review." in err.getvalue()


def test_rows_that_no_worker_has_checked_yet_are_not_executed(executed, boss, settings):
    settings.BATCHES = {"AT_ONCE_ROWS": 1}
    made = actions.carry_on(executed, boss).batch
    actions.stop(made, boss)
    made = find_batch(made.pk)
    assert made.status == "review"
    with pytest.raises(Refused, match="not checked since they came here"):
        actions.execute(made, boss)
    actions.refresh(made, boss)
    actions.execute(made, boss)
    assert figures(made)["counts"] == {"applied": 2}

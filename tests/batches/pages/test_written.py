"""The page of what a batch wrote to production: each object once, by run, with each field before and after."""

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.models import Run
from batches.testing import make_batch, run_batch
from batches.views import written
from tests.toys.batches import ThingFileHandler
from tests.toys.models import Thing

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def web(client, boss):
    client.force_login(boss)
    return client


def executed(boss, rows=2):
    Thing.objects.create(code="A", name="old", price=Decimal(1))
    lines = "".join(f"N{n},new,{n},Mine\n" for n in range(rows - 1))
    file = ContentFile(f"code,name,price,box\nA,old,2,Mine\n{lines}".encode(), name="n.csv")
    return run_batch("toy_file", user=boss, file=file)


def executing(batch):
    return Run.objects.get(batch_id=batch.pk, kind="execute").pk


def page(web, batch, **query):
    return web.get(reverse("batches:written", args=[batch.pk]), query)


def test_each_object_with_its_fields_before_and_after(web, boss):
    batch = executed(boss)
    text = page(web, batch).text
    assert "Price:" in text
    assert "1.00" in text
    assert "2.00" in text
    assert text.count("<strong>Changed</strong>") == 1
    assert text.count("<strong>Created</strong>") == 1
    boxes = page(web, batch, of="toys.box").text
    assert boxes.count("<strong>Created</strong>") == 1
    assert "Mine" in boxes
    assert (
        reverse("batches:written", args=[batch.pk])
        in web.get(reverse("batches:batch", args=[batch.pk]), follow=True).text
    )


def test_undo_is_a_run_of_its_own_and_what_is_gone_is_named_by_key(web, boss):
    batch = executed(boss)
    key = Thing.objects.get(code="N0").pk
    actions.revert(batch, boss)
    text = page(web, batch).text
    assert text.count("<strong>Deleted</strong>") == 1
    assert f"{key}, not there any more" in text
    assert page(web, batch, run=executing(batch)).text.count("<strong>Created</strong>") == 1


def test_pages_turn(web, boss, monkeypatch):
    batch = executed(boss, rows=7)
    monkeypatch.setattr(written, "LINES", 4)
    text = page(web, batch).text
    assert text.count("<li>Price:") == 4
    after = text.split("&amp;after=")[1].split('"')[0]
    rest = page(web, batch, after=after).text
    assert rest.count("<li>Price:") == 3
    assert "after=" not in rest
    assert "There is nothing more." in page(web, batch, after=10**12).text


def test_queries_are_constant(web, boss, django_assert_max_num_queries):
    batch = executed(boss, rows=60)
    with django_assert_max_num_queries(22):
        page(web, batch)


def test_nothing_written_yet(web, boss):
    batch = make_batch("toy_file", user=boss, file=ContentFile(b"code,price\nA,1\n", name="n.csv"))
    assert "Nothing was written that you may see." in page(web, batch).text


def test_wrong_user_wrong_run_wrong_model(web, client, boss, monkeypatch):
    batch = executed(boss)
    other = run_batch("toy_price", user=boss, options={"factor": "2"})
    assert page(web, batch, run=executing(other)).status_code == 404
    for name in ("auth.user", "toys.nothing", "x", "a.b.c"):
        assert page(web, batch, of=name).status_code == 404, name
    clerk = get_user_model().objects.create_user("clerk", password="clerk", is_staff=True)
    client.force_login(clerk)
    assert page(client, batch).status_code == 403
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_thingfilebatch", "view_box"]))
    text = page(client, batch).text
    assert "Mine" in text
    assert page(client, batch, of="toys.thing").status_code == 404
    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q(code="A"))
    assert "You see only a part" in client.get(reverse("batches:written", args=[batch.pk]), follow=True).text

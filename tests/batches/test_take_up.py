"""Rows that take part again: what an undo took away is made anew, what a person deleted meanwhile is not."""

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile

from batches import actions
from batches.figures import figures
from batches.signals import rows_written
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler
from tests.toys.models import Box, Thing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


def from_file(boss, lines):
    file = ContentFile(f"code,name,price,box_name\n{lines}".encode(), name="things.csv")
    return make_batch("toy_file", user=boss, file=file)


def again(batch, boss, verb):
    return actions.work(batch, getattr(actions, verb)(batch, boss, own=True))


@pytest.fixture
def undone(boss):
    """Return a batch that changed T1, made T9 and the box of both, and was undone."""
    Thing.objects.create(code="T1", name="old", price=5, box=Box.objects.create(name="Other"))
    batch = from_file(boss, "T1,mine,9,First\nT9,mine,9,First\n")
    actions.execute(batch, boss)
    actions.revert(batch, boss)
    assert list(Thing.objects.values_list("code", "price")) == [("T1", 5)]
    return batch


def test_what_somebody_deleted_since_the_undo_stays_deleted(undone, boss):
    Thing.objects.get(code="T1").delete()
    again(undone, boss, "reapply")
    assert list(Thing.objects.values_list("code", flat=True)) == ["T9"]
    row = ThingFileHandler(undone).rows().get(code="T1")
    assert (row.status, [finding["code"] for finding in row.issues]) == ("conflict", ["gone"])


def test_what_the_undo_took_away_is_made_anew(undone, boss):
    again(undone, boss, "reapply")
    assert list(Thing.objects.order_by("code").values_list("code", "box__name")) == [
        ("T1", "First"),
        ("T9", "First"),
    ]
    assert figures(undone)["counts"] == {"applied": 2}


def test_what_another_batch_made_and_took_away_is_found_by_its_name(undone, boss):
    again(undone, boss, "reapply")
    later = from_file(boss, "T5,yours,1,First\n")
    actions.execute(later, boss)
    actions.revert(later, boss)
    actions.revert(undone, boss)
    assert not Box.objects.filter(name="First").exists()
    again(later, boss, "reapply")
    assert Thing.objects.get(code="T5").box.name == "First"


def test_failed_row_makes_nothing_anew(boss, monkeypatch):
    monkeypatch.setattr(ThingFileHandler, "atomic", False)
    monkeypatch.setattr(ThingFileHandler, "on_error", "skip")
    box = Box.objects.create(name="First")
    Thing.objects.create(code="T1", name="old", price=5, box=box)
    batch = from_file(boss, "T1,mine,9,First\nT9,mine,9,First\n")
    ThingFileHandler(batch).rows().filter(code="T1").update(status="failed")
    actions.execute(batch, boss)
    assert figures(batch)["counts"] == {"applied": 1, "failed": 1}
    Thing.objects.get(code="T1").delete()
    again(batch, boss, "retry")
    assert figures(batch)["counts"] == {"applied": 1, "conflict": 1}
    assert list(Thing.objects.values_list("code", flat=True)) == ["T9"]


def test_only_what_is_written_again_is_announced_again(boss):
    batch = from_file(boss, "T1,mine,9,First\nT2,mine,9,First\n")
    actions.execute(batch, boss)
    ThingFileHandler(batch).rows().filter(code="T2").update(status="failed")
    heard = []

    def hear(pks, **more):
        heard.append(pks)

    rows_written.connect(hear, sender=Thing)
    try:
        again(batch, boss, "retry")
    finally:
        rows_written.disconnect(hear, sender=Thing)
    assert heard == [[Thing.objects.get(code="T2").pk]]

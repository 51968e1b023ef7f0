"""The rest of a batch that was executed in part: it is written, and nothing that was written before is touched again."""

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db import connection

from batches import actions
from batches.exceptions import RunFailed
from batches.figures import figures
from batches.registry import find_batch
from batches.signals import rows_written
from batches.testing import make_batch
from tests.toys.batches import PriceHandler, ThingFileHandler
from tests.toys.models import Thing

from .harness import AtStep

pytestmark = pytest.mark.django_db(transaction=True)
CHUNK = {"CHUNK_MIN_ROWS": 2, "CHUNK_MAX_ROWS": 2}
WIDE = {"CHUNK_MIN_ROWS": 9, "CHUNK_MAX_ROWS": 9}


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture(autouse=True)
def in_chunks(settings, monkeypatch):
    """Write in chunks of two rows."""
    for handler in (PriceHandler, ThingFileHandler):
        monkeypatch.setattr(handler, "atomic", False)
    settings.BATCHES = CHUNK


@pytest.fixture
def batch(boss):
    Thing.objects.bulk_create([Thing(code=f"T{i}", name="thing", price=Decimal(i)) for i in range(1, 6)])
    return make_batch("toy_price", user=boss, options={"factor": "2"})


def stopped_after_a_chunk(batch, boss):
    with connection.execute_wrapper(AtStep(lambda: actions.stop(find_batch(batch.pk), boss), 1)):
        actions.execute(batch, boss)


def go_on(batch, boss):
    return actions.work(batch, actions.resume(batch, boss, own=True))


def prices():
    return [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)]


@pytest.mark.parametrize("write", ["sql", "model"])
def test_what_somebody_changed_since_stays(batch, boss, monkeypatch, write):
    """Whoever changed a thing since, changed it on top of what the batch wrote; the rest of the batch is not about it."""
    monkeypatch.setattr(PriceHandler, "write", write)
    stopped_after_a_chunk(batch, boss)
    Thing.objects.filter(code="T1").update(price=77)
    Thing.objects.filter(code="T2").update(price=2)
    go_on(batch, boss)
    assert prices() == [77, 2, 6, 8, 10]
    assert figures(batch)["counts"] == {"applied": 5}


def test_what_somebody_deleted_since_is_not_made_again(boss, settings):
    file = ContentFile(b"code,price\nN1,1\nN2,2\nN3,3\n", name="n.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    stopped_after_a_chunk(batch, boss)
    Thing.objects.get(code="N1").delete()
    settings.BATCHES = WIDE
    go_on(batch, boss)
    assert list(Thing.objects.order_by("code").values_list("code", flat=True)) == ["N2", "N3"]


def test_row_that_failed_before_does_not_end_it(batch, boss, monkeypatch):
    monkeypatch.setattr(PriceHandler, "on_error", "stop")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE toys_thing ADD CONSTRAINT no_six CHECK (price <> 6)")
    try:
        with pytest.raises(RunFailed, match="Row 3 failed"):
            actions.execute(batch, boss)
        run = go_on(batch, boss)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE toys_thing DROP CONSTRAINT no_six")
    assert (run.state, prices()) == ("succeeded", [2, 4, 3, 8, 10])


def test_only_what_is_new_is_announced(batch, boss, settings):
    heard = []

    def hears(sender, pks, **kwargs):
        heard.append(len(pks))

    rows_written.connect(hears, sender=Thing)
    try:
        stopped_after_a_chunk(batch, boss)
        settings.BATCHES = WIDE
        go_on(batch, boss)
    finally:
        rows_written.disconnect(hears, sender=Thing)
    assert heard == [2, 3]

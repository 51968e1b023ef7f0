"""How a batch is executed where the type lets the person decide: at once or in chunks."""

import io
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.urls import reverse

from batches import actions
from batches.models import Run
from batches.testing import make_batch
from tests.toys.batches import PriceHandler
from tests.toys.models import Box, Thing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def asks(settings, monkeypatch):
    monkeypatch.setattr(PriceHandler, "atomic", "ask")
    settings.BATCHES = {"CHUNKS_FROM_ROWS": 3, "CHUNK_MAX_ROWS": 1}


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


def batch_of(boss, rows):
    box = Box.objects.create(name="First")
    Thing.objects.bulk_create(Thing(code=f"T{n}", price=Decimal(n), box=box) for n in range(1, rows + 1))
    return make_batch("toy_price", user=boss, options={"factor": "2"})


def last_run(batch):
    return Run.objects.filter(batch_id=batch.pk, kind="execute").latest("pk")


@pytest.mark.parametrize(("rows", "proposed"), [(2, False), (3, True)])
def test_many_rows_go_in_chunks_where_nobody_decides(boss, rows, proposed):
    batch = batch_of(boss, rows)
    assert actions.proposes_chunks(PriceHandler(batch)) is proposed
    assert actions.execute(batch, boss).is_chunked is proposed
    assert list(Thing.objects.order_by("pk").values_list("price", flat=True)) == [
        2 * n for n in range(1, rows + 1)
    ]


@pytest.mark.parametrize("way", ["once", "chunks"])
def test_page_proposes_and_takes_what_was_chosen(boss, client, way):
    client.force_login(boss)
    batch = batch_of(boss, 3)
    url = reverse("batches:execute", args=[batch.pk])
    page = client.get(url).text
    assert page.count('name="way"') == 2
    assert 'value="chunks" required id="id_way_1" checked' in page
    client.post(url, {"revision": batch.revision, "way": "sideways"})
    client.post(url, {"revision": batch.revision})
    assert not Run.objects.filter(kind="execute").exists()
    client.post(url, {"revision": batch.revision, "way": way})
    assert last_run(batch).is_chunked is (way == "chunks")


def test_page_does_not_ask_where_the_type_decides(boss, client, monkeypatch):
    monkeypatch.setattr(PriceHandler, "atomic", True)
    client.force_login(boss)
    batch = batch_of(boss, 3)
    assert 'name="way"' not in client.get(reverse("batches:execute", args=[batch.pk])).text


@pytest.mark.parametrize(("flag", "chunked"), [("--in-chunks", True), ("--at-once", False)])
def test_command_takes_what_was_asked_for(boss, flag, chunked):
    batch = batch_of(boss, 3)
    call_command("execute_batch", str(batch.pk), "--user", "boss", flag, stdout=io.StringIO())
    assert last_run(batch).is_chunked is chunked


@pytest.mark.parametrize(
    ("atomic", "flag", "sentence"), [(True, "--in-chunks", "at once"), (False, "--at-once", "in chunks")]
)
def test_command_refuses_what_the_type_does_not_do(boss, monkeypatch, atomic, flag, sentence):
    monkeypatch.setattr(PriceHandler, "atomic", atomic)
    batch = batch_of(boss, 3)
    err = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("execute_batch", str(batch.pk), "--user", "boss", flag, stderr=err)
    assert ended.value.code == 1
    assert f"Batches of this type are always executed {sentence}." in err.getvalue()
    batch.refresh_from_db()
    assert batch.status == "review"


def test_what_was_begun_in_one_way_goes_on_so(boss):
    batch = batch_of(boss, 2)
    actions.execute(batch, boss, in_chunks=True)
    actions.revert(batch, boss)
    run = actions.work(batch, actions.reapply(batch, boss, own=True))
    assert run.is_chunked

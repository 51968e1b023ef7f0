"""A run that makes somebody wait for its locks: the page says so, and in chunks it holds back."""

import logging
import threading

import pytest
from django.db import connection, connections
from django.urls import reverse

from batches import actions, lease
from batches.lease import waiting
from batches.management.commands import worker
from batches.models import Run
from batches.registry import find_batch
from batches.runner import resume
from tests.toys.batches import PriceHandler
from tests.toys.models import Thing

from .harness import in_thread, until
from .test_chunked import AtStep, batch, boss, changes, in_chunks, prices

__all__ = ["batch", "boss", "in_chunks"]
pytestmark = pytest.mark.django_db(transaction=True)


class Meanwhile:
    """An execute wrapper that lets somebody want the first thing once the work has it, and waits until the run knows."""

    def __init__(self, pk, client):
        self.pk = pk
        self.client = client
        self.page = ""
        self.buyer = threading.Thread(target=self._buy)

    def _buy(self):
        Thing.objects.filter(code="T1").update(name="bought")
        connections.close_all()

    def __call__(self, execute, statement, params, many, context):
        result = execute(statement, params, many, context)
        if self.buyer.ident is None and str(statement).startswith('UPDATE "toys_thing"'):
            self.buyer.start()
            until(self._known)
        return result

    def _known(self):
        in_thread(self._look)
        return "1 other waits" in self.page

    def _look(self):
        self.page = self.client.get(reverse("batches:progress", args=[self.pk])).text
        connections.close_all()


@pytest.mark.parametrize("atomic", [False, True], ids=["in chunks", "at once"])
def test_who_waits_is_told_and_waited_for(batch, boss, client, monkeypatch, caplog, settings, atomic):
    monkeypatch.setattr(PriceHandler, "atomic", atomic)
    monkeypatch.setattr(lease, "PATIENCE", 0.1)
    settings.BATCHES = settings.BATCHES | {"CHUNK_MIN_ROWS": 1}
    client.force_login(boss)
    meanwhile = Meanwhile(batch.pk, client)
    with caplog.at_level(logging.INFO, "batches"), connection.execute_wrapper(meanwhile):
        run = actions.execute(batch, boss)
    meanwhile.buyer.join()
    assert (run.state, prices()) == ("succeeded", [2, 4, 6, 8, 10])
    assert Thing.objects.get(code="T1").name == "bought"
    assert ("holds back" in caplog.text) is not atomic
    assert ("it holds back" in meanwhile.page) is not atomic
    assert ("until all is written" in meanwhile.page) is atomic
    assert Run.objects.get(pk=run.pk).blocked == 0
    if not atomic:
        steps = run.steps.filter(final=False).order_by("cursor").values_list("cursor", flat=True)
        assert list(steps) == [2, 3, 5], "the chunk after the one that made somebody wait is smaller"


def test_nobody_waits_and_nothing_is_held_back(batch, boss, monkeypatch, caplog):
    monkeypatch.setattr(lease, "PATIENCE", 0.01)
    with caplog.at_level(logging.INFO, "batches"):
        actions.execute(find_batch(batch.pk), boss)
    assert "holds back" not in caplog.text


def test_process_that_ends_gives_the_run_back_between_chunks(batch, boss):
    actions.start(batch, "execute", boss)
    run = Run.objects.get(batch_id=batch.pk, kind="execute")
    loop = worker.Loop()
    try:
        with connection.execute_wrapper(AtStep(lambda: loop.stop(15, None), 1)):
            assert resume(run.pk) is None
    finally:
        lease.ENDING.clear()
    assert loop.ending.is_set()
    run.refresh_from_db()
    assert (run.state, run.owner, prices()) == ("interrupted", "", [2, 4, 3, 4, 5])
    assert run.pk in waiting(0)
    assert resume(run.pk).state == "succeeded"
    assert (prices(), changes()) == ([2, 4, 6, 8, 10], 5)


def test_late_sign_of_life_does_not_take_back_what_was_given_back(batch, boss):
    run = actions.start(batch, "execute", boss, own=True)
    keeper = lease.Keeper(run)
    lease.give_back(run)
    keeper.beat()
    assert run.pk in waiting(0)

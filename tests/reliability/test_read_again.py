"""A file is read again by a worker that dies, or that is stopped: the batch has its new rows or its old ones, never both or none."""

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db import connection

from batches import actions
from batches.models import Run
from batches.registry import find_batch
from batches.runner import resume
from batches.testing import make_batch

from .harness import KillAt, forked, killed, statements
from .test_bulk_change import carry_on

pytestmark = pytest.mark.django_db(transaction=True)
BOOK = b"Code,Name\nT1,one\nT2,two\nT3,three\nT4\n"


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def batch(boss, settings):
    settings.BATCHES = {"LEASE_SECONDS": 0.15, "RENEW_SECONDS": 0.04, "POLL_SECONDS": 0.05}
    return make_batch("toy_file", user=boss, file=ContentFile(BOOK, name="book.csv"))


def begun(batch, boss):
    """Let a person have corrected a row, then ask for the file to be read again without its names."""
    actions.edit_row(batch, boss, batch.rows.first().pk, {"colour": "red"})
    answers = {"mapping": {"code": "Code"}}
    return actions.begin_again(batch, boss, answers)


def names(batch):
    return list(batch.rows.order_by("sequence").values_list("code", "name", "colour"))


def test_kill_at_every_fifth_statement_gives_the_new_rows_once(boss, batch):
    whole = begun(batch, boss)
    points = statements(lambda: resume(whole.pk))
    wanted = [("T1", None, None), ("T2", None, None), ("T3", None, None)]
    assert names(batch) == wanted
    old = [("T1", None, "red"), *wanted[1:]]
    for n in range(1, points + 1, 5):
        batch = find_batch(batch.pk)
        run = begun(batch, boss)
        assert killed(forked(lambda n=n, run=run: _killed_at(run.pk, n))), n
        # Behind the commit only the control row is still to be written.
        assert names(batch) in (old, wanted), f"statement {n}: neither all old rows nor all new ones"
        carry_on(run)
        assert Run.objects.get(pk=run.pk).state == "succeeded", n
        assert names(batch) == wanted, n
        assert find_batch(batch.pk).status == "review", n


def _killed_at(run_id, n):
    with connection.execute_wrapper(KillAt(n)):
        resume(run_id)


def test_a_stop_before_it_began_leaves_the_batch_as_it_was(boss, batch):
    before = names(batch)
    run = actions.begin_again(batch, boss, {"mapping": {"code": "Code"}})
    actions.stop(batch, boss)
    assert resume(run.pk) is None
    batch = find_batch(batch.pk)
    assert (batch.status, sorted(batch.mapping), names(batch)) == ("review", ["code", "name"], before)

"""Actions as code calls them: what cannot be stored is refused, and who may not is told so."""

import threading
from contextlib import suppress

import pytest
from django.db import connection, connections

from batches import actions
from batches.exceptions import Forbidden, Refused
from batches.figures import figures
from batches.models import Event, Summary
from batches.registry import find_batch
from batches.testing import make_batch
from tests.reliability.harness import in_thread

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_text_that_the_database_cannot_hold_is_refused_with_a_sentence(boss, things, text):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    row = batch.rows.first()
    for refused in (
        lambda: actions.edit_row(batch, boss, row.pk, {"code": text}),
        lambda: actions.map_values(batch, boss, batch.rows.all(), "code", {"T1": text}),
        lambda: actions.exclude(batch, boss, batch.rows.all(), reason=text),
        lambda: actions.change_options(batch, boss, {"description": text}),
        lambda: actions.withdraw(batch, boss, comment=text),
        lambda: actions.make("toy_price", boss, description=text),
    ):
        with pytest.raises(Refused, match="cannot be stored"):
            refused()
    batch.refresh_from_db()
    assert (batch.status, batch.revision) == ("review", 1)
    assert not batch.rows.filter(removed=True).exists()


def test_stop_without_the_right_is_forbidden_and_logged(boss, nobody, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    actions.start(batch, "execute", boss)
    with pytest.raises(Forbidden):
        actions.stop(batch, nobody)
    assert Event.objects.filter(batch=batch.pk, verb="stop", user_name="nobody", data__refused=True).exists()
    actions.stop(batch, boss)
    batch.refresh_from_db()
    assert batch.status == "review"
    with pytest.raises(Refused, match="Nothing is running"):
        actions.stop(batch, boss)


@pytest.mark.django_db(transaction=True)
def test_figures_of_a_batch_that_is_deleted_while_it_is_looked_at(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    deleted = []

    def delete(execute, statement, params, many, context):
        if statement.startswith('INSERT INTO "batches_summary"'):
            thread = threading.Thread(target=gone)
            thread.start()
            thread.join()
        return execute(statement, params, many, context)

    def gone():
        try:
            actions.delete(find_batch(batch.pk), boss)
            deleted.append(batch.pk)
        finally:
            connections.close_all()

    with connection.execute_wrapper(delete):
        assert figures(batch)["total"] == 3
    assert deleted
    assert not Summary.objects.exists()


class DeletedAtOnce:
    """An execute wrapper by which somebody deletes a batch as soon as a verb is committed: before whatever is asked next."""

    def __init__(self, batch, boss):
        self.batch = batch
        self.boss = boss
        self.logged = self.gone = False

    def __call__(self, execute, statement, params, many, context):
        if self.logged and not self.gone and not connection.in_atomic_block:
            in_thread(self.delete)
        self.logged = self.logged or "batches_event" in str(statement)
        return execute(statement, params, many, context)

    def delete(self):
        with suppress(Refused):  # a run is not at its end yet
            actions.delete(find_batch(self.batch.pk), self.boss)
            self.gone = True


DONE = {
    "edit": lambda batch, boss: actions.edit_row(batch, boss, batch.rows.first().pk, {"new_price": "9"}),
    "add_row": lambda batch, boss: actions.add_row(batch, boss, {"code": "T1", "new_price": "9"}),
    "exclude": lambda batch, boss: actions.exclude(batch, boss, batch.rows.all()),
    "refresh": lambda batch, boss: actions.refresh(batch, boss),
    "start": lambda batch, boss: actions.start(batch, "refresh", boss),
    "stop": lambda batch, boss: actions.stop(batch, boss),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", DONE)
def test_verb_is_done_although_somebody_deletes_the_batch_just_afterwards(boss, things, verb):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    if verb == "stop":
        actions.start(batch, "refresh", boss)
    deleted = DeletedAtOnce(batch, boss)
    with connection.execute_wrapper(deleted):
        DONE[verb](batch, boss)
    names = {"edit": "edit", "start": "refresh"}
    assert Event.objects.filter(batch=batch.pk, verb=names.get(verb, verb)).exists()
    # Where nothing is asked after the commit, nobody can come in between; a run that waits keeps the batch.
    assert deleted.gone == (verb in ("refresh", "stop"))

"""Actions as code calls them: what cannot be stored is refused, and who may not is told so."""

import threading

import pytest
from django.db import connection, connections

from batches import actions
from batches.exceptions import Forbidden, Refused
from batches.figures import figures
from batches.models import Event, Summary
from batches.registry import find_batch
from batches.testing import make_batch

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

"""Actions as code calls them: what cannot be stored is refused, and who may not is told so."""

import pytest

from batches import actions
from batches.exceptions import Forbidden, Refused
from batches.models import Event
from batches.testing import make_batch

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_text_that_the_database_cannot_hold_is_refused_with_a_sentence(boss, things, text):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    row = batch.rows.first()
    for refused in (
        lambda: actions.edit_row(batch, boss, row.pk, {"code": text}),
        lambda: actions.set_value(batch, boss, batch.rows.all(), "code", text),
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

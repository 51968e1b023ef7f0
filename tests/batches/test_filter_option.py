"""`--filter` of the commands: none is all rows; what is empty, as by a variable that is not set, is no filter."""

import pytest

from batches import actions
from batches.figures import figures
from batches.testing import make_batch

from .test_commands import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    actions.execute(batch, boss)
    return batch


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "The filter '' is not understood"),
        ("q=", "The filter q has no value; leave it out where all rows are meant."),
        ("status=applied&q=%20", "The filter q has no value"),
        ("q=T1&q=T2", "The filter q is given twice; give it once."),
    ],
)
def test_what_is_no_filter_undoes_nothing(batch, given, said):
    before = figures(batch)["counts"]
    assert said in run("revert_batch", str(batch.pk), "--user", "boss", "--filter", given, code=1)[1]
    batch.refresh_from_db()
    assert (batch.status, figures(batch)["counts"]) == ("executed", before)


def test_none_undoes_all(batch):
    run("revert_batch", str(batch.pk), "--user", "boss")
    assert set(figures(batch)["counts"]) == {"reverted"}

"""Each defect that is seeded on purpose turns its trial red; without it the trial is green in the same size."""

from contextlib import contextmanager

import pytest
from django.db import connection

from batches.models import Run

from . import programme
from .programme import ground

pytestmark = pytest.mark.django_db(transaction=True)
SEED = 7
TRIES = 10


def defects():
    from .programme.defects import DEFECTS

    return [pytest.param(defect, id=defect.seed.__name__) for defect in DEFECTS]


@contextmanager
def without_index(name):
    """Leave an index of the runs away for a while."""
    if not name:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
        (definition,) = cursor.fetchone()
        cursor.execute(f"DROP INDEX {name}")
    try:
        yield
    finally:
        Run.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(definition)


@pytest.mark.parametrize("defect", defects())
def test_seeded_defect_turns_its_trial_red(defect, monkeypatch):
    defect.seed(monkeypatch)
    monkeypatch.setattr(ground, "QUICK", ground.QUICK | defect.settings)
    found = []
    # Some defects only show where two meet in the same moment, which no seed can order.
    for seed in range(SEED, SEED + TRIES):
        with without_index(defect.without_index):
            report = programme.run(defect.trial, "small", seed, **defect.options)
        print(report.text())
        found += report.faults
        if any(defect.says in fault for fault in report.faults):
            return
    pytest.fail(f"{TRIES} trials with the defect were green, or red for another reason: {found}")


def test_trials_are_green_without():
    """In CI sizes `test_programme.py` has all of them; here are those that are played otherwise for a defect."""
    from .programme.defects import DEFECTS

    played = [defect for defect in DEFECTS if defect.trial in ("zombies", "pairs")]
    assert len(played) == 3
    for defect in played:
        report = programme.run(defect.trial, "small", SEED, **defect.options | {"times": 2})
        assert report.faults == [], defect

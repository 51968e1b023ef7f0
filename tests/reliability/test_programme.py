"""The reliability programme in the sizes of CI; `./reliability --long` has the others."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

from . import programme

SEED = 20261127
# Who kills the database server needs one of his own; kills at each statement are in the tests of each kind of run.
HERE = [name for name in programme.NAMES if name not in ("database_kills", "statement_kills")]


def reliability(*arguments):
    """Run ./reliability as its script does once the requirements are there."""
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-m", "tests.reliability", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", HERE)
def test_trial(name):
    report = programme.run(name, "ci", SEED)
    print(report.text())
    assert report.faults == []
    assert (report.lost, report.duplicated, report.unexpected) == (0, 0, 0)


def test_database_server_that_is_killed_loses_and_doubles_nothing():
    done = reliability("--only", "database_kills", "--seed", str(SEED), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    print(report)
    assert (report["seed"], report["counted"]["kills"], report["recovered"]) == (SEED, 5, 5)
    assert (report["lost"], report["duplicated"], report["unexpected"], report["faults"]) == (0, 0, 0, [])


def test_names_what_it_has_when_asked_for_something_else():
    done = reliability("--only", "nothing")
    assert done.returncode == 2
    assert "worker_kills" in done.stderr

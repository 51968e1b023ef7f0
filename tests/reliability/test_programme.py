"""The reliability programme in the sizes of CI; `./reliability --long` has the others."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

from batches.verbs import built_verbs

from . import programme
from .programme import pairs

SEED = 20261127
# Who kills the database server needs one of his own, and who waits for a lease as shipped needs no CPU: both run beside the others.
BESIDE = ("database_kills", "shipped_values")
# Kills at each statement are in the tests of each kind of run.
HERE = [name for name in programme.NAMES if name not in (*BESIDE, "statement_kills")]


def begin(*arguments):
    """Begin ./reliability as its script does once the requirements are there."""
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.reliability", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def beside():
    """Begin with the first test what is asked for by the last."""
    names = [word for name in BESIDE for word in ("--only", name)]
    process = begin(*names, "--seed", str(SEED), "--json")
    yield process
    process.terminate()  # it cleans up; one that is done hears nothing
    process.wait()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("name", HERE)
def test_trial(name):
    report = programme.run(name, "ci", SEED)
    print(report.text())
    assert report.faults == []
    assert (report.lost, report.duplicated, report.unexpected) == (0, 0, 0)


def test_database_server_that_is_killed_and_lease_as_shipped(beside):
    out, errors = beside.communicate()
    assert beside.returncode == 0, out + errors
    reports = [json.loads(line) for line in out.splitlines()]
    assert [report["name"] for report in reports] == list(BESIDE)
    for report, kills in zip(reports, (5, 1), strict=True):
        print(report)
        assert (report["seed"], report["counted"]["kills"], report["recovered"]) == (SEED, kills, kills)
        assert (report["lost"], report["duplicated"], report["unexpected"], report["faults"]) == (0, 0, 0, [])


def test_every_verb_that_exists_meets_others():
    """A new verb has to be given its place in the trial of pairs."""
    met = {name for names in pairs.PLACES.values() for name in names}
    assert {verb.name for verb in built_verbs()} - {"make"} == met - {"worker"}
    assert met == pairs.VERBS.keys()


def test_names_what_it_has_when_asked_for_something_else():
    asked = begin("--only", "nothing")
    _out, errors = asked.communicate()
    assert asked.returncode == 2
    assert "worker_kills" in errors

"""`split_batch`: the new batch on stdout, exit codes and sentences like the other commands'."""

import pytest
from django.core.management import CommandError

from batches import actions
from batches.models import BatchNumber, Event
from batches.registry import find_batch
from batches.testing import make_batch

from .test_commands import as_json, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(boss, things):
    return make_batch("toy_price", user=boss, options={"factor": "2.5"})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "things.csv"
    path.write_text("code,name,price\nT1,one,1.50\nT2,two,x\nN1,new,3\nN1\n")
    return str(path)


def test_it_prints_the_new_batch(boss, batch):
    done = as_json("split_batch", str(batch.pk), "--user", "boss", "--filter", "q=T1")
    assert done["number"] == BatchNumber.objects.latest("number").pk
    assert (done["source_batch"], done["rows"], done["status"], done["type"]) == (
        batch.pk,
        1,
        "review",
        "toy_price",
    )
    assert done["counts"] == {"warning": 1}
    assert as_json("show_batch", str(batch.pk))["rows"] == 2
    event = Event.objects.filter(batch=batch.pk, verb="split").latest("pk")
    assert (event.door, event.user_name) == ("command", "boss")


def test_records_of_a_file_are_told_of_both_parts(boss, things, path):
    made = as_json("make_batch", "toy_file", "--file", path, "--user", "boss")
    out, err = run("split_batch", str(made["number"]), "--user", "boss", "--filter", "status=error")
    assert "File: things.csv, 1 of its records" in out
    assert err == ""
    left = as_json("show_batch", str(made["number"]))
    assert (left["records"], left["rows"], left["moved"], len(left["unreadable"])) == (4, 2, 1, 1)
    shown = run("show_batch", str(made["number"]))[0]
    assert "File: things.csv, 4 records\n1 record was moved to another batch.\n" in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--filter", "q=nothing"], "No row matches this filter, so nothing was moved."),
        (["--filter", "excluded=no"], "All rows match, so nothing would be left; choose a part of them."),
        (["--filter", ""], "The filter '' is not understood; write it as status=warning&q=milk."),
        (["--filter", "q=T1", "--expected", "2"], "2 rows matched when you pressed, now 1 do; look again."),
        (["--filter", "T1"], "The filter 'T1' is not understood; write it as status=warning&q=milk."),
        (["--filter", "pk=1"], "There is no filter 'pk'; there are: status, action, excluded, finding, q."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence_and_exit_code_1(boss, batch, words, why):
    out, err = run("split_batch", str(batch.pk), "--user", "boss", *words, code=1)
    assert (out, err) == ("", why + "\n")
    assert (batch.rows.count(), BatchNumber.objects.count()) == (3, 1)


def test_who_may_not_and_what_is_not_there(boss, nobody, batch):
    why = "You have no permission for “Move to a new batch” on price batches.\n"
    assert run("split_batch", str(batch.pk), "--user", "nobody", "--filter", "q=T1", code=1)[1] == why
    assert "no user" in run("split_batch", str(batch.pk), "--user", "who", "--filter", "q=T1", code=1)[1]
    assert "no batch" in run("split_batch", "999", "--user", "boss", "--filter", "q=T1", code=1)[1]
    actions.withdraw(batch, boss)
    assert (
        "needs the state"
        in run("split_batch", str(batch.pk), "--user", "boss", "--filter", "q=T1", code=1)[1]
    )


@pytest.mark.parametrize("words", [[], ["--filter", "q=T1", "--expected", "few"]])
def test_usage_is_told_by_the_parser(boss, batch, words):
    with pytest.raises(CommandError):
        run("split_batch", str(batch.pk), "--user", "boss", *words)
    assert not find_batch(batch.pk).is_part

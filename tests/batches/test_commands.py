"""The command line: exit codes, one sentence on stderr, one JSON object on stdout."""

import json
import os
import signal
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from batches import actions
from batches.exceptions import BatchError
from batches.models import BatchNumber, Event, Run
from batches.registry import find_batch
from batches.signals import rows_written
from tests.reliability.harness import until
from tests.toys.batches import PriceHandler
from tests.toys.models import Thing

pytestmark = pytest.mark.django_db
FILE = "code,name,price\nT1,one,1.50\nT2,two,x\nN1,new,3\nN1\n"


def run(*words, code=0):
    """Run a command; return (stdout, stderr) after checking its exit code."""
    out, err = StringIO(), StringIO()
    found = 0
    try:
        call_command(*words, stdout=out, stderr=err)
    except SystemExit as end:
        found = end.code
    assert found == code, err.getvalue()
    return out.getvalue(), err.getvalue()


def as_json(*words, code=0):
    return json.loads(run(*words, "--json", code=code)[0])


def batches():
    return as_json("list_batches")


def stop_from_a_page(number, user):
    """Stop from another thread, as somebody at a page does."""

    def stop():
        try:
            actions.stop(find_batch(number), user)
        finally:
            connections.close_all()

    thread = threading.Thread(target=stop)
    thread.start()
    thread.join()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "things.csv"
    path.write_text(FILE)
    return str(path)


def test_make_show_execute(boss, things, path):
    made = as_json("make_batch", "toy_file", "--file", path, "--user", "boss", "--description", "first")
    assert made["type"] == "toy_file"
    assert made["status"] == "review"
    assert made["counts"] == {"ok": 2, "error": 1}
    assert made["records"] == 4 == sum(made["counts"].values()) + len(made["unreadable"])
    assert made["unreadable"][0]["row"] == 5
    shown = as_json("show_batch", str(made["number"]), "--rows", "--status", "error")
    assert shown["row_list"][0]["raw"] == {"price": "x"}
    done = as_json("execute_batch", str(made["number"]), "--user", "boss")
    assert done["status"] == "executed"
    assert done["run"]["state"] == "succeeded"
    assert Thing.objects.filter(code="N1", name="new").exists()
    assert [b["number"] for b in as_json("list_batches", "--status", "executed")] == [made["number"]]
    event = Event.objects.filter(batch=made["number"]).first()
    assert (event.door, event.host != "", event.account != "") == ("command", True, True)


def test_executed_in_part_exits_3(boss, things):
    number = as_json("make_batch", "toy_price", "--user", "boss", "--option", "factor=2")["number"]
    Thing.objects.filter(code="T1").update(price=9)
    assert as_json("execute_batch", str(number), "--user", "boss", code=3)["counts"] == {
        "applied": 2,
        "conflict": 1,
    }


def test_refused_exits_1_with_one_sentence_and_nothing_left(boss, nobody, things, path, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    for words, sentence in [
        (["make_batch", "toy_file", "--file", str(empty), "--user", "boss"], "is empty"),
        (["make_batch", "toy_file", "--file", path, "--user", "nobody"], "You have no permission"),
        (["make_batch", "toy_file", "--file", path, "--user", "who"], "There is no user 'who'."),
        (["make_batch", "toy_file", "--file", path + "x", "--user", "boss"], "cannot be opened"),
        (["make_batch", "no_such", "--user", "boss"], "There is no batch type 'no_such'"),
        (["make_batch", "toy_price", "--user", "boss", "--option", "factor=x"], "factor"),
        (
            ["make_batch", "toy_price", "--user", "boss", "--option", "status=executed"],
            "There is no option 'status'",
        ),
        (["execute_batch", "999999", "--user", "boss"], "There is no batch '999999'."),
        (["make_batch", "toy_price", "--user", "boss", "--description", "x" * 201], "at most 200 characters"),
        (["make_batch", "toy_price", "--user", "boss", "--description", "a\udcff"], "is not text in UTF-8"),
        (["make_batch", "toy_price", "--user", "boss", "--option", "factor=\udcff"], "is not text in UTF-8"),
        (["make_batch", "toy_price", "--user", "a\udcff"], "is not text in UTF-8"),
        (["make_batch", "toy_price", "--user", "boss", "--query", "a=1"], "is not made from a query"),
        (["make_batch", "toy_price", "--user", "boss", "--file", path], "is not made from a file"),
        (["make_batch", "toy_file", "--file", path + "\udcff", "--user", "boss"], "cannot be opened"),
    ]:
        out, err = run(*words, code=1)
        assert sentence in err
        assert err.count("\n") == 1
        assert out == ""
    assert not BatchNumber.objects.exists()


def test_what_is_no_file_is_refused_before_it_is_read(boss, things, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        assert (
            "is not a file" in run("make_batch", "toy_file", "--file", str(path), "--user", "boss", code=1)[1]
        )


def test_storage_that_takes_no_file_is_told_of(boss, things, path, settings, tmp_path):
    (tmp_path / "media").write_text("in the way")
    settings.MEDIA_ROOT = str(tmp_path / "media")
    err = run("make_batch", "toy_file", "--file", path, "--user", "boss", code=1)[1]
    assert "cannot be stored: " in err
    assert batches() == []


def test_mapping_by_hand(boss, things, path):
    made = as_json(
        "make_batch", "toy_file", "--file", path, "--user", "boss", "--map", "box_name=name", "--map", "name="
    )
    assert made["mapping"] == {"code": "code", "price": "price", "box_name": "name"}


def test_column_that_is_not_read_is_told_of(boss, things, tmp_path):
    path = tmp_path / "comma.csv"
    path.write_text('code;price (old);shelf\nT1;"1.50";A\n')
    words = ["make_batch", "toy_file", "--file", str(path), "--user", "boss"]
    assert "Columns not read: price (old), shelf" in run(*words)[0]
    assert as_json(*words)["not_read"] == ["price (old)", "shelf"]


def test_inactive_user_is_refused(boss, things):
    boss.is_active = False
    boss.save()
    assert "is not active" in run("make_batch", "toy_price", "--user", "boss", code=1)[1]


@pytest.mark.django_db(transaction=True)
def test_refresh_withdraw_and_background(boss, things):
    made = as_json("make_batch", "toy_price", "--user", "boss", "--option", "factor=2", "--no-populate")
    number = str(made["number"])
    assert made["status"] == "draft"
    assert as_json("populate_batch", number, "--user", "boss", "--background")["run"]["state"] == "queued"
    assert "under way" in run("withdraw_batch", number, "--user", "boss", code=1)[1]
    done = as_json("worker", "--once")
    assert [(r["batch"], r["kind"], r["state"], r["counts"]) for r in done["runs"]] == [
        (int(number), "populate", "succeeded", {"ok": 3})
    ]
    assert done["sent"] == 0
    assert as_json("worker", "--once") == {"runs": [], "sent": 0}
    with pytest.raises(CommandError, match="--json needs --once"):
        call_command("worker", "--json")
    assert find_batch(number).status == "review"
    assert Run.objects.get(batch_id=number).state == "succeeded"
    assert as_json("refresh_batch", number, "--user", "boss")["counts"] == {"ok": 3}
    assert as_json("withdraw_batch", number, "--user", "boss")["status"] == "withdrawn"
    assert "needs the state" in run("execute_batch", number, "--user", "boss", code=1)[1]


def test_errors_have_their_docstring_as_default_sentence():
    assert str(BatchError()) == "The batch could not be worked on."


def test_create_batch_schema_twice(db):
    run("create_batch_schema")
    assert run("create_batch_schema")[0] == ""


def test_limit_that_is_no_count_is_a_mistake_of_usage(boss, things):
    number = as_json("make_batch", "toy_price", "--user", "boss", "--option", "factor=2")["number"]
    for words in (["list_batches"], ["show_batch", str(number), "--rows"]):
        with pytest.raises(CommandError, match="'-1' is no whole number"):
            call_command(*words, "--limit=-1")
        run(*words, "--limit", "9" * 30)


def test_ctrl_c_leaves_no_draft_behind(boss, things, monkeypatch):
    def pressed(handler):
        yield {"code": "T1", "new_price": 1}
        raise KeyboardInterrupt

    monkeypatch.setattr(PriceHandler, "make_rows", pressed)
    assert "Stopped at the keyboard" in run("make_batch", "toy_price", "--user", "boss", code=1)[1]
    assert batches() == []


@pytest.mark.django_db(transaction=True)
def test_batch_that_was_stopped_while_it_was_filled_is_refused_and_gone(boss, things, monkeypatch, settings):
    settings.BATCHES = {"RENEW_SECONDS": 0.02}

    def stopped(handler):
        stop_from_a_page(handler.batch.pk, boss)
        until(lambda: handler.progress.__self__.stop_requested)
        yield {"code": "T1", "new_price": 1}

    monkeypatch.setattr(PriceHandler, "make_rows", stopped)
    out, err = run("make_batch", "toy_price", "--user", "boss", code=1)
    assert (out, "stopped by a person" in err) == ("", True)
    assert batches() == []


class Closed(StringIO):
    error = KeyboardInterrupt

    def write(self, text):
        raise self.error


class HungUp(Closed):
    error = BrokenPipeError


def test_reader_that_has_enough_changes_no_exit_code(boss, things):
    """As `execute_batch … | head -1` in a shell."""
    call_command("list_batches", "--json", stdout=HungUp())
    number = as_json("make_batch", "toy_price", "--user", "boss", "--option", "factor=2")["number"]
    Thing.objects.filter(code="T1").update(price=9)
    with pytest.raises(SystemExit) as end:
        call_command("execute_batch", str(number), "--user", "boss", stdout=HungUp())
    assert end.value.code == 3


def test_ctrl_c_while_it_is_shown_tells_that_the_batch_is_there(boss, things):
    err = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("make_batch", "toy_price", "--user", "boss", stdout=Closed(), stderr=err)
    assert end.value.code == 1
    number = batches()[0]["number"]
    assert f"the batch {number:08d} is there: In review" in err.getvalue()


def test_ctrl_c_after_the_work_does_not_deny_it(boss, things):
    number = as_json("make_batch", "toy_price", "--user", "boss", "--option", "factor=2")["number"]
    Thing.objects.filter(code="T1").update(price=9)

    err = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("execute_batch", str(number), "--user", "boss", stdout=Closed(), stderr=err)
    assert end.value.code == 3
    assert "after the work was done" in err.getvalue()


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_just_after_the_commit_does_not_deny_the_work(boss, things):
    number = as_json("make_batch", "toy_price", "--user", "boss", "--option", "factor=2")["number"]

    def pressed(sender, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)

    rows_written.connect(pressed, sender=Thing)
    try:
        out, err = run("execute_batch", str(number), "--user", "boss")
    finally:
        rows_written.disconnect(pressed, sender=Thing)
    assert (out, "after the work was done" in err) == ("", True)
    assert find_batch(number).status == "executed"


@pytest.mark.django_db(transaction=True)
def test_second_ctrl_c_does_not_keep_the_first_from_being_recorded(boss, things, monkeypatch):
    number = as_json("make_batch", "toy_price", "--user", "boss", "--option", "factor=2")["number"]

    times = []

    def pressed(handler, piece, effective=True):
        times.append(1)
        os.kill(os.getpid(), signal.SIGINT)

    def pressed_again(execute, statement, params, many, context):
        if times and statement.startswith('UPDATE "batches_run"'):
            times.append(2)
            os.kill(os.getpid(), signal.SIGINT)
        return execute(statement, params, many, context)

    monkeypatch.setattr(PriceHandler, "piece_rows", pressed)
    with connection.execute_wrapper(pressed_again):
        err = run("execute_batch", str(number), "--user", "boss", code=1)[1]
    assert "nothing was written" in err
    assert 2 in times
    assert Run.objects.get(batch_id=number, kind="execute").state == "stopped"
    assert find_batch(number).status == "review"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_batch_that_moves_while_it_is_shown_is_shown_as_it_is_then(boss, things, path):
    number = as_json("make_batch", "toy_file", "--file", path, "--user", "boss", "--no-populate")["number"]
    filled = []

    def fill(execute, statement, params, many, context):
        if "batches_summary" in statement and not filled:
            filled.append(number)
            actions.populate(find_batch(number), boss)
        return execute(statement, params, many, context)

    with connection.execute_wrapper(fill):
        shown = as_json("show_batch", str(number))
    assert (shown["status"], shown["records"], shown["rows"], len(shown["unreadable"])) == ("review", 4, 3, 1)


@pytest.mark.django_db(transaction=True)
def test_broken_type_does_not_end_the_worker(boss, things, monkeypatch, settings):
    """One whose task was lost is found by its run; its unexpected error is the run's, not the worker's."""
    settings.BATCHES = {"POLL_SECONDS": 0}

    def broken(handler):
        raise TypeError("broken")

    monkeypatch.setattr(PriceHandler, "make_rows", broken)
    numbers = [
        as_json("make_batch", "toy_price", "--user", "boss", "--background")["number"] for _ in range(2)
    ]
    run("worker", "--once")
    runs = Run.objects.filter(batch_id__in=numbers)
    assert {r.state for r in runs} == {"failed"}
    assert all("broken" in r.error for r in runs)


def test_schema_that_may_not_be_created_is_told_of(db):
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS batch CASCADE")
        cursor.execute("CREATE ROLE reader_of_schemas")
        cursor.execute("SET LOCAL ROLE reader_of_schemas")
    with pytest.raises(CommandError, match="The schema batch cannot be created: permission denied"):
        call_command("create_batch_schema")


def test_bulk_change_sets_computes_and_clears_what_matches(boss, things, path):
    number = str(as_json("make_batch", "toy_file", "--file", path, "--user", "boss")["number"])
    change = ["bulk_change_batch", number, "--user", "boss"]
    done = as_json(*change, "--set", "price=4", "--filter", "status=error")
    assert done["counts"] == {"ok": 3}
    as_json(*change, "--percent", "price=-50", "--filter", "q=T", "--expected", "2")
    batch = find_batch(number)
    assert [str(price) for price in batch.rows.values_list("price", flat=True)] == ["0.75", "2.00", "3.00"]
    as_json(*change, "--clear", "name")
    assert set(batch.rows.values_list("name", flat=True)) == {None}
    for words, sentence in [
        (["--set", "price"], "write FIELD=VALUE"),
        (["--set", "price=many"], "Price: "),
        (["--amount", "price=1", "--filter", "status"], "is not understood"),
        (["--amount", "price=1", "--filter", "status=nice"], "cannot be 'nice'"),
        (["--amount", "price=1", "--expected", "9"], "9 rows matched"),
        (["--clear", "code"], "is needed in every row"),
        (["--clear", ""], "cannot be edited"),
    ]:
        assert sentence in run(*change, *words, code=1)[1]


@pytest.mark.django_db(transaction=True)
def test_bulk_change_of_many_rows_is_done_before_the_command_ends(boss, things, path, settings):
    settings.BATCHES = {"AT_ONCE_ROWS": 2}
    number = str(as_json("make_batch", "toy_file", "--file", path, "--user", "boss")["number"])
    done = as_json("bulk_change_batch", number, "--user", "boss", "--set", "name=same")
    assert (done["run"]["kind"], done["run"]["state"]) == ("bulk_change", "succeeded")
    assert set(find_batch(number).rows.values_list("name", flat=True)) == {"same"}


def test_populate_again_reads_the_file_of_a_batch_in_review(boss, things, path):
    number = str(as_json("make_batch", "toy_file", "--file", path, "--user", "boss")["number"])
    run("bulk_change_batch", number, "--user", "boss", "--set", "name=same")
    assert "needs the state “Draft”" in run("populate_batch", number, "--user", "boss", code=1)[1]
    done = as_json("populate_batch", number, "--again", "--user", "boss")
    assert (done["status"], done["run"]["kind"], done["rows"]) == ("review", "repopulate", 3)
    assert list(find_batch(number).rows.values_list("name", flat=True)) == ["one", "two", "new"]

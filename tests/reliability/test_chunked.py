"""Runs in chunks: whatever dies or is asked in between, each row is written once, and it goes on where it was."""

import io
import os
import signal
import threading
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.urls import reverse

from batches import actions
from batches.chunked import next_size
from batches.exceptions import Refused, RunFailed
from batches.figures import figures
from batches.models import BatchNumber, Run, RunStep
from batches.registry import find_batch
from batches.runner import resume
from batches.testing import make_batch
from tests.toys.batches import PriceHandler
from tests.toys.models import Box, Thing, ThingEvent

from .harness import AtStep, KillAt, forked, killed, statements, until

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = 5
DOUBLED = [2, 4, 6, 8, 10]


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture(autouse=True)
def in_chunks(settings, monkeypatch):
    """Write the toy's prices in chunks of two rows, with leases that run out in a moment."""
    monkeypatch.setattr(PriceHandler, "atomic", False)
    monkeypatch.setattr(PriceHandler, "on_error", "skip")
    settings.BATCHES = {
        "LEASE_SECONDS": 0.15,
        "RENEW_SECONDS": 0.04,
        "POLL_SECONDS": 0.05,
        "CHUNK_MIN_ROWS": 2,
        "CHUNK_MAX_ROWS": 2,
        "LOCK_TIMEOUT_MS": 200,
    }


@pytest.fixture
def batch(boss):
    return doubled(boss)


def doubled(boss):
    box = Box.objects.create(name="First")
    things = [Thing(code=f"T{i}", name=f"thing {i}", price=Decimal(i), box=box) for i in range(1, ROWS + 1)]
    Thing.objects.bulk_create(things)
    return make_batch("toy_price", user=boss, options={"factor": "2"})


def prices():
    return [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)]


def changes():
    """Return how many changes of prices were journalled: what is written twice is there twice."""
    return ThingEvent.objects.filter(pgh_label="update").count()


def executed_while(batch, boss, work, n=1):
    """Execute the batch, and do something after its first chunk, or after the `n`th; return the run."""
    with connection.execute_wrapper(AtStep(work, n)):
        return actions.execute(batch, boss)


class Held:
    """Somebody else's locks, from another connection: `take` them, until `seconds` later or until `let_go`."""

    def __init__(self, queryset, seconds=None):
        self.queryset = queryset
        self.seconds = seconds
        self.held, self.let_go = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._hold)

    def take(self):
        self.thread.start()
        assert self.held.wait(10)

    def end(self):
        self.let_go.set()
        self.thread.join()

    def _hold(self):
        with transaction.atomic():
            list(self.queryset.select_for_update())
            self.held.set()
            self.let_go.wait(self.seconds)
        connections.close_all()


def test_chunks_are_committed_one_by_one(batch, boss):
    run = actions.execute(batch, boss)
    steps = RunStep.objects.filter(run=run).order_by("pk")
    assert [(s.cursor, s.final) for s in steps] == [(2, False), (4, False), (5, False), (5, True)]
    assert (run.state, run.done, run.total, run.counts) == ("succeeded", 5, 5, {"applied": 5})
    assert (batch.status, batch.executed_by, prices(), changes()) == ("executed", boss, DOUBLED, 5)
    assert set(ThingEvent.objects.filter(pgh_label="update").values_list("pgh_run", flat=True)) == {run.pk}
    with pytest.raises(Refused, match="executed already"):
        actions.execute(batch, boss)


def test_kill_at_every_statement_of_a_chunked_run(boss):
    """kill -9 before each statement and after the last; another process goes on behind the last chunk that was committed."""
    whole = doubled(boss)
    points = statements(lambda: actions.execute(whole, boss))
    kills = half = 0
    for n in range(1, points + 2):
        for model in (Thing, Box):
            model.objects.all().delete()
        batch = doubled(boss)
        before = changes()
        status = forked(lambda pk=batch.pk, n=n: _killed_at(pk, min(n, points), after=n > points))
        kills += killed(status)
        half += bool(changes() - before) and changes() - before < ROWS
        _carry_on(batch.pk)
        batch = find_batch(batch.pk)
        if batch.status == "review":
            assert changes() == before, f"statement {n}: nothing had begun"
            actions.execute(batch, boss)
        assert batch.status == "executed", f"statement {n}"
        assert prices() == DOUBLED, f"statement {n}"
        assert changes() - before == ROWS, f"statement {n}: each row is written once"
        assert figures(batch)["counts"] == {"applied": ROWS}, f"statement {n}"
    print(f"chunked execute: {points} statements, {kills} kills, {half} in the middle, lost 0, doubled 0")
    assert kills >= points
    assert half > 10


def _killed_at(pk, n, after):
    user = get_user_model().objects.get(username="boss")
    with connection.execute_wrapper(KillAt(n, after)):
        actions.execute(find_batch(pk), user)


def _carry_on(pk):
    def done():
        for run in Run.objects.filter(batch_id=pk, finished=None):
            resume(run.pk)
        return not Run.objects.filter(batch_id=pk, finished=None).exists()

    until(done)


def test_pause_rests_between_chunks_and_goes_on_there(batch, boss):
    run = executed_while(batch, boss, lambda: actions.pause(find_batch(batch.pk), boss))
    assert (run.state, run.done, batch.status) == ("paused", 2, "executing")
    assert prices() == [2, 4, 3, 4, 5]
    assert resume(run.pk) is None, "no worker takes up what a person paused"
    with pytest.raises(Refused, match="paused already"):
        actions.pause(batch, boss)
    run = actions.resume(batch, boss)
    assert run.state == "queued"
    run = resume(run.pk)
    assert (run.state, run.attempt, prices(), changes()) == ("succeeded", 2, DOUBLED, 5)


def test_pause_that_is_taken_back_in_time_is_none(batch, boss):
    def twice():
        mine = find_batch(batch.pk)
        assert actions.pause(mine, boss).state == "pausing"
        assert actions.resume(mine, boss).state == "running"

    run = executed_while(batch, boss, twice)
    assert (run.state, run.attempt, prices()) == ("succeeded", 1, DOUBLED)


def test_stop_keeps_what_is_written_and_the_rest_can_follow(batch, boss):
    run = executed_while(batch, boss, lambda: actions.stop(find_batch(batch.pk), boss))
    assert (run.state, batch.status, prices()) == ("stopped", "executed", [2, 4, 3, 4, 5])
    assert run.error == "Stopped by a person. 2 rows are written, 3 are not yet."
    assert run.counts == {"applied": 2, "ok": 3}
    again = actions.resume(batch, boss, own=True)
    actions.work(batch, again)
    assert (batch.status, prices(), changes()) == ("executed", DOUBLED, 5)
    with pytest.raises(Refused, match="Nothing is left"):
        actions.resume(batch, boss)


def test_paused_run_can_be_stopped(batch, boss):
    run = executed_while(batch, boss, lambda: actions.pause(find_batch(batch.pk), boss))
    actions.stop(batch, boss)
    run = resume(run.pk)
    assert (run.state, find_batch(batch.pk).status, prices()) == ("stopped", "executed", [2, 4, 3, 4, 5])


def test_run_of_one_transaction_cannot_be_paused(batch, boss, monkeypatch):
    monkeypatch.setattr(PriceHandler, "atomic", True)
    refusals = []

    def pause():
        try:
            actions.pause(find_batch(batch.pk), boss)
        except Refused as refused:
            refusals.append(str(refused))

    actions.start(batch, "execute", boss)
    pause()
    assert refusals == ["This run writes everything in one transaction, so it can only be stopped."]
    with pytest.raises(Refused, match="not paused"):
        actions.resume(batch, boss)


@pytest.fixture
def no_six():
    """Let production refuse a value by a rule that no model knows of."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE toys_thing ADD CONSTRAINT no_six CHECK (price <> 6)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE toys_thing DROP CONSTRAINT no_six")


def test_refused_row_is_found_and_parked_and_the_others_are_written(batch, boss, no_six, settings):
    settings.BATCHES = settings.BATCHES | {"CHUNK_MAX_ROWS": 5}
    run = actions.execute(batch, boss)
    assert (run.state, prices()) == ("succeeded", [2, 4, 3, 8, 10])
    assert run.counts == {"applied": 4, "failed": 1}
    row = PriceHandler(batch).rows().get(status="failed")
    assert row.sequence == 3
    text = PriceHandler(batch).message(row.issues[0])
    assert text.startswith("Production refused it: ")
    assert "no_six" in text
    assert changes() == 4


def test_type_that_does_not_go_on_ends_at_the_refused_row(batch, boss, no_six, monkeypatch):
    monkeypatch.setattr(PriceHandler, "on_error", "stop")
    with pytest.raises(RunFailed, match="Row 3 failed"):
        actions.execute(batch, boss)
    assert (batch.status, prices()) == ("executed", [2, 4, 3, 4, 5])
    run = Run.objects.filter(batch_id=batch.pk).latest("pk")
    assert run.error.startswith("Row 3 failed: Production refused it: ")
    assert run.counts == {"applied": 2, "failed": 1, "ok": 2}


@pytest.mark.parametrize("n", [0, 3], ids=["of a row", "of the batch, when all is written"])
def test_lock_of_somebody_else_is_waited_for_with_patience(batch, boss, n):
    """Longer than one wait for a lock, shorter than all tries together."""
    what = BatchNumber.objects.filter(pk=batch.pk) if n else Thing.objects.filter(code="T3")
    held = Held(what, seconds=0.6)
    if n:
        run = executed_while(batch, boss, held.take, n)
    else:
        held.take()
        run = actions.execute(batch, boss)
    held.end()
    assert (run.state, prices(), changes()) == ("succeeded", DOUBLED, 5)
    assert RunStep.objects.filter(run=run, final=True).count() == 1
    assert batch.revision == find_batch(batch.pk).revision == run.params["revision"] + 1


def test_lock_that_is_never_let_go_ends_the_run_and_nothing_false_is_said(batch, boss):
    held = Held(Thing.objects.filter(code="T3"))
    held.take()
    said = "Somebody else holds what this batch writes. 2 rows are written, 3 are not yet."
    with pytest.raises(RunFailed, match=f"^{said}$"):
        actions.execute(batch, boss)
    held.end()
    assert (batch.status, prices()) == ("executed", [2, 4, 3, 4, 5])
    run = Run.objects.filter(batch_id=batch.pk).latest("pk")
    assert (run.state, run.error, run.done) == ("failed", said, 2)


def test_command_ends_with_3_where_a_part_is_written(batch, boss, no_six, monkeypatch):
    monkeypatch.setattr(PriceHandler, "on_error", "stop")
    err = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("execute_batch", str(batch.pk), "--user", "boss", stderr=err)
    assert ended.value.code == 3
    assert err.getvalue().startswith("Row 3 failed: Production refused it: ")
    assert err.getvalue().endswith(" 2 rows are written, 2 are not yet.\n")


def test_ctrl_c_keeps_what_is_written_and_says_so(batch, boss):
    err = io.StringIO()
    with (
        connection.execute_wrapper(AtStep(lambda: os.kill(os.getpid(), signal.SIGINT), 1)),
        pytest.raises(SystemExit) as ended,
    ):
        call_command("execute_batch", str(batch.pk), "--user", "boss", stderr=err)
    assert ended.value.code == 3
    assert err.getvalue() == "Stopped at the keyboard. 2 rows are written, 3 are not yet.\n"
    assert prices() == [2, 4, 3, 4, 5]


def test_conflict_that_stops_everything_ends_before_its_chunk(batch, boss, monkeypatch):
    monkeypatch.setattr(PriceHandler, "on_conflict", "stop")
    Thing.objects.filter(code="T4").update(price=7)
    with pytest.raises(RunFailed, match="1 of the next rows were changed since review"):
        actions.execute(batch, boss)
    assert (batch.status, prices()) == ("executed", [2, 4, 3, 7, 5])
    assert figures(batch)["counts"] == {"applied": 2, "ok": 3}


@pytest.mark.parametrize(("on_error", "written"), [("stop", [2, 4, 3, 8, 5]), ("skip", [2, 4, 3, 8, 10])])
def test_refused_row_of_a_type_that_saves_models(batch, boss, no_six, monkeypatch, on_error, written):
    """Such a type notes on the row what a save met; whether the run goes on is decided alike."""
    monkeypatch.setattr(PriceHandler, "write", "model")
    monkeypatch.setattr(PriceHandler, "on_error", on_error)
    if on_error == "stop":
        with pytest.raises(RunFailed, match="Row 3 failed"):
            actions.execute(batch, boss)
    else:
        actions.execute(batch, boss)
    assert (batch.status, prices()) == ("executed", written)
    assert figures(batch)["counts"]["failed"] == 1


def test_right_that_is_taken_away_ends_the_run_in_part(batch):
    users = get_user_model().objects
    user = users.create_superuser("short", password="short")

    def fire():
        users.filter(pk=user.pk).update(is_active=False)

    with pytest.raises(RunFailed, match="not active"):
        executed_while(batch, user, fire)
    assert (batch.status, prices()) == ("executed", [2, 4, 3, 4, 5])
    run = Run.objects.filter(batch_id=batch.pk).latest("pk")
    assert run.error == "The user 'short' is not active. 2 rows are written, 3 are not yet."


def test_pages_offer_what_can_be_done(batch, boss, client):
    client.force_login(boss)
    url = reverse("batches:progress", args=[batch.pk]).removesuffix("progress/")
    executed_while(batch, boss, lambda: actions.pause(find_batch(batch.pk), boss))
    page = client.get(url, follow=True).text
    assert "Go on" in page
    assert "2 written" in page
    assert "2 of 5 rows" in page
    assert client.post(f"{url}resume/").status_code == 302
    assert "Pause" in client.get(url, follow=True).text
    client.post(f"{url}stop/")
    _carry_on(batch.pk)
    page = client.get(url, follow=True).text
    assert "Rows are left that were not written yet." in page
    assert "Executed in part: 2 written, 3 not (3 not yet)" in page
    client.post(f"{url}resume/")
    _carry_on(batch.pk)
    assert prices() == DOUBLED


def test_next_chunk_seeks_what_takes_a_second(settings):
    settings.BATCHES = {}
    assert next_size(2_000, 0.5) == 4_000
    assert next_size(2_000, 0.01) == 4_000
    assert next_size(2_000, 4.0) == 1_000
    assert next_size(120, 60.0) == 100
    assert next_size(20_000, 0.9) == 20_000


def test_close_leaves_the_rest_out_for_good(batch, boss, client):
    executed_while(batch, boss, lambda: actions.stop(find_batch(batch.pk), boss))
    client.force_login(boss)
    url = reverse("batches:close", args=[batch.pk])
    assert url in client.get(reverse("batches:batch", args=[batch.pk]), follow=True).text
    assert "Leave out for good" in client.get(url).text
    page = client.post(url, {"reason": "season is over"}, follow=True).text
    assert "3 rows were left out for good." in page
    assert "Executed in part: 2 written, 3 not (3 left out)" in page
    rows = PriceHandler(batch).rows().filter(status="left")
    assert [row.removed_reason for row in rows] == ["season is over"] * 3
    with pytest.raises(Refused, match="Nothing is left"):
        actions.resume(batch, boss)
    with pytest.raises(Refused, match="nothing is left to close"):
        actions.close(batch, boss)
    actions.revert(batch, boss)
    assert prices() == [1, 2, 3, 4, 5]
    assert figures(batch)["counts"] == {"reverted": 2, "left": 3}

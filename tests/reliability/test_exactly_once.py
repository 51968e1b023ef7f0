"""However many press and whatever dies: the effects of a batch happen exactly once, or not at all."""

import threading
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections

from batches import actions
from batches.exceptions import Interrupted, LeaseLost, Refused, RunFailed
from batches.figures import figures
from batches.handlers import BatchHandler
from batches.lease import claim, waiting
from batches.models import Run
from batches.registry import find_batch
from batches.runner import Runner, resume
from batches.testing import make_batch
from tests.toys.batches import PriceHandler
from tests.toys.models import Box, Thing, ThingEvent

from .harness import KillAt, forked, in_thread, killed, statements, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def quick(settings):
    """Make leases short, so that a takeover takes a moment."""
    settings.BATCHES = {"LEASE_SECONDS": 0.15, "RENEW_SECONDS": 0.04, "POLL_SECONDS": 0.05, "PIECE_ROWS": 2}


def fill(n=5):
    box = Box.objects.create(name="First")
    Thing.objects.bulk_create(
        [Thing(code=f"T{i}", name=f"thing {i}", price=Decimal(i), box=box) for i in range(1, n + 1)]
    )


def doubled(boss, n=5):
    fill(n)
    return make_batch("toy_price", user=boss, options={"factor": "2"})


def prices():
    return [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)]


def test_of_fifty_simultaneous_executes_one_wins(boss):
    batch = doubled(boss)
    barrier = threading.Barrier(50)
    outcomes = []

    def press():
        try:
            mine = find_batch(batch.pk)
            barrier.wait()
            actions.execute(mine, boss)
            outcomes.append("won")
        except Refused as refused:
            outcomes.append(str(refused))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("won") == 1, outcomes
    assert len(outcomes) == 50
    assert Run.objects.filter(batch_id=batch.pk, kind="execute").count() == 1
    assert prices() == [2, 4, 6, 8, 10]
    # Each thing was written once: one entry in the journal for its making, one for its change.
    assert ThingEvent.objects.filter(pgh_label="update").count() == 5


@pytest.mark.parametrize("verb", ["populate", "execute"])
def test_kill_at_every_statement_loses_and_doubles_nothing(boss, quick, verb):
    """kill -9 just before and just after each statement; a second process carries on; the tables are as after one quiet run."""
    fill()
    whole = find_batch(_prepared(boss, verb).pk)
    points = statements(lambda: getattr(actions, verb)(whole, boss))
    assert points > 10
    seen_kills = 0
    for n in range(1, points + 1):
        # Just after one statement is just before the next; only the last has an "after" of its own: the commit.
        for after in (False, True) if n == points else (False,):
            _reset()
            batch = _prepared(boss, verb)
            pk = batch.pk
            status = forked(lambda pk=pk, n=n, after=after: _killed_at(pk, verb, n, after))
            seen_kills += killed(status)
            assert killed(status) or status == 0
            _carry_on(pk)
            batch = find_batch(pk)
            where = f"{verb}, statement {n}, after={after}"
            if batch.status == {"populate": "draft", "execute": "review"}[verb]:
                # It died before it began: nothing is written, and the batch can be run as if nothing had been.
                assert prices() == [1, 2, 3, 4, 5], where
                getattr(actions, verb)(batch, boss)
            assert batch.status == {"populate": "review", "execute": "executed"}[verb], where
            assert figures(batch)["counts"] == {"populate": {"ok": 5}, "execute": {"applied": 5}}[verb], where
            assert prices() == ([2, 4, 6, 8, 10] if verb == "execute" else [1, 2, 3, 4, 5]), where
            assert not waiting(0), where
    print(f"{verb}: {points} statements, {seen_kills} kills, lost 0, doubled 0")
    assert seen_kills >= points


def _prepared(boss, verb):
    if verb == "execute":
        return make_batch("toy_price", user=boss, options={"factor": "2"})
    return actions.make("toy_price", boss, options={"factor": "2"})


def _reset():
    for i, thing in enumerate(Thing.objects.order_by("pk"), 1):
        Thing.objects.filter(pk=thing.pk).update(price=i)


def _killed_at(pk, verb, n, after):
    boss = get_user_model().objects.get(username="boss")
    batch = find_batch(pk)
    with connection.execute_wrapper(KillAt(n, after)):
        getattr(actions, verb)(batch, boss)


def _carry_on(pk):
    """Do what a worker does until no run of the batch waits."""

    def done():
        for run_id in waiting(0):
            resume(run_id)
        return not Run.objects.filter(
            batch_id=pk, state__in=["queued", "running", "interrupted", "stopping"]
        ).exists()

    until(done)


def test_run_of_a_dead_process_is_taken_over_only_after_its_lease(boss, quick):
    batch = doubled(boss)
    run = actions.start(batch, "execute", boss, own=True)
    assert claim(run.pk, "other") is None
    until(lambda: bool(waiting(0)))
    assert resume(run.pk).state == "succeeded"
    assert prices() == [2, 4, 6, 8, 10]


def test_worker_that_lost_its_lease_writes_nothing(boss, quick):
    batch = doubled(boss)
    zombie = actions.start(batch, "execute", boss, own=True)
    Run.objects.filter(pk=zombie.pk).update(lease_until="2000-01-01T00:00Z")
    other = claim(zombie.pk, "other")
    assert other.attempt == zombie.attempt + 1
    with pytest.raises(LeaseLost):
        Runner(zombie).go()
    assert prices() == [1, 2, 3, 4, 5]
    assert Runner(other).go().state == "succeeded"
    assert prices() == [2, 4, 6, 8, 10]


class TakenOver:
    """An execute wrapper by which another worker takes a run over as soon as this process has claimed it and committed that."""

    def __init__(self, batch):
        self.batch = batch
        self.attempts = []
        self.claimed = False

    def __call__(self, execute, statement, params, many, context):
        if self.claimed and not connection.in_atomic_block and not self.attempts:
            in_thread(self.take)
        self.claimed = self.claimed or "owner = %s" in str(statement)
        return execute(statement, params, many, context)

    def take(self):
        run = Run.objects.filter(batch_id=self.batch.pk, kind="execute").latest("pk")
        Run.objects.filter(pk=run.pk).update(lease_until="2000-01-01T00:00Z")
        self.attempts.append(claim(run.pk, "other").attempt)


@pytest.mark.parametrize("own", [True, False], ids=["in a command", "in a worker"])
def test_worker_that_sleeps_just_after_its_claim_does_not_take_the_next_ones_attempt_for_its_own(
    boss, quick, own
):
    batch = doubled(boss)
    taken = TakenOver(batch)
    run = None if own else actions.start(batch, "execute", boss)
    with connection.execute_wrapper(taken):
        mine = actions.start(batch, "execute", boss, own=True) if own else claim(run.pk, "one")
    assert mine.attempt == 1
    taken.attempts or taken.take()
    assert taken.attempts == [2]
    with pytest.raises(LeaseLost):
        Runner(mine).go()
    assert prices() == [1, 2, 3, 4, 5]


def test_progress_is_visible_and_a_stop_undoes_everything(boss, quick, monkeypatch):
    """While the work's transaction is open, another connection sees how far it is; stopping leaves nothing written."""
    batch = doubled(boss, 8)
    run = actions.start(batch, "execute", boss, own=True)
    seen = []
    whole = BatchHandler.piece_rows

    def slowly(handler, piece, effective=True):
        if piece.last == 4 and not seen:
            until(lambda: bool(_look(run.pk, seen)))
            in_thread(lambda: actions.stop(find_batch(batch.pk), boss))
            until(lambda: handler.progress.__self__.stop_requested)
        return whole(handler, piece, effective)

    monkeypatch.setattr(BatchHandler, "piece_rows", slowly)
    assert actions.work(batch, run).state == "stopped"
    assert seen == [2]
    assert batch.status == "review"
    assert prices() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert figures(batch)["counts"] == {"ok": 8}
    monkeypatch.undo()
    actions.execute(batch, boss)
    assert prices() == [2, 4, 6, 8, 10, 12, 14, 16]


def test_a_stop_that_comes_after_the_last_row_is_heeded(boss, monkeypatch):
    """Whoever was told that it is stopping is told the truth, however late the request came."""

    def stop(handler):
        in_thread(lambda: actions.stop(find_batch(handler.batch.pk), boss))

    batch = doubled(boss)
    monkeypatch.setattr(PriceHandler, "make_artifacts", stop)
    actions.execute(batch, boss)
    assert Run.objects.get(batch_id=batch.pk, kind="execute").state == "stopped"
    assert prices() == [1, 2, 3, 4, 5]
    assert find_batch(batch.pk).status == "review"


def test_a_stop_that_comes_after_the_commit_is_told_so(boss):
    """The work is committed, and the run's record does not say so yet."""
    batch = doubled(boss)
    told = []

    def stop():
        try:
            actions.stop(find_batch(batch.pk), boss)
        except Refused as refused:
            told.append(str(refused))

    def late(execute, statement, params, many, context):
        if not told and 'UPDATE "batches_run"' in str(statement) and '"finished" =' in str(statement):
            in_thread(stop)
        return execute(statement, params, many, context)

    with connection.execute_wrapper(late):
        run = actions.execute(batch, boss)
    assert told == ["It was done before it could be stopped."]
    assert (run.state, batch.status, prices()) == ("succeeded", "executed", [2, 4, 6, 8, 10])


def _look(run_id, seen):
    def read():
        done = Run.objects.get(pk=run_id).done
        if done:
            seen.append(done)

    in_thread(read)
    return seen


def test_failing_row_undoes_everything_and_says_why(boss):
    """One transaction: what the database refuses in one row undoes the others, and the sentence names rule and value."""
    fill()
    batch = make_batch("toy_double", user=boss)
    Thing.objects.filter(code="T3").update(price=-0)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE toys_thing ADD CONSTRAINT small CHECK (price < 8)")
    try:
        with pytest.raises(RunFailed, match="small"):
            actions.execute(batch, boss)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE toys_thing DROP CONSTRAINT small")
    assert prices() == [1, 2, 0, 4, 5]
    assert batch.status == "review"
    assert Run.objects.filter(batch_id=batch.pk).latest("pk").state == "failed"


def test_run_whose_connection_is_cut_is_carried_on(boss, quick, monkeypatch):
    """As at a restart of the database: the attempt ends without a word, the next one does everything once."""
    batch = doubled(boss)
    run = actions.start(batch, "execute", boss, own=True)
    whole = BatchHandler.piece_rows
    cut = []

    def cutting(handler, piece, effective=True):
        if piece.first == 3 and not cut:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                cut.append(cursor.fetchone()[0])
            in_thread(lambda: _terminate(cut[0]))
        return whole(handler, piece, effective)

    monkeypatch.setattr(BatchHandler, "piece_rows", cutting)
    with pytest.raises(Interrupted):
        actions.work(batch, run)
    assert prices() == [1, 2, 3, 4, 5]
    _carry_on(batch.pk)
    assert prices() == [2, 4, 6, 8, 10]
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("succeeded", 2)


def _terminate(pid):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


@pytest.mark.parametrize("verb", ["execute", "refresh"])
def test_right_that_was_taken_away_stops_the_run(boss, verb):
    batch = doubled(boss)
    run = actions.start(batch, verb, boss)
    boss.is_superuser = False
    boss.save()
    assert resume(run.pk).state == "failed"
    assert prices() == [1, 2, 3, 4, 5]
    assert find_batch(batch.pk).status == "review"

"""What ended long ago loses its rows, files and history; what can be undone, is held or in use loses nothing."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from batches import actions, journal
from batches.exceptions import Refused
from batches.figures import batch_json, figures
from batches.history import history
from batches.models import Artifact, BatchNumber, Event, Run, RunStep, Summary, Unreadable
from batches.purging import Elsewhere
from batches.registry import find_batch
from batches.states import RunState
from batches.testing import make_batch
from tests.toys.batches import PriceHandler
from tests.toys.models import PriceRow, Thing, ThingEvent, ThingFileBatch, ThingFileRow

from .aging import BOOK, aged, command, doubled, entries_of, filed

pytestmark = pytest.mark.django_db


def test_rows_files_and_then_history_go_and_the_rest_stays(boss, things):
    batch = filed(boss, 400)
    actions.export(batch, boss, "csv", own=True)
    actions.work(batch, Run.objects.latest("pk"))
    file, made = Path(batch.file.path), Path(Artifact.objects.get().file.path)
    log = Event.objects.filter(batch=batch.pk).count()
    written = len(entries_of(batch))
    gone = actions.purge(find_batch(batch.pk), boss)
    assert (gone.rows, gone.unreadable, gone.files, gone.journal) == (2, 1, 2, 0)
    batch = find_batch(batch.pk)
    assert (batch.status, batch.original_name, bool(batch.file)) == ("executed", "book.csv", False)
    assert not ThingFileRow.objects.exists()
    assert not Unreadable.objects.exists()
    assert not Artifact.objects.exists()
    assert not Summary.objects.exists()
    assert (batch.ref.purged is not None, batch.ref.journal_purged) == (True, None)
    assert Run.objects.filter(batch_id=batch.pk).count() == 3
    assert Event.objects.filter(batch=batch.pk).count() == log + 2
    assert figures(batch)["counts"] == {"applied": 2}
    assert len(entries_of(batch)) == written > 0
    aged(batch, 1100)
    assert actions.purge(find_batch(batch.pk), boss).journal == written
    assert entries_of(batch) == []
    assert find_batch(batch.pk).ref.journal_purged is not None
    with pytest.raises(Refused, match="Nothing of it is left to go"):
        actions.purge(find_batch(batch.pk), boss)
    assert (file.exists(), made.exists()) == (True, True), "files go when the outer transaction is committed"


@pytest.mark.django_db(transaction=True)
def test_files_go_after_commit_and_a_shared_one_stays(boss, things):
    one, two = filed(boss, 400), filed(boss, 400, BOOK.replace(b"T9", b"T7"))
    own, path = Path(one.file.path), Path(two.file.path)
    ThingFileBatch.objects.filter(pk=one.pk).update(file=two.file.name)
    assert actions.purge(find_batch(one.pk), boss).files == 0
    assert path.exists()
    actions.hold(two, boss, reason="dispute")
    with pytest.raises(Refused, match="held"):
        actions.purge(find_batch(two.pk), boss)
    actions.release(two, boss)
    assert actions.purge(find_batch(two.pk), boss).files == 1
    assert not path.exists()
    own.unlink()


@pytest.mark.django_db(transaction=True)
def test_a_file_that_does_not_go_is_not_forgotten(boss, things):
    """While the storage refuses, the batch waits; the next purge removes the file."""
    batch = filed(boss, 400)
    path = Path(batch.file.path)
    path.unlink()
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(Refused, match="could not be removed"):
        actions.purge(find_batch(batch.pk), boss)
    assert find_batch(batch.pk).ref.purged is None
    (path / "in the way").rmdir()
    actions.purge(find_batch(batch.pk), boss)
    assert (find_batch(batch.pk).ref.purged is None, path.exists()) == (False, False)


@pytest.mark.parametrize("end", ["draft", "withdrawn"])
def test_what_was_never_executed_goes_altogether(boss, things, end):
    if end == "draft":
        batch = actions.make("toy_file", boss, file=ContentFile(BOOK, name="book.csv"))
    else:
        batch = filed(boss, run=False)
        actions.withdraw(batch, boss)
    with pytest.raises(Refused, match="Its rows are kept until"):
        actions.purge(batch, boss)
    batch = aged(batch, 366, "touched")
    actions.purge(batch, boss)
    assert not BatchNumber.objects.filter(pk=batch.pk).exists()
    assert not ThingFileBatch.objects.exists()
    assert not ThingFileRow.objects.exists()
    assert not Unreadable.objects.exists()
    assert Event.objects.filter(batch=batch.pk).latest("pk").comment == "Removed; the log stays."


def test_what_waits_for_somebody_stays(boss, things):
    batch = aged(make_batch("toy_price", user=boss), 2000, "touched")
    assert "needs the state" in actions.why_not(batch, "purge", boss)
    with pytest.raises(Refused, match="withdraw it if nobody needs it"):
        actions.purge(batch, boss)
    assert "withdraw it if nobody needs it" in command("purge_batches", "--dry-run", "--user", "boss")[1]
    assert PriceRow.objects.count() == 3


def test_what_is_held_is_neither_purged_nor_deleted(boss, things):
    old, draft = doubled(boss, 2000), make_batch("toy_price", user=boss)
    with pytest.raises(Refused, match="Say why"):
        actions.hold(old, boss)
    assert command("hold_batch", str(old.pk), "--user", "boss", "--reason", "tax audit")[0] == 0
    actions.hold(draft, boss, reason="dispute with ACME.")
    for verb, batch in (("purge", old), ("delete", draft)):
        with pytest.raises(Refused, match="It is held by boss since"):
            getattr(actions, verb)(find_batch(batch.pk), boss)
    with pytest.raises(Refused, match=r"dispute with ACME\.$"):
        actions.hold(find_batch(draft.pk), boss, reason="again")
    assert "It is held by boss" in command("purge_batches", "--dry-run", "--user", "boss")[1]
    assert batch_json(find_batch(old.pk))["held"].endswith("tax audit.")
    assert command("hold_batch", str(old.pk), "--user", "boss", "--release", "--reason", "audit done")[0] == 0
    with pytest.raises(Refused, match="not held"):
        actions.release(find_batch(old.pk), boss)
    assert actions.purge(find_batch(old.pk), boss).rows == 3
    said = Event.objects.filter(batch=old.pk, verb__in=["hold", "release"]).exclude(data__has_key="refused")
    assert [(e.verb, e.comment) for e in said] == [("hold", "tax audit"), ("release", "audit done")]


def test_a_hold_is_put_on_a_batch_that_somebody_works_on(boss, things):
    batch = make_batch("toy_price", user=boss)
    actions.start(batch, "refresh", boss, own=True)
    actions.hold(batch, boss, reason="dispute")
    assert find_batch(batch.pk).ref.is_held


def test_a_hold_that_comes_in_the_middle_keeps_the_rest(boss, things, settings):
    """Rows that went are gone; the history, which had time, stays while the batch is held."""
    batch = doubled(boss, 400)
    actions.purge(batch, boss)
    actions.hold(find_batch(batch.pk), boss, reason="too late, nearly")
    batch = aged(batch, 2000)
    with pytest.raises(Refused, match="held"):
        actions.purge(batch, boss)
    assert len(entries_of(batch)) == 3


def test_a_batch_with_a_run_is_in_use(boss, things):
    batch = doubled(boss, 400)
    run = actions.export(batch, boss, "csv")
    with pytest.raises(Elsewhere, match="“Saving rows” is under way"):
        actions.purge(find_batch(batch.pk), boss)
    code, out, _errors = command("purge_batches", "--user", "boss", "--json")
    assert (code, [line["outcome"] for line in json.loads(out)]) == (3, ["in_use"])
    Run.objects.filter(pk=run.pk).update(state=RunState.STOPPED)
    assert actions.purge(find_batch(batch.pk), boss).rows == 3


@pytest.mark.parametrize("verb", ["revert", "resume", "close", "stop", "pause"])
def test_every_verb_says_that_the_rows_are_gone(boss, things, verb):
    batch = doubled(boss, 400)
    actions.purge(batch, boss)
    with pytest.raises(
        Refused, match=r"^Its rows were removed on .* under the retention rule; 3 had been written\.$"
    ):
        getattr(actions, verb)(find_batch(batch.pk), boss)
    with pytest.raises(Refused, match="Its rows were removed on"):
        actions.export(find_batch(batch.pk), boss, "csv")
    code, _out, errors = command("revert_batch", str(batch.pk), "--user", "boss")
    assert (code, "Its rows were removed on" in errors) == (1, True)


def test_an_undone_batch_says_how_much_it_had_written(boss, things):
    batch = doubled(boss)
    Thing.objects.filter(code="T1").update(price=77)
    actions.revert(batch, boss)
    moment = timezone.now() - timedelta(days=400)
    type(batch).objects.filter(pk=batch.pk).update(executed=moment, reverted=moment)
    actions.purge(find_batch(batch.pk), boss)
    with pytest.raises(Refused, match="3 had been written"):
        actions.revert(find_batch(batch.pk), boss)


def test_history_that_an_undo_of_another_batch_needs_stays(boss, things):
    """A second batch wrote after the first one: what it found there tells the first one's undo that somebody changed since."""
    first = doubled(boss)
    second = doubled(boss, 2000)
    gone = actions.purge(second, boss)
    assert (gone.rows, gone.journal, gone.needed) == (3, 0, 3)
    assert find_batch(second.pk).ref.journal_purged is None
    code, out, _errors = command("purge_batches", "--user", "boss", "--json")
    assert (code, [(line["outcome"], line["needed"]) for line in json.loads(out)]) == (0, [("stays", 3)])
    actions.revert(first, boss)
    assert [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)] == [4, 8, 12]
    # With the first one gone too, nobody needs it.
    moment = timezone.now() - timedelta(days=2000)
    type(first).objects.filter(pk=first.pk).update(executed=moment, reverted=moment)
    actions.purge(find_batch(first.pk), boss)
    assert actions.purge(find_batch(second.pk), boss).journal == 3
    assert find_batch(second.pk).ref.journal_purged is not None


def test_the_history_of_an_object_does_not_lie_about_what_is_gone(boss, things):
    """An entry before one that was removed does not pass the later value off as its own."""
    thing = things[0]
    with journal.acting("mary"):
        Thing.objects.filter(pk=thing.pk).update(price=10)
    batch = doubled(boss, 2000)
    with journal.acting("paul"):
        Thing.objects.filter(pk=thing.pk).update(name="renamed")
    actions.purge(batch, boss)
    thing.refresh_from_db()
    assert thing.price == Decimal(20)
    newest, changed, created = history(thing)
    assert [(c.name, c.old, c.new) for c in newest.changes] == [("name", "thing 1", "renamed")]
    assert (changed.user, changed.gap, changed.changes) == ("mary", True, ())
    assert (created.action, created.gap) == ("insert", False)
    others = ThingEvent.objects.exclude(id=thing.pk)
    assert not others.filter(pgh_gap=True).exists()


def test_only_the_batch_s_own_history_goes(boss, things, settings):
    settings.BATCHES = {"CHUNK_MAX_ROWS": 1}
    with journal.acting("mary"):
        Thing.objects.update(name="x")
    batch, other = doubled(boss, 2000), doubled(boss)
    before = ThingEvent.objects.count()
    assert actions.purge(batch, boss).journal == 3
    assert ThingEvent.objects.count() == before - 3
    assert len(entries_of(other)) == 3
    logged = Event.objects.filter(batch=batch.pk, verb="purge", data__has_key="journal")
    assert [e.data["journal"] for e in logged] == [{"toys.Thing": 1}] * 3


def test_rows_go_by_ranges(boss, settings):
    """No statement deletes more than a range, and none reads rows into memory."""
    settings.BATCHES = {"CHUNK_MAX_ROWS": 100}
    batch = make_batch("toy_price", user=boss, rows=[{"code": f"C{n}", "new_price": 1} for n in range(950)])
    actions.withdraw(batch, boss)
    batch = aged(batch, 400, "touched")
    deleted, read = [], []

    def watch(execute, text, params, many, context):
        result = execute(text, params, many, context)
        if text.startswith('DELETE FROM "toys_pricerow"'):
            deleted.append(context["cursor"].rowcount)
        elif text.startswith("SELECT"):
            read.append(context["cursor"].rowcount)
        return result

    with connection.execute_wrapper(watch):
        assert actions.purge(batch, boss).rows == 950
    assert [n for n in deleted if n] == [100] * 9 + [50]
    assert max(read) < 20


def test_steps_of_chunks_go_with_the_rows(boss, things, monkeypatch):
    monkeypatch.setattr(PriceHandler, "atomic", False)
    batch = doubled(boss, 400)
    assert RunStep.objects.filter(run__batch=batch.pk, final=False).exists()
    actions.purge(batch, boss)
    assert set(RunStep.objects.filter(run__batch=batch.pk).values_list("final", flat=True)) == {True}

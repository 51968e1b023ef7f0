"""An executed batch is undone from the journal: exactly, and never over what somebody changed since."""

import io
import json
import threading
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.urls import reverse

from batches import actions, journal
from batches.exceptions import Forbidden, Refused
from batches.figures import figures
from batches.lease import waiting
from batches.models import Run
from batches.registry import find_batch, registry
from batches.runner import resume
from batches.testing import make_batch, run_batch
from batches.undo import preview
from tests.toys.models import Box, Tag, Thing, ThingEvent

from .harness import KillAt, forked, killed, statements, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss():
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def things():
    box = Box.objects.create(name="First")
    made = [Thing(code=f"T{i}", name=f"thing {i}", price=Decimal(i), box=box) for i in range(1, 7)]
    Thing.objects.bulk_create(made)
    return box


def checksum():
    """Return a digest of every column of all things and boxes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT md5(string_agg(t::text, '|' ORDER BY t.id)) FROM toys_thing t),"
            " (SELECT md5(string_agg(b::text, '|' ORDER BY b.id)) FROM toys_box b)"
        )
        return cursor.fetchone()


def prices():
    return [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)]


def said(batch, status):
    handler = registry.for_model(type(batch))(batch)
    return [
        (row.sequence, "; ".join(handler.message(entry) for entry in row.issues))
        for row in handler.rows().filter(status=status)
    ]


def test_undone_is_as_if_it_had_not_been(boss, things):
    before = checksum()
    batch = run_batch("toy_price", user=boss, options={"factor": "2"})
    assert checksum() != before
    run = actions.revert(batch, boss)
    assert (run.state, run.counts, batch.status) == ("succeeded", {"reverted": 6}, "reverted")
    assert (batch.reverted_by, batch.reverted_by_name, checksum()) == (boss, "boss", before)
    assert ThingEvent.objects.filter(pgh_run=run.pk, pgh_label="update").count() == 6
    with pytest.raises(Refused, match="needs the state"):
        actions.revert(batch, boss)


def test_what_somebody_changed_since_is_kept_and_named(boss, things):
    batch = run_batch("toy_price", user=boss, options={"factor": "2"})
    with journal.acting("mary"):
        Thing.objects.filter(code="T2").update(price=99)
    Thing.objects.filter(code="T5").delete()
    # Another field is no matter of the batch: it stays, and the price goes back.
    Thing.objects.filter(code="T3").update(name="renamed")
    # What was changed and changed back is as the batch left it.
    Thing.objects.filter(code="T4").update(price=1)
    Thing.objects.filter(code="T4").update(price=8)
    run = actions.revert(batch, boss)
    assert prices() == [1, 99, 3, 4, 6]
    assert Thing.objects.get(code="T3").name == "renamed"
    assert run.counts == {"reverted": 4, "kept": 2}
    assert said(batch, "kept") == [
        (2, "Price is 99.00 by now (mary), so it was not put back to 2.00."),
        (5, "It was changed since (not named), so it was kept."),
    ]


def test_later_batch_is_named_and_its_values_stay(boss, things):
    first = run_batch("toy_price", user=boss, options={"factor": "2"})
    second = run_batch("toy_price", user=boss, options={"factor": "2"})
    actions.revert(first, boss)
    assert prices() == [4, 8, 12, 16, 20, 24]
    assert f"4.00 by now (boss, {second.pk:08d})" in said(first, "kept")[0][1]
    actions.revert(second, boss)
    assert prices() == [2, 4, 6, 8, 10, 12]


def test_somebody_else_between_two_writes_of_the_batch_keeps_it(boss, things):
    batch = run_batch("toy_price", user=boss, options={"factor": "2"})
    with journal.acting("mary"):
        Thing.objects.filter(code="T2").update(price=99, name="hers")
    run = Run.objects.get(batch_id=batch.pk, kind="execute")
    with transaction.atomic():
        journal.set_run(run.pk)
        Thing.objects.filter(code__in=["T2", "T3"]).update(price=50)
    actions.revert(batch, boss)
    assert prices() == [1, 50, 3, 4, 5, 6]
    assert said(batch, "kept") == [(2, "It was changed since (mary), so it was kept.")]


def test_what_the_batch_deleted_and_made_again_goes_back_too(boss, things):
    """Two writes of one batch to one key, such as by a hook that replaces things, are undone as the change that they were."""
    before = checksum()
    batch = run_batch("toy_price", user=boss, options={"factor": "2"})
    with transaction.atomic():
        journal.set_run(Run.objects.get(batch_id=batch.pk, kind="execute").pk)
        old = Thing.objects.get(code="T2")
        Thing.objects.filter(code="T2").delete()
        Thing.objects.create(pk=old.pk, code="T2", name="replaced", price=1, box=old.box)
    actions.revert(batch, boss)
    assert checksum() == before
    assert figures(batch)["counts"] == {"reverted": 6}


def test_preview_counts_as_the_undo_does_and_names_the_first(boss, things, settings):
    batch = run_batch("toy_file", user=boss, file=ContentFile(BOOK, name="book.csv"))
    Thing.objects.filter(code="T1").update(price=77)
    Thing.objects.filter(code="N2").update(name="mine")
    Thing.objects.filter(code="N1").delete()
    Thing.objects.filter(code="T6").update(name="no matter of the batch")
    handler = registry.for_model(type(batch))(batch)
    before, rows = checksum(), list(handler.rows().values())
    counts, kept = preview(handler)
    # Both boxes are in use by then: by what is kept.
    assert counts == {"undo": 1, "kept": 2, "in_use": 2, "failed": 0}
    found = [("thing T1", "price", "77.00"), ("thing N2", "", "")]
    assert [(k.label, k.field, k.now) for k in kept if k.outcome == "kept"] == found
    assert [k.label for k in kept if k.outcome == "in_use"] == ["box Second", "box Third"]
    assert preview(handler, limit=1)[1] == kept[:1]
    assert (checksum(), list(handler.rows().values())) == (before, rows), "a look changes nothing"
    # With more objects it is only looked for what was changed since.
    settings.BATCHES = {"AT_ONCE_ROWS": 4}
    counts, kept = preview(handler)
    assert counts == {"undo": 3, "kept": 2, "in_use": 0, "failed": 0}
    assert [(k.label, k.field, k.now) for k in kept] == found
    run = actions.revert(batch, boss)
    assert actions_log(batch).data["objects"] == {"undo": 1, "kept": 2, "in_use": 2, "failed": 0}
    assert run.counts == {"kept": 2, "reverted": 1}


def test_preview_waits_for_nobody_for_long(boss, things):
    batch = run_batch("toy_file", user=boss, file=ContentFile(BOOK, name="book.csv"))
    held, let_go = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            list(Thing.objects.filter(code="T1").select_for_update())
            held.set()
            let_go.wait(20)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    counts, kept = preview(registry.for_model(type(batch))(batch))
    let_go.set()
    holder.join()
    assert (counts, kept) == ({"undo": 5, "kept": 0, "in_use": 0, "failed": 0}, [])


BOOK = b"code,name,price,box_name\nT1,one,7,Second\nN1,new,8,Second\nN2,newer,9,Third\n"


def test_what_was_created_is_deleted_with_what_was_made_for_it(boss, things):
    before = checksum()
    batch = run_batch("toy_file", user=boss, file=ContentFile(BOOK, name="book.csv"))
    assert (Thing.objects.count(), Box.objects.count()) == (8, 3)
    actions.revert(batch, boss)
    assert checksum() == before
    assert figures(batch)["counts"] == {"reverted": 3}


def test_what_is_in_use_or_was_touched_stays(boss, things):
    batch = run_batch("toy_file", user=boss, file=ContentFile(BOOK, name="book.csv"))
    Tag.objects.create(thing=Thing.objects.get(code="N1"), text="hot")
    Thing.objects.filter(code="N2").update(name="mine")
    run = actions.revert(batch, boss)
    assert set(Thing.objects.values_list("code", flat=True)) >= {"N1", "N2"}
    assert set(Box.objects.values_list("name", flat=True)) == {"First", "Second", "Third"}
    assert Thing.objects.get(code="T1").box == things
    assert run.counts == {"reverted": 1, "kept": 2}
    assert said(batch, "kept") == [
        (2, "It is in use by now, so it was not deleted."),
        (3, "It was changed since (not named), so it was kept."),
    ]
    event = actions_log(batch)
    assert event.data["objects"] == {"undo": 1, "kept": 1, "in_use": 3, "failed": 0}
    assert event.comment == "1 objects were put back, 1 kept as changed since, 3 in use."


def actions_log(batch):
    from batches.models import Event

    return Event.objects.filter(batch=batch.pk, verb="revert", data__has_key="objects").get()


def test_what_was_deleted_comes_back_with_its_key(boss, things):
    Thing.objects.filter(code__in=["T2", "T4"]).update(price=None)
    before = checksum()
    batch = run_batch("toy_clean", user=boss)
    assert Thing.objects.count() == 4
    actions.revert(batch, boss)
    assert checksum() == before
    assert Thing.objects.create(code="next").pk > Thing.objects.get(code="T6").pk


def test_hook_in_plain_python_is_undone_too(boss, things):
    before = checksum()
    batch = run_batch("toy_rename", user=boss)
    assert Thing.objects.first().name == "THING 1"
    actions.revert(batch, boss)
    names = list(Thing.objects.order_by("code").values_list("name", flat=True))
    assert names == [f"thing {i}" for i in range(1, 7)]
    assert checksum() == before


def test_refused_verbs_and_rights(boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    with pytest.raises(Refused, match="needs the state"):
        actions.revert(batch, boss)
    actions.execute(batch, boss)
    clerk = get_user_model().objects.create_user("clerk", password="clerk", is_staff=True)
    with pytest.raises(Forbidden, match="no permission"):
        actions.revert(batch, clerk)
    clerk.user_permissions.add(Permission.objects.get(codename="revert_pricebatch"))
    clerk = get_user_model().objects.get(pk=clerk.pk)
    with pytest.raises(Refused, match=r"toys\.change_thing"):
        actions.revert(batch, clerk)
    clerk.user_permissions.add(Permission.objects.get(codename="change_thing"))
    actions.revert(batch, get_user_model().objects.get(pk=clerk.pk))
    assert prices() == [1, 2, 3, 4, 5, 6]


def test_kill_at_every_statement_of_an_undo(boss, settings):
    settings.BATCHES = {"LEASE_SECONDS": 0.15, "RENEW_SECONDS": 0.04, "POLL_SECONDS": 0.05}

    def executed():
        Thing.objects.all().delete()
        Thing.objects.bulk_create([Thing(code=f"T{i}", price=Decimal(i)) for i in range(1, 4)])
        return run_batch("toy_price", user=boss, options={"factor": "2"}).pk

    pk = executed()
    points = statements(lambda: actions.revert(find_batch(pk), boss))
    kills = 0
    for n in range(1, points + 1):
        pk = executed()
        kills += killed(forked(lambda pk=pk, n=n: _killed_at(pk, n, after=n == points)))

        def quiet(pk=pk):
            for run in Run.objects.filter(batch_id=pk, finished=None):
                resume(run.pk)
            return not Run.objects.filter(batch_id=pk, finished=None).exists()

        until(quiet)
        batch = find_batch(pk)
        if batch.status == "executed":
            assert prices() == [2, 4, 6]
            actions.revert(batch, boss)
        assert (batch.status, prices()) == ("reverted", [1, 2, 3]), f"statement {n}"
        assert figures(batch)["counts"] == {"reverted": 3}, f"statement {n}"
        assert not waiting(0)
    print(f"revert: {points} statements, {kills} kills, lost 0, doubled 0")
    assert kills >= points


def _killed_at(pk, n, after):
    user = get_user_model().objects.get(username="boss")
    with connection.execute_wrapper(KillAt(n, after)):
        actions.revert(find_batch(pk), user)


def test_page_shows_what_will_be_kept_and_a_worker_undoes(boss, things, client):
    batch = run_batch("toy_price", user=boss, options={"factor": "2"})
    with journal.acting("mary"):
        Thing.objects.filter(code="T2").update(price=99)
    client.force_login(boss)
    url = reverse("batches:revert", args=[batch.pk])
    events = ThingEvent.objects.count()
    page = client.get(url).text
    assert "thing T2: price is 99.00 by now, was 2.00 before the batch (mary)" in page
    assert ThingEvent.objects.count() == events
    assert prices()[0] == 2
    client.post(url)
    assert find_batch(batch.pk).status == "executed"
    client.post(url, {"revision": batch.revision})
    assert find_batch(batch.pk).status == "reverting"
    resume(Run.objects.get(batch_id=batch.pk, kind="revert").pk)
    page = client.get(reverse("batches:batch", args=[batch.pk]), follow=True).text
    assert "Undone in part: 5 put back, 1 kept (changed since)" in page
    assert "<dt>Undone</dt><dd>boss, " in page
    assert prices() == [1, 99, 3, 4, 5, 6]


def test_command(boss, things):
    batch = run_batch("toy_price", user=boss, options={"factor": "2"})
    Thing.objects.filter(code="T1").update(price=50)
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("revert_batch", str(batch.pk), "--user", "boss", "--json", stdout=out)
    assert ended.value.code == 3
    assert json.loads(out.getvalue())["counts"] == {"kept": 1, "reverted": 5}

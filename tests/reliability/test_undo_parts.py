"""Undoing some rows of a batch, and writing again what was undone: nothing else moves, nothing is written twice."""

import io
import json

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from batches import actions
from batches.exceptions import Forbidden, LeaseLost, Refused
from batches.figures import figures
from batches.models import Event
from batches.registry import find_batch, registry
from batches.testing import make_batch, run_batch
from batches.undo import preview
from batches.words import completeness
from tests.toys.batches import PriceHandler
from tests.toys.models import Box, Thing

from .harness import KillAt, forked, killed, statements
from .test_chunked import DOUBLED, _carry_on, boss, doubled, prices
from .test_exactly_once import TakenOver

__all__ = ["boss"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def short_leases(settings):
    settings.BATCHES = {"LEASE_SECONDS": 0.4, "RENEW_SECONDS": 0.1, "POLL_SECONDS": 0.05}


@pytest.fixture
def executed(boss):
    batch = doubled(boss)
    actions.execute(batch, boss)
    assert prices() == DOUBLED
    return batch


def again(batch, boss, chosen=None):
    return actions.work(batch, actions.reapply(batch, boss, chosen, own=True))


def state(batch):
    return completeness(batch.status, figures(batch))


def test_rows_of_a_filter_are_undone_and_the_others_stay(executed, boss):
    Thing.objects.filter(code="T3").update(price=99)
    counts, kept = preview(PriceHandler(executed), chosen={"q": "T3"})
    assert (counts["undo"], counts["kept"], [k.was for k in kept]) == (0, 1, ["3.00"])
    assert preview(PriceHandler(executed), chosen={"q": "T2"})[0]["undo"] == 1
    actions.revert(executed, boss, {"q": "T2"})
    assert (executed.status, prices()) == ("executed", [2, 2, 99, 8, 10])
    assert figures(executed)["counts"] == {"applied": 4, "reverted": 1}
    assert state(executed) == "Executed in part: 4 written, 1 not (1 undone)"
    actions.revert(executed, boss, {"q": "T3"})
    assert state(executed) == "Executed in part: 4 written, 1 not (1 undone)"
    assert figures(executed)["counts"] == {"applied": 3, "reverted": 1, "kept": 1}
    actions.revert(executed, boss)
    assert (executed.status, prices()) == ("reverted", [1, 2, 99, 4, 5])
    assert figures(executed)["counts"] == {"reverted": 4, "kept": 1}


def test_what_was_kept_goes_back_once_it_is_as_the_batch_left_it(executed, boss):
    Thing.objects.filter(code="T3").update(price=99)
    actions.revert(executed, boss, {"q": "T3"})
    Thing.objects.filter(code="T3").update(price=6)
    actions.revert(executed, boss, {"q": "T3"})
    assert prices() == [2, 4, 3, 8, 10]
    row = PriceHandler(executed).rows().get(code="T3")
    assert (row.status, row.issues) == ("reverted", [])


def test_filter_may_ask_how_a_row_stands(executed, boss):
    """What it asks for changes while the rows are undone."""
    Thing.objects.filter(code="T3").update(price=99)
    actions.revert(executed, boss, {"q": "T3"})
    assert PriceHandler(executed).rows().get(status="kept").code == "T3"
    actions.revert(executed, boss, {"status": "kept"})
    assert figures(executed)["counts"] == {"applied": 4, "kept": 1}
    row = PriceHandler(executed).rows().get(status="kept")
    assert [entry["code"] for entry in row.issues] == ["undo_changed"]
    Thing.objects.filter(code="T3").update(price=6)
    actions.revert(executed, boss, {"status": "kept"})
    assert prices() == [2, 4, 3, 8, 10]
    assert figures(executed)["counts"] == {"applied": 4, "reverted": 1}


def test_undoing_the_last_rows_by_filter_makes_it_undone(executed, boss):
    for n in range(1, 6):
        assert executed.status == "executed"
        actions.revert(executed, boss, {"q": f"T{n}"})
    assert (executed.status, prices()) == ("reverted", [1, 2, 3, 4, 5])
    with pytest.raises(Refused):
        actions.revert(executed, boss)


def test_filter_without_rows_is_refused(executed, boss):
    with pytest.raises(Refused, match="No row that is written matches"):
        actions.revert(executed, boss, {"q": "T9"})
    with pytest.raises(Refused, match="There is no filter 'price'"):
        actions.revert(executed, boss, {"price": "9"})


def test_what_others_wrote_as_well_stays(boss):
    """A box that rows share goes only with the last of them."""
    file = ContentFile(b"code,price,box\nA,1,Mine\nB,2,Mine\nC,3,Yours\n", name="n.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    actions.execute(batch, boss)
    assert Box.objects.count() == 2
    actions.revert(batch, boss, {"q": "A"})
    assert sorted(Thing.objects.values_list("code", flat=True)) == ["B", "C"]
    assert Box.objects.count() == 2
    actions.revert(batch, boss, {"q": "B"})
    assert list(Box.objects.values_list("name", flat=True)) == ["Yours"]
    actions.revert(batch, boss, {"q": "C"})
    assert not Thing.objects.exists()
    assert not Box.objects.exists()
    again(batch, boss)
    assert sorted(Thing.objects.values_list("code", "box__name")) == [
        ("A", "Mine"),
        ("B", "Mine"),
        ("C", "Yours"),
    ]
    assert Box.objects.count() == 2
    actions.revert(batch, boss)
    assert not Thing.objects.exists()
    assert not Box.objects.exists()


def test_undone_and_written_again_and_undone(executed, boss):
    actions.revert(executed, boss)
    Thing.objects.filter(code="T2").update(price=50)
    Thing.objects.filter(code="T3").update(name="renamed")
    again(executed, boss)
    assert (executed.status, prices()) == ("executed", [2, 50, 6, 8, 10])
    assert (executed.reverted, executed.reverted_by_name) == (None, "")
    assert figures(executed)["counts"] == {"applied": 4, "conflict": 1}
    assert Event.objects.get(batch=executed.pk, verb="reapply").comment == "Writes 5 rows again."
    actions.revert(executed, boss)
    assert prices() == [1, 50, 3, 4, 5]
    assert Thing.objects.get(code="T3").name == "renamed"
    assert figures(executed)["counts"] == {"reverted": 4, "conflict": 1}
    again(executed, boss, {"q": "T5"})
    assert (executed.status, prices()) == ("executed", [1, 50, 3, 4, 10])


def test_only_undone_rows_are_written_again(executed, boss):
    with pytest.raises(Refused, match="Nothing of this batch was undone"):
        actions.reapply(executed, boss)
    actions.revert(executed, boss, {"q": "T1"})
    Thing.objects.filter(code="T2").update(price=77)
    again(executed, boss)
    assert prices() == [2, 77, 6, 8, 10]


def test_what_production_refuses_to_take_back_is_found_and_named(boss, client):
    """A code that is to come back belongs to something else by now; the others come back."""
    Thing.objects.bulk_create(Thing(code=f"D{n}", name=f"thing {n}") for n in range(1, 8))
    batch = run_batch("toy_clean", user=boss)
    assert not Thing.objects.exists()
    Thing.objects.create(code="D3", name="another", price=5)
    counts, kept = preview(registry.for_model(type(batch))(batch))
    assert counts == {"undo": 6, "kept": 0, "in_use": 0, "failed": 1}
    assert "D3" in kept[0].now
    client.force_login(boss)
    page = client.get(reverse("batches:revert", args=[batch.pk])).text
    assert "Refused" in page
    assert "already exists" in page
    actions.revert(batch, boss)
    assert batch.status == "reverted"
    assert Thing.objects.filter(name__startswith="thing").count() == 6
    assert figures(batch)["counts"] == {"reverted": 6, "kept": 1}
    handler = registry.for_model(type(batch))(batch)
    said = handler.message(handler.rows().get(status="kept").issues[-1])
    assert said.startswith("Production refused to put it back: ")
    assert "D3" in said
    event = Event.objects.filter(batch=batch.pk, verb="revert").latest("pk")
    assert event.comment.endswith("Production refused to put 1 back.")
    assert event.data["objects"]["failed"] == 1


def test_old_value_that_refers_to_something_gone_is_found_and_named(boss):
    """A foreign key is checked at the commit only; by then nothing could be done for the others."""
    old, other = Box.objects.create(name="Old"), Box.objects.create(name="Other")
    Thing.objects.bulk_create([Thing(code="A", price=1, box=old), Thing(code="B", price=2, box=other)])
    file = ContentFile(b"code,price,box\nA,1,New\nB,2,New\n", name="n.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    actions.execute(batch, boss)
    assert set(Thing.objects.values_list("box__name", flat=True)) == {"New"}
    old.delete()
    actions.revert(batch, boss)
    assert dict(Thing.objects.values_list("code", "box__name")) == {"A": "New", "B": "Other"}
    assert figures(batch)["counts"] == {"reverted": 1, "kept": 1}


def test_who_sleeps_just_after_beginning_to_write_again_does_not_take_the_next_ones_attempt(executed, boss):
    actions.revert(executed, boss)
    taken = TakenOver(executed)
    with connection.execute_wrapper(taken):
        mine = actions.reapply(executed, boss, own=True)
    assert mine.attempt == 1
    taken.attempts or taken.take()
    with pytest.raises(LeaseLost):
        actions.work(executed, mine)
    assert prices() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("what", ["undo", "again"])
def test_kill_at_every_third_statement(boss, what):
    def before_it():
        for model in (Thing, Box):
            model.objects.all().delete()
        batch = doubled(boss)
        actions.execute(batch, boss)
        if what == "again":
            actions.revert(batch, boss, {"status": "applied"})
        return batch

    def do(batch, user):
        actions.revert(batch, user, {"q": "T3"}) if what == "undo" else again(batch, user, {"q": "T3"})

    def killed_at(pk, n, after):
        with connection.execute_wrapper(KillAt(n, after)):
            do(find_batch(pk), get_user_model().objects.get(username="boss"))

    batch = before_it()
    wanted = [2, 4, 3, 8, 10] if what == "undo" else [1, 2, 6, 4, 5]
    points = statements(lambda: do(batch, boss))
    assert prices() == wanted
    kills = 0
    for n in range(1, points + 2, 3):
        batch = before_it()
        kills += killed(forked(lambda pk=batch.pk, n=n: killed_at(pk, min(n, points), n > points)))
        _carry_on(batch.pk)
        batch = find_batch(batch.pk)
        if prices() != wanted:
            assert prices() == (DOUBLED if what == "undo" else [1, 2, 3, 4, 5]), f"statement {n}"
            do(batch, boss)
        assert prices() == wanted, f"statement {n}"
        assert figures(batch)["counts"] == (
            {"applied": 4, "reverted": 1} if what == "undo" else {"applied": 1, "reverted": 4}
        )
    print(f"{what} of a part: {points} statements, {kills} kills, lost 0, doubled 0")
    assert kills >= points // 3


def test_wrong_user(executed, boss):
    clerk = get_user_model().objects.create_user("clerk", password="clerk", is_staff=True)
    rights = Permission.objects.filter(content_type__app_label="toys")
    clerk.user_permissions.set(rights.filter(codename__in=["view_pricebatch", "execute_pricebatch"]))
    with pytest.raises(Forbidden):
        actions.revert(executed, clerk, {"q": "T1"})
    actions.revert(executed, boss)
    with pytest.raises(Refused, match=r"toys\.change_thing"):
        actions.reapply(executed, clerk)


def test_pages(executed, boss, client):
    client.force_login(boss)
    page = reverse("batches:batch", args=[executed.pk])
    revert = reverse("batches:revert", args=[executed.pk])
    url = client.get(page, follow=True).request["PATH_INFO"]
    assert "Undo all that match" not in client.get(url).text
    assert f"{revert}?q=T3" in client.get(url, {"q": "T3"}).text
    asked = client.get(revert, {"q": "T3"}).text
    assert "Only of the rows that match:" in asked
    assert "Only of the rows that match:" not in client.get(revert, {"q": " "}).text
    assert client.get(revert, {"password": "x"}, follow=True).text.count("This filter is not understood") == 1
    assert client.post(revert, {"filter": "q=T3"}, follow=True).text.count("Look at what will be undone") == 1
    client.post(revert, {"filter": "q=T3", "revision": executed.revision})
    _carry_on(executed.pk)
    assert prices() == [2, 4, 3, 8, 10]
    reapply = reverse("batches:reapply", args=[executed.pk])
    assert reapply in client.get(url).text
    assert "Write again what was undone" in client.get(reapply).text
    client.post(reapply)
    _carry_on(executed.pk)
    assert prices() == DOUBLED
    assert "nothing of this batch was undone" in client.get(reapply, follow=True).text.lower()


def test_commands(executed):
    def command(*args):
        out = io.StringIO()
        call_command(*args, str(executed.pk), "--user", "boss", "--json", stdout=out)
        return json.loads(out.getvalue())["counts"]

    assert command("revert_batch", "--filter", "q=T3") == {"applied": 4, "reverted": 1}
    assert command("revert_batch") == {"reverted": 5}
    assert command("reapply_batch", "--filter", "q=T3") == {"applied": 1, "reverted": 4}
    assert command("reapply_batch") == {"applied": 5}
    assert prices() == DOUBLED

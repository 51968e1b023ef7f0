"""For how long what is kept, by site and by type; the commands that remove the rest."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from batches import actions
from batches.checks import check_settings
from batches.exceptions import Forbidden, Refused
from batches.figures import figures
from batches.registry import find_batch
from batches.testing import make_batch
from tests.toys.batches import PriceHandler
from tests.toys.models import PriceRow, Thing

from .aging import aged, command, doubled

pytestmark = pytest.mark.django_db


def everything():
    """Return how many rows each table has."""
    there = connection.introspection.table_names()
    return {m._meta.label: m._base_manager.count() for m in apps.get_models() if m._meta.db_table in there}


def test_nothing_goes_inside_the_undo_window_whatever_is_asked(boss, things):
    batch = doubled(boss, 89)
    for before in (None, timezone.now(), timezone.now() + timedelta(days=9)):
        with pytest.raises(Refused, match="inside the undo window until"):
            actions.purge(batch, boss, before=before)
    assert command("purge_batches", "--days", "0", "--user", "boss")[0] == 0
    assert PriceRow.objects.count() == 3
    actions.revert(batch, boss)
    assert [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)] == [1, 2, 3]
    # What was undone just now was not undone long ago.
    with pytest.raises(Refused, match="inside the undo window until"):
        actions.purge(aged(batch, 1000), boss)


def test_an_undo_of_some_rows_begins_the_window_anew(boss, things):
    batch = doubled(boss, 2000)
    actions.revert(batch, boss, {"q": "T1"})
    assert batch.status == "executed"
    with pytest.raises(Refused, match="inside the undo window until"):
        actions.purge(find_batch(batch.pk), boss, before=timezone.now())
    actions.work(batch, actions.reapply(batch, boss, own=True))
    assert [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)] == [2, 4, 6]


def test_a_given_day_stands_in_for_the_days_of_rows_and_not_for_those_of_history(boss, things):
    batch = doubled(boss, 100)
    with pytest.raises(Refused, match="Its rows are kept until"):
        actions.purge(batch, boss)
    with pytest.raises(Refused, match=r"It ended on .*, not before the given day"):
        actions.purge(batch, boss, before=timezone.now() - timedelta(days=101))
    gone = actions.purge(batch, boss, before=timezone.now() - timedelta(days=99))
    assert (gone.rows, gone.journal) == (3, 0)
    with pytest.raises(Refused, match="Its history is kept until"):
        actions.purge(find_batch(batch.pk), boss, before=timezone.now())


def test_a_type_has_days_of_its_own_and_the_site_has_the_last_word(boss, things, settings, monkeypatch):
    batch = doubled(boss, 20)
    monkeypatch.setattr(PriceHandler, "undo_days", 5)
    monkeypatch.setattr(PriceHandler, "keep_rows_days", 10)
    settings.BATCHES = {"KEEP_BY_TYPE": {"toy_price": {"rows": 30}}}
    with pytest.raises(Refused, match="Its rows are kept until"):
        actions.purge(batch, boss)
    settings.BATCHES = {}
    assert actions.purge(batch, boss).rows == 3


def test_rights(boss, nobody, things):
    batch = doubled(boss, 400)
    for verb in (actions.purge, actions.hold, actions.release):
        with pytest.raises(Forbidden, match="You have no permission for"):
            verb(batch, nobody)
    code, out, errors = command("purge_batches", "--user", "nobody")
    assert (code, out, "no permission for “Purge”" in errors) == (1, "", True)
    nobody.user_permissions.add(Permission.objects.get(codename="purge_cleanbatch"))
    assert command("purge_batches", "--type", "toy_price", "--user", "nobody")[0] == 1
    code, out, errors = command("purge_batches", "--user", "nobody")
    assert (code, out.strip(), "no permission to purge them: price batches" in errors) == (
        0,
        "Nothing is to be removed.",
        True,
    )
    assert PriceRow.objects.count() == 3


def test_a_dry_run_tells_everything_and_changes_nothing(boss, things):
    going, young, held = doubled(boss, 2000), doubled(boss, 50), doubled(boss, 2000)
    actions.hold(held, boss, reason="dispute")
    review = make_batch("toy_price", user=boss)
    figures(going)
    before = everything()
    code, out, _errors = command("purge_batches", "--dry-run", "--user", "boss", "--json")
    assert code == 0
    told = {line["number"]: line for line in json.loads(out)}
    assert {number: line["outcome"] for number, line in told.items()} == {
        going.pk: "would_purge",
        young.pk: "stays",
        held.pk: "stays",
        review.pk: "stays",
    }
    assert (told[going.pk]["rows"], told[going.pk]["journal"], told[going.pk]["why"]) == (3, 3, "")
    assert "inside the undo window until" in told[young.pk]["why"]
    assert "dispute" in told[held.pk]["why"]
    assert command("purge_batches", "--dry-run", "--user", "boss")[0] == 0
    assert everything() == before
    assert find_batch(going.pk).ref.is_purged is False
    code, out, _errors = command("purge_batches", "--user", "boss", "--json")
    (line,) = json.loads(out)
    assert (code, line["number"], line["outcome"]) == (0, going.pk, "purged")
    assert {k: told[going.pk][k] for k in ("rows", "journal", "files")} == {
        k: line[k] for k in ("rows", "journal", "files")
    }


def test_usage(boss):
    assert command("purge_batches", "--user", "boss", "--type", "no_such")[0] == 1
    for wrong in (["--before", "yesterday"], ["--days", "-1"], ["--days", "1", "--before", "2026-01-01"]):
        with pytest.raises(Exception, match=r"day|number|not allowed"):
            call_command("purge_batches", *wrong, "--user", "boss", stderr=StringIO())


@pytest.mark.parametrize(
    "given",
    [
        {"UNDO_DAYS": 366},
        {"KEEP_JOURNAL_DAYS": 364},
        {"KEEP_BY_TYPE": {"toy_price": {"rows": 30}}},
        {"KEEP_BY_TYPE": {"toy_price": {"rows": 2000}}},
    ],
)
def test_E043(settings, given):
    """Nothing that an undo needs goes before the undo window ends."""
    settings.BATCHES = given
    assert {message.id for message in check_settings()} == {"batches.E043"}


def test_E043_of_a_type(monkeypatch):
    monkeypatch.setattr(PriceHandler, "undo_days", 400)
    (message,) = check_settings()
    assert (message.id, message.obj) == ("batches.E043", "tests.toys.batches.PriceHandler")
    monkeypatch.setattr(PriceHandler, "keep_rows_days", 500)
    assert check_settings() == []


def test_W005(settings):
    settings.BATCHES = {"KEEP_BY_TYPE": {"toy_prise": {"rows": 400}}}
    assert [message.id for message in check_settings()] == ["batches.W005"]


@pytest.mark.parametrize(
    "value", [[], {"toy_price": 30}, {"toy_price": {"days": 30}}, {"toy_price": {"rows": "30"}}]
)
def test_days_by_type_of_the_wrong_kind(settings, value):
    settings.BATCHES = {"KEEP_BY_TYPE": value}
    assert [message.id for message in check_settings()] == ["batches.E041"]

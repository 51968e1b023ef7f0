"""Rows that an execution left, written later: those and no others, each once, whatever dies."""

import io
import json

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from batches import actions, rights
from batches.exceptions import Forbidden, Refused, RunFailed
from batches.figures import figures
from batches.models import Event, Run
from batches.registry import find_batch
from batches.testing import make_batch
from tests.toys.batches import PriceHandler, ThingFileHandler
from tests.toys.models import Box, Thing

from .harness import KillAt, forked, killed, statements
from .test_chunked import (
    DOUBLED,
    ROWS,
    AtStep,
    _carry_on,
    batch,
    boss,
    changes,
    doubled,
    executed_while,
    in_chunks,
    prices,
)

__all__ = ["batch", "boss", "in_chunks"]
pytestmark = pytest.mark.django_db(transaction=True)


def rule(condition):
    """Let production refuse values by a rule that no model knows of; None takes it away."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE toys_thing DROP CONSTRAINT IF EXISTS a_rule")
        if condition:
            cursor.execute(f"ALTER TABLE toys_thing ADD CONSTRAINT a_rule CHECK ({condition}) NOT VALID")


@pytest.fixture(autouse=True)
def no_rule():
    yield
    rule(None)


@pytest.fixture
def failed(batch, boss):
    """Return an executed batch of which rows 3 and 4 failed."""
    rule("price NOT IN (6, 8)")
    actions.execute(batch, boss)
    assert (batch.status, prices()) == ("executed", [2, 4, 3, 4, 10])
    return batch


def retried(batch, boss, chosen=None):
    return actions.work(batch, actions.retry(batch, boss, chosen, own=True))


@pytest.mark.parametrize("atomic", [False, True])
def test_failed_rows_are_written_and_no_others(failed, boss, atomic, monkeypatch):
    monkeypatch.setattr(PriceHandler, "atomic", atomic)
    rule(None)
    Thing.objects.filter(code="T1").update(price=77)
    run = retried(failed, boss)
    assert (run.state, prices()) == ("succeeded", [77, 4, 6, 8, 10])
    assert figures(failed)["counts"] == {"applied": 5}
    assert not PriceHandler(failed).rows().exclude(issues=None).exclude(issues=[]).exists()
    said = Event.objects.filter(batch=failed.pk, verb="retry").get()
    assert said.comment == "Writes 2 rows again."
    assert [reason["row"] for reason in said.data["reasons"]] == [3, 4]
    assert "a_rule" in said.data["reasons"][0]["text"]
    actions.revert(failed, boss)
    assert prices() == [77, 2, 3, 4, 5]
    assert figures(failed)["counts"] == {"reverted": 4, "kept": 1}


def test_row_that_fails_again_says_so_once(failed, boss):
    rule("price <> 8")
    run = retried(failed, boss)
    assert (run.state, prices()) == ("succeeded", [2, 4, 6, 4, 10])
    row = PriceHandler(failed).rows().get(status="failed")
    assert (row.sequence, len(row.issues)) == (4, 1)


def test_only_the_rows_of_a_filter(failed, boss, monkeypatch):
    monkeypatch.setattr(PriceHandler, "on_error", "stop")
    rule(None)
    retried(failed, boss, {"q": "T4"})
    assert prices() == [2, 4, 3, 8, 10]
    assert figures(failed)["counts"] == {"applied": 4, "failed": 1}
    with pytest.raises(Refused, match="No row that could be written again matches"):
        actions.retry(failed, boss, {"q": "T1"})


def test_no_row_is_read_to_see_that_all_were_reached(failed, boss, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert not rights.has_pending(PriceHandler(failed))
    Run.objects.filter(batch_id=failed.pk).update(state="stopped")
    with django_assert_num_queries(2):
        assert not rights.has_pending(PriceHandler(failed))


def test_conflict_is_not_tried_again(batch, boss):
    Thing.objects.filter(code="T2").update(price=99)
    actions.execute(batch, boss)
    assert figures(batch)["counts"] == {"applied": 4, "conflict": 1}
    with pytest.raises(Refused, match="No row failed"):
        actions.retry(batch, boss)


def test_failed_row_that_moved_meanwhile_becomes_a_conflict(failed, boss):
    rule(None)
    Thing.objects.filter(code="T3").update(price=99)
    retried(failed, boss)
    assert prices() == [2, 4, 99, 8, 10]
    assert figures(failed)["counts"] == {"applied": 4, "conflict": 1}


def test_going_on_passes_rows_that_failed_before(batch, boss, monkeypatch):
    """Where a type stops at a row that fails, going on writes all that follow, and does not stop at the same row again."""
    monkeypatch.setattr(PriceHandler, "on_error", "stop")
    rule("price <> 6")
    with pytest.raises(RunFailed):
        actions.execute(batch, boss)
    with pytest.raises(Refused, match="not reached yet; go on with them first"):
        actions.retry(batch, boss)
    actions.work(batch, actions.resume(batch, boss, own=True))
    assert prices() == [2, 4, 3, 8, 10]
    rule(None)
    retried(batch, boss)
    assert (prices(), changes()) == (DOUBLED, ROWS)


def test_going_on_leaves_alone_what_was_written_before_and_changed_since(batch, boss):
    executed_while(batch, boss, lambda: actions.stop(find_batch(batch.pk), boss))
    Thing.objects.filter(code="T1").update(price=77)
    actions.work(batch, actions.resume(batch, boss, own=True))
    assert prices() == [77, 4, 6, 8, 10]


def test_going_on_does_not_make_again_what_was_deleted_since(boss, monkeypatch):
    monkeypatch.setattr(ThingFileHandler, "atomic", False)
    rows = "".join(f"N{i},new {i},{i}.00\n" for i in range(1, ROWS + 1))
    file = ContentFile(f"code,name,price\n{rows}".encode(), name="things.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    executed_while(batch, boss, lambda: actions.stop(find_batch(batch.pk), boss))
    assert prices() == [1, 2]
    Thing.objects.filter(code="N1").delete()
    actions.work(batch, actions.resume(batch, boss, own=True))
    assert prices() == [2, 3, 4, 5]


def test_kill_at_every_fourth_statement_of_another_try(boss):
    rule("price NOT IN (6, 8)")
    whole = doubled(boss)
    actions.execute(whole, boss)
    rule(None)
    points = statements(lambda: retried(whole, boss))
    kills = 0
    for n in range(1, points + 2, 4):
        for model in (Thing, Box):
            model.objects.all().delete()
        rule("price NOT IN (6, 8)")
        batch = doubled(boss)
        before = changes()
        actions.execute(batch, boss)
        rule(None)
        kills += killed(forked(lambda pk=batch.pk, n=n: _killed_at(pk, min(n, points), after=n > points)))
        _carry_on(batch.pk)
        batch = find_batch(batch.pk)
        if PriceHandler(batch).rows().filter(status="failed").exists():
            assert changes() - before == ROWS - 2, f"statement {n}: nothing had begun"
            retried(batch, boss)
        assert (batch.status, prices(), changes() - before) == ("executed", DOUBLED, ROWS), f"statement {n}"
    print(f"another try: {points} statements, {kills} kills, lost 0, doubled 0")
    assert kills >= points // 4


def _killed_at(pk, n, after):
    user = get_user_model().objects.get(username="boss")
    with connection.execute_wrapper(KillAt(n, after)):
        retried(find_batch(pk), user)


def test_needs_the_right_to_execute_and_to_change_products(failed, client):
    clerk = get_user_model().objects.create_user("clerk", password="clerk", is_staff=True)
    rights = Permission.objects.filter(content_type__app_label="toys")
    clerk.user_permissions.set(rights.filter(codename__in=["view_pricebatch", "change_pricebatch"]))
    with pytest.raises(Forbidden):
        actions.retry(failed, clerk)
    clerk.user_permissions.set(rights.exclude(codename="change_thing"))
    clerk = get_user_model().objects.get(pk=clerk.pk)
    with pytest.raises(Refused, match=r"toys\.change_thing"):
        actions.retry(failed, clerk)
    assert not Run.objects.filter(finished=None).exists()


def test_page_offers_it_and_does_it(failed, boss, client):
    client.force_login(boss)
    rule(None)
    url = reverse("batches:retry", args=[failed.pk])
    page = reverse("batches:batch", args=[failed.pk])
    assert "Try the failed rows again" in client.get(page, follow=True).text
    assert client.get(url).status_code == 405
    assert client.post(url).status_code == 302
    _carry_on(failed.pk)
    assert prices() == DOUBLED
    assert url not in client.get(page, follow=True).text


def test_command(failed):
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("retry_batch", str(failed.pk), "--user", "boss", "--json", stdout=out, stderr=err)
    assert ended.value.code == 3  # the rule is still there
    rule(None)
    out = io.StringIO()
    call_command("retry_batch", str(failed.pk), "--user", "boss", "--json", stdout=out)
    assert json.loads(out.getvalue())["counts"] == {"applied": 5}
    assert prices() == DOUBLED
    with pytest.raises(SystemExit) as ended:
        call_command("retry_batch", str(failed.pk), "--user", "boss", stderr=err)
    assert ended.value.code == 1
    assert "No row failed." in err.getvalue()


def test_stopped_in_the_middle_it_says_how_many_are_not_written_again(batch, boss):
    actions.execute(batch, boss)
    actions.revert(batch, boss)
    run = actions.reapply(batch, boss, own=True)
    with connection.execute_wrapper(AtStep(lambda: actions.stop(find_batch(batch.pk), boss), 1)):
        run = actions.work(batch, run)
    assert (run.state, prices()) == ("stopped", [2, 4, 3, 4, 5])
    assert run.error == "Stopped by a person. 2 rows are written, 3 are not yet."
    run = actions.work(batch, actions.reapply(batch, boss, own=True))
    assert (run.state, prices()) == ("succeeded", DOUBLED)

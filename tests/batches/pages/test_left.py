"""What the page says and offers where an execution left rows: to each person what is theirs, and nothing that is not so."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.exceptions import Refused
from batches.models import Run
from batches.testing import make_batch
from tests.toys.batches import PriceHandler
from tests.toys.models import Thing

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    user = get_user_model().objects.create_superuser("boss", password="boss")
    client.force_login(user)
    return user


@pytest.fixture
def batch(boss):
    """Return an executed batch of four rows, of which those of T1 and T2 were changed since review."""
    Thing.objects.bulk_create(Thing(code=f"T{n}", price=n) for n in range(1, 5))
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    Thing.objects.filter(code__in=["T1", "T2"]).update(price=99)
    actions.execute(batch, boss)
    return batch


def stand(batch):
    return list(PriceHandler(batch).rows().order_by("sequence").values_list("status", flat=True))


def test_who_works_with_some_rows_closes_those_and_no_others(batch, boss, monkeypatch):
    clerk = get_user_model().objects.create_user("clerk")
    names = ["view_pricebatch", "execute_pricebatch", "change_thing", "add_pricebatch", "change_pricebatch"]
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="toys", codename__in=names))
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q() if user.is_superuser else Q(code="T1"))
    assert actions.close(batch, clerk, reason="not ours") == 1
    assert stand(batch) == ["left", "conflict", "applied", "applied"]
    for verb in ("close", "carry_on"):
        with pytest.raises(Refused):
            getattr(actions, verb)(batch, clerk)
        assert actions.why_not(batch, verb, clerk)
        assert actions.why_not(batch, verb, boss) is None
    assert actions.close(batch, boss) == 1


def page(client, batch, name="batch"):
    return client.get(reverse(f"batches:{name}", args=[batch.pk]), follow=True).text


def test_run_that_rests_or_never_began_says_no_more_than_is_so(batch, boss, client, monkeypatch):
    monkeypatch.setattr(PriceHandler, "atomic", False)
    PriceHandler(batch).rows().filter(code="T1").update(status="failed")
    actions.retry(batch, boss)
    assert "it goes on without you" in page(client, batch, "progress")
    actions.pause(batch, boss)
    text = page(client, batch, "progress")
    assert "It rests until somebody lets it go on." in text
    assert "without you" not in text
    actions.stop(batch, boss)
    text = page(client, batch)
    assert "It wrote nothing." in text
    # Two rows are.
    assert "Nothing was written." not in text


def test_nobody_waits_for_a_worker_that_is_gone(batch, boss, client, settings):
    settings.BATCHES = {"LEASE_SECONDS": 20.0, "RENEW_SECONDS": 3.0}
    actions.revert(batch, boss)
    run = actions.reapply(batch, boss, own=True)
    Run.objects.filter(pk=run.pk).update(blocked=2)
    assert "2 others wait" in page(client, batch, "progress")
    Run.objects.filter(pk=run.pk).update(lease_until="2020-01-01T00:00:00Z")
    text = page(client, batch, "progress")
    assert "Interrupted" in text
    assert "2 others wait" not in text

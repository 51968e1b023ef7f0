"""What the page says of a run whose worker gives no sign of life."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db.models.functions import Now
from django.urls import reverse

from batches import actions
from batches.models import Run
from batches.testing import make_batch
from tests.toys.models import Thing

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("left", "words"), [(20, "Running"), (12, "Running"), (10, "Interrupted"), (-60, "Interrupted")]
)
def test_interrupted_is_said_once_three_signs_are_missing(client, settings, left, words):
    settings.BATCHES = {"LEASE_SECONDS": 20.0, "RENEW_SECONDS": 3.0}
    boss = get_user_model().objects.create_superuser("boss", password="boss")
    client.force_login(boss)
    Thing.objects.create(code="A", price=1)
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    run = actions.start(batch, "execute", boss)
    Run.objects.filter(pk=run.pk).update(
        state="running", attempt=1, started=Now(), lease_until=Now() + timedelta(seconds=left)
    )
    text = client.get(reverse("batches:progress", args=[batch.pk])).text
    assert words in text

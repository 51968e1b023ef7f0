"""Targets that do what a test wants, and what the tests of the outbox share."""

import csv
import os
import signal
from decimal import Decimal
from pathlib import Path

from batches.models import Delivery, DeliveryLot
from batches.targets import DeliveryTarget, DropFolder
from batches.testing import make_batch
from tests.toys.models import Box, Thing

ROWS = 5
DOUBLED = [2, 4, 6, 8, 10]


class Recorded(DeliveryTarget):
    """Notes what it is sent, and first does what a test wants it to do."""

    most = 2
    sent = []
    before = None

    def send(self, lot, deliveries):
        if Recorded.before is not None:
            Recorded.before(lot)
        Recorded.sent.append((lot.key, [delivery.row for delivery in deliveries]))


class DiesAfterSending(DropFolder):
    def send(self, lot, deliveries):
        super().send(lot, deliveries)
        os.kill(os.getpid(), signal.SIGKILL)


def told(boss):
    box, _made = Box.objects.get_or_create(name="First")
    Thing.objects.bulk_create([Thing(code=f"T{i}", price=Decimal(i), box=box) for i in range(1, ROWS + 1)])
    return make_batch("toy_tell", user=boss)


def prices():
    return [int(p) for p in Thing.objects.order_by("pk").values_list("price", flat=True)]


def told_rows(batch):
    """Return the rows of which deliveries were written, in order; one that was written twice is there twice."""
    return list(Delivery.objects.filter(lot__batch=batch.pk).order_by("row").values_list("row", flat=True))


def applied_rows(batch):
    return list(batch.rows.filter(status="applied").order_by("sequence").values_list("sequence", flat=True))


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def lines(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def make_due():
    DeliveryLot.objects.filter(state="waiting").update(
        next_try=DeliveryLot._meta.get_field("created").db_default
    )

"""Batches of the toys that ended long ago, and what is left of them."""

from datetime import timedelta
from io import StringIO

import pgtrigger
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.utils import timezone

from batches import actions, journal
from batches.models import Event, Run
from batches.registry import find_batch
from batches.testing import make_batch, run_batch

BOOK = b"code,name,price\nT1,one,5\nT9,nine,9\nT8,eight,8,too,many\n"


def aged(batch, days, verb="executed"):
    """Return the batch as if it had ended so many days ago."""
    moment = timezone.now() - timedelta(days=days)
    if verb == "touched":
        with pgtrigger.ignore("batches.Event:append_only"):
            Event.objects.filter(batch=batch.pk).update(at=moment)
    type(batch).objects.filter(pk=batch.pk).update(
        **{"created": moment} if verb == "touched" else {verb: moment}
    )
    return find_batch(batch.pk)


def doubled(boss, days=0):
    """Return a batch that doubled the prices so many days ago."""
    return aged(run_batch("toy_price", user=boss, options={"factor": "2"}), days)


def filed(boss, days=0, content=BOOK, run=True):
    batch = make_batch("toy_file", user=boss, file=ContentFile(content, name="book.csv"))
    if run:
        actions.execute(batch, boss)
        return aged(batch, days)
    return batch


def command(*words):
    """Return exit code, output and errors of a command."""
    out, errors = StringIO(), StringIO()
    try:
        call_command(*words, stdout=out, stderr=errors)
    except SystemExit as end:
        return end.code, out.getvalue(), errors.getvalue()
    return 0, out.getvalue(), errors.getvalue()


def entries_of(batch):
    runs = list(Run.objects.filter(batch_id=batch.pk).values_list("pk", flat=True))
    return [
        e
        for model in journal.tracked_models()
        for e in journal.event_model(model)._base_manager.filter(pgh_run__in=runs)
    ]

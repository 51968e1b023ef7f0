"""Send what other systems were not told yet of an executed batch."""

from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from batches import actions
from batches.outbox import outbox_of, send_due
from batches.words import whole

from ._base import EXIT_IN_PART, EXIT_REFUSED, NumberCommand


class Command(NumberCommand):
    help = "Send at once what other systems were not told yet of an executed batch, also what failed."

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the choice of who does it."""
        parser.add_argument("--background", action="store_true", help="Leave the sending to a worker.")

    def work(self, options: dict[str, Any]) -> None:
        """Make everything due, send it unless a worker shall, and show the batch."""
        batch = self.batch(options)
        actions.deliver(batch, self.user(options), door=self.door())
        lots = 0 if options["background"] else send_due(batch.pk)
        self.show(batch, options)
        box = outbox_of(batch.pk)
        if box.unsent and not options["background"]:
            why = box.error or _("A worker is sending them.")
            words = {"n": whole(box.unsent), "why": why}
            one, many = "%(n)s delivery is not sent: %(why)s", "%(n)s deliveries are not sent: %(why)s"
            self.fail(ngettext(one, many, box.unsent) % words, EXIT_IN_PART if lots else EXIT_REFUSED)

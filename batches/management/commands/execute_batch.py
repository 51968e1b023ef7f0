"""Put the batch into production, each row exactly once."""

from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _

from batches import actions
from batches.exceptions import Refused
from batches.models import BatchBase, Run

from ._base import RunCommand


class Command(RunCommand):
    help = "Put the batch into production, each row exactly once."
    verb = "execute"

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the choice between one transaction and many."""
        super().add_own_arguments(parser)
        way = parser.add_mutually_exclusive_group()
        way.add_argument(
            "--in-chunks", action="store_true", default=None, dest="in_chunks",
            help="Write in chunks, each in a transaction of its own, where the type lets one choose.",
        )  # fmt: skip
        way.add_argument(
            "--at-once", action="store_false", default=None, dest="in_chunks",
            help="Write all rows in one transaction, where the type lets one choose.",
        )  # fmt: skip

    def begin(self, batch: BatchBase, user: Any, options: dict[str, Any]) -> Run:
        """Make the run. Raises Refused where the type does not let one choose."""
        in_chunks = options["in_chunks"]
        handler = actions.handler_of(batch, user)
        if in_chunks is not None and handler.atomic not in ("ask", not in_chunks):
            raise Refused(
                _("Batches of this type are always executed in chunks.")
                if in_chunks is False
                else _("Batches of this type are always executed at once.")
            )
        return actions.start(
            batch, "execute", user, door=self.door(), own=not options["background"], in_chunks=in_chunks
        )

"""Write again what was undone of a batch."""

from argparse import ArgumentParser
from typing import Any

from batches import actions
from batches.models import BatchBase, Run

from ._base import RunCommand, add_filter, chosen


class Command(RunCommand):
    help = "Write again what was undone of a batch."
    verb = "reapply"

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the filter."""
        super().add_own_arguments(parser)
        add_filter(parser)

    def begin(self, batch: BatchBase, user: Any, options: dict[str, Any]) -> Run:
        """Make the run for the undone rows that match."""
        return actions.reapply(
            batch, user, chosen(options["filter"]), door=self.door(), own=not options["background"]
        )

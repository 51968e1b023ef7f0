"""Write the rows of an executed batch that failed, as they are."""

from argparse import ArgumentParser
from typing import Any

from batches import actions
from batches.models import BatchBase, Run

from ._base import RunCommand, add_filter, chosen


class Command(RunCommand):
    help = "Write the rows of an executed batch that failed, as they are."
    verb = "retry"

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the filter."""
        super().add_own_arguments(parser)
        add_filter(parser)

    def begin(self, batch: BatchBase, user: Any, options: dict[str, Any]) -> Run:
        """Make the run for the failed rows that match."""
        return actions.retry(
            batch, user, chosen(options["filter"]), door=self.door(), own=not options["background"]
        )

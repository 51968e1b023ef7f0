"""Take what an execution found changed since review to a new batch."""

from argparse import ArgumentParser
from typing import Any

from batches import actions

from ._base import NumberCommand, add_filter, chosen


class Command(NumberCommand):
    help = "Take what an execution found changed since review to a new batch, and show that one."

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the filter."""
        add_filter(parser)

    def work(self, options: dict[str, Any]) -> None:
        """Make the new batch and show it."""
        made = actions.carry_on(
            self.batch(options), self.user(options), chosen(options["filter"]), door=self.door()
        )
        self.show(made.batch, options)

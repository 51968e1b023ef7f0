"""Move the rows of a batch that match a filter to a new batch."""

from argparse import ArgumentParser
from typing import Any

from batches import actions

from ._base import NumberCommand, add_filter, chosen, count


class Command(NumberCommand):
    help = "Move the rows that match a filter to a new batch, and show that one."

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the filter and the number of rows that it is to match."""
        add_filter(parser, needed=True)
        parser.add_argument("--expected", type=count, help="Move nothing if another number of rows matches.")

    def work(self, options: dict[str, Any]) -> None:
        """Move the rows and show the new batch."""
        batch, user = self.batch(options), self.user(options)
        made, _rows = actions.split(
            batch, user, chosen(options["filter"]), expected=options["expected"], door=self.door()
        )
        self.show(made, options)

"""Read the batch's file, or collect its rows."""

from argparse import ArgumentParser
from typing import Any

from ._base import RunCommand


class Command(RunCommand):
    help = "Read the batch's file, or collect its rows."
    verb = "populate"

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add --again."""
        super().add_own_arguments(parser)
        parser.add_argument(
            "--again",
            action="store_true",
            help="Read the file of a batch in review again; corrections and exclusions are lost.",
        )

    def work(self, options: dict[str, Any]) -> None:
        """Populate a draft, or what is in review."""
        self.verb = "repopulate" if options["again"] else "populate"
        super().work(options)

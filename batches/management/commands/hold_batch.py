"""Keep everything of a batch, or take that back."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from batches import actions

from ._base import NumberCommand


class Command(NumberCommand):
    help = "Keep everything of a batch until it is released, with a reason; it is neither purged nor deleted."

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the reason, and the way back."""
        parser.add_argument("--reason", default="", help="Why; needed for a hold.")
        parser.add_argument("--release", action="store_true", help="Take the hold back.")

    def work(self, options: dict[str, Any]) -> None:
        """Hold or release, and show the batch."""
        batch = self.batch(options)
        do = actions.release if options["release"] else actions.hold
        do(batch, self.user(options), reason=options["reason"], door=self.door())
        self.show(batch, options)

"""Undo an executed batch; what was changed since is kept and named."""

from argparse import ArgumentParser
from typing import Any

from batches import actions
from batches.models import BatchBase, Run
from batches.registry import registry
from batches.states import RowStatus

from ._base import EXIT_IN_PART, RunCommand, add_filter, chosen


class Command(RunCommand):
    help = "Undo an executed batch; what was changed since is kept and named."
    verb = "revert"

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the filter."""
        super().add_own_arguments(parser)
        add_filter(parser)

    def begin(self, batch: BatchBase, user: Any, options: dict[str, Any]) -> Run:
        """Make the run for the rows that match."""
        return actions.begin_revert(
            batch, user, chosen(options["filter"]), door=self.door(), own=not options["background"]
        )

    def conclude(self, batch: BatchBase, run: Run) -> None:
        """End with 3 where something was kept."""
        super().conclude(batch, run)
        rows: Any = registry.for_model(type(batch))(batch).rows()
        if rows.filter(status=RowStatus.KEPT).exists():
            raise SystemExit(EXIT_IN_PART)

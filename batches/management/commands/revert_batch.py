"""Undo an executed batch; what was changed since is kept and named."""

from typing import Any

from batches import actions
from batches.models import BatchBase, Run
from batches.registry import registry
from batches.states import RowStatus

from ._base import EXIT_IN_PART, FilteredRunCommand


class Command(FilteredRunCommand):
    help = "Undo an executed batch; what was changed since is kept and named."
    verb = "revert"
    action = staticmethod(actions.begin_revert)

    def conclude(self, batch: BatchBase, run: Run) -> None:
        """End with 3 where something was kept."""
        super().conclude(batch, run)
        rows: Any = registry.for_model(type(batch))(batch).rows()
        if rows.filter(status=RowStatus.KEPT).exists():
            raise SystemExit(EXIT_IN_PART)

"""Give a batch up."""

from typing import Any

from batches import actions

from ._base import NumberCommand


class Command(NumberCommand):
    help = "Give a batch up; it stays readable."

    def work(self, options: dict[str, Any]) -> None:
        """Withdraw and show the batch."""
        batch = self.batch(options)
        actions.withdraw(batch, self.user(options), door=self.door())
        self.show(batch, options)

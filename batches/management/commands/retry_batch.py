"""Write the rows of an executed batch that failed, as they are."""

from batches import actions

from ._base import FilteredRunCommand


class Command(FilteredRunCommand):
    help = "Write the rows of an executed batch that failed, as they are."
    verb = "retry"
    action = staticmethod(actions.retry)

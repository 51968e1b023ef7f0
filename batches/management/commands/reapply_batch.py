"""Write again what was undone of a batch."""

from batches import actions

from ._base import FilteredRunCommand


class Command(FilteredRunCommand):
    help = "Write again what was undone of a batch."
    verb = "reapply"
    action = staticmethod(actions.reapply)

"""Check all rows again."""

from ._base import RunCommand


class Command(RunCommand):
    help = "Check all rows again."
    verb = "refresh"

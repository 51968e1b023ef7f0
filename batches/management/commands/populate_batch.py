"""Read the batch's file, or collect its rows."""

from ._base import RunCommand


class Command(RunCommand):
    help = "Read the batch's file, or collect its rows."
    verb = "populate"

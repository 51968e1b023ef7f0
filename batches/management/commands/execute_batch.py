"""Put the batch into production, each row exactly once."""

from ._base import RunCommand


class Command(RunCommand):
    help = "Put the batch into production, each row exactly once."
    verb = "execute"

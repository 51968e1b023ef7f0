"""What can go wrong with the embedded PostgreSQL."""


class LocalPostgresError(Exception):
    """The embedded PostgreSQL could not be started or stopped; the text says why and what to do."""

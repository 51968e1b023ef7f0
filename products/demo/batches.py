"""Batches of the demo store, in different states."""


def load_batches() -> int:
    """Make the demo batches; return how many."""
    return 0

"""The trials of the reliability programme, each in the sizes `small`, `ci` and `long`."""

from collections.abc import Iterable
from importlib import import_module

from .report import Report

NAMES = (
    "worker_kills",
    "database_kills",
    "zombies",
    "clicks",
    "pairs",
    "live_edits",
    "random_verbs",
    "shipped_values",
    "statement_kills",
)


def load(names: Iterable[str]) -> None:
    """Import trials; Django must be set up."""
    for name in names:
        import_module(f"{__name__}.{name}")


def run(name: str, size: str, seed: int, **options: object) -> Report:
    """Carry one trial out, with leases that run out after a second."""
    from django.test import override_settings  # the settings come first

    from .ground import QUICK

    with override_settings(BATCHES=QUICK):
        return import_module(f"{__name__}.{name}").trial(size, seed, **options)

"""Checks of the site: the setting BATCHES, and the schema of importer batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.db import connections
from django.utils.module_loading import import_string

from .. import sql
from ..conf import DEFAULTS, conf
from ..handlers import BatchHandler
from ..retention import PARTS, keeping
from ..targets import NAME, DeliveryTarget
from .common import error, warning

CHOICES: dict[str, tuple[Any, ...]] = {"JOURNAL": ("always",)}
SCHEMA = "batch"
BY_TYPE = 'a dict such as {"labels": {"rows": 30, "journal": 90, "undo": 7}}, in days above 0'


def check_settings() -> list[CheckMessage]:
    """Return what is wrong with the setting BATCHES."""
    given = getattr(settings, "BATCHES", {})
    if not isinstance(given, dict):
        return [
            error(
                40,
                f"BATCHES is {given!r}; it must be a dict.",
                'Write `BATCHES = {"PIECE_ROWS": 10_000}` in the settings.',
            )
        ]
    found = [
        error(
            40,
            f"BATCHES has the unknown key {key!r}.",
            f"Keys are: {', '.join(sorted(DEFAULTS))}.",
        )
        for key in given
        if key not in DEFAULTS
    ]
    found += _values(given)
    if not found and conf("LEASE_SECONDS") <= 2 * conf("RENEW_SECONDS"):
        found.append(
            error(
                42,
                f"BATCHES['LEASE_SECONDS'] is {conf('LEASE_SECONDS')!r} and BATCHES['RENEW_SECONDS'] {conf('RENEW_SECONDS')!r}:"
                " one late renewal would give a living worker's run away.",
                "Make LEASE_SECONDS more than twice RENEW_SECONDS.",
            )
        )
    return found


def _values(given: dict[str, Any]) -> Iterator[CheckMessage]:
    for key, value in given.items():
        if key not in DEFAULTS:
            continue
        default = DEFAULTS[key]
        if key == "KEEP_BY_TYPE":
            wanted, fits = BY_TYPE, _is_by_type(value)
        elif isinstance(default, bool):
            wanted, fits = "True or False", isinstance(value, bool)
        elif isinstance(default, float):
            wanted, fits = "a number of seconds above 0", _is_number(value, (int, float))
        elif isinstance(default, int):
            wanted, fits = "a whole number above 0", _is_number(value, (int,))
        elif key == "DELIVER_TO":
            wanted, fits = _names_targets(value)
        elif key == "DROP_FOLDER":
            wanted = "the path of a folder from the root on, or empty"
            fits = isinstance(value, (str, Path)) and (not str(value) or Path(value).is_absolute())
        else:
            wanted, fits = " or ".join(repr(c) for c in CHOICES[key]), value in CHOICES[key]
        if not fits:
            yield error(
                41,
                f"BATCHES[{key!r}] is {value!r}; it must be {wanted}.",
                f"The default is {default!r}; leave the key out to have it.",
            )


def _is_by_type(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(days, dict) and all(part in PARTS and _is_number(n, (int,)) for part, n in days.items())
        for days in value.values()
    )


def check_keeping(handlers: Iterable[type[BatchHandler]]) -> list[CheckMessage]:
    """Return which types lose something too early, and which types of the setting there are not."""
    handlers = list(handlers)
    found = []
    for key in sorted(set(conf("KEEP_BY_TYPE")) - {handler.key for handler in handlers}):
        found.append(
            warning(
                5,
                f"BATCHES['KEEP_BY_TYPE'] names the type {key!r}, which does not exist.",
                f"Types are: {', '.join(handler.key for handler in handlers) or 'none'}.",
            )
        )
    for handler in handlers:
        keep = keeping(handler)
        if not 0 < keep.undo <= keep.rows <= keep.journal:
            found.append(
                error(
                    43,
                    f"Batches of {handler.key!r} can be undone for {keep.undo} days, keep their rows for {keep.rows} and their"
                    f" history for {keep.journal}: an undo needs both.",
                    "Keep the rows at least as long as the undo window, and the history at least as long as the rows:"
                    " UNDO_DAYS, KEEP_ROWS_DAYS, KEEP_JOURNAL_DAYS and KEEP_BY_TYPE of BATCHES, or the type's attributes.",
                    handler,
                )
            )
    return found


def _names_targets(value: Any) -> tuple[str, bool]:
    """Return what DELIVER_TO must be, and whether it is."""
    wanted = "a dict of names (small letters, digits and _, 30 at most) and dotted paths of subclasses of batches.DeliveryTarget"
    if not isinstance(value, dict):
        return wanted, False
    for name, path in value.items():
        try:
            found = import_string(path)
        except (ImportError, AttributeError, TypeError):
            return wanted, False
        if not (isinstance(found, type) and issubclass(found, DeliveryTarget)):
            return wanted, False
        if not isinstance(name, str) or not NAME.fullmatch(name):
            return wanted, False
    return wanted, True


def _is_number(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool) and bool(value > 0)  # type: ignore[operator]


def check_schema(alias: str) -> list[CheckMessage]:
    """Return whether a database lacks the schema in which importer batches have their tables."""
    if connections[alias].vendor != "postgresql":
        return []
    if sql.fetch(alias, "SELECT 1 FROM pg_namespace WHERE nspname = %s", [SCHEMA]):
        return []
    return [
        warning(
            4,
            f"The database {alias!r} has no schema {SCHEMA!r}, in which importer batches have their tables.",
            "Type `manage.py create_batch_schema`, or let somebody do it who has the right to create schemas.",
        )
    ]

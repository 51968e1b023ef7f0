"""The one settings dict of the framework, `BATCHES`, with its defaults."""

from __future__ import annotations

from typing import Any

from django.conf import settings

DEFAULTS: dict[str, Any] = {
    # Seconds that a worker owns a run without renewing it; on the database's clock.
    "LEASE_SECONDS": 20.0,
    "RENEW_SECONDS": 3.0,
    # Seconds between two looks of an idle worker.
    "POLL_SECONDS": 1.0,
    # Rows that a whole hook gets at once.
    "PIECE_ROWS": 20_000,
    # Fewest and most rows of one chunk of a run that works in chunks; in between it seeks what takes about a second.
    "CHUNK_MIN_ROWS": 100,
    "CHUNK_MAX_ROWS": 20_000,
    "LOCK_TIMEOUT_MS": 10_000,
    "STATEMENT_TIMEOUT_MS": 900_000,
    "IDLE_TIMEOUT_MS": 20_000,
    # Largest upload, in bytes, and most rows of one batch.
    "MAX_FILE_BYTES": 512 * 1024 * 1024,
    "MAX_ROWS": 5_000_000,
    # "always": every write to a tracked model is journalled.
    "JOURNAL": "always",
    # Approvals given by a command count only where this is true (issue "four eyes").
    "APPROVE_BY_COMMAND": False,
    # More rows than that are changed or saved by a run, not while somebody waits for a page.
    "AT_ONCE_ROWS": 5_000,
    # With that many rows or more, a type that asks proposes to execute in chunks.
    "CHUNKS_FROM_ROWS": 50_000,
    # Rows shown on one page of the grid.
    "PAGE_ROWS": 50,
    # Days after its end (executed, undone, withdrawn) that a batch keeps its rows and files, and its part of the history of
    # production; and the days in which nothing of an executed batch may go, so that it can be undone.
    "KEEP_ROWS_DAYS": 365,
    "KEEP_JOURNAL_DAYS": 1095,
    "UNDO_DAYS": 90,
    # Key of a type -> days of "rows", "journal" or "undo" that differ for it.
    "KEEP_BY_TYPE": {},
    # Name -> dotted path of the class of a target that batches may deliver to.
    "DELIVER_TO": {"drop_folder": "batches.targets.DropFolder"},
    # The folder, as an absolute path, into which targets of the class DropFolder put their files.
    "DROP_FOLDER": "",
    # Seconds that sending one lot may take; then the sender is held to be dead.
    "DELIVER_SECONDS": 60.0,
    # Tries until a lot has failed, and the wait after the first of them, which doubles up to an hour: a day in all.
    "DELIVER_TRIES": 30,
    "DELIVER_WAIT_SECONDS": 5.0,
}


def conf(name: str) -> Any:
    """Return the setting `name` of `BATCHES`, or its default."""
    return getattr(settings, "BATCHES", {}).get(name, DEFAULTS[name])

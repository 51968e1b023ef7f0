"""Reviewed changes to business data: batches that are filled, looked at, corrected and executed exactly once.

The public names are here, for batch types, and in `batches.testing`, for their tests. They are fetched when they are first asked for,
as models cannot be imported before Django's apps are ready.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "BatchBase": "models",
    "BatchError": "exceptions",
    "BatchHandler": "handlers",
    "BatchKey": "models",
    "BatchRowBase": "models",
    "CellError": "files",
    "Change": "changes",
    "Column": "files",
    "Create": "changes",
    "Delete": "changes",
    "DeliveryTarget": "targets",
    "FileBatchMixin": "models",
    "Finding": "findings",
    "Forbidden": "exceptions",
    "Link": "models",
    "Lookup": "pipeline",
    "NotSent": "exceptions",
    "Parcel": "targets",
    "QueryBatchMixin": "models",
    "Refused": "exceptions",
    "Rejected": "exceptions",
    "Repaired": "ingest",
    "RowAction": "states",
    "RowStatus": "states",
    "Severity": "states",
    "Status": "states",
    "Unique": "findings",
    "Upsert": "changes",
    "register": "registry",
    "rows_written": "signals",
    "track": "journal",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

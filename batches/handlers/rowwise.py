"""Refresh in Python: loop over the row hook, save what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from ..states import RowAction, RowStatus, Severity

if TYPE_CHECKING:
    from .base import BatchHandler

Row = Any


def refresh_in_python(handler: BatchHandler, rows: models.QuerySet) -> None:
    """Loop over `refresh_row()`, and save what it changed with one upsert a chunk."""
    names = [
        f.name
        for f in handler.row_model._meta.concrete_fields
        if not f.primary_key and f.name not in ("batch", "sequence")
    ]
    batch: list[Any] = []
    for row in rows.iterator(chunk_size=2000):
        before = {f.attname: getattr(row, f.attname) for f in handler.row_model._meta.concrete_fields}
        # What this hook flagged last time goes; what was read or declared stays.
        row.issues = [entry for entry in (row.issues or []) if not entry.get("own")] or None
        row.status = RowStatus.OK
        handler.refresh_row(row)
        _grade(handler, row)
        if any(getattr(row, name) != value for name, value in before.items()):
            batch.append(row)
        if len(batch) >= 2000:
            _upsert(handler, batch, names)
            batch = []
    _upsert(handler, batch, names)


def _upsert(handler: BatchHandler, batch: list[Any], names: list[str]) -> None:
    if batch:
        rows: Any = handler.row_model._default_manager.using(handler.using)
        rows.bulk_create(
            batch, update_conflicts=True, unique_fields=["pk"], update_fields=names, batch_size=500
        )


def _grade(handler: BatchHandler, row: Row) -> None:
    """Set the row's status from its findings, unless the hook set an outcome."""
    for entry in row.issues or []:
        declared = handler.all_findings.get(f"{entry['code']}/{entry['field']}") or next(
            (f for f in handler.all_findings.values() if f.code == entry["code"]), None
        )
        if declared is not None:
            entry["severity"] = str(declared.severity)
    severities = {entry["severity"] for entry in row.issues or []}
    if Severity.ERROR in severities:
        row.status = RowStatus.ERROR
    elif Severity.WARNING in severities:
        row.status = RowStatus.WARNING
    elif row.action == RowAction.UNCHANGED:
        row.status = RowStatus.UNCHANGED
    row.issues = row.issues or None

"""For tests of batch types: run a whole batch in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.files import File

from . import actions
from .handlers import BatchHandler
from .models import BatchBase
from .registry import registry


def make_batch(
    key: str,
    *,
    user: Any,
    rows: Iterable[dict[str, Any]] | None = None,
    file: str | Path | File | None = None,
    query: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    mapping: dict[str, str] | None = None,
) -> BatchBase:
    """Make and fill a batch of a type, from rows, a file or a query; return it in review.

    `rows` are dicts of the row model's fields; they take the place of what the type would collect by itself.
    """
    handler_class = registry.get(key)
    if isinstance(file, (str, Path)):
        with Path(file).open("rb") as opened:
            batch = actions.make(
                key,
                user,
                options=options,
                query=query,
                mapping=mapping,
                file=File(opened, name=Path(file).name),
            )
    else:
        batch = actions.make(key, user, options=options, query=query, mapping=mapping, file=file)
    if rows is None:
        actions.populate(batch, user)
        return batch
    with given_rows(handler_class, rows):
        actions.populate(batch, user)
    return batch


def run_batch(key: str, *, user: Any, **given: Any) -> BatchBase:
    """Make, fill and execute a batch of a type in the caller's transaction; return it."""
    batch = make_batch(key, user=user, **given)
    actions.execute(batch, user)
    return batch


class given_rows:  # noqa: N801 - reads as a statement
    """Let a type be filled from given rows instead of what it collects."""

    def __init__(self, handler: type[BatchHandler], rows: Iterable[dict[str, Any]]) -> None:
        self.handler = handler
        self.rows = list(rows)

    def __enter__(self) -> None:
        rows = self.rows
        self.own = self.handler.__dict__.get("populate")

        def populate(handler: BatchHandler) -> None:
            handler.copy_rows(rows)

        self.handler.populate = populate  # type: ignore[method-assign]

    def __exit__(self, *error: object) -> None:
        if self.own is None:
            del self.handler.populate
        else:
            self.handler.populate = self.own  # type: ignore[method-assign]

"""For tests of batch types: run a whole batch in the caller's transaction, and the contract that every type keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.files import File

from . import actions
from .models import BatchBase
from .registry import registry

if TYPE_CHECKING:
    from .contract import BatchTypeContract

__all__ = ["BatchTypeContract", "filled_again", "make_batch", "run_batch"]


def make_batch(
    key: str,
    *,
    user: Any,
    rows: Iterable[dict[str, Any]] | None = None,
    file: str | Path | File | None = None,
    query: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    mapping: dict[str, str] | None = None,
) -> Any:
    """Make and fill a batch of a type, from rows, a file or a query; return it in review.

    `rows` are dicts of the row model's fields; they take the place of what the type would collect by itself.
    """
    given: dict[str, Any] = {"options": options, "query": query, "mapping": mapping}
    if isinstance(file, (str, Path)):
        with Path(file).open("rb") as opened:
            batch: Any = actions.make(key, user, file=File(opened, name=Path(file).name), **given)
    else:
        batch = actions.make(key, user, file=file, **given)
    if rows is not None:
        batch.given_rows = list(rows)
    with filled_again(batch):
        actions.populate(batch, user)
    return batch


def run_batch(key: str, *, user: Any, **given: Any) -> Any:
    """Make, fill and execute a batch of a type in the caller's transaction; return it."""
    batch = make_batch(key, user=user, **given)
    actions.execute(batch, user)
    return batch


@contextmanager
def filled_again(batch: BatchBase) -> Iterator[None]:
    """Let populate fill a batch from the rows that `make_batch` was given for it, if any were."""
    rows = getattr(batch, "given_rows", None)
    if rows is None:
        yield
        return
    handler: Any = registry.for_model(type(batch))
    own = handler.__dict__.get("populate")
    handler.populate = lambda self: self.copy_rows(rows)
    try:
        yield
    finally:
        if own is None:
            del handler.populate
        else:
            handler.populate = own


def __getattr__(name: str) -> Any:
    """Load the contract when it is asked for: only tests have pytest."""
    if name == "BatchTypeContract":
        from .contract import BatchTypeContract

        return BatchTypeContract
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

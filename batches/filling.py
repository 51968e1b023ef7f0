"""Fill a batch and check its rows, piece by piece: what a run does, and a trial of it."""

from __future__ import annotations

from typing import Any

from .conf import conf
from .handlers import BatchHandler
from .ingest import last_sequence
from .writes import Piece


def fill(handler: BatchHandler, keeper: Any = None) -> None:
    """Fill the handler's batch and check its rows, in the caller's transaction."""
    handler.populate()
    check_all(handler, keeper, rows_too=not handler.refreshes_in_sql)


def check_all(handler: BatchHandler, keeper: Any = None, *, rows_too: bool = True) -> None:
    """Check the rows of a batch, piece by piece, and what they share; without `rows_too` only the latter."""
    for piece in pieces(handler, keeper) if rows_too else []:
        handler.refresh(handler.piece_rows(piece, effective=False))
        handler.progress(piece.last)
    handler.check_peers()
    handler.refresh_batch()


def pieces(handler: BatchHandler, keeper: Any = None) -> list[Piece]:
    """Return the ranges of rows in which long work goes on, and tell the keeper of a run how many rows there are."""
    rows, size = last_sequence(handler), conf("PIECE_ROWS")
    if keeper is not None:
        keeper.total = rows
    return [handler.piece(first, min(first + size - 1, rows)) for first in range(1, rows + 1, size)]

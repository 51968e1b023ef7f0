"""What a batch type is."""

from .base import BatchHandler, Proposal, Tile

__all__ = ["BatchHandler", "Proposal", "Tile"]

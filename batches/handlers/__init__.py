"""What a batch type is."""

from .base import BatchHandler, Proposal

__all__ = ["BatchHandler", "Proposal"]

"""What a batch type is."""

from .base import BatchHandler

__all__ = ["BatchHandler"]

"""Ready tests that every batch type's test class inherits (needs pytest and pytest-django)."""

from .laws import BatchTypeContract

__all__ = ["BatchTypeContract"]

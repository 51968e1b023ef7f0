"""Background tasks of the framework, for task backends that look for them here."""

from .background import carry_on

__all__ = ["carry_on"]

"""Batch types by key. `register()` refuses what would corrupt the registry; everything else waits for the system checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.db import models
from django.utils.translation import gettext as _

from .exceptions import RegistryError, UnknownBatch, UnknownType
from .models import BatchBase, BatchNumber

if TYPE_CHECKING:
    from .handlers import BatchHandler

T = TypeVar("T", bound="type[BatchHandler]")


class Registry:
    """The batch types of this process."""

    def __init__(self) -> None:
        self._by_key: dict[str, type[BatchHandler]] = {}

    def register(self, handler: T) -> T:
        """Register a handler class; usable as a decorator.

        Raises RegistryError if it has no key, or its key or header model is taken.
        """
        key = getattr(handler, "key", "")
        if not key or not key.isidentifier():
            raise RegistryError(
                f"{handler.__name__} has the key {key!r}; give it an identifier such as 'price_file'."
            )
        holder = self._by_key.get(key)
        if holder is not None and holder is not handler:
            raise RegistryError(
                f"The key {key!r} of {handler.__name__} is held by {holder.__name__}; choose another."
            )
        for other in self._by_key.values():
            if other is not handler and other.model is handler.model:
                raise RegistryError(
                    f"The model {handler.model.__name__} of {handler.__name__} is held by {other.__name__}."
                )
        self._by_key[key] = handler
        return handler

    def unregister(self, key: str) -> None:
        """Forget a type (for tests)."""
        self._by_key.pop(key, None)

    def get(self, key: str) -> type[BatchHandler]:
        """Return the handler class of a type. Raises UnknownType, naming those that exist."""
        try:
            return self._by_key[key]
        except KeyError:
            known = ", ".join(sorted(self._by_key)) or _("none")
            raise UnknownType(
                _("There is no batch type %(key)r; choose one of: %(known)s.") % {"key": key, "known": known}
            ) from None

    def for_model(self, model: type[models.Model]) -> type[BatchHandler]:
        """Return the handler class of a header or row model."""
        for handler in self._by_key.values():
            if model in (handler.model, handler.row_model):
                return handler
        raise UnknownType(f"{model.__name__} belongs to no registered batch type.")

    def all(self) -> list[type[BatchHandler]]:
        """Return the handler classes, by key."""
        return [self._by_key[key] for key in sorted(self._by_key)]


registry = Registry()
register = registry.register


def find_batch(number: int | str) -> BatchBase:
    """Return the batch of a number, whatever its type. Raises UnknownBatch."""
    # To Python "²" and full-width digits are digits too.
    plain = str(number).isascii() and str(number).isdigit()
    ref = BatchNumber.objects.filter(pk=number).first() if plain else None
    if ref is None:
        raise UnknownBatch(_("There is no batch %(number)r.") % {"number": number})
    batch = registry.get(ref.type).model._default_manager.filter(pk=ref.pk).first()
    if batch is None:
        raise UnknownBatch(_("There is no batch %(number)r.") % {"number": number})
    batch.ref = ref
    return batch

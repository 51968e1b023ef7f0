"""What the checks share."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import models

WRONG = (FieldDoesNotExist, FieldError, LookupError, TypeError, ValueError)


def error(number: int, message: str, hint: str, handler: Any = None) -> CheckMessage:
    """Return the error batches.E…"""
    return Error(message, hint=hint, obj=_name(handler), id=f"batches.E{number:03d}")


def warning(number: int, message: str, hint: str, handler: Any = None) -> CheckMessage:
    """Return the warning batches.W…"""
    return Warning(message, hint=hint, obj=_name(handler), id=f"batches.W{number:03d}")


def _name(handler: Any) -> str | None:
    if handler is None:
        return None
    handler_class = handler if isinstance(handler, type) else type(handler)
    return f"{handler_class.__module__}.{handler_class.__qualname__}"


def field_of(model: type[models.Model], name: str) -> Any:
    """Return a model's own column, or None where there is none of that name."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if getattr(field, "column", None) else None


def known(model: type[models.Model], handler: Any = None) -> str:
    """Return the fields that a person may have meant, for a hint."""
    base = {
        f.name for parent in model.__mro__[1:] if hasattr(parent, "_meta") for f in parent._meta.local_fields
    }
    names = [f.name for f in model._meta.concrete_fields if f.name not in base and not f.primary_key]
    return ", ".join(names) or "none"


def unresolved(model: type[models.Model], where: Any = None, values: Any = ()) -> str | None:
    """Return why conditions or expressions cannot be read over a model (a sentence), or None."""
    try:
        queryset = model._base_manager.all()
        if where is not None:
            queryset = queryset.filter(where)
        queryset.annotate(
            **{
                f"checked_{n}_": models.F(value) if isinstance(value, str) else value
                for n, value in enumerate(values)
                if isinstance(value, str) or hasattr(value, "resolve_expression")
            }
        )
    except WRONG as problem:
        return str(problem).strip().rstrip(".") + "."
    return None

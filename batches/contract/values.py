"""Another value for a field than those that are known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import models


def other_value(field: Any, taken: Iterable[Any]) -> Any:
    """Return a value that the field takes and that is none of `taken`, or None where the kind of field is too narrow."""
    known = set(taken)
    for value in _candidates(field):
        if value not in known:
            return value
    return None


def _candidates(field: Any) -> Iterable[Any]:
    if field.primary_key or getattr(field, "auto_now", False) or field.is_relation:
        if field.is_relation and not field.primary_key:
            return field.related_model._base_manager.order_by("pk").values_list("pk", flat=True)[:5]
        return ()
    if field.choices:
        return [value for value, _label in field.flatchoices]
    if isinstance(field, models.DecimalField):
        return [Decimal(n) for n in (1, 2, 3, 4)]
    if isinstance(field, (models.IntegerField, models.FloatField)):
        return (1, 2, 3, 4)
    if isinstance(field, models.DateTimeField):
        return [datetime(2001, 1, n, tzinfo=UTC) for n in (1, 2, 3)]
    if isinstance(field, models.DateField):
        return [date(2001, 1, n) for n in (1, 2, 3)]
    if isinstance(field, (models.CharField, models.TextField)):
        return [f"touched {n}"[-(field.max_length or 100) :] for n in (1, 2, 3)]
    return ()

"""The admin of what is remembered about names in files."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ..registry import registry
from ..saved_values import scoped


def partly_seen(user: Any) -> list[str]:
    """Return the types of whose rows a person sees only a part."""
    return [handler.key for handler in registry.all() if scoped(handler(handler.model(), user=user), user)]


class SavedValueAdmin(admin.ModelAdmin):
    """Names in files and what they stand for: corrected and forgotten here; they are decided in a batch."""

    list_display = ("text", "value", "field", "type", "source", "created", "created_by_name")
    list_filter = ("type", "field", "source")
    search_fields = ("text", "value")
    fields = ("type", "source", "field", "text", "value", "created", "created_by_name")
    readonly_fields = ("type", "source", "field", "text", "created", "created_by_name")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Leave out what others decided about rows of which the person sees only a part."""
        own = Q(created_by_name=request.user.get_username()[:150])
        return super().get_queryset(request).filter(own | ~Q(type__in=partly_seen(request.user)))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

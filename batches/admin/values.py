"""The admin of what is remembered about names in files."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class SavedValueAdmin(admin.ModelAdmin):
    """Names in files and what they stand for: corrected and forgotten here; they are decided in a batch."""

    list_display = ("text", "value", "field", "type", "source", "created", "created_by_name")
    list_filter = ("type", "field", "source")
    search_fields = ("text", "value")
    fields = ("type", "source", "field", "text", "value", "created", "created_by_name")
    readonly_fields = ("type", "source", "field", "text", "created", "created_by_name")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

"""Admin of journalled models: writes carry the person's name, and History reads the journal."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from . import journal
from .exceptions import UnknownType
from .history import RunNote, describe_runs, history
from .registry import registry


class JournalAdminMixin(admin.ModelAdmin):
    """For the admin of a model that `journal.track` journals; put it before other admin classes."""

    history_entries = 50

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with self._acting(request):
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with self._acting(request):
            return super().delete_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with self._acting(request):
            return super().changelist_view(request, *args, **kwargs)

    def process_import(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Import what was confirmed, in the person's name (for django-import-export)."""
        with self._acting(request):
            return super().process_import(request, *args, **kwargs)  # type: ignore[misc]

    def _acting(self, request: HttpRequest) -> AbstractContextManager[None]:
        """A transaction in the person's name, for requests that may write."""
        if request.method != "POST":
            return nullcontext()
        return journal.acting(request.user.get_username(), using=router.db_for_write(self.model))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        given = request.GET.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
        entries = history(obj, self.history_entries + 1, before)
        more = len(entries) > self.history_entries
        entries = entries[: self.history_entries]
        notes = describe_runs(entry.run for entry in entries)
        context = {
            **self.admin_site.each_context(request),
            "title": _("History of %(object)s") % {"object": obj},
            "subtitle": None,
            "lines": [
                {"entry": entry, "note": note, "url": note and batch_url(note)}
                for entry in entries
                for note in [notes.get(entry.run) if entry.run else None]
            ],
            "newest": before is None,
            "older": entries[-1].id if more else None,
            "module_name": str(capfirst(self.opts.verbose_name_plural)),
            "object": obj,
            "opts": self.opts,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.object_history_template or "batches/history.html", context)


def batch_url(note: RunNote) -> str | None:
    """Return the address of the batch's page, or None where its type has none."""
    try:
        options = registry.get(note.batch_type).model._meta
        return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[note.batch])
    except (UnknownType, NoReverseMatch):
        return None

"""The admin site: the stock one, with the batches of all types first in its list of apps."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from batches import rights
from batches.registry import registry


class BatchAdminSite(admin.AdminSite):
    """The site's admin."""

    site_header = "batchsite"
    site_title = "batchsite"
    index_title = gettext_lazy("Start")
    site_url = None
    enable_nav_sidebar = False  # the lists need the room; the first page has all apps

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Put the overview of batches before the apps, for those who may see batches of any type."""
        apps = super().get_app_list(request, app_label)
        if app_label or not any(rights.may_view(handler.model, request.user) for handler in registry.all()):
            return apps
        url = reverse("batches:overview")
        link = {
            "name": _("All batches"), "object_name": "Batch", "admin_url": url, "add_url": None, "view_only": True,
            "perms": {"add": False, "change": False, "delete": False, "view": True},
        }  # fmt: skip
        first = {
            "name": _("Batches"),
            "app_label": "batches",
            "app_url": url,
            "has_module_perms": True,
            "models": [link],
        }
        return [first, *apps]


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say what somebody may not do, within the site's frame."""
    return _refused(request, exception, 403, _("You may not do this"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say what does not exist, within the site's frame."""
    return _refused(request, exception, 404, _("There is no such page"))


def _refused(request: HttpRequest, exception: Exception, status: int, title: str) -> HttpResponse:
    # What Django raises itself speaks of URL patterns; only our sentences are for people.
    said = exception.args[0] if exception.args and isinstance(exception.args[0], str) else ""
    context = {**admin.site.each_context(request), "title": title, "sentence": said}
    return render(request, "refused.html", context, status=status)

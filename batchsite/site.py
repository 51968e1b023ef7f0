"""The admin site: the stock one, with the batches of all types first in its list of apps."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
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

"""URLs of the site: the admin is the site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView


def icon(request: HttpRequest) -> HttpResponse:
    """Send the browser, which asks for it unasked, to the site's icon."""
    return redirect(static("batchsite/icon.svg"))


handler403 = "batchsite.site.forbidden"
handler404 = "batchsite.site.not_found"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", icon),
    path("admin/batches/", include("batches.urls")),
    path("admin/", admin.site.urls),
]

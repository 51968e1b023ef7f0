"""What every page shares: login, the batch and the right to see it, and how a refusal is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from .. import rights
from ..exceptions import BatchError, Forbidden, Refused, UnknownBatch, UnknownType
from ..handlers import BatchHandler
from ..models import BatchBase
from ..paging import MOST
from ..registry import find_batch, registry
from ..retention import KEEPING, gone_sentence, held_sentence

View = Callable[..., HttpResponseBase]
BIGGEST = 2**63 - 1


def site_page(view: View) -> View:
    """Let only staff in; a part of a page that is asked for after the login ended reloads the page instead."""
    inner = admin.site.admin_view(view)

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if getattr(request, "htmx", False) and not admin.site.has_permission(request):
            return HttpResponseClientRefresh()
        return inner(request, *args, **kwargs)

    return wrapped


def batch_page(view: View) -> View:
    """Give a page its batch and handler: 404 for a number that is none, 403 for those who may not see it.

    Where the rows are removed, only a page that is marked `of_purged` is shown; the others lead to the batch's own page.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, number: int, *args: Any, **kwargs: Any) -> HttpResponseBase:
        batch = load(request, number)
        handler = registry.for_model(type(batch))(batch, user=request.user)
        if (
            batch.ref.is_purged
            and not getattr(view, "of_purged", False)
            and kwargs.get("verb") not in KEEPING
        ):
            return told(request, Refused(gone_sentence(batch.ref)), batch_url(batch))
        try:
            return view(request, batch, handler, *args, **kwargs)
        except Forbidden as refused:
            raise PermissionDenied(str(refused)) from refused

    return wrapped


def of_purged(view: View) -> View:
    """Mark a page that needs no rows, so that it is shown when they are removed."""
    view.of_purged = True  # type: ignore[attr-defined]
    return view


def load(request: HttpRequest, number: int | str) -> BatchBase:
    """Return a batch that the user may see. Raises Http404, PermissionDenied."""
    try:
        batch = find_batch(number) if int(number) <= BIGGEST else None
    except (UnknownBatch, UnknownType, ValueError):
        batch = None
    if batch is None:
        raise Http404(_("There is no batch %(number)s.") % {"number": number})
    may_see(request, type(batch))
    return batch


def may_see(request: HttpRequest, model: type[BatchBase]) -> None:
    """Raise PermissionDenied, with the sentence, if the user may not see batches of a type."""
    if not rights.may_view(model, request.user):
        raise PermissionDenied(
            _("You have no permission to see %(type)s.") % {"type": model._meta.verbose_name_plural}
        )


def must_have_right(request: HttpRequest, handler: BatchHandler, verb: str) -> None:
    """Raise PermissionDenied, with the sentence, if the user may never do this with batches of the type."""
    if not rights.may(handler.model, verb, request.user):
        raise PermissionDenied(rights.missing_right(handler, verb, request.user))


def batch_url(batch: BatchBase | int, query: str = "") -> str:
    """Return the address of a batch's page."""
    if isinstance(batch, int):
        url = reverse("batches:batch", args=[batch])
    else:
        meta = batch._meta
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[batch.pk])
    return f"{url}?{query}" if query else url


def back_query(request: HttpRequest) -> str:
    """Return which view of the rows the request came from (the parameter `back`), as a clean query string."""
    return QueryDict(request.POST.get("back") or request.GET.get("back") or "").urlencode()


def render(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> TemplateResponse:
    """Return a whole page with what the admin's frame needs."""
    frame = {**admin.site.each_context(request), "is_nav_sidebar_enabled": False}
    return TemplateResponse(request, f"batches/{template}", {**frame, **context}, status=status)


def header(batch: BatchBase, handler: BatchHandler, **more: Any) -> dict[str, Any]:
    """Return the context that every page of a batch has."""
    return {
        "batch": batch, "handler": handler, "opts": batch._meta, "type_title": str(handler.title or batch._meta.verbose_name),
        "list_url": reverse(f"admin:{batch._meta.app_label}_{batch._meta.model_name}_changelist"),
        "batch_url": batch_url(batch), "title": str(batch),
        "may_have_file": rights.may_have_file(handler),
        "held": held_sentence(batch.ref) if batch.pk and batch.ref.is_held else "", **more,
    }  # fmt: skip


def number_sent(request: HttpRequest, name: str) -> int:
    """Return a number that the page gave the form. Raises Refused."""
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdigit() and int(text[:12]) <= MOST):
        raise Refused(_("The number of rows is missing; choose the rows again."))
    return int(text[:12])


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect, also where only a part of the page asked."""
    return HttpResponseClientRedirect(url) if getattr(request, "htmx", False) else HttpResponseRedirect(url)


def told(request: HttpRequest, error: BatchError, url: str) -> HttpResponse:
    """Say why something was refused, on the page that the user came from. Forbidden is a page of its own."""
    if isinstance(error, Forbidden):
        raise PermissionDenied(str(error))
    messages.error(request, str(error))
    return go(request, url)

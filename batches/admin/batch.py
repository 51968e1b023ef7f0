"""The admin of a batch type: its list, and the framework's pages in place of the stock forms."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import rights
from ..handlers import BatchHandler
from ..models import FileBatchMixin
from ..registry import registry
from ..retention import short_words
from ..states import Status
from ..tables import EMPTY, word_with_icon
from ..views import make, page
from ..words import completeness, standing, state_css, whole
from .lists import BatchList, MadeBy


class BatchAdmin(admin.ModelAdmin):
    """Pages of one batch type; everything type-specific comes from its handler."""

    list_display = ("shown_number", "about", "state", "row_count", "who", "created")
    list_display_links = ("shown_number", "about")
    list_filter = ("status", ("created", admin.DateFieldListFilter), MadeBy)
    search_fields = ("description",)
    search_help_text = gettext_lazy("Number, description or file name.")
    ordering = ("-ref",)
    list_per_page = 50
    change_list_template = "batches/change_list.html"
    show_full_result_count = False
    # Batches are deleted by their verb, one at a time, with its checks and its log.
    actions = None

    @property
    def handler_class(self) -> type[BatchHandler]:
        """Return the type's handler class."""
        return registry.for_model(self.model)

    # ---- the list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        title = capfirst(str(self.opts.verbose_name_plural))
        mine = {"title": title, "is_nav_sidebar_enabled": False}
        return super().changelist_view(request, mine | (extra_context or {}))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BatchList]:
        return BatchList

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("ref").defer("notes")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Search as a person writes it: a number with or without zeros, else words."""
        term = search_term.replace("\0", "").strip()
        if not term:
            return queryset, False
        found = Q(description__icontains=term)
        if issubclass(self.model, FileBatchMixin):
            found |= Q(original_name__icontains=term)
        if term.isascii() and term.isdigit() and int(term[:20]) < 2**63:
            found |= Q(pk=int(term))
        return queryset.filter(found), False

    @admin.display(description=gettext_lazy("number"), ordering="ref")
    def shown_number(self, batch: Any) -> str:
        return batch.shown_number

    @admin.display(description=gettext_lazy("description"), ordering="description")
    def about(self, batch: Any) -> SafeString:
        """What the batch is: the person's words, then type and file."""
        title = str(self.handler_class.title or self.opts.verbose_name)
        name = getattr(batch, "original_name", "")
        second = f"{title} · {name}" if name else title
        return format_html(
            '{}<span class="b-second">{}</span>', batch.description or _("(no description)"), second
        )

    @admin.display(description=gettext_lazy("state"), ordering="status")
    def state(self, batch: Any) -> SafeString:
        data = getattr(batch, "kept_figures", None)
        words = [
            format_html(
                '<span class="{}">{}</span>', state_css(batch.status, data), completeness(batch.status, data)
            )
        ]
        run = getattr(batch, "active_run", None)
        if run is not None:
            words.append(
                format_html(
                    '<span class="b-second">{}</span>', f"{run.get_kind_display()}: {run.get_state_display()}"
                )
            )
        elif batch.status in (Status.REVIEW, Status.READY):
            words += [
                word_with_icon(icon, f"{word} {whole(n)}", f"b-is-{icon}") for icon, word, n in standing(data)
            ]
        words += [format_html('<span class="b-second">{}</span>', short) for short in short_words(batch.ref)]
        return format_html_join(" ", "{}", ((w,) for w in words))

    @admin.display(description=gettext_lazy("rows"))
    def row_count(self, batch: Any) -> Any:
        data = getattr(batch, "kept_figures", None)
        return whole(data["total"]) if data else EMPTY

    @admin.display(description=gettext_lazy("who"), ordering="created_by_name")
    def who(self, batch: Any) -> Any:
        """Who made it, and who executed it."""
        made = batch.created_by_name or EMPTY
        if not batch.executed_by_name:
            return made
        return format_html(
            '{}<span class="b-second">{}</span>',
            made,
            _("executed by %(who)s") % {"who": batch.executed_by_name},
        )

    # ---- rights: those of the framework

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return rights.may_view(self.model, request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and rights.may(self.model, "edit", request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and rights.may(self.model, "populate", request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    # ---- the framework's pages

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return make.add(request, self.handler_class.key)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        return page.show(request, self._number(object_id))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("batches:delete", args=[self._number(object_id)]))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("batches:log", args=[self._number(object_id)]))

    def _number(self, object_id: str) -> int:
        """Return the number of a batch of this type. Raises Http404 for one of another type."""
        number = int(object_id) if object_id.isascii() and object_id.isdigit() and len(object_id) < 19 else 0
        if not number or not self.model._default_manager.filter(pk=number).exists():
            raise Http404(_("There is no batch %(number)s.") % {"number": object_id[:20]})
        return number

"""The admin of saved mappings: named, looked at and deleted here; what they say is decided in a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..exceptions import UnknownType
from ..files.uses import Use
from ..forms.reading import MARKS, ORDERS
from ..models import SavedMapping
from ..registry import registry
from ..views.base import batch_url
from .values import partly_seen


def use_words(use: Use) -> str:
    """Return in words what fills a field."""
    words = [f"“{use.column}”" if use.column else _("always %(text)r") % {"text": use.fixed}]
    if use.factor:
        words.append(_("times %(factor)s") % {"factor": use.factor})
    if use.default:
        words.append(_("%(text)r where empty") % {"text": use.default})
    if use.empty == "clear":
        words.append(_("an empty cell clears"))
    if use.empty == "error":
        words.append(_("an empty cell is an error"))
    return ", ".join(words)


def lines(pairs: Iterable[tuple[Any, Any]]) -> SafeString:
    """Return a line for each pair: what it is, and how it is."""
    return format_html_join(mark_safe("<br>"), "{}: {}", pairs) or SafeString("–")


class NameForm(forms.ModelForm):
    """The name, which the type has once."""

    def clean_name(self) -> str:
        """Return the name. Raises ValidationError where another mapping of the type has it."""
        name: str = self.cleaned_data["name"]
        others = SavedMapping.objects.filter(type=self.instance.type, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError(_("There is a mapping of this name for the type already."))
        return name


class SavedMappingAdmin(admin.ModelAdmin):
    """How files with the same headings are read and mapped."""

    form = NameForm
    list_display = ("name", "type_title", "source", "columns", "used", "used_file")
    list_filter = ("type", "source")
    search_fields = ("name", "source", "used_file")
    fields = (
        "name", "type_title", "source", "says", "how", "answers", "used", "used_file", "last_batch", "used_times",
        "created", "created_by_name",
    )  # fmt: skip
    readonly_fields = fields[1:]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Leave out what was saved from others' files of which the person sees only a part."""
        return (
            super()
            .get_queryset(request)
            .filter(Q(created_by=request.user.pk) | ~Q(type__in=partly_seen(request.user)))
        )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("batch type"), ordering="type")
    def type_title(self, saved: SavedMapping) -> str:
        try:
            return str(registry.get(saved.type).title or saved.type)
        except UnknownType:
            return saved.type

    @admin.display(description=gettext_lazy("columns"))
    def columns(self, saved: SavedMapping) -> str:
        return _("%(used)d of %(all)d mapped") % {"used": len(saved.mapping), "all": len(saved.headings)}

    @admin.display(description=gettext_lazy("mapping"))
    def says(self, saved: SavedMapping) -> SafeString:
        """What fills each field."""
        labels = self._labels(saved)
        return lines(
            (labels.get(field, field), use_words(Use.from_json(said)))
            for field, said in saved.mapping.items()
        )

    @admin.display(description=gettext_lazy("how the file is read"))
    def how(self, saved: SavedMapping) -> SafeString:
        """What was chosen about the reading; where nothing was, what is found in each file holds."""
        chosen = {"decimal_mark": "", "date_order": "", **saved.reading}
        words = {
            _("headings in line"): chosen.get("heading_row") or _("none"),
            _("lines of headings"): chosen.get("heading_lines", 1),
            _("first line of data"): chosen.get("first_row") or _("right below"),
            _("rows ignored at the end"): chosen.get("skip_end", 0),
            _("decimals"): dict(MARKS).get(chosen["decimal_mark"], chosen["decimal_mark"]),
            _("dates"): dict(ORDERS).get(chosen["date_order"], chosen["date_order"]),
        }
        return lines(words.items())

    @admin.display(description=gettext_lazy("options"))
    def answers(self, saved: SavedMapping) -> SafeString:
        """The options of the batch that was filled last."""
        try:
            meta: Any = registry.get(saved.type).model._meta
        except UnknownType:
            return lines(saved.options.items())
        labels = {field.name: field.verbose_name for field in meta.get_fields() if field.concrete}
        return lines((labels.get(name, name), value) for name, value in saved.options.items())

    def _labels(self, saved: SavedMapping) -> dict[str, str]:
        try:
            handler = registry.get(saved.type)
        except UnknownType:
            return {}
        return {column.field: str(column.label) for column in handler.columns}

    @admin.display(description=gettext_lazy("last batch"))
    def last_batch(self, saved: SavedMapping) -> Any:
        if saved.used_batch is None:
            return "–"
        return format_html('<a href="{}">{}</a>', batch_url(saved.used_batch), f"{saved.used_batch:08d}")

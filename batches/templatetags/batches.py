"""Words and small helps for the templates."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_tables2.rows import BoundRow

from .. import words
from ..models import Event
from ..states import BEFORE, Status
from ..tables import word_with_icon
from ..verbs import VERB

register = template.Library()


@register.filter
def whole(number: int) -> str:
    """Return a number with separators."""
    return words.whole(number)


@register.filter
def word_icon(word: str, icon: str) -> SafeString:
    """Return a word with its icon."""
    return word_with_icon(icon, word, f"b-is-{icon}")


@register.filter
def cells(row: BoundRow) -> SafeString:
    """Return the cells of a row of the grid."""
    return row.table.cells(row.record)


@register.filter
def refused(buttons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the buttons that cannot be pressed, with why."""
    return [button for button in buttons or [] if button["why_not"]]


@register.filter
def at(mapping: dict[str, Any], name: str) -> Any:
    """Return what stands under a name, or nothing."""
    return mapping.get(name)


@register.filter
def in_form(field: BoundField, pk: int) -> SafeString:
    """Return an input that belongs to the form of a row of the grid, though it stands outside of it."""
    attrs: dict[str, Any] = {"form": f"edit-{pk}"}
    if field.errors:
        attrs |= {"aria-invalid": "true", "aria-describedby": f"{field.auto_id}_error"}
    return field.as_widget(attrs=attrs)


@register.filter
def is_tick(field: BoundField) -> bool:
    """Tell whether a field is a box to tick, which stands before its label."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def verb_label(name: str) -> str:
    """Return the word of a verb, as the buttons have it."""
    return str(VERB[name].label) if name in VERB else {"make": _("Make")}.get(name, name)


@register.filter
def state_word(value: str) -> str:
    """Return the word of a state."""
    return str(Status(value).label) if value in Status.values else value


@register.filter
def door_word(kind: str) -> str:
    """Return through what somebody came."""
    labels = {
        "page": _("page"),
        "command": _("command"),
        "task": _("task"),
        "schedule": _("schedule"),
        "code": _("program"),
    }
    return labels.get(kind, kind)


@register.filter
def event_details(event: Event) -> str:
    """Return what an entry of the log says besides its comment, in short."""
    data = event.data or {}
    found = []
    if "row" in data:
        found.append(_("row %(n)s") % {"n": data["row"]})
    for field, pair in (data.get("changes") or {}).items():
        old, new = (pair + [None, None])[:2]
        found.append(f"{field}: {old if old is not None else '–'} → {new if new is not None else '–'}")
    if isinstance(data.get("rows"), int):
        found.append(ngettext("%(n)s row", "%(n)s rows", data["rows"]) % {"n": words.whole(data["rows"])})
    if data.get("file"):
        found.append(str(data["file"]))
    if data.get("field"):
        found.append(f"{data['field']}: {data.get('value', '')}")
    return ", ".join(found)


@register.simple_tag
def before_statuses() -> tuple[str, ...]:
    """Return the row statuses that a row has before it is executed."""
    return BEFORE

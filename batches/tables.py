"""The grid: a table of a batch's rows, its columns drawn from the type's declaration."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import django_tables2 as tables
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .figures import SEVERITY_ORDER
from .grid import GridField, grid_fields, model_field, sort_fields
from .handlers import BatchHandler
from .states import BEFORE, RowAction, RowStatus, Severity
from .words import ICONS

NUMBER = {"td": {"class": "b-num"}, "th": {"class": "b-num"}}
LONG = 26
EMPTY = mark_safe('<span class="b-empty">–</span>')


def shown(value: Any) -> str:
    """Return a value as people read it; nothing for none."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, datetime.datetime):
        return date_format(value, "SHORT_DATETIME_FORMAT")
    if isinstance(value, datetime.date):
        return date_format(value, "SHORT_DATE_FORMAT")
    return str(value)


def plain_decimal(value: Decimal) -> str:
    """Return a decimal without the zeros that only its column asks for; money keeps two places, also where it is kept with four."""
    text = format(value, "f")
    places = len(text.partition(".")[2])
    if places <= 2:
        return text
    least = 2 if places == 4 else 0
    kept = text.rstrip("0")
    missing = least - len(kept.partition(".")[2])
    return kept.removesuffix(".") if missing <= 0 else kept + "0" * missing


def cell(field: GridField, row: Any) -> SafeString:
    """Return a cell: the text that could not be read, before -> after, or the value."""
    raw = raw_text(field, row)
    if raw is not None:
        return format_html(
            '<span class="b-unread" title="{}"><span aria-hidden="true">✕ </span>{}<span class="visually-hidden"> ({})</span></span>',
            _("This text could not be read as a value."), raw, _("not read"),
        )  # fmt: skip
    new = shown(getattr(row, field.name))
    old = _before(field, row)
    if field.old and row.action == RowAction.UPDATE and getattr(row, field.flag, False):
        return format_html(
            '<span class="b-pair{}"><del>{}</del> <span class="b-arrow" aria-hidden="true">→</span>'
            '<span class="visually-hidden">{}</span> <ins>{}</ins></span>',
            " b-long" if len(old) + len(new) > LONG else "", old or EMPTY, _("becomes"), new or EMPTY,
        )  # fmt: skip
    if not new and old and row.action == RowAction.DELETE:
        return format_html('<del class="b-gone" title="{}">{}</del>', _("is deleted"), wrapped(old))
    if not new and old and row.action in (RowAction.UPDATE, RowAction.UNCHANGED):
        return format_html('<span class="b-stays" title="{}">{}</span>', _("stays as it is"), wrapped(old))
    return wrapped(new) if new else EMPTY


def raw_text(field: GridField, row: Any) -> str | None:
    """Return the text of a cell that could not be read."""
    raw = row.raw or {}
    return raw.get(field.name, raw.get(field.source))


def wrapped(text: str) -> SafeString:
    """Return a text that stays on one line if it is short."""
    return (
        format_html('<span class="b-long">{}</span>', text) if len(text) > LONG else format_html("{}", text)
    )


def _before(field: GridField, row: Any) -> str:
    if not field.old:
        return ""
    old = getattr(row, field.old)
    if field.shown:
        old = getattr(old, field.shown, None)
    return shown(old)


class GridColumn(tables.Column):
    """A column of the grid: what a cell shows depends on the whole row."""

    def cell(self, record: Any) -> str:
        """Return what stands in a row's cell."""
        return shown(getattr(record, str(self.accessor)))

    def render(self, record: Any) -> str:
        return self.cell(record)


class PairColumn(GridColumn):
    """A field of the row, with what was before where the row changes it."""

    def __init__(self, field: GridField, sort: str = "", direction: str = "") -> None:
        attrs = NUMBER if field.number else {"td": {"class": ""}, "th": {"class": ""}}
        super().__init__(
            verbose_name=field.label, accessor=field.name, empty_values=(), orderable=False, attrs=attrs
        )
        self.field = field
        self.sort = sort
        self.direction = direction

    def cell(self, record: Any) -> SafeString:
        """Return what stands in a row's cell."""
        return cell(self.field, record)


class StatusColumn(GridColumn):
    """How a row stands: icon and word; excluded comes first."""

    def cell(self, record: Any) -> SafeString:
        """Return what stands in a row's cell."""
        if record.removed and record.status in BEFORE:
            return word_with_icon("excluded", _("Excluded"), "b-is-excluded")
        return word_with_icon(record.status, RowStatus(record.status).label, f"b-is-{record.status}")


class ActionColumn(GridColumn):
    """What executing a row does: icon and word."""

    def cell(self, record: Any) -> SafeString:
        """Return what stands in a row's cell."""
        name = record.action or "none"
        return word_with_icon(name, RowAction(record.action).label, f"b-does-{name}")


def word_with_icon(icon: str, word: Any, css: str = "") -> SafeString:
    """Return a word with its icon, which is not read aloud."""
    return format_html(
        '<span class="b-word {}"><span class="b-icon" aria-hidden="true">{}</span> {}</span>',
        css,
        ICONS.get(icon, ""),
        word,
    )


class RowTable(tables.Table):
    """The columns that every type has; `for_handler()` adds the type's own."""

    sequence = GridColumn(
        accessor="sequence", verbose_name=gettext_lazy("Row"), orderable=False, attrs=NUMBER
    )
    source_row = GridColumn(
        accessor="source_row", verbose_name=gettext_lazy("Line"), orderable=False, attrs=NUMBER
    )
    status = StatusColumn(verbose_name=gettext_lazy("Stands"), empty_values=(), orderable=False)
    action = ActionColumn(verbose_name=gettext_lazy("Does"), empty_values=(), orderable=False)

    class Meta:
        template_name = "batches/parts/grid.html"
        orderable = False

    @classmethod
    def for_handler(cls, handler: BatchHandler, rows: list[Any], query: QueryDict | None = None) -> RowTable:
        """Return the table of some rows of a batch."""
        sortable = set(sort_fields(handler))
        query = query if query is not None else QueryDict()
        extra = []
        for field in grid_fields(handler):
            link, direction = sort_link(field.name, query) if field.name in sortable else ("", "")
            extra.append((field.name, PairColumn(field, link, direction)))
        for row in rows:
            row.sentences = sentences(handler, row)
        exclude = () if handler.reads_file else ("source_row",)
        return cls(rows, extra_columns=extra, exclude=exclude)

    @cached_property
    def _heads(self) -> list[tuple[SafeString, Any]]:
        """Return how the cells of each column begin, and the column: the same in all rows."""
        return [
            (
                format_html(
                    '<td class="{}" data-label="{}">',
                    bound.column.attrs.get("td", {}).get("class", ""),
                    bound.header,
                ),
                bound.column,
            )
            for bound in self.columns
        ]

    def cells(self, record: Any) -> SafeString:
        """Return the cells of a row. A page has a thousand; asking each column and its attributes anew takes half the page's time."""
        return format_html_join(
            "", "{}{}</td>", ((head, column.cell(record)) for head, column in self._heads)
        )


def sort_link(name: str, query: QueryDict) -> tuple[str, str]:
    """Return the query string that sorts by a field, or the other way round, and how it is sorted now."""
    now = query.get("sort", "")
    link = query.copy()
    for key in ("after", "before", "from"):
        link.pop(key, None)
    direction = {name: "ascending", f"-{name}": "descending"}.get(now, "")
    following = {"": name, "ascending": f"-{name}", "descending": ""}[direction]
    if following:
        link["sort"] = following
    else:
        link.pop("sort", None)
    return "?" + link.urlencode(), direction


def sentences(handler: BatchHandler, row: Any) -> list[dict[str, Any]]:
    """Return the findings of a row as they are read."""
    found = []
    for entry in row.issues or []:
        icon, word = handler.severity_word(entry)
        field = entry.get("field", "")
        found.append(
            {
                "severity": entry.get("severity") or Severity.WARNING,
                "icon": icon,
                "word": word,
                "text": handler.message(entry),
                "field": field if field and model_field(handler, field) is not None else "",
            }
        )
    # What must be fixed first; within that, in the order in which it was found.
    return sorted(found, key=lambda sentence: SEVERITY_ORDER.get(sentence["severity"], len(SEVERITY_ORDER)))

"""Rows of a batch as a table: first what its file had, in columns that are mapped by themselves, then what is told about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Count
from django.utils.translation import gettext as _

from .files.mapping import TOLD
from .grid import model_field, saved_fields
from .handlers import BatchHandler
from .states import RowAction, RowStatus

CHUNK = 2000
REMEMBERED = 5000
ALWAYS = ("sequence", "source_row", "status", "action", "removed", "removed_reason", "issues", "raw")


class Told(NamedTuple):
    """A column of the table: its heading, where its value lies, and of which field it gives unread text, if of one."""

    heading: str
    path: str
    unread: str = ""


class Table:
    """Rows as lines of a table. Read in again, it makes the same rows: text that could not be read is given as it was."""

    def __init__(self, handler: BatchHandler, rows: models.QuerySet) -> None:
        self.handler = handler
        self.rows = rows
        self._sentences: dict[str, str] = {}
        self.columns = _distinct([*self._of_file(), *self._of_grid()], taken=map(str, TOLD))

    @property
    def headings(self) -> list[str]:
        """Return the headings."""
        return [*(column.heading for column in self.columns), *map(str, TOLD)]

    def _of_file(self) -> list[Told]:
        """Return the type's columns that the batch has: a column that is missing is not the same as an empty one."""
        columns = list(self.handler.get_columns())
        mapped = set(getattr(self.handler.batch, "mapping", None) or {})
        others = [column.field for column in columns if column.field not in mapped]
        if others:
            filled = self.rows.order_by().aggregate(**{f"n_{name}": Count(name) for name in others})
            mapped |= {name for name in others if filled[f"n_{name}"]}
        return [Told(str(c.label), c.field, c.field) for c in columns if c.field in mapped]

    def _of_grid(self) -> list[Told]:
        """Return what the grid shows besides: what the type makes of the cells, and what production has.

        "New" and "old" keep these from being taken for the columns themselves.
        """
        own = {column.field for column in self.handler.get_columns()}
        found = []
        for field in saved_fields(self.handler):
            if field.name not in own:
                heading = _("New %(label)s") % {"label": _small(field.label)} if field.source else field.label
                found.append(Told(heading, field.name))
            if field.old:
                path = f"{field.old}__{field.shown}" if field.shown else field.old
                found.append(Told(_("Old %(label)s") % {"label": _small(field.label)}, path))
        return found

    def lines(self) -> Iterator[list[Any]]:
        """Yield the cells of each row, in the order of the file."""
        # Plain values, not objects: making these costs more than all the rest.
        paths = list(dict.fromkeys([*ALWAYS, *(column.path for column in self.columns)]))
        found = self.rows.order_by("sequence").values_list(*paths).iterator(chunk_size=CHUNK)
        # Once, not once a row: translating a word costs more than reading the row.
        stands = {status.value: str(status.label) for status in RowStatus}
        does = {action.value: str(action.label) for action in RowAction}
        yes, no = _("yes"), _("no")
        places = [(paths.index(column.path), column.unread) for column in self.columns]
        for values in self._named(found, paths):
            sequence, line, status, action, removed, reason, issues, raw = values[: len(ALWAYS)]
            if raw:
                cells = [raw[unread] if unread in raw else values[at] for at, unread in places]
            else:
                cells = [values[at] for at, _unread in places]
            sentences = " ".join(map(self._sentence, issues)) if issues else ""
            yield [
                *cells, sequence, line, stands[status], does[action], yes if removed else no, reason, sentences,
            ]  # fmt: skip

    def _sentence(self, entry: dict[str, Any]) -> str:
        """Return the sentence of a finding; most are in many rows, and making one costs more than reading its row."""
        key = repr(entry)
        found = self._sentences.get(key)
        if found is None:
            if len(self._sentences) >= REMEMBERED:
                self._sentences.clear()
            found = self._sentences[key] = self.handler.message(entry)
        return found

    def _named(self, found: Iterable[tuple[Any, ...]], paths: list[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows with the objects that they link to by name instead of by key."""
        links = {
            at: field.related_model
            for at, path in enumerate(paths)
            if (field := model_field(self.handler, path)) is not None and field.is_relation
        }
        if not links:
            yield from found
            return
        iterator = iter(found)
        while chunk := list(islice(iterator, CHUNK)):
            names = {at: _names(model, {row[at] for row in chunk}) for at, model in links.items()}
            for row in chunk:
                yield tuple(names[at].get(value) if at in links else value for at, value in enumerate(row))


def _names(model: Any, keys: set[Any]) -> dict[Any, str]:
    """Return key -> name of objects."""
    return {key: str(found) for key, found in model._default_manager.in_bulk(keys - {None}).items()}


def _small(label: str) -> str:
    """Return a label as it stands inside a heading; what is written in capitals stays so."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _distinct(columns: list[Told], taken: Iterable[str]) -> list[Told]:
    """Return the columns with headings of which none is there twice."""
    seen = {heading.casefold() for heading in taken}
    found = []
    for column in columns:
        heading, n = column.heading, 1
        while heading.casefold() in seen:
            n += 1
            heading = f"{column.heading} ({n})"
        seen.add(heading.casefold())
        found.append(column._replace(heading=heading))
    return found

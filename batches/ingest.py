"""Bring many rows into a batch: COPY into a temporary table, then one INSERT that looks up and checks them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Value
from django.utils.translation import gettext as _

from . import sql
from .ahead import ahead
from .cells import Cells, Repaired, column_converter, copy_lines, limited
from .conf import conf
from .exceptions import FileRefused
from .files import BadRecord, Reader, Reading
from .files.uses import Use
from .models import BatchRowBase, Unreadable
from .pipeline import Pipeline
from .saved_mappings import remember
from .saved_values import meanings, understood
from .sql import Sql, quote
from .states import RowAction, RowStatus

if TYPE_CHECKING:
    from .handlers import BatchHandler

STAGING = "batch_staging"
# Rows that one COPY and one INSERT take: few at first, so that progress shows soon and the database works while more is read; then
# as many as one waits two seconds for when a stop is asked, as each INSERT reads all of production that it looks up.
FIRST_ROWS, MOST_ROWS = 20_000, 160_000
MAX_UNREADABLE = 10_000
# Records that are converted at once, and how many such lots may wait for the database.
CHUNK, WAITING = 1_000, 80

__all__ = ["FileRows", "Repaired", "Staging", "limited"]


class Staging:
    """A temporary table shaped like the row table, and the way from there into it."""

    def __init__(self, handler: BatchHandler) -> None:
        self.handler = handler
        self.model = handler.row_model
        self.using = handler.using
        self.fields = sql.concrete(self.model)

    def create(self, names: Sequence[str]) -> list[str]:
        """Make the table empty, with the columns of these fields; return them."""
        columns = [str(self.model._meta.get_field(name).column) for name in names]  # type: ignore[union-attr]
        sql.run(self.using, f"DROP TABLE IF EXISTS pg_temp.{STAGING}")
        sql.run(
            self.using,
            f"CREATE TEMP TABLE {STAGING} ON COMMIT DROP AS SELECT {', '.join(map(quote, columns))}"
            f" FROM {sql.table(self.model)} WITH NO DATA",
        )
        return columns

    def selected(self, given: dict[str, str]) -> Sql:
        """Return the list of all the row model's columns: field -> SQL as given, else constants, which the planner folds."""
        constants = self.defaults()
        texts, params = [], []  # type: tuple[list[str], list[Any]]
        for field in self.fields:
            connection = sql.connections[self.using]
            type_name = field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
            if field.name in given:
                texts.append(f"{given[field.name]}::{type_name}")
            elif field in constants:
                texts.append(f"%s::{type_name}")
                params.append(constants[field])
            else:
                texts.append(f"NULL::{type_name}")
        return Sql(", ".join(texts), tuple(params))

    def defaults(self) -> dict[models.Field, Any]:
        """Return the constants that rows have unless they say otherwise."""
        options: Any = self.model._meta
        found: dict[models.Field, Any] = {options.get_field("batch"): self.handler.batch.pk}
        for field in self.fields:
            if field.name != "batch" and field.has_default() and not callable(field.default):
                found[field] = (
                    str(field.default) if isinstance(field.default, (RowStatus, RowAction)) else field.default
                )
            elif (
                not field.null
                and field.empty_strings_allowed
                and field.name != "batch"
                and not field.primary_key
            ):
                found[field] = ""
        return found

    def take(self, names: Sequence[str], parts: Iterable[Iterator[str]]) -> int:
        """COPY lines and insert the rows that they make, part by part, finished where the refresh is declared; return the rows."""
        columns = self.create(names)
        staged = self.selected({name: f"s.{sql.column(self.model, name)}" for name in names})
        source = Sql(f"SELECT {staged.text} FROM {STAGING} s", staged.params)
        pipeline = self.pipeline()
        rows = 0
        for part in parts:
            if rows:
                sql.run(self.using, f"TRUNCATE pg_temp.{STAGING}")
            taken = sql.copy_in(self.using, STAGING, columns, part)
            if not rows:
                self._analyze(names)
            pipeline.insert(source)
            rows += taken
            self.handler.progress(rows)
        sql.run(self.using, f"DROP TABLE pg_temp.{STAGING}")
        return rows

    def _analyze(self, names: Sequence[str]) -> None:
        """Gather figures on what rows are sought and joined by; on all columns it would take several times as long."""
        sought = {name for lookup in self.handler.all_lookups for name in lookup.needs()} & {*names}
        planned = ", ".join(sql.column(self.model, name) for name in ["sequence", *sorted(sought)])
        sql.run(self.using, f"ANALYZE {STAGING} ({planned})")

    def pipeline(self) -> Pipeline:
        """Return the chain for new rows: the whole refresh if it is declared, else nothing."""
        return (
            self.handler.pipeline if self.handler.refreshes_in_sql else Pipeline(self.model, [], self.using)
        )

    def copy(self, records: Iterable[dict[str, Any] | BatchRowBase]) -> int:
        """COPY rows given as dicts or unsaved rows; return how many."""
        iterator = iter(records)
        first = next(iterator, None)
        if first is None:
            return 0
        names = self._names(first)
        staged = ["sequence", *names]
        # Lines are gathered before each COPY: they may be made by asking the database, which a connection cannot do during it.
        return self.take(staged, gathered(self._lines(first, iterator, names), landing()))

    def _names(self, record: dict[str, Any] | BatchRowBase) -> list[str]:
        if isinstance(record, dict):
            return list(record)
        skipped = ("batch", "sequence")
        return [f.name for f in self.fields if not f.primary_key and f.name not in skipped]

    def _lines(self, first: Any, others: Iterator[Any], names: list[str]) -> Iterator[str]:
        fields = [self.model._meta.get_field(name) for name in names]
        attnames = [f.attname for f in fields]  # type: ignore[union-attr]
        sequence = 0
        record = first
        while record is not None:
            sequence += 1
            if isinstance(record, dict):
                values = [_plain(record.get(name)) for name in names]
            else:
                values = [getattr(record, attname) for attname in attnames]
            yield sql.copy_line([sequence, *values])
            if sequence % 1000 == 0:
                self.handler.progress(sequence)
            record = next(others, None)

    def insert_from(self, queryset: models.QuerySet, expressions: dict[str, Any]) -> int:
        """INSERT … SELECT from a queryset; a row for each of its objects, numbered in its order."""
        made = {
            f"v{n}": value
            if hasattr(value, "resolve_expression")
            else models.F(value)
            if isinstance(value, str)
            else Value(value)
            for n, value in enumerate(expressions.values())
        }
        by_field = dict(zip(expressions, made, strict=True))
        source = sql.compiled(queryset.annotate(**made).values_list(*made), self.using)
        given = {name: f"q.{head}" for name, head in by_field.items()}
        selected = self.selected({**given, "sequence": "row_number() OVER ()"})
        text = f"SELECT {selected.text} FROM ({source.text}) AS q({', '.join(made)})"
        return self.pipeline().insert(Sql(text, (*selected.params, *source.params)))


def landing(growth: int = 8) -> Iterator[int]:
    """Yield how many rows each part takes, each `growth` times as many as the one before."""
    size = FIRST_ROWS
    while True:
        yield size
        size = min(size * growth, MOST_ROWS)


def gathered(lines: Iterator[str], sizes: Iterator[int]) -> Iterator[Iterator[str]]:
    """Yield lines in parts, each made before it is yielded."""
    while part := list(islice(lines, next(sizes))):
        yield iter(part)


def gathered_lazily(lines: Iterator[str], sizes: Iterator[int]) -> Iterator[Iterator[str]]:
    """Yield lines in parts, each of which must be used up before the next."""
    for first in lines:
        yield chain([first], islice(lines, next(sizes) - 1))


def _plain(value: Any) -> Any:
    return value.pk if isinstance(value, models.Model) else value


def last_sequence(handler: BatchHandler) -> int:
    """Return the number of the last row, 0 where there is none."""
    return handler.rows().order_by().aggregate(last=models.Max("sequence"))["last"] or 0


def _names(plan: list[Cells]) -> list[str]:
    """Return the fields of COPY's lines."""
    return ["sequence", "source_row", "raw", "issues", *[cells.field for cells in plan]]


class FileRows:
    """The rows of a batch's file: read strictly, converted cell by cell, unreadable cells and records kept."""

    def __init__(self, handler: BatchHandler) -> None:
        self.handler = handler
        self.batch: Any = handler.batch
        self.bad: list[BadRecord] = []

    def copy(self) -> int:
        """Read and COPY; return the rows made. Raises FileRefused for a file that cannot be read at all."""
        staging = Staging(self.handler)
        reading = Reading.from_json(self.batch.reading)
        plan = self._plan(reading)
        # A workbook is read more slowly than the database works, which would wait for a large part.
        sizes = landing(2 if reading.is_workbook else 8)
        with self._opened() as file:
            reader = Reader(file, reading, self.batch.original_name, self._keep_bad)
            with closing(ahead(self._lines(reader, plan), WAITING)) as lines:
                rows = staging.take(_names(plan), gathered_lazily(lines, (size // CHUNK for size in sizes)))
        if not rows and not self.bad:
            raise FileRefused(
                _("%(name)r has headings but no records; send a file with at least one.")
                % {"name": self.batch.original_name}
            )
        self._save_bad()
        # What is said not to be data (lines above it, totals) is no record.
        self.batch.records = reader.total - reader.ignored
        self.batch.blank_records, self.batch.ignored_records = reader.blank, reader.ignored
        remember(self.handler)
        return rows

    def add(self, line: int, cells: list[str]) -> int:
        """Add the row of one record (a cell for each heading) behind the others, checked; return its number."""
        plan = self._plan(Reading.from_json(self.batch.reading))
        sequence = last_sequence(self.handler) + 1
        lines = iter([copy_lines(plan, sequence, [(line, cells)])])
        Staging(self.handler).take(_names(plan), iter([lines]))
        if not self.handler.refreshes_in_sql:
            self.handler.refresh(self.handler.rows().filter(sequence=sequence))
        return sequence

    def _opened(self) -> Any:
        """Return the file that was uploaded. Raises FileRefused where storage has none, or another one."""
        name = self.batch.original_name
        try:
            file = self.batch.file.open("rb")
        except OSError as error:
            raise FileRefused(
                _("The file %(name)r is no longer in storage; upload it again.") % {"name": name}
            ) from error
        digest = hashlib.sha256()
        for chunk in file.chunks(1 << 20):
            digest.update(chunk)
        if self.batch.sha256 and digest.hexdigest() != self.batch.sha256:
            file.close()
            raise FileRefused(
                _("The file %(name)r in storage is not the one that was uploaded; upload it again.")
                % {"name": name}
            )
        file.seek(0)
        return file

    def _plan(self, reading: Reading) -> list[Cells]:
        """Return how the cells of each mapped column become values. Raises FileRefused for a mapping that does not fit."""
        columns = {column.field: column for column in self.handler.get_columns()}
        special = self.handler.converters()
        known = meanings(self.handler)
        plan = []
        for field, said in self.batch.mapping.items():
            use = Use.from_json(said)
            if field not in columns:
                raise FileRefused(
                    _("The mapping names %(field)r, which is no column of this batch type; map it again.")
                    % {"field": field}
                )
            if use.column and use.column not in reading.headings:
                raise FileRefused(
                    _("The file has no column %(heading)r; map %(field)r to another.")
                    % {"heading": use.column, "field": field}
                )
            convert = column_converter(columns[field], reading, special.get(field), use.factor)
            convert = understood(convert, known.get(field))
            index = reading.headings.index(use.column) if use.column else None
            plan.append(Cells(field, index, convert, use))
        return plan

    def _keep_bad(self, record: BadRecord) -> None:
        if len(self.bad) >= MAX_UNREADABLE:
            raise FileRefused(
                _(
                    "More than %(limit)d records of %(name)r cannot be read (the last at row %(row)d: %(reason)s)."
                    " Check delimiter and encoding."
                )
                % {
                    "limit": MAX_UNREADABLE,
                    "name": self.batch.original_name,
                    "row": record.line,
                    "reason": record.message,
                }
            )
        self.bad.append(record)

    def _lines(self, reader: Reader, plan: list[Cells]) -> Iterator[str]:
        """Yield COPY's lines, many a string."""
        limit = conf("MAX_ROWS")
        records = iter(reader.records())
        rows = 0
        while chunk := list(islice(records, CHUNK)):
            yield copy_lines(plan, rows + 1, chunk)
            rows += len(chunk)
            if rows > limit:
                raise FileRefused(
                    _("%(name)r has more than %(limit)d records; split it.")
                    % {"name": self.batch.original_name, "limit": limit}
                )

    def _save_bad(self) -> None:
        Unreadable.objects.using(self.handler.using).bulk_create(
            [
                Unreadable(
                    batch_id=self.batch.pk,
                    source_row=b.line,
                    code=b.code,
                    text=b.text[:10_000].replace("\0", "␀"),
                    message=b.message,
                    params=b.params,
                )
                for b in self.bad
            ],
            batch_size=1000,
        )

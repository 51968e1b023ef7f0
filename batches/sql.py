"""Everything that depends on the database driver or on PostgreSQL's own words: quoting, COPY, diagnostics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import InterfaceError, OperationalError, connections, models
from django.db.models import Q
from django.db.models.query import QuerySet

# COPY's text format: what must be escaped, and null.
NULL = r"\N"
# The condition under which triggers let what was recorded be changed or removed: the transaction says that it is a purge, and
# names the entry by which it is in the log. That holds the transaction's number, so that an old entry opens nothing.
PURGING = (
    "current_setting('batches.retention', true) = 'purge' AND EXISTS (SELECT 1 FROM batches_event logged WHERE logged.id ="
    " NULLIF(current_setting('batches.retention_entry', true), '')::bigint AND logged.verb = 'purge'"
    " AND logged.data ->> 'transaction' = pg_current_xact_id()::text)"
)
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})

# Made once: `json.dumps` makes one for each value.
_JSON = json.JSONEncoder(ensure_ascii=False, default=str).encode


@dataclass(frozen=True)
class Sql:
    """A piece of SQL with its parameters (never the values themselves)."""

    text: str
    params: tuple[Any, ...] = ()


def quote(name: str | None) -> str:
    """Quote an identifier; only a field without a column has none."""
    if not name:
        raise ValueError("A field without a column has no name in SQL.")
    return '"' + name.replace('"', '""') + '"'


def table(model: type[models.Model]) -> str:
    """Return the quoted table of a model; a name that is quoted already stays as it is."""
    name = model._meta.db_table
    return name if name.startswith('"') else quote(name)


def column(model: type[models.Model], field: str) -> str:
    """Return the quoted column of a model's field."""
    return quote(model._meta.get_field(field).column)  # type: ignore[union-attr]


def pk_column(model: type[models.Model]) -> str:
    """Return the quoted primary key column."""
    return quote(model._meta.pk.column)


def concrete(model: type[models.Model]) -> list[models.Field]:
    """Return the fields that have a column, in the model's order."""
    return list(model._meta.concrete_fields)


def compiled(queryset: QuerySet, using: str) -> Sql:
    """Return the SQL of a queryset."""
    text, params = queryset.query.get_compiler(using).as_sql()
    return Sql(text, tuple(params))


def condition(model: type[models.Model], when: Q, alias: str, using: str) -> Sql:
    """Return the SQL of a condition over a model's table that stands in a statement as `alias`."""
    queryset = model._base_manager.using(using).order_by().filter(when)
    try:
        if not is_plain(queryset):
            # What is joined stays inside.
            inner = compiled(queryset.values_list("pk"), using)
            return Sql(f"{alias}.{pk_column(model)} IN ({inner.text})", inner.params)
    except EmptyResultSet:
        return Sql("FALSE")
    return where_of(queryset, alias, using)


def is_plain(queryset: QuerySet) -> bool:
    """Tell whether a queryset's condition is one over the rows of its table alone: no joins, aggregates or windows."""
    query: Any = queryset.query
    # A join that was trimmed away is still listed, with no reference.
    joined = sum(1 for count in query.alias_refcount.values() if count) > 1
    return not (
        joined or query.combinator or query.where.contains_aggregate or query.where.contains_over_clause
    )


def where_of(queryset: QuerySet, alias: str, using: str) -> Sql:
    """Return the condition of a plain queryset, over its table as it stands in a statement as `alias`."""
    query: Any = queryset.order_by().query.clone()
    try:
        query.change_aliases({query.get_initial_alias(): alias})
        text, params = query.get_compiler(using).compile(query.where)
    except EmptyResultSet:
        return Sql("FALSE")
    except FullResultSet:
        return Sql("TRUE")
    return Sql(f"({text})", tuple(params))


def run(using: str, statement: Sql | str, params: Iterable[Any] = ()) -> int:
    """Execute a statement; return the number of rows that it touched."""
    text, values = (
        (statement.text, statement.params) if isinstance(statement, Sql) else (statement, tuple(params))
    )
    with connections[using].cursor() as cursor:
        cursor.execute(text, values)
        return max(cursor.rowcount, 0)


def fetch(using: str, statement: Sql | str, params: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
    """Execute a query; return its rows."""
    text, values = (
        (statement.text, statement.params) if isinstance(statement, Sql) else (statement, tuple(params))
    )
    with connections[using].cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall()


def copy_value(value: Any) -> str:
    """Return a Python value in COPY's text format."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, (dict, list)):
        return _JSON(value).translate(_ESCAPES)
    return str(value).translate(_ESCAPES)


def copy_line(values: Iterable[Any]) -> str:
    """Return one line of COPY's text format."""
    return "\t".join([copy_value(value) for value in values]) + "\n"


class _Stream:
    """The reading half of a file over an iterator of text: what the driver's COPY wants, without holding it all."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines
        self.rest = b""
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self._read(size)
        except BaseException as error:
            # The driver would report this as a failed COPY; the caller wants the error itself, Ctrl-C too.
            self.error = error
            raise

    def _read(self, size: int) -> bytes:
        parts = [self.rest]
        length = len(self.rest)
        while size < 0 or length < size:
            line = next(self.lines, None)
            if line is None:
                break
            data = line.encode("utf-8")
            parts.append(data)
            length += len(data)
        joined = b"".join(parts)
        if 0 <= size < len(joined):
            self.rest = joined[size:]
            return joined[:size]
        self.rest = b""
        return joined


def copy_in(using: str, target: str, columns: Iterable[str], lines: Iterator[str]) -> int:
    """COPY lines (text format, possibly several a string) into the quoted table `target`; return the rows written."""
    names = ", ".join(quote(name) for name in columns)
    connection = connections[using]
    connection.ensure_connection()
    with connection.cursor() as cursor:
        raw = cursor.cursor if hasattr(cursor, "cursor") else cursor
        stream = _Stream(lines)
        try:
            with connection.wrap_database_errors:
                raw.copy_expert(f"COPY {target} ({names}) FROM STDIN", stream, 65536)
        except Exception as error:
            if stream.error is not None:
                raise stream.error from error
            raise
        return raw.rowcount


def end_if_idle(using: str, milliseconds: int) -> None:
    """Let the server end this transaction, and free its locks, if the process that began it does nothing for so long."""
    run(using, "SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [str(milliseconds)])


def sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's five-character code of a database error, or ''."""
    cause = error.__cause__ or error
    return getattr(cause, "pgcode", None) or getattr(cause, "sqlstate", None) or ""


def may_pass(error: BaseException) -> bool:
    """Tell whether another try may cure a database error: serialization failure, deadlock, lock not available."""
    return sqlstate(error) in {"40001", "40P01", "55P03"}


def connection_lost(error: BaseException) -> bool:
    """Tell whether a database error means that the server or the connection went away, not that a statement was wrong."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    state = sqlstate(error)
    return not state or state.startswith("08") or state in {"57P01", "57P02", "57P03", "25P03"}


def diagnosis(error: BaseException) -> dict[str, str]:
    """Return what the server said of a database error: message, detail, constraint, table, column."""
    diag = getattr(error.__cause__ or error, "diag", None)
    found = {
        "message": getattr(diag, "message_primary", None),
        "detail": getattr(diag, "message_detail", None),
        "constraint": getattr(diag, "constraint_name", None),
        "table": getattr(diag, "table_name", None),
        "column": getattr(diag, "column_name", None),
    }
    return {key: value for key, value in found.items() if value} or {"message": str(error)}


def sequence_of(using: str, model: type[models.Model]) -> str | None:
    """Return the sequence behind a model's primary key, or None if it has none."""
    (name,) = fetch(using, "SELECT pg_get_serial_sequence(%s, %s)", [table(model), model._meta.pk.column])[0]
    return name

"""Comparable pictures of tables, which rows were written, and going back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connections, models, transaction

from .. import sql

# What differs from run to run although nothing else does.
STAMPED = (models.DateField, models.TimeField)


def _is_stamp(field: models.Field) -> bool:
    automatic = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return isinstance(field, STAMPED) and (automatic or field.has_db_default())


def _is_allotted(field: models.Field) -> bool:
    return field.primary_key and isinstance(field, (models.AutoField, models.UUIDField))


def _plain(model: type[models.Model]) -> list[Any]:
    return [
        f
        for f in model._meta.concrete_fields
        if not f.is_relation and not _is_stamp(f) and not _is_allotted(f)
    ]


def _labels(model: type[models.Model]) -> dict[Any, str]:
    """Return key -> what is said of each object, since the keys of new ones differ from run to run."""
    names = [f.attname for f in _plain(model)]
    return {pk: repr(values) for pk, *values in model._base_manager.values_list("pk", *names)}


def picture(queryset: models.QuerySet, skip: Iterable[str] = ()) -> list[str]:
    """Return the objects of a queryset as sorted texts, without allotted keys and automatic times."""
    model = queryset.model
    skipped = set(skip)
    plain = [f for f in _plain(model) if f.name not in skipped]
    links: list[Any] = [f for f in model._meta.concrete_fields if f.is_relation and f.name not in skipped]
    labels = {f.attname: _labels(f.related_model) for f in links}
    found = []
    for values in queryset.order_by().values(*[f.attname for f in [*plain, *links]]):
        for name, by_key in labels.items():
            values[name] = by_key.get(values[name], values[name])
        found.append(repr(sorted(values.items())))
    return sorted(found)


def versions(queryset: models.QuerySet, using: str) -> dict[Any, str]:
    """Return key -> where PostgreSQL keeps the row: it moves whenever the row is written, if only with what it had."""
    model = queryset.model
    inner = sql.compiled(queryset.order_by().values_list("pk"), using)
    pk = sql.pk_column(model)
    return dict(
        sql.fetch(
            using,
            f"SELECT {pk}, ctid::text FROM {sql.table(model)} WHERE {pk} IN ({inner.text})",
            inner.params,
        )
    )


def written_tables(using: str) -> dict[str, int]:
    """Return table -> rows that this transaction wrote so far, by whatever way and even if it undid them."""
    return dict(
        sql.fetch(
            using,
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_all_tables"
            " WHERE schemaname !~ '^pg_' AND n_tup_ins + n_tup_upd + n_tup_del > 0",
        )
    )


@contextlib.contextmanager
def watched(using: str) -> Iterator[dict[str, int]]:
    """Note in the dict that is yielded how many rows of which tables the block writes."""
    before = written_tables(using)
    found: dict[str, int] = {}
    yield found
    after = written_tables(using)
    found.update({name: n - before.get(name, 0) for name, n in after.items() if n > before.get(name, 0)})


@contextlib.contextmanager
def undone(using: str) -> Iterator[None]:
    """Take back all that the block writes to the database."""
    with transaction.atomic(using=using):
        yield
        transaction.set_rollback(True, using=using)


@contextlib.contextmanager
def counted(using: str) -> Iterator[list[str]]:
    """Note the statements of the block, without those that only mark savepoints."""
    said: list[str] = []

    def note(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        if not is_control(statement):
            said.append(statement)
        return execute(statement, params, many, context)

    with connections[using].execute_wrapper(note):
        yield said


def is_control(statement: str) -> bool:
    """Tell whether a statement only controls transactions."""
    return statement.lstrip().upper().startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))

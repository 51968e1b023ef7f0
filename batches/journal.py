"""The journal: every write to a production model, recorded by statement-level triggers.

It holds the row as it was *before* an update or delete, and as it was made by an insert. The run and the
person come from two transaction-local settings that are read by column defaults, so that COPY, bulk and raw
SQL writes carry them too.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pghistory
import pghistory.models
import pgtrigger
from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.models.functions import Cast, NullIf

from .sql import PURGING

RUN_SETTING = "batches.run"
USER_SETTING = "batches.user"
PURGE_SETTING, ENTRY_SETTING = "batches.retention", "batches.retention_entry"
INSERT, UPDATE, DELETE = "insert", "update", "delete"

# Of a column of the journal: each would cost at every write, or change whenever the model's words do.
DROPPED_OPTIONS = frozenset(
    {
        "auto_now",
        "auto_now_add",
        "blank",
        "choices",
        "db_default",
        "db_index",
        "default",
        "editable",
        "error_messages",
        "help_text",
        "null",
        "primary_key",
        "unique",
        "unique_for_date",
        "unique_for_month",
        "unique_for_year",
        "validators",
        "verbose_name",
    }
)

# A purge says so in its transaction and in the log; nobody else changes what was recorded.
RETENTION = f"IF {PURGING} THEN RETURN NULL; END IF;\n"
KEPT = RETENTION + "RAISE EXCEPTION 'The journal % is append-only: % is refused.', TG_TABLE_NAME, TG_OP;"
NOT_EMPTIED = RETENTION + (
    "RAISE EXCEPTION 'The table % is journalled, which TRUNCATE would pass by: it is refused. Use DELETE.', TG_TABLE_NAME;"
)
JOURNAL_NOT_EMPTIED = RETENTION + (
    "RAISE EXCEPTION 'The journal % is append-only: TRUNCATE is refused.', TG_TABLE_NAME;"
)

M = TypeVar("M", bound=models.Model)


def _setting(name: str) -> models.Func:
    """The value of a setting, or NULL where it is not set or was reset to ''."""
    current = models.Func(
        models.Value(name), models.Value(True), function="current_setting", output_field=models.TextField()
    )
    return NullIf(current, models.Value(""))


class JournalEvent(pghistory.models.Event):
    """One row before an update or delete, or as inserted; ordered by `pgh_id`, never by time."""

    pgh_id = models.BigAutoField(primary_key=True)
    pgh_run = models.BigIntegerField(
        null=True, db_default=Cast(_setting(RUN_SETTING), models.BigIntegerField())
    )
    pgh_user = models.TextField(null=True, db_default=_setting(USER_SETTING))
    # Later entries were removed by a purge, so what this write made of the row cannot be told from the next one.
    pgh_gap = models.BooleanField(db_default=False)

    class Meta:
        abstract = True


def _no_truncate(func: str) -> pgtrigger.Trigger:
    """Refuse to empty a table; tests that flush their tables do without."""
    return pgtrigger.Trigger(
        name="no_truncate",
        operation=pgtrigger.Truncate,
        when=pgtrigger.Before,
        level=pgtrigger.Statement,
        func=func,
    )


def _append_only() -> pgtrigger.Trigger:
    """Refuse to change and to remove what was recorded."""
    return pgtrigger.Trigger(
        name="append_only",
        operation=pgtrigger.Update | pgtrigger.Delete,
        when=pgtrigger.Before,
        # Once a statement, so that a purge of a million entries looks at the log's a few times only.
        level=pgtrigger.Statement,
        func=KEPT,
    )


def track(model: type[M] | None = None, *, exclude: tuple[str, ...] = ()) -> Any:
    """Journal every write to the model: `@track`, or `@track(exclude=("search_vector",))`.

    The event model is `<Model>Event` in the model's app; its columns have the names of the model's.
    """

    def decorate(model: type[M]) -> type[M]:
        _create_event_model(model, exclude)
        return model

    return decorate if model is None else decorate(model)


def _create_event_model(model: type[models.Model], exclude: tuple[str, ...]) -> None:
    options = model._meta
    fields = [field for field in options.local_concrete_fields if field.name not in exclude]
    name = f"{model.__name__}Event"
    # The package's types don't know that None is allowed.
    no_context: dict[str, Any] = {"obj_field": None, "context_field": None, "context_id_field": None}
    pghistory.create_event_model(
        model,
        pghistory.InsertEvent(INSERT, trigger_name="journal_insert"),
        # What only moves an auto_now column is no change: it would hide the changes that people look for.
        pghistory.UpdateEvent(
            UPDATE,
            row=pghistory.Old,
            condition=pgtrigger.AnyChange(exclude_auto=True),
            trigger_name="journal_update",
        ),
        pghistory.DeleteEvent(DELETE, trigger_name="journal_delete"),
        fields=[],
        append_only=False,
        **no_context,
        model_name=name,
        base_model=JournalEvent,
        abstract=False,
        level=pghistory.Statement,
        attrs={field.name: _event_field(field) for field in fields},
        meta={
            "default_permissions": (),
            "triggers": [_append_only(), _no_truncate(JOURNAL_NOT_EMPTIED)],
            "indexes": [
                models.Index(fields=[options.pk.name, "pgh_id"], name=_index_name(name, "obj")),
                models.Index(
                    fields=["pgh_run"],
                    name=_index_name(name, "run"),
                    condition=models.Q(pgh_run__isnull=False),
                ),
            ],
        },
    )
    pgtrigger.register(_no_truncate(NOT_EMPTIED))(model)


def _event_field(field: models.Field) -> models.Field:
    """The same column without keys, indexes, constraints and defaults."""
    if isinstance(field, models.AutoField):
        return models.BigIntegerField(db_column=field.db_column)
    if isinstance(field, models.ForeignKey):
        # Not deconstruct(): it asks for models that may not be loaded yet.
        return models.ForeignKey(
            field.remote_field.model,
            on_delete=models.DO_NOTHING,
            to_field=field.remote_field.field_name,
            null=not field.primary_key,
            db_column=field.db_column,
            db_constraint=False,
            db_index=False,
            related_name="+",
        )
    _name, _path, args, kwargs = field.deconstruct()
    kept = {name: value for name, value in kwargs.items() if name not in DROPPED_OPTIONS}
    kept.update(null=not field.primary_key, editable=False)
    return type(field)(*args, **kept)


def _index_name(event: str, suffix: str) -> str:
    """An index name within Django's 30 characters, different for models of one beginning."""
    digest = hashlib.sha256(event.encode()).hexdigest()[:4]
    return f"{event.lower()[:20]}_{digest}_{suffix}"


def _event_models() -> list[Any]:
    return [model for model in apps.get_models() if issubclass(model, JournalEvent)]


def tracked_models() -> list[type[models.Model]]:
    """List the models that are journalled."""
    return [event.pgh_tracked_model for event in _event_models() if event.pgh_tracked_model is not None]


def is_tracked(model: type[models.Model]) -> bool:
    """Tell whether writes to the model are journalled."""
    return model._meta.concrete_model in tracked_models()


def event_model(model: type[models.Model]) -> type[JournalEvent]:
    """Return the model of the journal of `model`; LookupError where it is not journalled.

    Its column of the object's key is named as the key of `model`.
    """
    for event in _event_models():
        if event.pgh_tracked_model is model._meta.concrete_model:
            journalled: type[JournalEvent] = event
            return journalled
    raise LookupError(f"{model._meta.label!r} is not journalled. Put @batches.journal.track on the model.")


def set_run(run_id: int, using: str = DEFAULT_DB_ALIAS) -> None:
    """Stamp all writes of this transaction with the run, until `clear_run` or the transaction's end."""
    _set_local(RUN_SETTING, str(run_id), using)


def clear_run(using: str = DEFAULT_DB_ALIAS) -> None:
    """End what `set_run` began; a nested block doesn't end it, only the outermost transaction does."""
    _set_local(RUN_SETTING, "", using)


@contextmanager
def acting(user: object, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Run the block in a transaction whose writes outside runs are journalled under this name."""
    with transaction.atomic(using=using):
        before = _set_local(USER_SETTING, str(user), using)
        yield
        # Rolling back restores the setting by itself; a normal end must do it here.
        _set_local(USER_SETTING, before, using)


def _set_local(name: str, value: str, using: str) -> str:
    connection = connections[using]
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            f"The setting {name!r} lasts as long as a transaction and none is open. Call it inside atomic()."
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(before, ''), set_config(%s, %s, true)"
            " FROM (SELECT current_setting(%s, true) AS before OFFSET 0) AS setting",
            [name, value, name],
        )
        return str(cursor.fetchone()[0])


@contextmanager
def purging(entry: int, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Let the block remove what was recorded; `entry` of the log, written in this transaction, says what. Else triggers refuse."""
    _set_local(PURGE_SETTING, "purge", using)
    _set_local(ENTRY_SETTING, str(entry), using)
    yield
    _set_local(PURGE_SETTING, "", using)
    _set_local(ENTRY_SETTING, "", using)

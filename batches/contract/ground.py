"""What the contract's tests stand on: the hooks that a type's test class fills in, and helpers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connections, models, transaction

from .. import actions, sql
from ..handlers import BatchHandler
from ..models import Run, Summary, Unreadable
from ..registry import registry
from ..runner import Runner
from ..states import RowAction, Status
from ..testing import filled_again
from ..writes import Piece
from .pictures import is_control, picture, undone
from .values import other_value

# Of a row's picture: what each run allots anew.
ROW_TIMES = ("applied_at", "batch")
ANALYZED_ROWS = 100
# Rows that hooks get at a time, where it is asked whether they mean the same then.
SMALL_PIECE = 7


class Injected(OperationalError):
    """A fault of the database that a test made."""


class Ground:
    """Hooks and helpers."""

    # The type's key.
    key: str = ""
    # Whether the type works a row at a time, so that its queries may grow with the rows, and how many each row may cost.
    rows_in_python: bool = False
    queries_per_row: int = 4
    # Whether the execute hook, called twice for the same rows, may be held to writing once.
    repeatable: bool = True
    # Models besides the framework's and the type's own that populate and refresh may write.
    may_write: tuple[type[models.Model], ...] = ()
    # Rows of the two batches whose queries are compared.
    sizes: tuple[int, int] = (10, 1000)

    # ---- hooks

    def make(self, user: Any, n: int = 3) -> Any:
        """Prepare production and return a populated batch of `n` rows that all would be written."""
        raise NotImplementedError(
            f"{type(self).__name__}.make(user, n) must return a populated batch of n rows."
        )

    def touch(self, row: Any) -> models.Model:
        """Change in production what the row would write; return the changed object.

        The default follows the declared changes.
        """
        for target in self.handler(row.batch).targets.values():
            link: Any = row._meta.get_field(target.to)
            things = target.model._base_manager.filter(pk=getattr(row, link.attname))
            if getattr(row, link.attname) is None or not things.exists():
                continue
            changes: list[tuple[str, set[Any]]] = []
            for update in target.updates:
                new, old = getattr(row, _attname(row, update.new)), getattr(row, _attname(row, update.old))
                if new is not None and new != old:
                    changes.append((update.name, {new, old}))
            if target.deletes:
                changes += [
                    (f.name, {getattr(things.get(), f.attname)}) for f in target.model._meta.concrete_fields
                ]
            for name, taken in changes:
                value = other_value(target.model._meta.get_field(name), taken)
                if value is not None:
                    things.update(**{name: value})
                    return things.get()
        raise NotImplementedError(f"{type(self).__name__}.touch(row) must change what the row would write.")

    def snapshot(self) -> Any:
        """Return a comparable picture of production; by default all objects of the models that rows link to."""
        return {model._meta.label: picture(model._base_manager.all()) for model in self.production_models()}

    def make_user(self, name: str, *, superuser: bool = False) -> Any:
        """Return a new user; override it where yours needs more than a name."""
        model: Any = get_user_model()
        user = model(**{model.USERNAME_FIELD: name}, is_active=True, is_staff=True, is_superuser=superuser)
        user.set_unusable_password()
        user.save()
        return user

    # ---- helpers

    @property
    def handler_class(self) -> type[BatchHandler]:
        """Return the type's handler class."""
        return registry.get(self.key)

    @property
    def using(self) -> str:
        """Return the database that the type writes to."""
        return self.handler_class(self.handler_class.model()).using

    def handler(self, batch: Any, user: Any = None) -> BatchHandler:
        """Return a fresh handler of a batch."""
        return actions.handler_of(batch, user)

    def production_models(self) -> list[type[models.Model]]:
        """Return the models that rows of the type link to."""
        fields: list[Any] = list(self.handler_class.row_model._meta.concrete_fields)
        found = [f.related_model for f in fields if f.is_relation and f.name != "batch"]
        return list(dict.fromkeys(found))

    def own_tables(self) -> set[str]:
        """Return the tables that populate and refresh may write."""
        handler = self.handler_class
        own = {m._meta.db_table for m in (handler.model, handler.row_model, *self.may_write)}
        return own | {m._meta.db_table for m in Run._meta.apps.get_app_config("batches").get_models()}

    def made(self, user: Any, n: int = 3) -> Any:
        """Return what `make()` makes, after a look at whether it does its part."""
        batch = self.make(user, n)
        assert batch.status == Status.REVIEW, (
            f"make() returned a batch that is {batch.status!r}, not in review."
        )
        assert batch.rows.count() == n, f"make(user, {n}) returned {batch.rows.count()} rows."
        effective = self.handler(batch).effective_rows().count()
        assert effective == n, f"Of the {n} rows that make() returned only {effective} would be written."
        if n > ANALYZED_ROWS:
            self.analyze()
        return batch

    def analyze(self) -> None:
        """Let the planner know what is there, as it does in a database that is in use: nothing does so during a test."""
        for model in (*self.production_models(), self.handler_class.row_model):
            sql.run(self.using, f"ANALYZE {sql.table(model)}")

    def rows_picture(self, batch: Any) -> list[str]:
        """Return a comparable picture of the batch's rows."""
        return picture(batch.rows.all(), ROW_TIMES)

    def empty(self, batch: Any) -> None:
        """Make a draft without rows of a populated batch."""
        batch.rows.all().delete()
        for model in (Unreadable, Summary):
            model._base_manager.filter(batch_id=batch.pk).delete()
        self.put(batch, status=Status.DRAFT, records=None, blank_records=0)
        if hasattr(batch, "ignored_records"):
            self.put(batch, ignored_records=0)

    def put(self, batch: Any, **values: Any) -> None:
        """Set columns of the header without going through a verb."""
        type(batch)._base_manager.filter(pk=batch.pk).update(**values)
        batch.refresh_from_db()

    def fill(self, batch: Any, user: Any) -> Run:
        """Populate a draft, from the rows that `make()` gave it or as the type does."""
        with filled_again(batch):
            return actions.populate(batch, user)

    def execute_hook(self, batch: Any, piece: Piece) -> None:
        """Put one piece into production as the runner does, and nothing else."""
        handler = self.handler(batch)
        if handler.executes_by_changes:
            handler.writer.write(piece, handler.on_conflict)
        else:
            handler.execute(handler.piece_rows(piece))

    def executed(self, batch: Any, user: Any) -> Any:
        """Return production as it is when the batch was executed; then go back."""
        with undone(self.using):
            actions.execute(batch, user)
            production = self.snapshot()
        batch.refresh_from_db()
        return production

    def first_rows(self, batch: Any) -> list[Any]:
        """Return the rows that take part, those that change something first."""
        changing = (RowAction.UPDATE, RowAction.DELETE)
        return sorted(self.handler(batch).effective_rows(), key=lambda row: row.action not in changing)

    def touched(self, batch: Any) -> tuple[Any, models.Model]:
        """Touch the first row for which that is possible; return it and what was changed."""
        for row in self.first_rows(batch):
            try:
                return row, self.touch(row)
            except NotImplementedError as error:
                why = error
        raise why

    def permitted(self, verb: str, *, without: str = "") -> Any:
        """Return a user with all rights on the type except one, and none on what it writes."""
        model = self.handler_class.model
        user = self.make_user(f"without-{without or 'targets'}-for-{verb}")
        names = [f"{p}_{model._meta.model_name}" for p in model._meta.default_permissions if p != without]
        content = ContentType.objects.get_for_model(model)
        user.user_permissions.set(Permission.objects.filter(content_type=content, codename__in=names))
        return user

    def faults(self, batch: Any, verb: str, user: Any) -> Iterator[tuple[int, str]]:
        """Do the verb's work again and again, each time with a fault after one statement more.

        Yields (number, statement) inside a block that is taken back; ends when the work gets through without meeting the fault.
        """
        number = 0
        while True:
            number += 1
            with undone(self.using):
                batch.refresh_from_db()
                met = self._with_fault(batch, verb, user, number)
                batch.refresh_from_db()
                if met is not None:
                    yield number, met
            batch.refresh_from_db()
            if met is None:
                return

    def _with_fault(self, batch: Any, verb: str, user: Any, number: int) -> str | None:
        run = actions.start(batch, verb, user, own=True)
        runner = Runner(run, inline=True)
        said: list[str] = []

        def inject(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
            result = execute(statement, params, many, context)
            if not is_control(statement):
                said.append(statement)
                if len(said) == number:
                    raise Injected(f"A fault that the contract injected after statement {number}.")
            return result

        with filled_again(batch), connections[self.using].execute_wrapper(inject):
            try:
                runner.go()
            except Exception:
                if len(said) < number:
                    raise
                # Django takes the surrounding transaction for broken, but PostgreSQL met no fault.
                transaction.set_rollback(False, using=self.using)
                return said[number - 1]
        return said[number - 1] if len(said) >= number else None

    def values_of(self, thing: models.Model) -> dict[str, Any] | None:
        """Return an object's columns as they are in the database now."""
        found: dict[str, Any] | None = type(thing)._base_manager.filter(pk=thing.pk).values().first()
        return found


def _attname(row: Any, name: str) -> str:
    return str(row._meta.get_field(name).attname)

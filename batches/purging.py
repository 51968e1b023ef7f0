"""The removal of one batch's rows, files and history: in transactions of their own, so that it can die anywhere and be begun again.

From the first of them on, the batch is marked, and nobody reads its rows; what it was about stays in its figures and in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from django.db import DatabaseError, connections, models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from . import artifacts, journal, outbox, sql
from .conf import conf
from .exceptions import BatchError, Refused
from .figures import figures
from .log import Door, log
from .models import (
    Artifact,
    BatchNumber,
    Delivery,
    DeliveryLot,
    FileBatchMixin,
    Run,
    RunStep,
    Summary,
    Unreadable,
)
from .registry import registry
from .retention import ALTOGETHER, Standing, held_sentence, stays, written_rows
from .words import whole


class Elsewhere(BatchError):
    """Somebody else is working on this batch right now."""


class Vanished(BatchError):
    """The batch is gone."""


@dataclass
class Gone:
    """How much of a batch goes, or went."""

    rows: int = 0
    unreadable: int = 0
    files: int = 0
    journal: int = 0
    # Entries of the history that an undo of another batch needs still.
    needed: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the numbers by name."""
        return asdict(self)


class Purge:
    """The removal of one batch in somebody's name."""

    def __init__(self, handler: Any, user: Any = None, door: Door | None = None) -> None:
        self.handler = handler
        self.batch = handler.batch
        self.using: str = handler.using
        self.user = user
        self.door = door
        self.gone = Gone()

    @cached_property
    def runs(self) -> list[int]:
        """The batch's runs; first asked for when no more can be made."""
        mine = Run.objects.using(self.using).filter(batch_id=self.batch.pk)
        return list(mine.order_by("pk").values_list("pk", flat=True))

    # ---- what would go

    def weigh(self, *, rows: bool, history: bool) -> Gone:
        """Return how much would go; nothing is changed or locked."""
        found = Gone()
        if rows:
            found.rows = self.handler.rows().order_by().count()
            found.unreadable = self._unreadable().count()
            found.files = len(list(self._files()))
        if history:
            for model in journal.tracked_models():
                part = _History(model, self.batch.pk, self.using)
                found.journal += part.count(self.runs)
                found.needed += part.count_needed(self.runs)
            found.journal -= found.needed
        return found

    # ---- removing

    @contextmanager
    def locked(self, *, wait: bool = True) -> Iterator[BatchNumber]:
        """A transaction that holds the batch's number, as all work on a batch does. Raises Elsewhere, Vanished, Refused for a hold."""
        numbers = BatchNumber.objects.using(self.using).select_for_update(no_key=True, skip_locked=not wait)
        limits = {"lock_timeout": "5s", "statement_timeout": conf("STATEMENT_TIMEOUT_MS")}
        if not connections[self.using].in_atomic_block:
            # As of a run: the lock of a process that hangs goes with its session.
            limits["idle_in_transaction_session_timeout"] = conf("IDLE_TIMEOUT_MS")
        try:
            with transaction.atomic(using=self.using):
                for name, value in limits.items():
                    sql.run(self.using, "SELECT set_config(%s, %s, true)", [name, str(value)])
                number = numbers.filter(pk=self.batch.pk).first()
                if number is None:
                    there = BatchNumber.objects.using(self.using).filter(pk=self.batch.pk).exists()
                    raise Elsewhere if there else Vanished
                if number.is_held:
                    raise Refused(held_sentence(number))
                yield number
        except DatabaseError as error:
            if sql.may_pass(error):
                raise Elsewhere from error
            raise

    def begin(self, look: Callable[[], Standing]) -> Standing:
        """Mark the batch as it stands under the lock, and return that; nobody is waited for. Raises Elsewhere, Vanished, Refused."""
        with self.locked(wait=False) as number:
            standing = look()
            self.batch = standing.batch
            if number.is_purged:
                return standing
            data = figures(self.batch)
            # Sentences of findings quote rows.
            number.figures = {**data, "issues": [], "written": written_rows(data["counts"])}
            number.purge_begun = Now()
            number.save(using=self.using, update_fields=["figures", "purge_begun"])
            found = self.weigh(rows=True, history=False)
            self._log(_("Begun."), {"rows": found.rows, "unreadable": found.unreadable, "files": found.files})
        return standing

    def empty(self) -> None:
        """Remove rows, unreadable records and files; then the header too of what was never executed."""
        self._by_ranges(self.handler.row_model, "sequence", "rows")
        self._by_ranges(Unreadable, "id", "unreadable")
        self._remove_files()
        self._remove_deliveries()
        with self.locked() as number:
            if number.purged is not None:
                return
            Artifact.objects.using(self.using).filter(batch_id=self.batch.pk).delete()
            Summary.objects.using(self.using).filter(batch_id=self.batch.pk).delete()
            RunStep.objects.using(self.using).filter(run__in=self.runs, final=False).delete()
            headers = type(self.batch)._default_manager.using(self.using).filter(pk=self.batch.pk)
            altogether = self.batch.status in ALTOGETHER
            said = (
                _("Removed; the log stays.")
                if altogether
                else _("Rows and files are removed; the log stays.")
            )
            self._log(said, {"description": self.batch.description, "rows": number.figures.get("total", 0)})
            if altogether:
                headers.delete()
                number.delete()
                return
            if issubclass(headers.model, FileBatchMixin):
                headers.update(file="")
            BatchNumber.objects.using(self.using).filter(pk=number.pk).update(purged=Now())

    def _by_ranges(self, model: type[models.Model], order: str, counted: str) -> None:
        """Delete what a table has of the batch, range by range, each in a transaction of its own."""
        table, column, last = sql.table(model), sql.column(model, order), -1
        mine = f"batch_id = %s AND {column} > %s"
        while True:
            with self.locked():
                text = f"SELECT max(n), count(*) FROM (SELECT {column} AS n FROM {table} WHERE {mine} ORDER BY n LIMIT %s) AS next"
                end, found = sql.fetch(self.using, text, [self.batch.pk, last, conf("CHUNK_MAX_ROWS")])[0]
                if not found:
                    return
                sql.run(
                    self.using,
                    f"DELETE FROM {table} WHERE {mine} AND {column} <= %s",
                    [self.batch.pk, last, end],
                )
            setattr(self.gone, counted, getattr(self.gone, counted) + found)
            last = end

    def _unreadable(self) -> Any:
        return Unreadable.objects.using(self.using).filter(batch_id=self.batch.pk)

    def _files(self) -> Iterator[tuple[Any, str]]:
        """Yield storage and name of what goes; a file that another batch has as well stays."""
        file: Any = self.batch.file if isinstance(self.batch, FileBatchMixin) else None
        if file and not self._shared(file.name):
            yield file.storage, file.name
        made = Artifact.objects.using(self.using).filter(batch_id=self.batch.pk)
        for name in made.values_list("file", flat=True).iterator():
            yield artifacts.storage(), name

    def _shared(self, name: str) -> bool:
        """Tell whether another batch that is not being removed has the same file."""

        def headers(handler: Any) -> models.QuerySet:
            return handler.model._default_manager.using(self.using)

        return any(
            headers(handler).filter(stays(), file=name).exclude(pk=self.batch.pk).exists()
            for handler in registry.all()
            if issubclass(handler.model, FileBatchMixin)
        )

    def _remove_files(self) -> None:
        """Remove the files; the mark is committed, so nobody asks for them, and where this dies it is done again."""
        for storage, name in self._files():
            transaction.on_commit(lambda storage=storage, name=name: _delete(storage, name), using=self.using)  # type: ignore[misc]
            self.gone.files += 1

    def _remove_deliveries(self) -> None:
        """Remove what other systems were told, lot by lot; the lots stay, which say how much that was."""
        with self.locked():
            unsent = outbox.cancel(self.batch.pk, self.using)
            if unsent:
                one, many = "%(n)s delivery was never sent.", "%(n)s deliveries were never sent."
                self._log(ngettext(one, many, unsent) % {"n": whole(unsent)}, {"cancelled": unsent})
        lots = DeliveryLot.objects.using(self.using).filter(batch_id=self.batch.pk)
        for lot in list(lots.values_list("pk", flat=True)):
            with self.locked():
                Delivery.objects.using(self.using).filter(lot=lot).delete()

    def forget(self) -> None:
        """Remove the history that the batch's runs wrote, as far as no undo of another batch needs it."""
        for model in journal.tracked_models():
            part = _History(model, self.batch.pk, self.using)
            for run, first, last in part.ranges(self.runs):
                with self.locked():
                    self._forget(part, run, first, last)
            self.gone.needed += part.count(self.runs)
        if not self.gone.needed:
            with self.locked():
                BatchNumber.objects.using(self.using).filter(pk=self.batch.pk).update(journal_purged=Now())

    def _forget(self, part: _History, run: int, first: int, last: int) -> None:
        """Log, then remove a range of entries; the trigger lets it through because it is in the log."""
        entries = part.free(run, first, last)
        if not entries:
            return
        one, many = (
            "%(n)s entry of the history of %(what)s was removed.",
            "%(n)s entries of the history of %(what)s were removed.",
        )
        words = {"n": whole(len(entries)), "what": part.model._meta.verbose_name_plural}
        number = sql.fetch(self.using, "SELECT pg_current_xact_id()::text")[0][0]
        data = {"journal": {part.model._meta.label: len(entries)}, "transaction": number}
        logged = self._log(ngettext(one, many, len(entries)) % words, data)
        with journal.purging(logged.pk, using=self.using):
            part.remove(entries)
        self.gone.journal += len(entries)

    def _log(self, said: str, data: dict[str, Any]) -> Any:
        door = self.door or Door("code")
        status = self.batch.status
        return log(self.batch, "purge", self.user, door, old=status, new=status, comment=said, data=data)


def _delete(storage: Any, name: str) -> None:
    """Remove a file. Raises Refused where the storage does not let it go: then the batch waits, and nothing is forgotten."""
    try:
        storage.delete(name)
    except Exception as error:
        # A storage may raise whatever it likes.
        raise Refused(
            _("A file could not be removed (%(why)s); it is tried again at the next purge.") % {"why": error}
        ) from error


class _History:
    """The journal of one model, as far as a batch's runs wrote it."""

    def __init__(self, model: type[models.Model], batch: int, using: str) -> None:
        self.model = model
        self.batch = batch
        self.using = using
        self.events = sql.table(journal.event_model(model))
        self.pk = sql.pk_column(model)

    def count(self, runs: list[int]) -> int:
        """Return how many entries the runs wrote."""
        text = f"SELECT count(*) FROM {self.events} e WHERE e.pgh_run = ANY(%s)"
        return int(sql.fetch(self.using, text, [runs])[0][0])

    def count_needed(self, runs: list[int]) -> int:
        """Return how many of them an undo of another batch needs."""
        text = f"SELECT count(*) FROM {self.events} e WHERE e.pgh_run = ANY(%s) AND {self._needed()}"
        return int(sql.fetch(self.using, text, [runs, self.batch])[0][0])

    def ranges(self, runs: list[int]) -> Iterator[tuple[int, int, int]]:
        """Yield each run with ranges of numbers in which its entries lie; a run writes most of them one after the other."""
        text = f"SELECT e.pgh_run, min(e.pgh_id), max(e.pgh_id) FROM {self.events} e WHERE e.pgh_run = ANY(%s) GROUP BY 1 ORDER BY 1"
        step = conf("CHUNK_MAX_ROWS")
        for run, first, last in sql.fetch(self.using, text, [runs]):
            for begin in range(first, last + 1, step):
                yield run, begin, begin + step - 1

    def _needed(self) -> str:
        """Return the SQL of the condition that another batch, whose rows are there, wrote the object before the entry.

        Its undo finds out from the entry what it left there. Without it, a later value would pass for its own.
        """
        return (
            f"EXISTS (SELECT 1 FROM {self.events} f JOIN {sql.table(Run)} r ON r.id = f.pgh_run"
            f" JOIN {sql.table(BatchNumber)} n ON n.number = r.batch_id WHERE f.{self.pk} = e.{self.pk}"
            " AND f.pgh_id < e.pgh_id AND n.number <> %s AND n.purge_begun IS NULL)"
        )

    def free(self, run: int, first: int, last: int) -> list[int]:
        """Return the entries of a range that may go."""
        text = f"SELECT e.pgh_id FROM {self.events} e WHERE e.pgh_run = %s AND e.pgh_id BETWEEN %s AND %s AND NOT {self._needed()}"
        return [row[0] for row in sql.fetch(self.using, text, [run, first, last, self.batch])]

    def remove(self, entries: list[int]) -> None:
        """Remove entries, and note on what stands before one that it cannot be told any more what it led to."""
        sql.run(
            self.using,
            f"UPDATE {self.events} p SET pgh_gap = true FROM (SELECT DISTINCT (SELECT f.pgh_id FROM {self.events} f"
            f" WHERE f.{self.pk} = e.{self.pk} AND f.pgh_id < e.pgh_id ORDER BY f.pgh_id DESC LIMIT 1) AS id"
            f" FROM {self.events} e WHERE e.pgh_id = ANY(%s)) AS before"
            f" WHERE p.pgh_id = before.id AND p.pgh_label = '{journal.UPDATE}' AND NOT p.pgh_gap",
            [entries],
        )
        sql.run(self.using, f"DELETE FROM {self.events} WHERE pgh_id = ANY(%s)", [entries])

"""What a batch type is: a handler, made for one run of one batch. Only the runner and `actions` call its hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, NamedTuple

from django import forms
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

from .. import sql
from ..files import Survey
from ..ingest import FileRows, Staging
from ..models import TAKES_PART, BatchBase, BatchRowBase, FileBatchMixin, Run
from ..peers import PeerCheck
from ..pipeline import Pipeline, Stage
from ..states import EFFECTIVE, RowStatus
from ..targets import Parcel
from ..writes import Piece
from .declared import Declarations
from .rowwise import refresh_in_python
from .updates import appended, update_targets

Row = Any
Progress = Callable[[int], None]
# Its word, its number, and the filter of the rows that it counts, such as {"finding": "dearer:new_cost"}, if there are any.
Tile = tuple[str, int, dict[str, str] | None]


class Proposal(NamedTuple):
    """What a file tells about an option: the value, a sentence that says why, and whether that is certain or has to be asked."""

    value: Any
    sentence: str
    sure: bool


class BatchHandler(Declarations):
    """One batch type. Declare what it reads, looks up, finds and changes; override a hook where that is not enough."""

    # How it is executed: all rows in one transaction, in chunks (False), or as the person who confirms decides ("ask").
    atomic: ClassVar[bool | Literal["ask"]] = True
    on_conflict: ClassVar[str] = "skip"
    on_error: ClassVar[str] = "stop"
    # Names of the targets outside of the database that it delivers to, and what of that cannot be taken back (a sentence).
    delivers_to: ClassVar[Sequence[str]] = ()
    cannot_take_back: ClassVar[Any] = ""

    # How many days after its end a batch keeps rows and files, its history, and can be undone; None: as the site has it.
    keep_rows_days: ClassVar[int | None] = None
    keep_journal_days: ClassVar[int | None] = None
    undo_days: ClassVar[int | None] = None

    def __init__(
        self,
        batch: BatchBase,
        *,
        run: Run | None = None,
        user: Any = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(batch)
        self.run = run
        self.user = user
        self.progress: Progress = progress or (lambda done: None)

    # ---- the three steps: a row at a time, or all at once

    def make_rows(self) -> Iterable[dict[str, Any] | BatchRowBase]:
        """Yield the batch's rows, as dicts or unsaved rows."""
        return ()

    def populate(self) -> None:
        """Fill the batch. The default reads the file, or copies what `make_rows()` yields."""
        if self.reads_file:
            self.copy_file()
        else:
            self.copy_rows(self.make_rows())

    def refresh_row(self, row: Row) -> None:
        """Look one row up and check it; `row.flag()` notes a finding. It is saved if it changed."""

    def refresh(self, rows: models.QuerySet) -> None:
        """Look rows up and check them. The default does what is declared, then loops over `refresh_row()`."""
        self.pipeline.refresh(rows)
        if self._overrides("refresh_row"):
            refresh_in_python(self, rows)

    def refresh_batch(self) -> None:
        """Note findings across rows, after all rows were checked."""

    def execute_row(self, row: Row) -> None:
        """Put one row into production."""

    def execute(self, rows: models.QuerySet) -> None:
        """Put rows into production. The default writes the declared changes, or loops over `execute_row()`."""
        if self._overrides("execute_row"):
            for row in rows.iterator(chunk_size=2000):
                self.execute_row(row)
                if row.status not in EFFECTIVE:
                    row.save(update_fields=["status", "issues"])

    def deliver_row(self, row: Row) -> Iterable[Parcel]:
        """Yield what a row that was written has to tell other systems, at most one parcel a target."""
        return ()

    def deliver(self, rows: models.QuerySet) -> Iterable[Parcel]:
        """Yield what rows that were written have to tell other systems. The default loops over `deliver_row()`.

        Nothing is sent here: parcels are kept with the rows, in one transaction, and sent after it.
        """
        for row in rows.iterator(chunk_size=2000):
            yield from self.deliver_row(row)

    def get_delivers_to(self) -> Sequence[str]:
        """Return the names of the targets that the batch delivers to; none: it does not deliver."""
        return self.delivers_to

    # ---- words and rules

    def why_not_execute(self) -> str | None:
        """Return why the batch cannot be executed (a sentence), or None."""
        return None

    def describe_execution(self) -> str:
        """Return the sentence that stands under the Execute button."""
        return _("The rows that are fine are written to production, each exactly once.")

    def effective_rows(self) -> models.QuerySet:
        """Return the rows that take part in the execution."""
        return self.rows().filter(TAKES_PART)

    def scope(self, user: Any) -> Q:
        """Return the rows that a user may see and work on; used by grid, counts, export and execution alike."""
        return Q()

    def options_form(self) -> type[forms.ModelForm]:
        """Return the form of the batch's description and options."""
        fields = ["description", "notes", *self.options]
        widgets: Any = {"notes": forms.Textarea(attrs={"rows": 2})}
        return forms.modelform_factory(self.model, fields=fields, widgets=widgets)

    def source_of(self) -> str:
        """Return who sent the batch's file, such as a vendor's code, or ''; what is saved for one sender serves its next file."""
        return ""

    def proposals(self, survey: Survey, headings: Mapping[str, str]) -> dict[str, Proposal]:
        """Return what the file tells about options in `options_from_file`; `headings` is field -> column of the file."""
        return {}

    def tiles(self, data: dict[str, Any]) -> list[tuple[str, list[Tile]]]:
        """Return groups of tiles of this type: heading, and word, number and filter of each; `data` are the batch's figures."""
        return []

    def make_artifacts(self) -> None:
        """Make files that execution promises (repeatable; runs after the last row)."""

    # ---- what the framework does with the above

    @property
    def reads_file(self) -> bool:
        """Tell whether batches of this type are made from a file."""
        return issubclass(self.model, FileBatchMixin) and bool(self.get_columns())

    @property
    def takes_new_rows(self) -> bool:
        """Tell whether rows can be added by hand: what people may type says what a row is about."""
        typed = set(self.editable or [column.field for column in self.get_columns()])
        return self.reads_file or any(lookup.needs() <= typed for lookup in self.all_lookups)

    def _overrides(self, name: str) -> bool:
        return getattr(type(self), name) is not getattr(BatchHandler, name)

    @property
    def delivers(self) -> bool:
        """Tell whether batches of this type can have something to tell other systems."""
        return self._overrides("deliver") or self._overrides("deliver_row")

    @property
    def executes_by_changes(self) -> bool:
        """Tell whether the declared changes are the whole execution."""
        return bool(self.targets) and not self._overrides("execute") and not self._overrides("execute_row")

    @property
    def refreshes_in_sql(self) -> bool:
        """Tell whether the declared stages are the whole refresh, so that rows can be inserted finished."""
        return not self._overrides("refresh") and not self._overrides("refresh_row")

    def rows(self) -> models.QuerySet:
        """Return all rows of the batch, in order."""
        rows: Any = self.row_model._default_manager.using(self.using)
        return rows.filter(batch=self.batch.pk).order_by("sequence")

    def piece_rows(self, piece: Piece, effective: bool = True) -> models.QuerySet:
        """Return the rows of a piece."""
        rows = self.effective_rows() if effective else self.rows()
        return rows.filter(sequence__range=(piece.first, piece.last))

    def piece(self, first: int, last: int) -> Piece:
        """Return a range of rows; where the type limits those that take part, it says so."""
        piece = Piece(self.batch.pk, first, last)
        if not self._overrides("effective_rows"):
            return piece
        rows = self.piece_rows(piece).order_by().values_list("sequence")
        return replace(piece, only=sql.compiled(rows, self.using))

    # ---- helpers for hooks

    def insert_rows(self, queryset: models.QuerySet, **expressions: Any) -> int:
        """INSERT … SELECT: a row for each object of the queryset; field -> expression over it. Returns the rows made."""
        staging = Staging(self)
        return staging.insert_from(queryset, expressions)

    def copy_rows(self, records: Iterable[dict[str, Any] | BatchRowBase]) -> int:
        """COPY rows given as dicts or unsaved rows. Returns the rows made."""
        staging = Staging(self)
        return staging.copy(records)

    def copy_file(self) -> int:
        """Read the batch's file and COPY its rows. Returns the rows made."""
        return FileRows(self).copy()

    def update_from(
        self,
        rows: models.QuerySet,
        source: models.QuerySet | None = None,
        on: dict[str, str] | None = None,
        **expressions: Any,
    ) -> int:
        """Set-based UPDATE … FROM. Returns the objects written; what would not change is skipped.

        `update_from(rows, new_price=F("product__cost") * 2)` changes rows; expressions may span their links.
        `update_from(Product.objects, rows, on={"pk": "product"}, price="new_price")` changes the first queryset's objects from
        the rows: `on` maps its fields to the rows', the keywords too.
        """
        if source is None:
            pipeline = Pipeline(self.row_model, [Stage(values=expressions)], self.using)
            return pipeline.refresh(rows)
        return update_targets(self.using, rows, source, on or {"pk": "pk"}, expressions)

    def mark_conflicts(
        self, rows: models.QuerySet, code: str = "changed_since", *, field: str = "", **params: Any
    ) -> int:
        """Make rows conflicts that say why; for `execute()` of types that write by SQL of their own. Returns the rows marked.

        `mark_conflicts(moved, field="new_price", was="old_price", now="product__price", want="new_price")`: `field` is the row's
        field that it is about, the others are what the finding's sentence names, row fields or expressions, which may span links.
        """
        status = models.Value(str(RowStatus.CONFLICT))
        return self.update_from(rows, status=status, issues=appended(code, field, params))

    # ---- called by the runner and by actions

    def check_peers(self, keys_of: Iterable[int] | None = None) -> None:
        """Bring the findings about rows that share something up to date; limited to the peers of rows if given."""
        PeerCheck(self).run(keys_of)

    def recheck(self, row_ids: Sequence[int]) -> None:
        """Check single rows again, and the rows that share something with them."""
        self.refresh(self.rows().filter(pk__in=row_ids))

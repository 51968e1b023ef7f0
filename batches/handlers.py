"""What a batch type is: a handler, made for one run of one batch. Only the runner and `actions` call its hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.db import models, router
from django.db.models import Case, F, Func, JSONField, Q, TextField, Value, When
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from . import sql
from .changes import Declared, Target, bind
from .files.columns import Column
from .findings import BUILT_IN, Finding, Unique, built_in, issue_list
from .ingest import FileRows, Staging
from .models import BatchBase, BatchRowBase, FileBatchMixin, Run
from .peers import PeerCheck
from .pipeline import Lookup, Pipeline, Stage, status_of
from .sql import Sql
from .states import EFFECTIVE, RowAction, RowStatus, Severity
from .writes import Piece, Writer

Row = Any
Progress = Callable[[int], None]


class _StatusOf(Func):
    """A row's status from its findings and action."""

    output_field = models.CharField()

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        (issues, first), (action, second) = (compiler.compile(e) for e in self.get_source_expressions())
        # Columns have no parameters, so that each may stand several times.
        return f"({status_of(issues, action)})", [*first, *second]


class BatchHandler:
    """One batch type. Declare what it reads, looks up, finds and changes; override a hook where that is not enough."""

    key: ClassVar[str] = ""
    title: ClassVar[Any] = ""
    description: ClassVar[Any] = ""
    model: ClassVar[type[BatchBase]]
    row_model: ClassVar[type[BatchRowBase]]

    # What it reads, looks up, derives, finds and changes.
    columns: ClassVar[Sequence[Column]] = ()
    lookups: ClassVar[Sequence[Lookup]] = ()
    derived: ClassVar[Sequence[dict[str, Any]]] = ()
    findings: ClassVar[Sequence[Finding]] = ()
    unique: ClassVar[Sequence[Unique]] = ()
    changes: ClassVar[Sequence[Declared]] = ()

    # How it is executed.
    atomic: ClassVar[bool] = True
    on_conflict: ClassVar[str] = "skip"
    on_error: ClassVar[str] = "stop"
    write: ClassVar[str] = "sql"

    # How it is shown: typed columns of the header that are options, and the row's fields in the grid.
    options: ClassVar[Sequence[str]] = ()
    grid: ClassVar[Sequence[str]] = ()
    search: ClassVar[Sequence[str]] = ()
    editable: ClassVar[Sequence[str]] = ()

    def __init__(
        self, batch: BatchBase, *, run: Run | None = None, user: Any = None, progress: Progress | None = None
    ) -> None:
        self.batch = batch
        self.run = run
        self.user = user
        self.progress: Progress = progress or (lambda done: None)
        self.using = router.db_for_write(self.row_model)

    # ---- what is declared; override these where it depends on the batch's options

    def get_columns(self) -> Sequence[Column]:
        """Return the columns that a file of this type may have."""
        return self.columns

    def get_lookups(self) -> Sequence[Lookup]:
        """Return the look-ups, in order."""
        return self.lookups

    def get_derived(self) -> Sequence[dict[str, Any]]:
        """Return row field -> expression, one dict a step; each step sees what the one before derived."""
        return self.derived

    def get_findings(self) -> Sequence[Finding]:
        """Return the rules of this type."""
        return self.findings

    def get_unique(self) -> Sequence[Unique]:
        """Return what rows of one batch may not share."""
        return self.unique

    def get_changes(self) -> Sequence[Declared]:
        """Return the declared changes, in the order in which they are written."""
        return self.changes

    def converters(self) -> dict[str, Callable[[str], Any]]:
        """Return field -> function from the cell's text to a value or `files.Repaired`, for columns that need more than their kind."""
        return {}

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
        self.pipeline.update(self.pipeline.rows(rows))
        if self._overrides("refresh_row"):
            self._refresh_in_python(rows)

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

    # ---- words and rules

    def why_not_execute(self) -> str | None:
        """Return why the batch cannot be executed (a sentence), or None."""
        return None

    def describe_execution(self) -> str:
        """Return the sentence that stands under the Execute button."""
        return _("The rows that are fine are written to production, each exactly once.")

    def effective_rows(self) -> models.QuerySet:
        """Return the rows that take part in the execution."""
        return self.rows().filter(removed=False, status__in=EFFECTIVE)

    def scope(self, user: Any) -> Q:
        """Return the rows that a user may see and work on; used by grid, counts, export and execution alike."""
        return Q()

    def options_form(self) -> type[forms.ModelForm]:
        """Return the form of the batch's description and options."""
        fields = ["description", "notes", *self.options]
        widgets = {"notes": forms.Textarea(attrs={"rows": 2})}
        return forms.modelform_factory(self.model, fields=fields, widgets=widgets)

    def make_artifacts(self) -> None:
        """Make files that execution promises (repeatable; runs after the last row)."""

    # ---- what the framework does with the above

    @property
    def reads_file(self) -> bool:
        """Tell whether batches of this type are made from a file."""
        return issubclass(self.model, FileBatchMixin) and bool(self.get_columns())

    def _overrides(self, name: str) -> bool:
        return getattr(type(self), name) is not getattr(BatchHandler, name)

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
        return (
            self.row_model._default_manager.using(self.using).filter(batch=self.batch.pk).order_by("sequence")
        )

    def piece_rows(self, piece: Piece, effective: bool = True) -> models.QuerySet:
        """Return the rows of a piece."""
        rows = self.rows().filter(sequence__range=(piece.first, piece.last))
        return rows.filter(removed=False, status__in=EFFECTIVE) if effective else rows

    @cached_property
    def targets(self) -> dict[str, Target]:
        """Return link -> what is declared about it."""
        return bind(self.get_changes(), self.row_model)

    @cached_property
    def all_lookups(self) -> list[Lookup]:
        """Return the type's look-ups, and those that the declared keys imply."""
        lookups = list(self.get_lookups())
        have = {lookup.to for lookup in lookups}
        lookups += [Lookup(t.to, (t.key,)) for t in self.targets.values() if t.key and t.to not in have]
        return lookups

    @cached_property
    def writer(self) -> Writer:
        """Return the writer of the declared changes."""
        return Writer(
            self.row_model, self.targets, {lookup.to: lookup for lookup in self.all_lookups}, self.using
        )

    @cached_property
    def all_findings(self) -> dict[str, Finding]:
        """Return every finding that a row of this batch can have, by code and field."""
        found = [*self._lookup_findings(), *self.get_findings()]
        for target in self.targets.values():
            found.extend(built_in(target, self.targets))
        return {f"{finding.code}/{finding.field}": finding for finding in found}

    def _lookup_findings(self) -> Iterator[Finding]:
        declared = {finding.code for finding in self.get_findings()}
        for lookup in self.all_lookups:
            if lookup.missing and lookup.missing not in declared:
                (name, *_others) = lookup.by[0].values()
                when = Q(**{f"{lookup.to}__isnull": True, f"{name}__isnull": False})
                label = self.row_model._meta.get_field(lookup.to).verbose_name  # type: ignore[union-attr]
                yield Finding(
                    lookup.missing,
                    _("There is no %(label)s %(value)s."),
                    Severity.ERROR,
                    when,
                    name,
                    {"value": name, "label": Value(str(label))},
                )

    @cached_property
    def unique_rules(self) -> list[Unique]:
        """Return what rows may not share: what the type says, and the links that they change."""
        rules = list(self.get_unique())
        message, severity = BUILT_IN["several_rows"]
        shared = {fields for rule in rules for fields in [rule.fields]}
        for target in self.targets.values():
            if not target.shared and (target.to,) not in shared:
                rules.append(Unique((target.to,), "several_rows", message, severity))
                break
        return rules

    @cached_property
    def pipeline(self) -> Pipeline:
        """Return the chain of stages that a refresh is."""
        stages: list[Stage] = []
        group: list[Lookup] = []
        for lookup in self.all_lookups:
            if lookup.needs() & {earlier.to for earlier in group}:
                stages.append(Stage(lookups=tuple(group)))
                group = []
            group.append(lookup)
        stages.append(Stage(lookups=tuple(group)))
        base: dict[str, Any] = {}
        for target in self.targets.values():
            base.update(target.base_values())
        stages.append(Stage(values=base))
        stages.extend(Stage(values=step) for step in self.get_derived())
        if self.targets:
            stages.append(Stage(values={"action": self._action(), **self._deleted_base()}))
        stages.append(Stage(values={"issues": issue_list(self.all_findings.values())}, barrier=True))
        stages.append(Stage(values={"status": _StatusOf(F("issues"), F("action"))}))
        return Pipeline(self.row_model, stages, self.using)

    def _action(self) -> Case:
        """Return the expression of a row's action."""
        targets = [t for t in self.targets.values() if not t.shared]
        whens = [When(t.will_delete(), then=Value(RowAction.DELETE)) for t in targets if t.deletes]
        creating = [t for t in targets if t.creates]
        if creating:
            whens.append(When(creating[0].will_create(self.targets), then=Value(RowAction.CREATE)))
        for target in targets:
            if target.updates:
                whens.append(When(target.will_change(self.targets), then=Value(RowAction.UPDATE)))
        for target in creating[1:]:
            whens.append(When(target.will_create(self.targets), then=Value(RowAction.UPDATE)))
        return Case(*whens, default=Value(RowAction.UNCHANGED), output_field=models.CharField())

    def _deleted_base(self) -> dict[str, Any]:
        """Return the whole-row snapshot of what a row would delete."""
        deleting = [t for t in self.targets.values() if t.deletes]
        if not deleting:
            return {}
        parts: dict[str, Any] = {t.to: WholeRow(t) for t in deleting}
        condition = deleting[0].will_delete()
        for target in deleting[1:]:
            condition |= target.will_delete()
        return {
            "base": Case(When(condition, then=JSONObject(**parts)), default=None, output_field=JSONField())
        }

    def _refresh_in_python(self, rows: models.QuerySet) -> None:
        """Loop over `refresh_row()`, and save what it changed with one upsert a chunk."""
        names = [
            f.name
            for f in self.row_model._meta.concrete_fields
            if not f.primary_key and f.name not in ("batch", "sequence")
        ]
        batch: list[Any] = []
        for row in rows.iterator(chunk_size=2000):
            before = {f.attname: getattr(row, f.attname) for f in self.row_model._meta.concrete_fields}
            kept = [entry for entry in (row.issues or []) if entry.get("keep")]
            declared = (
                []
                if not self.all_findings
                else [
                    e
                    for e in (row.issues or [])
                    if not e.get("keep") and f"{e['code']}/{e['field']}" in self.all_findings
                ]
            )
            row.issues = [*kept, *declared] or None
            row.status = RowStatus.OK
            self.refresh_row(row)
            self._grade(row)
            if any(getattr(row, name) != value for name, value in before.items()):
                batch.append(row)
            if len(batch) >= 2000:
                self._upsert(batch, names)
                batch = []
        self._upsert(batch, names)

    def _upsert(self, batch: list[Any], names: list[str]) -> None:
        if batch:
            self.row_model._default_manager.using(self.using).bulk_create(
                batch, update_conflicts=True, unique_fields=["pk"], update_fields=names, batch_size=500
            )

    def _grade(self, row: Row) -> None:
        """Set the row's status from its findings, unless the hook set an outcome."""
        for entry in row.issues or []:
            declared = self.all_findings.get(f"{entry['code']}/{entry['field']}") or next(
                (f for f in self.all_findings.values() if f.code == entry["code"]), None
            )
            if declared is not None:
                entry["severity"] = str(declared.severity)
        severities = {entry["severity"] for entry in row.issues or []}
        if Severity.ERROR in severities:
            row.status = RowStatus.ERROR
        elif Severity.WARNING in severities:
            row.status = RowStatus.WARNING
        elif row.action == RowAction.UNCHANGED:
            row.status = RowStatus.UNCHANGED
        row.issues = row.issues or None

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
            return pipeline.update(pipeline.rows(rows))
        return self._update_targets(rows, source, on or {"pk": "pk"}, expressions)

    def _update_targets(
        self, targets: models.QuerySet, rows: models.QuerySet, on: dict[str, str], fields: dict[str, Any]
    ) -> int:
        model = targets.model
        wanted = {
            f"v{n}": F(value) if isinstance(value, str) else value for n, value in enumerate(fields.values())
        }
        keys = {f"k{n}": F(value) for n, value in enumerate(on.values())}
        source = sql.compiled(
            rows.order_by().annotate(**keys, **wanted).values_list(*keys, *wanted), self.using
        )
        heads = ", ".join([*keys, *wanted])
        columns = [model._meta.get_field(name).column for name in fields]  # type: ignore[union-attr]
        on_columns = [
            model._meta.pk.column if name == "pk" else model._meta.get_field(name).column for name in on
        ]  # type: ignore[union-attr]
        sets = ", ".join(f"{sql.quote(c)} = s.{alias}" for c, alias in zip(columns, wanted, strict=True))
        sets += "".join(
            f", {sql.quote(f.column)} = statement_timestamp()"
            for f in model._meta.concrete_fields
            if getattr(f, "auto_now", False)
        )
        join = " AND ".join(
            f"t.{sql.quote(c)} = s.{alias}" for c, alias in zip(on_columns, keys, strict=True)
        )
        differs = " OR ".join(
            f"t.{sql.quote(c)} IS DISTINCT FROM s.{alias}" for c, alias in zip(columns, wanted, strict=True)
        )
        text = f"UPDATE {sql.table(model)} t SET {sets} FROM ({source.text}) AS s({heads}) WHERE {join} AND ({differs})"
        return sql.run(self.using, Sql(text, source.params))

    # ---- called by the runner and by actions

    def check_peers(self, keys_of: Iterable[int] | None = None) -> None:
        """Bring the findings about rows that share something up to date; limited to the peers of rows if given."""
        PeerCheck(self).run(keys_of)

    def recheck(self, row_ids: Sequence[int]) -> None:
        """Check single rows again, and the rows that share something with them."""
        self.refresh(self.rows().filter(pk__in=row_ids))

    def message(self, entry: dict[str, Any]) -> str:
        """Return the sentence of a finding of a row."""
        if entry.get("message"):
            return str(entry["message"])
        code, name = entry.get("code", ""), entry.get("field", "")
        finding = self.all_findings.get(f"{code}/{name}") or next(
            (f for f in [*self.all_findings.values(), *self.unique_rules] if f.code == code), None
        )
        template = str(finding.message) if finding is not None else str(BUILT_IN.get(code, (code, ""))[0])
        params = {"field": self.label(name), **(entry.get("params") or {})}
        try:
            return template % {key: ("–" if value is None else value) for key, value in params.items()}
        except (KeyError, ValueError):
            return template

    def label(self, name: str) -> str:
        """Return a row field's label."""
        for column in self.get_columns():
            if column.field == name:
                return str(column.label)
        try:
            return str(self.row_model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
        except Exception:
            return name


class WholeRow(Func):
    """The whole target of a link as JSON."""

    output_field = JSONField()

    def __init__(self, target: Target) -> None:
        super().__init__(F(target.to))
        self.target = target

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        link, params = compiler.compile(self.get_source_expressions()[0])
        model = self.target.model
        return (
            f"(SELECT to_jsonb(whole) FROM {sql.table(model)} whole WHERE whole.{sql.pk_column(model)} = {link})",
            list(params),
        )


__all__ = ["BatchHandler", "Column", "Finding", "Lookup", "TextField", "Unique"]

"""What a type declares, and what the framework derives from it: targets, look-ups, findings, the chain of a refresh."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from django.db import models, router
from django.db.models import Case, F, Func, JSONField, Q, Value, When
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from .. import sql
from ..changes import Declared, Target, bind, may_clear
from ..files import Column
from ..files.uses import Use
from ..findings import BUILT_IN, Finding, Unique, built_in, issue_list
from ..models import BatchBase, BatchRowBase
from ..pipeline import Lookup, Pipeline, Stage, status_of
from ..saves import ModelWriter
from ..states import RowAction, Severity
from ..words import ICONS
from ..writes import Writer


class _StatusOf(Func):
    """A row's status from its findings and action."""

    output_field = models.CharField()

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        (issues, first), (action, second) = (compiler.compile(e) for e in self.get_source_expressions())
        # Columns have no parameters, so that each may stand several times.
        return f"({status_of(issues, action)})", [*first, *second]


class WholeRow(Func):
    """The whole target of a link as JSON."""

    output_field = JSONField()

    def __init__(self, target: Target) -> None:
        super().__init__(F(target.to))
        self.target = target

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        link, params = compiler.compile(self.get_source_expressions()[0])
        model = self.target.model
        return (
            f"(SELECT to_jsonb(whole) FROM {sql.table(model)} whole WHERE whole.{sql.pk_column(model)} = {link})",
            list(params),
        )


class Declarations:
    """The declared half of a handler."""

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
    # How the changes are written: set-based ("sql"), or by full_clean() and save() a row at a time ("model").
    write: ClassVar[str] = "sql"

    # How it is shown: typed columns of the header that are options, and the row's fields in the grid.
    options: ClassVar[Sequence[str]] = ()
    # Options that are not asked before the file is there, because `proposals()` answers them.
    options_from_file: ClassVar[Sequence[str]] = ()
    grid: ClassVar[Sequence[str]] = ()
    search: ClassVar[Sequence[str]] = ()
    editable: ClassVar[Sequence[str]] = ()

    def __init__(self, batch: BatchBase) -> None:
        self.batch = batch
        self.using = router.db_for_write(self.row_model)

    # ---- override these where they depend on the batch's options

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
        """Return field -> function from a cell's text to a value or `ingest.Repaired`, for columns that need more than their kind."""
        return {}

    # ---- what is derived from them

    @cached_property
    def targets(self) -> dict[str, Target]:
        """Return link -> what is declared about it."""
        return bind(self.get_changes(), self.row_model, self._clearing)

    @cached_property
    def clearable(self) -> dict[str, str]:
        """Return field of a column -> the row field of the new value, for columns whose empty cells may clear what is there."""
        named = {
            name: k.to for k in self.get_lookups() for by in k.by if len(by) == 1 for name in by.values()
        }
        found: dict[str, str] = {}
        for target in bind(self.get_changes(), self.row_model).values():
            for update in target.updates:
                for column in self.get_columns():
                    wanted = (column.field, named.get(column.field))
                    if update.new in wanted and may_clear(target, update):
                        found[column.field] = update.new
        return found

    @property
    def _clearing(self) -> dict[str, str]:
        """Return the new value's row field -> the field whose empty cell clears it, as the batch's mapping says."""
        mapping: dict[str, Any] = getattr(self.batch, "mapping", None) or {}
        return {
            self.clearable[field]: field
            for field, value in mapping.items()
            if field in self.clearable and Use.from_json(value).empty == "clear"
        }

    @cached_property
    def all_lookups(self) -> list[Lookup]:
        """Return the type's look-ups, and those that the declared keys imply."""
        lookups = list(self.get_lookups())
        have = {lookup.to for lookup in lookups}
        lookups += [Lookup(t.to, (t.key,)) for t in self.targets.values() if t.key and t.to not in have]
        return lookups

    @cached_property
    def writer(self) -> Writer | ModelWriter:
        """Return the writer of the declared changes."""
        kind = ModelWriter if self.write == "model" else Writer
        return kind(
            self.row_model, self.targets, {lookup.to: lookup for lookup in self.all_lookups}, self.using
        )

    @cached_property
    def all_findings(self) -> dict[str, Finding]:
        """Return every finding that a row of this batch can have, by code and field."""
        found = [
            rule for target in self.targets.values() for rule in built_in(target, self.targets, self.write)
        ]
        # The type's own words for a rule take the place of ours.
        found = [*found, *self._lookup_findings(), *self.get_findings()]
        by_key: dict[str, Finding] = {}
        for finding in found:
            key = f"{finding.code}/{finding.field}"
            while finding.code == "rule_broken" and key in by_key:
                # Several rules of production may be about one field.
                key += "+"
            by_key[key] = finding
        return by_key

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

    def finding(self, code: str, field: str) -> Any:
        """Return the declared rule of a finding, or None for one of ours."""
        known: list[Any] = [*self.all_findings.values(), *self.unique_rules]
        return self.all_findings.get(f"{code}/{field}") or next((f for f in known if f.code == code), None)

    def severity_word(self, entry: dict[str, Any]) -> tuple[str, str]:
        """Return the icon and the word of how grave a finding is: a notice was repaired, or is a note."""
        severity = entry.get("severity") or Severity.WARNING
        rule = self.finding(entry.get("code", ""), entry.get("field", ""))
        if severity == Severity.NOTICE and getattr(rule, "note", False):
            return ICONS["note"], _("Note")
        return ICONS.get(severity, ""), str(Severity(severity).label)

    def message(self, entry: dict[str, Any]) -> str:
        """Return the sentence of a finding of a row."""
        if entry.get("message"):
            return str(entry["message"])
        code, name = entry.get("code", ""), entry.get("field", "")
        finding = self.finding(code, name)
        template = str(finding.message) if finding is not None else str(BUILT_IN.get(code, (code, ""))[0])
        params = {"field": self.label(name), **(entry.get("params") or {})}
        try:
            text = template % {key: ("–" if value is None else value) for key, value in params.items()}
        except (KeyError, ValueError):
            return template
        # A label begins in lower case, a sentence does not; a value is quoted as it is.
        return text[:1].upper() + text[1:] if template.startswith("%(field)s") else text

    def label(self, name: str) -> str:
        """Return a row field's label."""
        for column in self.get_columns():
            if column.field == name:
                return str(column.label)
        try:
            return str(self.row_model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
        except Exception:
            return name

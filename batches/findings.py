"""What is found about a row: declared by the type, and what production's own rules would refuse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import (
    Case,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    JSONField,
    OuterRef,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Abs, Cast, Coalesce, JSONObject, Length
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual

from .changes import Target
from .sentences import BUILT_IN
from .states import Severity


@dataclass(frozen=True)
class Finding:
    """A rule over a row. `when` is a condition over the row and its links, `message` takes `params` (name -> expression)."""

    code: str
    message: Any
    severity: str = Severity.WARNING
    when: Any = None
    field: str = ""
    params: dict[str, Any] = made_by(default_factory=dict)
    note: bool = False  # a notice that tells what will be; nothing was put right

    def entry(self) -> Case:
        """Return the expression that yields the finding's JSON, or null."""
        shown = {
            name: Cast(F(value) if isinstance(value, str) else value, TextField())
            for name, value in self.params.items()
        }
        parts: dict[str, Any] = {
            "code": Value(self.code),
            "field": Value(self.field),
            "severity": Value(str(self.severity)),
        }
        if shown:
            parts["params"] = JSONObject(**shown)
        return Case(When(self.when, then=JSONObject(**parts)), default=None, output_field=JSONField())


@dataclass(frozen=True)
class Unique:
    """Rows of one batch that share these fields. One is kept, the others are excluded; or they lose the field `gives_up` only."""

    fields: tuple[str, ...]
    code: str
    message: Any
    severity: str = Severity.ERROR
    gives_up: str = ""


class IssueList(Func):
    """The findings of a row as one JSON list, or null if there are none; what reading found is kept."""

    output_field = JSONField()
    arity = None

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        parts, params = [], []
        for source in self.get_source_expressions():
            text, values = compiler.compile(source)
            parts.append(text)
            params.extend(values)
        kept, *entries = parts
        if not entries:
            entries = ["NULL"]
        # A column has no parameters, so it may stand several times. What reading found comes first, what a row hook flagged
        # comes last, as it does after the hook.
        keep, own = (
            f"COALESCE(jsonb_path_query_array({kept}, '$[*] ? (@.{mark} == true)'), '[]')"
            for mark in ("keep", "own")
        )
        # Most rows are fine, and pay for the conditions only: no list is made for them.
        text = (
            f"CASE WHEN {kept} IS NULL AND COALESCE({', '.join(entries)}) IS NULL THEN NULL ELSE NULLIF({keep}"
            f" || to_jsonb(array_remove(ARRAY[{', '.join(entries)}]::jsonb[], NULL)) || {own}, '[]') END"
        )
        return text, [*params, *params]


def issue_list(findings: Iterable[Finding]) -> IssueList:
    """Return the expression of a row's findings."""
    return IssueList(F("issues"), *[f.entry() for f in findings if f.when is not None])


def built_in(target: Target, targets: dict[str, Target], write: str = "sql") -> list[Finding]:
    """Return the findings that stand for the target's own rules: lengths, choices, limits, constraints.

    Where the type writes through the models, what `full_clean()` demands is required too.
    """
    found: list[Finding] = []
    written = target.written()
    for name, row_field in written.items():
        model_field = target.model._meta.get_field(name)
        if not isinstance(model_field, models.Field) or model_field.is_relation:
            continue
        found.extend(_field_rules(model_field, row_field, target))
        found.extend(_required(model_field, row_field, target, targets, write))
    found.extend(_taken(target, written, targets))
    found.extend(_constraints(target, written))
    return found


def _finding(code: str, when: Any, row_field: str, label: Any, **params: Any) -> Finding:
    message, severity = BUILT_IN[code]
    return Finding(code, message, severity, when, row_field, {"field": Value(str(label)), **params})


def _field_rules(model_field: models.Field, row_field: str, target: Target) -> list[Finding]:
    found = []
    mine = target.row_model._meta.get_field(row_field)
    label = model_field.verbose_name
    given = Q(**{f"{row_field}__isnull": False})
    limit = model_field.max_length
    if limit and getattr(mine, "max_length", None) != limit:
        when = given & Q(GreaterThan(Length(row_field), limit))
        found.append(
            _finding("too_long", when, row_field, label, length=Length(row_field), limit=Value(limit))
        )
    if isinstance(model_field, models.DecimalField):
        whole = (model_field.max_digits or 0) - (model_field.decimal_places or 0)
        if _whole_digits(mine) > whole:
            when = given & Q(GreaterThanOrEqual(Abs(F(row_field)), 10**whole))
            found.append(_finding("too_large", when, row_field, label, value=row_field, limit=Value(whole)))
    if model_field.choices and not getattr(mine, "choices", None):
        values = [value for value, _label in model_field.flatchoices]
        found.append(
            _finding(
                "not_a_choice", given & ~Q(**{f"{row_field}__in": values}), row_field, label, value=row_field
            )
        )
    for validator in model_field.validators:
        limit_value = getattr(validator, "limit_value", None)
        if isinstance(validator, MinValueValidator) and not callable(limit_value):
            when = Q(**{f"{row_field}__lt": limit_value})
            found.append(
                _finding(
                    "below_minimum", when, row_field, label, value=row_field, limit=Value(str(limit_value))
                )
            )
        elif isinstance(validator, MaxValueValidator) and not callable(limit_value):
            when = Q(**{f"{row_field}__gt": limit_value})
            found.append(
                _finding(
                    "above_maximum", when, row_field, label, value=row_field, limit=Value(str(limit_value))
                )
            )
    return found


def _whole_digits(mine: Any) -> float:
    if isinstance(mine, models.DecimalField):
        return (mine.max_digits or 0) - (mine.decimal_places or 0)
    return float("inf")


def _required(
    model_field: models.Field, row_field: str, target: Target, targets: dict[str, Target], write: str
) -> list[Finding]:
    """Return the finding for a create that lacks what production demands."""
    needless = model_field.has_db_default() or (model_field.blank and model_field.empty_strings_allowed)
    if write == "model":
        needless = needless or model_field.blank or model_field.get_default() not in model_field.empty_values
    else:
        needless = needless or model_field.null or model_field.has_default()
    if not target.creates or target.shared or needless:
        return []
    missing = Q(**{f"{row_field}__isnull": True})
    if row_field in target.key.values():
        first = next(t for t in targets.values() if t.creates and not t.shared)
        if target is not first:
            # Without its key a second target is simply not created.
            return []
        when = missing & Q(**{f"{target.to}__isnull": True})
        when = when if target.create_when is None else when & target.create_when
    else:
        when = missing & target.will_create(targets)
    return [_finding("required", when, row_field, model_field.verbose_name)]


def _taken(target: Target, written: dict[str, str], targets: dict[str, Target]) -> list[Finding]:
    """Return findings for unique fields whose new value another target has."""
    found = []
    options: Any = target.model._meta
    for name, condition in unique_fields(target.model):
        if name not in written or (target.shared and name in target.key):
            continue
        update = next((u for u in target.updates if u.name == name), None)
        if update is None and condition is not None and _outside(condition, options, written):
            continue
        row_field = written[name]
        others = target.model._base_manager.filter(**{name: OuterRef(row_field)})
        if condition is not None:
            others = others.filter(condition)
        # Two conditions, as nothing is unequal to an empty link.
        elsewhere = Q(Exists(others)) & Q(**{f"{target.to}__isnull": True})
        elsewhere |= Q(Exists(others.exclude(pk=OuterRef(f"{target.to}_id")))) & Q(
            **{f"{target.to}__isnull": False}
        )
        differs = Q(**{f"{row_field}__isnull": False})
        if update is not None:
            differs &= Q(**{f"{update.old}__isnull": True}) | ~Q(**{row_field: F(update.old)})
        elif target.creates:
            differs &= target.will_create(targets) & _within(condition, written)
        found.append(
            _finding(
                "taken",
                differs & elsewhere,
                row_field,
                options.get_field(name).verbose_name,
                value=row_field,
            )
        )
    return found


def _equalities(condition: Q | None) -> dict[str, Any]:
    """Return field -> value that a condition demands, as far as it says so plainly."""
    if condition is None or condition.negated or condition.connector != Q.AND:
        return {}
    return {c[0]: c[1] for c in condition.children if isinstance(c, tuple) and "__" not in c[0]}


def _outside(condition: Q, options: Any, written: dict[str, str]) -> bool:
    """Tell whether a created target stays outside a constraint's condition by its defaults."""
    demanded = {options.get_field(n): v for n, v in _equalities(condition).items() if n not in written}
    return any(f.has_default() and not callable(f.default) and f.default != v for f, v in demanded.items())


def _within(condition: Q | None, written: dict[str, str]) -> Q:
    """Return the condition that what a row writes comes under a constraint's condition."""
    return Q(**{written[n]: v for n, v in _equalities(condition).items() if n in written})


def unique_fields(model: type[models.Model]) -> list[tuple[str, Q | None]]:
    """Return (field, condition) for each single field that is unique in production."""
    pairs: list[tuple[str, Q | None]] = [
        (f.name, None)
        for f in model._meta.concrete_fields
        if f.unique and not f.primary_key and not f.is_relation
    ]
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and len(constraint.fields) == 1:
            pairs.append((constraint.fields[0], constraint.condition))
    return pairs


def _constraints(target: Target, written: dict[str, str]) -> list[Finding]:
    """Return findings for CHECK constraints over fields that the rows write."""
    current = {u.name: u for u in target.updates}
    found = []
    for constraint in target.model._meta.constraints:
        if not isinstance(constraint, models.CheckConstraint):
            continue
        condition: Any = constraint.condition
        names = _names(condition)
        if names is None or not names & set(written):
            continue
        effective: dict[str, Any] = {}
        for name in names:
            if name in current:
                effective[name] = Coalesce(F(current[name].new), F(current[name].old))
            elif name in written:
                effective[name] = F(written[name])
            else:
                effective[name] = F(f"{target.to}__{name}")
        broken = ExpressionWrapper(~_rewritten(condition, effective), output_field=models.BooleanField())
        first = next(n for n in written if n in names)
        message = constraint.violation_error_message or constraint.name
        found.append(
            Finding(
                "rule_broken",
                BUILT_IN["rule_broken"][0],
                Severity.ERROR,
                Q(broken),
                written[first],
                {"rule": Value(str(message))},
            )
        )
    return found


def _names(condition: Any) -> set[str] | None:
    """Return the fields that a condition reads, or None where it is more than comparisons of fields."""
    if not isinstance(condition, Q):
        return None
    names: set[str] = set()
    for child in condition.children:
        if isinstance(child, Q):
            inner = _names(child)
            if inner is None:
                return None
            names |= inner
        elif isinstance(child, tuple):
            name, *lookups = child[0].split("__")
            if len(lookups) > 1 or (lookups and lookups[0] not in _LOOKUPS):
                return None
            names.add(name)
            if isinstance(child[1], F):
                names.add(_name_of(child[1]))
            elif hasattr(child[1], "resolve_expression"):
                return None
        else:
            return None
    return names


def _rewritten(condition: Q, effective: dict[str, Any]) -> Q:
    """Return the condition over the values that the target will have."""
    parts = []
    child: Any
    for child in condition.children:
        if isinstance(child, Q):
            parts.append(_rewritten(child, effective))
            continue
        path, value = child
        name, *lookups = path.split("__")
        wanted = effective[_name_of(value)] if isinstance(value, F) else value
        lookup_name = lookups[0] if lookups else "exact"
        parts.append(Q(_compare(effective[name], lookup_name, wanted)))
    joined = parts[0]
    for part in parts[1:]:
        joined = joined | part if condition.connector == Q.OR else joined & part
    return ~joined if condition.negated else joined


def _compare(left: Any, lookup_name: str, right: Any) -> Any:
    return _LOOKUPS[lookup_name](left, right)


def _name_of(reference: Any) -> str:
    return str(reference.name)


# Comparisons that a CHECK constraint may use; transforms of a field stay with the database.
_LOOKUPS: dict[str, Any] = models.Field.class_lookups

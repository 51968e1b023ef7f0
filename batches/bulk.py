"""One change of one field in all rows that match a filter: what it would do, and doing it, set-based."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.models import Case, CharField, Count, F, Func, JSONField, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Coalesce, Round
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .choosing import choose
from .corrections import convert_cell, must_be_editable, storable, why_it_does_not_fit, without_kept
from .exceptions import Refused
from .files import CellError, Column, converter
from .handlers import BatchHandler
from .states import BEFORE
from .words import whole

# How a field is changed -> the words that the form has for it.
HOWS = {
    "set": gettext_lazy("becomes the value"),
    "percent": gettext_lazy("changes by percent"),
    "amount": gettext_lazy("changes by the amount"),
    "clear": gettext_lazy("is cleared"),
}
# Rows that one statement changes and checks.
PIECE = 5_000
SHOWN = 5
NUMBERS = (models.DecimalField, models.IntegerField)
_EXACT = models.DecimalField(max_digits=60, decimal_places=20)
BIGGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class Said:
    """What was asked for: the field, how it is changed (one of `HOWS`), and the value, percentage or amount as text."""

    field: str
    how: str = "set"
    value: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it as a run and the log keep it."""
        return asdict(self)


class Bulk:
    """A change of the rows that match a filter and that the handler's user may work on. Raises Refused for one that cannot be."""

    def __init__(self, handler: BatchHandler, said: Said, chosen: Mapping[str, str]) -> None:
        self.handler = handler
        self.said = said
        self.chosen = dict(chosen)
        must_be_editable(handler, said.field)
        self.field: Any = handler.row_model._meta.get_field(said.field)
        self.column = next((c for c in handler.get_columns() if c.field == said.field), None)
        self.label = handler.label(said.field)
        self.notice: dict[str, Any] | None = None
        self.new = self._expression()

    # ---- what the text means

    def _expression(self) -> Any:
        """Return what the field becomes, as an expression over the row."""
        if self.said.how not in HOWS:
            raise Refused(_("A field can be changed by: %(known)s.") % {"known": ", ".join(HOWS)})
        if self.said.how == "clear":
            return self._cleared()
        text = storable(self.said.value).strip()
        if self.said.how == "set":
            return Value(self._converted(text), output_field=self._plain_field())
        return self._computed(text)

    def _plain_field(self) -> Any:
        """Return the field as that of a value: of a link, the field of the key."""
        return self.field.target_field if self.field.is_relation else self.field

    def _converted(self, text: str) -> Any:
        try:
            value, self.notice = convert_cell(self.handler, self.said.field, text)
        except (CellError, ValidationError) as error:
            raise Refused(f"{self.label.capitalize()}: {why_it_does_not_fit(error)}") from None
        if value is None or value == "":
            raise Refused(_("Give the value that %(label)s shall have, or clear it.") % {"label": self.label})
        return value

    def _cleared(self) -> Value:
        if self.column is not None and self.column.required:
            raise Refused(
                _("%(label)s is needed in every row; it cannot be cleared.")
                % {"label": self.label.capitalize()}
            )
        if self.field.null:
            return Value(None, output_field=self._plain_field())
        if self.field.blank and self.field.empty_strings_allowed:
            return Value("", output_field=self.field)
        raise Refused(_("%(label)s cannot be empty.") % {"label": self.label.capitalize()})

    def _computed(self, text: str) -> Any:
        words = {"label": self.label.capitalize(), "value": text[:40]}
        if not self.is_number:
            raise Refused(_("%(label)s is no number; it can be set or cleared.") % words)
        number = text.removesuffix("%").strip() if self.said.how == "percent" else text
        try:
            by = converter(Column(self.said.field, self.label, "decimal", max_digits=18, decimal_places=6))(
                number
            )
        except CellError as error:
            raise Refused(f"{words['label']}: {error.message}") from None
        if by is None or by == 0:
            raise Refused(
                _("Say by how much %(label)s shall change, such as 5 or -2.5.") % {"label": self.label}
            )
        old = Cast(F(self.said.field), _EXACT)
        if self.said.how == "percent":
            return Round(
                old * Value(1 + by / Decimal(100), _EXACT), precision=self.places, output_field=_EXACT
            )
        return Round(old + Value(by, _EXACT), precision=self.places, output_field=_EXACT)

    @property
    def is_number(self) -> bool:
        """Tell whether the field is a number that can be computed with; one that is read by rules of its own is not."""
        return isinstance(self.field, NUMBERS) and self.said.field not in self.handler.converters()

    @property
    def places(self) -> int:
        """Return to how many decimals a computed number is rounded."""
        given = [
            getattr(self.field, "decimal_places", 0),
            self.column.decimal_places if self.column else None,
        ]
        found: list[int] = [places for places in given if places is not None]
        return min(found, default=0)

    # ---- which rows

    @cached_property
    def matching(self) -> QuerySet:
        """Return all rows that match and that the person may work on."""
        handler = self.handler
        rows = handler.rows().filter(handler.scope(handler.user), status__in=BEFORE)
        return choose(handler, rows, self.chosen)

    @cached_property
    def _reason(self) -> Case:
        """Return the expression of why a row cannot be changed, or that it has the value already; '' if it will be."""
        whens = []
        if self.said.how in ("percent", "amount"):
            whens.append(When(**{f"{self.said.field}__isnull": True}, then=Value("no_number")))
            least, most = self._limits()
            if least is not None:
                whens.append(When(Q(bulk_new__lt=least), then=Value("too_small")))
            whens.append(When(Q(bulk_new__gte=most) | Q(bulk_new__lte=-most), then=Value("too_large")))
            whens.append(When(Q(bulk_new=F(self.said.field)), then=Value("rounded")))
        else:
            unread = {"raw__has_key": self.said.field}
            whens.append(When(self._same() & (Q(raw=None) | ~Q(**unread)), then=Value("same")))
        return Case(*whens, default=Value(""), output_field=CharField())

    def _same(self) -> Q:
        name, value = self.said.field, self.new.value
        return Q(**({f"{name}__isnull": True} if value is None else {name: value}))

    def _limits(self) -> tuple[Decimal | None, Decimal]:
        """Return the least value and the first that is too large."""
        digits = [
            d - self.places
            for d in (getattr(self.field, "max_digits", None), self.column and self.column.max_digits)
            if d
        ]
        most = Decimal(10) ** min(digits) if digits else Decimal(BIGGEST_INTEGER) ** 2
        if isinstance(self.field, models.IntegerField):
            kind = self.field.get_internal_type()
            biggest = connections[self.handler.using].ops.integer_field_range(kind)[1]
            most = min(most, Decimal(biggest or BIGGEST_INTEGER) + 1)
        least = self.column.min_value if self.column is not None else None
        if isinstance(self.field, models.PositiveIntegerField):
            least = max(least or Decimal(0), Decimal(0))
        return least, most

    def _told(self) -> QuerySet:
        return self.matching.order_by().annotate(bulk_new=self.new).annotate(bulk_reason=self._reason)

    def counts(self) -> dict[str, int]:
        """Return '' (rows that will be changed) and each reason against it -> number of rows."""
        return dict(self._told().values_list("bulk_reason").annotate(n=Count("pk")))

    def sample(self) -> list[tuple[int, Any, Any]]:
        """Return number, value before and after of the first rows that will be changed."""
        rows = self._told().filter(bulk_reason="").order_by("sequence")
        return [(row.sequence, self._before(row), self._after(row)) for row in rows[:SHOWN]]

    def _before(self, row: Any) -> Any:
        raw = (row.raw or {}).get(self.said.field)
        return getattr(row, self.field.attname) if raw is None else raw

    def _after(self, row: Any) -> Any:
        new = row.bulk_new
        if self.said.how in ("percent", "amount"):
            new = new.quantize(Decimal(1).scaleb(-self.places))
        return new

    # ---- doing it

    def write(self, first: int, last: int) -> list[int]:
        """Change the rows in a range of numbers and check them; return their keys. The rows that share something come later."""
        pks = list(
            self._told()
            .filter(bulk_reason="", sequence__range=(first, last))
            .order_by("sequence")
            .values_list("pk", flat=True)
        )
        rows: Any = self.handler.rows().order_by()
        for start in range(0, len(pks), PIECE):
            some = pks[start : start + PIECE]
            rows.filter(pk__in=some).update(
                **{self.said.field: self._stored()},
                raw=self._raw(),
                issues=self._issues(),
                version=F("version") + 1,
            )
            self.handler.recheck(some)
        return pks

    def _stored(self) -> Any:
        return self.new if self.said.how in ("set", "clear") else Cast(self.new, self.field)

    def _raw(self) -> Func:
        """Return the texts that could not be read, without that of the field."""
        return Func(
            F("raw"), Value(self.said.field), template="NULLIF(%(expressions)s, '{}'::jsonb)", arg_joiner=" - ",
            output_field=JSONField(),
        )  # fmt: skip

    def _issues(self) -> Func:
        """Return the findings without those that stay until the field is corrected, and with the notice of a repair."""
        kept = without_kept(self.said.field)
        if self.notice is None:
            return kept
        return Func(
            Coalesce(kept, Value([], JSONField())), Value([self.notice], JSONField()), arg_joiner=" || ",
            template="(%(expressions)s)", output_field=JSONField(),
        )  # fmt: skip

    # ---- words

    def sentence(self) -> str:
        """Return what is done, in words: "Regular price is set to 4.99"."""
        words = {"label": self.label.capitalize(), "value": self.said.value.strip().removesuffix("%").strip()}
        if words["value"][:1] not in "+-":
            words["value"] = (
                f"+{words['value']}" if self.said.how in ("percent", "amount") else words["value"]
            )
        return {
            "set": _("%(label)s is set to %(value)s"),
            "percent": _("%(label)s is changed by %(value)s %%"),
            "amount": _("%(label)s is changed by %(value)s"),
            "clear": _("%(label)s is cleared"),
        }[self.said.how] % words

    def reasons(self, counts: Mapping[str, int]) -> list[tuple[int, str]]:
        """Return how many rows cannot be changed, or need not be, and why."""
        least, most = self._limits() if self.is_number else (None, Decimal(0))
        words = {
            "no_number": _("there is no number to start from"),
            "too_small": _("it would be less than %(least)s") % {"least": least},
            "too_large": _("it would be %(most)s or more, or as far below zero") % {"most": whole(int(most))},
            "same": _("they have this value already"),
            "rounded": _("rounded, it would be the same number"),
        }
        return [(n, words[reason]) for reason, n in sorted(counts.items()) if reason]

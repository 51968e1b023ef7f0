"""The form of how a file is read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..files import DELIMITER_LABELS, ENCODINGS, Reading

HEADINGS = (
    ("1", gettext_lazy("in one line")),
    ("2", gettext_lazy("in two lines")),
    ("0", gettext_lazy("none")),
)
MARKS = (
    ("", gettext_lazy("whichever is certain")),
    (".", gettext_lazy("point, as in 1,234.50")),
    (",", gettext_lazy("comma, as in 1.234,50")),
)
ORDERS = (
    ("", gettext_lazy("only dates that mean one day")),
    ("ymd", gettext_lazy("year, month, day")),
    ("dmy", gettext_lazy("day, month, year")),
    ("mdy", gettext_lazy("month, day, year")),
)
LAST_LINE = 10_000_000


def _number(label: Any, least: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=False, min_value=least, max_value=LAST_LINE,
        widget=forms.NumberInput(attrs={"class": "b-short", "autocomplete": "off"}),
    )  # fmt: skip


class ReadingForm(forms.Form):
    """What a person may say about how a file is read; it begins with what was found."""

    sheet = forms.ChoiceField(label=gettext_lazy("Sheet"))
    delimiter = forms.ChoiceField(label=gettext_lazy("Delimiter"))
    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), choices=list(ENCODINGS.items()))
    heading_lines = forms.ChoiceField(label=gettext_lazy("Headings"), choices=HEADINGS)
    heading_row = _number(gettext_lazy("Heading line"), 1)
    first_row = _number(gettext_lazy("First line of data"), 1)
    skip_end = _number(gettext_lazy("Rows to ignore at the end"), 0)
    decimal_mark = forms.ChoiceField(label=gettext_lazy("Decimals"), choices=MARKS, required=False)
    date_order = forms.ChoiceField(label=gettext_lazy("Dates"), choices=ORDERS, required=False)

    def __init__(self, data: Any, reading: Reading) -> None:
        self.reading = reading
        initial = {name: getattr(reading, name) for name in self.base_fields}
        initial["heading_lines"] = str(reading.heading_lines) if reading.heading_row else "0"
        initial["heading_row"] = reading.heading_row or None
        initial["first_row"] = reading.first_row or None
        super().__init__(data, initial=initial, prefix="read")
        if reading.is_workbook:
            del self.fields["delimiter"], self.fields["encoding"]
            self.choices_of("sheet", [(name, name) for name in reading.sheets])
        else:
            del self.fields["sheet"]
            self.choices_of("delimiter", [(mark, _(label)) for mark, label in DELIMITER_LABELS.items()])

    def choices_of(self, name: str, choices: list[tuple[str, str]]) -> None:
        """Set the choices of a field, the present one among them."""
        now = getattr(self.reading, name)
        field: Any = self.fields[name]
        field.choices = choices if now in dict(choices) else [*choices, (now, now)]

    def choices(self) -> dict[str, Any]:
        """Return what was chosen, as `actions.set_reading` takes it."""
        found = dict(self.cleaned_data)
        none = found["heading_lines"] == "0"
        found["heading_row"] = 0 if none else found["heading_row"] or self.reading.heading_row or 1
        found["heading_lines"] = 1 if none else int(found["heading_lines"])
        for name in ("first_row", "skip_end"):
            found[name] = found[name] or 0
        return found

"""Forms of rows, and of what is done with a batch."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..grid import editable_fields
from ..handlers import BatchHandler
from ..states import Severity
from ..words import left_out, must_type_number, whole


class RowForm(forms.Form):
    """The cells of one row as text; what does not fit is told beside the cell by the action, not here."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, data: Any, handler: BatchHandler, row: Any) -> None:
        self.names = editable_fields(handler)
        start = {name: cell_text(row, name) for name in self.names}
        super().__init__(data, initial={**start, "version": row.version}, prefix=f"row{row.pk}")
        errors = {
            entry.get("field", "") for entry in row.issues or [] if entry.get("severity") == Severity.ERROR
        }
        bad = {*(row.raw or {}), *errors, *(name.removeprefix("new_") for name in errors)}
        for name in self.names:
            self.fields[name] = forms.CharField(
                label=capfirst(handler.label(name)), required=False, max_length=10_000, strip=False,
                widget=forms.TextInput(attrs={"autocomplete": "off", **({"data-bad": ""} if name in bad else {})}),
            )  # fmt: skip

    def values(self) -> dict[str, str]:
        """Return the texts of the cells that were changed."""
        return {name: self.cleaned_data[name] for name in self.names if name in self.changed_data}


class NewRowForm(forms.Form):
    """The cells of a new row as text."""

    def __init__(self, data: Any, handler: BatchHandler) -> None:
        super().__init__(data, prefix="new")
        needed = {column.field for column in handler.get_columns() if column.required}
        for name in editable_fields(handler):
            self.fields[name] = forms.CharField(
                label=capfirst(handler.label(name)), required=name in needed, max_length=10_000, strip=False,
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )  # fmt: skip


def cell_text(row: Any, name: str) -> str:
    """Return what a cell's input starts with: the text that could not be read, or the value."""
    raw = (row.raw or {}).get(name)
    value = getattr(row, name) if raw is None else raw
    return "" if value is None else str(getattr(value, "pk", value))


class ReasonForm(forms.Form):
    """Why something is done."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, required: bool = False, label: str = "") -> None:
        super().__init__(data)
        self.fields["reason"].required = required
        if label:
            self.fields["reason"].label = label


# In chunks? -> what that means to the person who decides.
WAYS = {
    False: gettext_lazy(
        "All at once: everything is written or nothing, and nobody else can change these objects meanwhile."
    ),
    True: gettext_lazy(
        "In chunks: others go on working, and it can be paused. What is written stays if it is stopped."
    ),
}


class ExecuteForm(forms.Form):
    """What was confirmed: the revision that was looked at, and how much is left out where that is much."""

    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(
        self, data: Any, figures: dict[str, Any], revision: int, in_chunks: bool | None = None
    ) -> None:
        """`in_chunks` is what is proposed where the person decides."""
        super().__init__(data, initial={"revision": revision, "way": "chunks" if in_chunks else "once"})
        if in_chunks is not None:
            self.fields["way"] = forms.ChoiceField(
                label=_("How"),
                choices=[("once", WAYS[False]), ("chunks", WAYS[True])],
                widget=forms.RadioSelect,
            )
        self.number = left_out(figures)["total"]
        if must_type_number(figures):
            self.fields["number"] = forms.CharField(
                label=_("Type how many are left out"), max_length=20,
                widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 8}),
            )  # fmt: skip

    @property
    def in_chunks(self) -> bool | None:
        """Return what was chosen; None where nobody was asked."""
        return self.cleaned_data["way"] == "chunks" if "way" in self.fields else None

    def clean_number(self) -> int:
        """Return the number that was typed. Raises ValidationError if it is another."""
        typed = "".join(c for c in self.cleaned_data["number"] if c.isdigit())
        if typed != str(self.number):
            raise ValidationError(
                _("%(typed)r is not the number of records that are left out; it is %(number)s.")
                % {"typed": self.cleaned_data["number"], "number": whole(self.number)}
            )
        return self.number

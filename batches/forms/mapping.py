"""The forms of the mapping: what each field is filled with, and the options that the file answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..actions.mappings import NUMBERS, check_use
from ..exceptions import Refused
from ..files import Column, Reading
from ..files.uses import Use
from ..handlers import BatchHandler, Proposal

EMPTY_WORDS = {
    "keep": gettext_lazy("keeps what is there"),
    "clear": gettext_lazy("clears what is there"),
    "error": gettext_lazy("is an error"),
}


class MappingForm(forms.Form):
    """For each field that the type can read: the column of the file, or fixed text; a default, what empty means, a factor."""

    def __init__(
        self, data: Any, handler: BatchHandler, reading: Reading, mapping: Mapping[str, Any]
    ) -> None:
        super().__init__(data, prefix="map")
        self.handler = handler
        self.columns = list(handler.get_columns())
        self.reading = reading
        self.uses: dict[str, Use] = {}
        choices = [
            ("", _("– not in the file –")),
            *((str(n), heading) for n, heading in enumerate(reading.headings)),
        ]
        for column in self.columns:
            said = mapping.get(column.field)
            self._add(column, Use.from_json(said) if said else None, choices)

    def _add(self, column: Column, use: Use | None, choices: list[tuple[str, str]]) -> None:
        name, headings = column.field, self.reading.headings
        heading = use.column if use else ""
        self.fields[name] = forms.ChoiceField(
            label=column.label, choices=choices, required=False,
            initial=str(headings.index(heading)) if heading in headings else "",
        )  # fmt: skip
        text: dict[str, Any] = {"required": False, "max_length": 500, "strip": False}
        plain = forms.TextInput(attrs={"autocomplete": "off"})
        self.fields[f"{name}-fixed"] = forms.CharField(
            label=_("The same in all rows"), initial=use.fixed if use else "", widget=plain, **text
        )
        self.fields[f"{name}-default"] = forms.CharField(
            label=_("Instead of an empty cell"), initial=use.default if use else "", widget=plain, **text
        )
        means = ["keep", "clear", "error"] if name in self.handler.clearable else ["keep", "error"]
        self.fields[f"{name}-empty"] = forms.ChoiceField(
            label=_("An empty cell"), choices=[(word, EMPTY_WORDS[word]) for word in means],
            required=False, initial=use.empty if use else "keep",
        )  # fmt: skip
        if column.kind in NUMBERS:
            self.fields[f"{name}-factor"] = forms.CharField(
                label=_("Multiplied by"), initial=use.factor if use else "", required=False, max_length=30,
                widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "decimal", "class": "b-short"}),
            )  # fmt: skip

    def more(self, name: str) -> list[Any]:
        """Return the inputs of a field beside its column."""
        parts = [f"{name}-{part}" for part in ("fixed", "default", "empty", "factor")]
        return [self[part] for part in parts if part in self.fields]

    def says_more(self, name: str) -> bool:
        """Tell whether more than a column is said of a field."""
        return any(str(part.value() or "") not in ("", "keep") or part.errors for part in self.more(name))

    def heading(self, name: str) -> str:
        """Return the heading that is chosen for a field, or ''."""
        value, headings = str(self[name].value() or ""), self.reading.headings
        return headings[int(value)] if value.isdecimal() and int(value) < len(headings) else ""

    def clean(self) -> dict[str, Any]:
        """Gather the uses. Each that does not fit is told at its field."""
        for column in self.columns:
            if not any(name.partition("-")[0] == column.field for name in self.errors):
                try:
                    self._use(column)
                except (Refused, ValueError) as error:
                    self.add_error(column.field, str(error))
        return self.cleaned_data

    def _use(self, column: Column) -> None:
        said = {
            part: self.cleaned_data.get(f"{column.field}-{part}") or ""
            for part in ("fixed", "default", "factor")
        }
        empty = self.cleaned_data.get(f"{column.field}-empty") or "keep"
        chosen = self.cleaned_data.get(column.field)
        heading = self.reading.headings[int(chosen)] if chosen else ""
        if heading and said["fixed"]:
            raise Refused(_("Choose a column, or give a text that is the same in all rows; not both."))
        if not heading and not said["fixed"]:
            if column.required:
                raise Refused(_("Choose the column of the file that has this."))
            return
        use = Use(column=heading, empty=empty, **said)
        check_use(self.handler, column, use, self.reading)
        self.uses[column.field] = use


class FileOptionsForm(forms.Form):
    """The options that the file answers: with what it tells, and asked where that is not certain."""

    def __init__(
        self, data: Any, handler: BatchHandler, proposals: Mapping[str, Proposal], known: bool = False
    ) -> None:
        """With `known`, the same was answered for the last such file, so that nothing is asked."""
        super().__init__(data, prefix="opt")
        for name, proposal in proposals.items():
            field: Any = handler.model._meta.get_field(name)
            certain = proposal.sure or known
            choices = list(field.choices or ((True, _("Yes")), (False, _("No"))))
            now = getattr(handler.batch, name)
            self.fields[name] = forms.ChoiceField(
                label=capfirst(field.verbose_name), help_text=proposal.sentence, required=not certain,
                choices=choices if certain else [("", _("– choose –")), *choices],
                initial=str(now) if certain else "",
                error_messages={"required": _("The file does not tell for certain; choose.")},
            )  # fmt: skip

    def values(self) -> dict[str, str]:
        """Return the options that were sent, as text."""
        return {name: value for name, value in self.cleaned_data.items() if value != ""}

"""The form of one change in all rows that match a filter."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

from ..bulk import HOWS
from ..grid import editable_fields
from ..handlers import BatchHandler


class BulkForm(forms.Form):
    """Which field, how it changes, and by what."""

    field = forms.ChoiceField(label=gettext_lazy("Field"))
    how = forms.ChoiceField(label=gettext_lazy("How"), choices=list(HOWS.items()), initial="set")
    value = forms.CharField(
        label=gettext_lazy("Value"), required=False, max_length=10_000, strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("For percent and amount a number such as 5 or -2.5; for “is cleared” nothing."),
    )  # fmt: skip

    def __init__(self, data: Any, handler: BatchHandler) -> None:
        super().__init__(data, prefix="set")
        field: Any = self.fields["field"]
        field.choices = [(name, capfirst(handler.label(name))) for name in editable_fields(handler)]

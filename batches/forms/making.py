"""Forms by which a batch is made: the upload, how its file is read, which column is which, what the file answers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from ..handlers import BatchHandler

ACCEPTED = ".csv,.txt,.tsv,.tab,.psv,.xlsx,.xls,.ods"


def make_form(handler: BatchHandler) -> type[forms.ModelForm]:
    """Return the form by which a batch of the type is made: file, description, options."""
    options = handler.options_form()
    if not handler.reads_file:
        return options
    file = forms.FileField(
        label=gettext_lazy("File"),
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPTED}),
        help_text=gettext_lazy(
            "A CSV, XLSX, XLS or ODS file. Nothing is changed until you have reviewed the batch and executed it."
        ),
    )
    names = ["file", *options.base_fields]
    form: Any = type("MakeForm", (options,), {"file": file, "field_order": names})
    for name in handler.options_from_file:
        form.base_fields.pop(name, None)
    return form


def option_values(handler: BatchHandler, cleaned: dict[str, Any]) -> dict[str, Any]:
    """Return the type's options out of a form's cleaned data."""
    return {name: cleaned[name] for name in handler.options if name in cleaned}

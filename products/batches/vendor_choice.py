"""An option that is a vendor, named by its code."""

from typing import Any

from django import forms
from django.db import models


class VendorChoice(forms.ModelChoiceField):
    """A vendor, named by its code."""

    def prepare_value(self, value: Any) -> Any:
        """Return the code of a vendor that is given by its key."""
        if isinstance(value, int) and self.queryset is not None:
            return self.queryset.filter(pk=value).values_list("code", flat=True).first()
        return super().prepare_value(value)

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} ({obj.code})"


class VendorKey(models.ForeignKey):
    """An option that is a vendor; people and commands name it by its code."""

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": VendorChoice, "to_field_name": "code", **kwargs})

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs

"""Forms of the catalogue."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from . import codes


class ProductForm(forms.ModelForm):
    """A product by hand: its code is brought into canonical form, and a new one must be right."""

    def clean_code(self) -> str:
        typed = self.cleaned_data["code"]
        code, _repair = codes.normalise(typed)
        if code and code != self.instance.code and not codes.is_valid(code):
            right = code[:-1] + codes.check_digit(code[:-1])
            raise ValidationError(
                _("The check digit of %(code)r is wrong: with the digits before it, it would be %(right)r."),
                params={"code": typed, "right": right},
            )
        return code

"""The options of a batch, from text or values."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from ..corrections import storable
from ..exceptions import Refused
from ..handlers import BatchHandler
from ..natural import by_name

YES, NO = {"yes", "true", "on", "1"}, {"no", "false", "off", "0"}


def clean_options(handler_class: type[BatchHandler], given: dict[str, Any]) -> dict[str, Any]:
    """Return the header's option columns from text or values. Raises Refused, naming the option."""
    cleaned = {}
    for name, value in given.items():
        if name not in handler_class.options:
            known = ", ".join(handler_class.options) or _("none")
            raise Refused(
                _("There is no option %(name)r; this type has: %(known)s.") % {"name": name, "known": known}
            )
        field: Any = handler_class.model._meta.get_field(name)
        try:
            found = _from_text(field, storable(value)) if isinstance(value, str) else value
            cleaned[name] = field.clean(getattr(found, "pk", found), None)
            if field.is_relation:
                cleaned[name] = field.related_model._default_manager.get(pk=cleaned[name])
        except ValidationError as error:
            raise Refused(
                _("The option %(name)s cannot be %(value)r: %(why)s")
                % {"name": name, "value": value, "why": " ".join(error.messages)}
            ) from None
    return cleaned


def _from_text(field: Any, text: str) -> Any:
    """Return the value of an option's text. Raises ValidationError."""
    if field.is_relation:
        return by_name(field, text)
    if not isinstance(field, models.BooleanField):
        return field.formfield().clean(text)
    # A form's check box takes every word for yes, "no" too.
    word = text.strip().lower()
    if word not in YES and word not in NO:
        raise ValidationError(_("it is neither yes nor no."))
    return word in YES

"""What a person should read when production refuses something."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.db.models import Model
from django.utils.translation import gettext as _

from . import sql
from .changes import Target

# Of a lock that was not had in time.
HELD = "55P03"


def validation_sentence(error: ValidationError) -> str:
    """Return a model's own words, each with the field that it is about."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        text if name == "__all__" else f"{name}: {text}"
        for name, texts in error.message_dict.items()
        for text in texts
    )


def refusal_sentence(error: BaseException) -> str:
    """Return the sentence of what one row met."""
    if isinstance(error, ValidationError):
        return validation_sentence(error)
    return str(error).splitlines()[0]


def database_sentence(targets: Iterable[Target], error: DatabaseError) -> str:
    """Return a sentence for a database error that undid everything."""
    if sql.sqlstate(error) == HELD:
        return _("Somebody else holds what this batch writes; nothing was written. Try again.")
    reason = database_reason(targets, error)
    return _("Production refused it: %(reason)s Nothing was written.") % {"reason": reason}


def database_reason(targets: Iterable[Target], error: DatabaseError) -> str:
    """Return which rule of which thing was broken and by which value, or what else was in the way."""
    return reason_of([target.model for target in targets], error)


def reason_of(models: Iterable[type[Model]], error: DatabaseError) -> str:
    """Return which rule of these models was broken and by which value, or what else was in the way."""
    if sql.sqlstate(error) == HELD:
        return _("Somebody else holds what this batch writes.")
    said = sql.diagnosis(error)
    name = said.get("constraint")
    for model in models:
        for constraint in model._meta.constraints:
            if name and constraint.name == name:
                rule = str(constraint.get_violation_error_message())
                return f"{rule} {said.get('detail', '')}".strip()
    return f"{said['message']}. {said.get('detail', '')}".strip()

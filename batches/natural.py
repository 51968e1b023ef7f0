"""Find an object by what people call it: a field that is unique, in any case; and say what that is."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F
from django.db.models.functions import Lower, Upper
from django.utils.translation import gettext as _

# So many objects are looked at for a name that is nearly the one given, and so many names are told.
COMPARED, TOLD = 5_000, 3


def natural_fields(model: type[models.Model]) -> list[models.Field]:
    """Return the text fields of which each alone tells the model's objects apart."""
    alone = {field.name for field in model._meta.concrete_fields if field.unique}
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is None:
            names = [*constraint.fields, *(_folded_name(made) for made in constraint.expressions)]
            alone |= set(names) if len(names) == 1 else set()
    return [
        field
        for field in model._meta.concrete_fields
        if field.name in alone and isinstance(field, models.CharField) and not field.is_relation
    ]


def _folded_name(expression: Any) -> str:
    """Return the field of `Upper("name")` or `Lower("name")` in a constraint, else ""."""
    folds = isinstance(expression, (Lower, Upper))
    inner: list[Any] = list(expression.get_source_expressions()) if folds else []
    return str(getattr(inner[0], "name", "")) if inner and isinstance(inner[0], F) else ""


def natural_name(found: models.Model) -> str:
    """Return what `by_name` finds an object by: its first unique text, else its key."""
    names = [str(field.value_from_object(found)) for field in natural_fields(type(found))]
    return next((name for name in names if name), str(found.pk))


def by_name(field: Any, text: str) -> models.Model:
    """Return what a foreign key is to point to, named by a unique field of its, exactly or in any case, or by its key.

    Raises ValidationError, which names what is nearest.
    """
    wanted = text.strip()
    there = field.related_model._default_manager.complex_filter(field.get_limit_choices_to())
    names = natural_fields(field.related_model)
    for how in ("exact", "iexact"):
        # A text may be the code of one and the name of another: the fields are asked in their order.
        for name in names:
            found: list[models.Model] = list(there.filter(**{f"{name.name}__{how}": wanted})[:2])
            if len(found) == 1:
                return found[0]
    try:
        key = field.target_field.to_python(wanted)
        if isinstance(key, int) and not (wanted.isascii() and wanted.isdigit()):
            key = None  # int() also takes "1_2" and the digits of other scripts, which nobody writes who means a key
        keyed: models.Model | None = there.filter(**{field.target_field.attname: key}).first()
    except (ValidationError, OverflowError):
        keyed = None
    if keyed is None:
        raise ValidationError(_unknown(field, there, names, wanted))
    return keyed


def _unknown(field: Any, there: Any, names: list[models.Field], wanted: str) -> str:
    """Return the sentence for a name that nothing has."""
    words = {"what": field.related_model._meta.verbose_name}
    if not names:
        return _("there is no %(what)s with this key.") % words
    words["fields"] = _(" or ").join(str(name.verbose_name) for name in names)
    rows = there.values_list(*[name.name for name in names])[:COMPARED]
    known = {str(value).casefold(): str(value) for row in rows for value in row if value}
    near = get_close_matches(wanted.casefold(), known, n=TOLD, cutoff=0.5)
    told = [known[name] for name in near] or sorted(known.values())[:TOLD]
    if not told:
        return _("there is no %(what)s of this %(fields)s, nor any other.") % words
    words["near"] = ", ".join(repr(name) for name in told)
    if near:
        return _("there is no %(what)s of this %(fields)s; the nearest: %(near)s.") % words
    return _("there is no %(what)s of this %(fields)s; there are such as %(near)s.") % words

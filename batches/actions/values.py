"""Mapping names that nobody knows to ones that exist: once for all rows, and remembered for the sender's next file."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.db.models.functions import Cast, Trim, Upper
from django.utils.translation import gettext as _

from ..corrections import convert_cell, must_be_editable, staying_in_scope, why_it_does_not_fit, without_kept
from ..exceptions import Refused
from ..files import CellError
from ..files.messages import shorten
from ..handlers import BatchHandler
from ..log import CODE, Door
from ..models import BatchBase
from ..saved_values import remember_values, seen_by
from ..states import BEFORE
from .base import changing, storable
from .groups import check_many
from .rows import LOGGED_ROWS

# Names that an entry of the log holds.
LOGGED_NAMES = 100


def folded(field: Any) -> Upper:
    """Return the expression of a text as names are compared: in capitals, without blanks around it."""
    return Upper(Trim(Cast(field, CharField())))


def map_values(
    batch: BatchBase,
    user: Any,
    rows: QuerySet,
    field: str,
    names: dict[str, str],
    *,
    remember: bool = False,
    door: Door = CODE,
) -> int:
    """Give rows whose `field` holds a text of `names` the name that it stands for, and check them; return how many rows.

    Capitals and blanks around a text do not matter. With `remember`, the same texts are read so in the next file of the sender.
    Raises Refused, also for a name that does not fit the field.
    """
    with changing(batch, "edit", user, door) as change:
        handler = change.handler
        values = _converted(handler, field, names)
        mine = rows.filter(handler.scope(user), batch=batch.pk, status__in=BEFORE).annotate(
            folded_text=folded(field)
        )
        whens = {
            text: When(folded_text=folded(Value(text)), then=Value(value)) for text, value in values.items()
        }
        found = mine.filter(folded_text__in=[folded(Value(text)) for text in values])
        pks = list(found.values_list("pk", flat=True))
        model_field: Any = handler.row_model._meta.get_field(field)
        marked = handler.rows().order_by().filter(pk__in=pks).annotate(folded_text=folded(field))
        with staying_in_scope(handler):
            # What reading noted, such as “a was read as b”, is not true of the new name.
            marked.update(
                **{field: Case(*whens.values(), output_field=model_field)},
                version=F("version") + 1,
                issues=without_kept(field),
            )
            check_many(handler, pks)
        handler.check_peers(pks if len(pks) <= LOGGED_ROWS else None)
        kept = remember_values(handler, field, names, user) if remember else 0
        change.touched()
        change.data = _data(field, names, len(pks), kept)
    return len(pks)


def forget_value(batch: BatchBase, user: Any, pk: int, *, door: Door = CODE) -> str:
    """Forget what a text stands for in the files of the batch's sender; return the text. Raises Refused."""
    with changing(batch, "edit", user, door) as change:
        saved = seen_by(change.handler, user).filter(pk=pk).first()
        if saved is None:
            raise Refused(_("This is not remembered any more."))
        saved.delete()
        change.comment = _("Forgot that %(text)s stands for %(value)s.") % {
            "text": saved.text,
            "value": saved.value,
        }
        change.data = {"forgotten": {"field": saved.field, "text": saved.text, "value": saved.value}}
    return str(saved.text)


def _converted(handler: BatchHandler, field: str, names: dict[str, str]) -> dict[str, Any]:
    """Return text -> value of the field. Raises Refused."""
    must_be_editable(handler, field)
    values: dict[str, Any] = {}
    for text, name in names.items():
        try:
            value, _notice = convert_cell(handler, field, storable(name).strip())
        except (CellError, ValidationError) as error:
            raise Refused(why_it_does_not_fit(error)) from None
        if value is None:
            raise Refused(_("Give a name for %(text)s.") % {"text": shorten(text)})
        values[storable(text)] = value
    if not values:
        raise Refused(_("Give at least one value a name."))
    return values


def _data(field: str, names: dict[str, str], rows: int, kept: int) -> dict[str, Any]:
    """Return what the log says: the names, as far as there is room."""
    some = dict(list(names.items())[:LOGGED_NAMES])
    first = next(iter(names.items()))
    words = f"{shorten(first[0])} → {shorten(first[1])}"
    more = f" (+{len(names) - 1})" if len(names) > 1 else ""
    return {"rows": rows, "field": field, "value": words + more, "names": some, "remembered": kept}

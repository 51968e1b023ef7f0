"""What a name in the files of a sender stands for: decided once, read so in every file that follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from .cells import Repaired
from .files import CellError
from .files.messages import shorten
from .models import SavedValue

if TYPE_CHECKING:
    from .handlers import BatchHandler

LONGEST = 200


class Meaning(NamedTuple):
    """What a text stands for, and since when."""

    value: str
    date: str


def fold(text: str) -> str:
    """Return a text as it is remembered: in capitals, without blanks around it."""
    return text.strip().upper()


def saved_values(handler: BatchHandler) -> QuerySet:
    """Return what is remembered for the sender of a batch's file."""
    values: Any = SavedValue._default_manager.using(handler.using)
    return values.filter(type=handler.key, source=handler.source_of())


def scoped(handler: BatchHandler, user: Any) -> bool:
    """Tell whether a person sees only a part of the rows of the handler's type."""
    return user is not None and bool(handler.scope(user))


def seen_by(handler: BatchHandler, user: Any) -> QuerySet:
    """Return what is remembered for the sender that a person sees and may forget.

    A name and its meaning tell of the rows they come from: who sees a part of the rows sees what they decided themselves.
    """
    found = saved_values(handler)
    return found.filter(created_by_name=user.get_username()[:150]) if scoped(handler, user) else found


def meanings(handler: BatchHandler) -> dict[str, dict[str, Meaning]]:
    """Return field -> folded text -> what it stands for, for the sender of a batch's file."""
    found: dict[str, dict[str, Meaning]] = {}
    for saved in saved_values(handler):
        date = date_format(timezone.localtime(saved.created), "DATE_FORMAT")
        found.setdefault(saved.field, {})[saved.text] = Meaning(saved.value, date)
    return found


def understood(convert: Callable[[str], Any], known: dict[str, Meaning] | None) -> Callable[[str], Any]:
    """Return a converter of cells that reads names that are remembered as what they stand for, and tells it."""
    if not known:
        return convert

    def read(text: str) -> Any:
        found = convert(text)
        value = found.value if type(found) is Repaired else found
        meaning = known.get(fold(str(value))) if value is not None else None
        if meaning is None or meaning.value == value:
            return found
        try:
            meant = convert(meaning.value)
        except CellError:  # the column takes something else by now
            return found
        meant = meant.value if type(meant) is Repaired else meant
        params = {"was": shorten(text), "now": shorten(str(meant)), "date": meaning.date}
        return Repaired(str(meant), "remembered", params)

    return read


def remember_values(handler: BatchHandler, field: str, given: dict[str, str], user: Any) -> int:
    """Remember what texts of a field stand for; return how many. What stood for one of them stands for its meaning now.

    Whoever sees a part of the rows does not change what somebody else decided: it holds for rows that they do not see.
    """
    now, who = timezone.now(), user.get_username() if user is not None else ""
    mine = seen_by(handler, user).filter(field=field)
    kept = {
        fold(text): value
        for text, value in given.items()
        if text.strip() and len(fold(text)) <= LONGEST and 0 < len(value) <= LONGEST
    }
    for old in mine:
        if fold(old.value) in kept and old.text not in kept:
            kept[old.text] = kept[fold(old.value)]
    if scoped(handler, user):
        others = saved_values(handler).filter(field=field, text__in=kept).exclude(created_by_name=who[:150])
        for text in others.values_list("text", flat=True):
            del kept[text]
    model: Any = SavedValue
    model._default_manager.using(handler.using).bulk_create(
        [
            model(
                type=handler.key, source=handler.source_of(), field=field, text=text, value=value, created=now,
                created_by_name=who[:150],
            )
            for text, value in kept.items()
        ],
        update_conflicts=True, unique_fields=["type", "source", "field", "text"],
        update_fields=["value", "created", "created_by_name"],
    )  # fmt: skip
    return len(kept)

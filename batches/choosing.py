"""Which rows a filter names: one meaning for the grid, for what is done with all rows that match, and for runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from .corrections import storable
from .exceptions import Refused
from .grid import search_fields
from .handlers import BatchHandler
from .states import RowAction, RowStatus

NAMES = ("status", "action", "excluded", "finding", "q")
LONGEST = 200
ACTIONS = {"none", *(action.value for action in RowAction if action.value)}


def choose(handler: BatchHandler, rows: QuerySet, chosen: Mapping[str, str]) -> QuerySet:
    """Return the rows that match a filter, name -> value. Raises Refused for one that is not understood."""
    for name, value in chosen.items():
        rows = _one(handler, rows, name, value)
    return rows


def _one(handler: BatchHandler, rows: QuerySet, name: str, value: str) -> QuerySet:
    value = storable(value).strip()
    known: dict[str, set[str]] = {
        "status": set(RowStatus.values),
        "action": ACTIONS,
        "excluded": {"yes", "no"},
    }
    if name not in NAMES:
        raise Refused(
            _("There is no filter %(name)r; there are: %(known)s.")
            % {"name": name, "known": ", ".join(NAMES)}
        )
    if len(value) > LONGEST or (name in known and value not in known[name]):
        raise Refused(
            _("The filter %(name)s cannot be %(value)r; it is one of %(known)s.")
            % {"name": name, "value": value[:LONGEST], "known": ", ".join(sorted(known.get(name, ())))}
        )
    if name == "status":
        return rows.filter(status=value)
    if name == "action":
        return by_action(rows, value)
    if name == "excluded":
        return by_excluded(rows, value)
    if name == "finding":
        return by_finding(rows, value)
    return by_text(handler, rows, value)


def by_action(rows: QuerySet, value: str) -> QuerySet:
    """Keep the rows that do something to production."""
    return rows.filter(action="" if value == "none" else value)


def by_excluded(rows: QuerySet, value: str) -> QuerySet:
    """Keep the excluded rows, or the others."""
    return rows.filter(removed=value == "yes")


def by_finding(rows: QuerySet, value: str) -> QuerySet:
    """Keep the rows with a finding, "code" or "code:field"."""
    if not value:
        return rows
    code, colon, field = value.partition(":")
    wanted = {"code": code, "field": field} if colon else {"code": code}
    return rows.filter(issues__contains=[wanted])


def by_text(handler: BatchHandler, rows: QuerySet, value: str) -> QuerySet:
    """Keep the rows that hold a text in a field that the type lets be searched."""
    fields = search_fields(handler)
    if not value or not fields:
        return rows if not value else rows.none()
    found = reduce(or_, (Q(**{f"{field}__icontains": value}) for field in fields))
    if value.isascii() and value.isdigit() and len(value) < 10:
        found |= Q(sequence=int(value))
    return rows.filter(found)

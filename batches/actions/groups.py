"""Settling rows that share what only one of them may have: one decision for all groups, and back."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from ..exceptions import Refused
from ..findings import Unique
from ..groups import EXCLUDE, GIVE_UP, KEEPS, Decision, Groups, comparable, rule_of
from ..handlers import BatchHandler
from ..log import CODE, Door
from ..models import BatchBase
from ..words import whole
from .base import changing, handler_of

# Rows whose keys one statement of a check names.
CHECKED = 5_000


def settle(
    batch: BatchBase,
    user: Any,
    code: str,
    *,
    keep: str = "first",
    by: str = "",
    others: str = "",
    rows: QuerySet | None = None,
    revision: int | None = None,
    door: Door = CODE,
) -> int:
    """Decide for all groups of rows that share something which row keeps it; return how many rows gave way. Raises Refused.

    `keep` is first, last, highest or lowest (by the field `by`) or none; `others` is give_up or exclude, by default what the rule
    `code` says. With `rows`, only groups of which one of these is part. A group with a row that the user may not work on is left.
    """
    excludes = (others or _usual(_rule(handler_of(batch, user), code))) == EXCLUDE
    with changing(batch, "exclude" if excludes else "edit", user, door, revision=revision) as change:
        handler = change.handler
        rule = _rule(handler, code)
        decision = _decision(handler, rule, keep, by, others)
        groups = Groups(handler, rule, user, rows)
        counts = groups.counts()
        if not counts["groups"]:
            raise Refused(_("No rows share this any more; look again."))
        pks = groups.exclude(decision) if excludes else groups.give_up(decision)
        _check(handler, [] if excludes else pks)
        change.touched()
        change.comment = _said(handler, rule, decision, counts["groups"])
        change.data = {
            "rows": len(pks),
            "groups": counts["groups"],
            "settled": {"code": code, "keep": keep, "by": by, "others": decision.others},
        }
    return len(pks)


def put_back(
    batch: BatchBase,
    user: Any,
    code: str,
    *,
    rows: QuerySet | None = None,
    revision: int | None = None,
    door: Door = CODE,
) -> int:
    """Give rows back what they gave up by a decision about the rule `code`; return how many. Raises Refused."""
    with changing(batch, "edit", user, door, revision=revision) as change:
        handler = change.handler
        rule = _rule(handler, code)
        if not rule.gives_up:
            raise Refused(_("Rows that were excluded are put back as all excluded rows are."))
        pks = Groups(handler, rule, user, rows).put_back()
        _check(handler, pks)
        change.touched()
        change.comment = _("%(label)s: put back.") % {"label": handler.label(rule.gives_up)}
        change.data = {"rows": len(pks), "settled": {"code": code, "keep": "all"}}
    return len(pks)


def check_many(handler: BatchHandler, pks: list[int]) -> None:
    """Check rows again, many at a time."""
    for start in range(0, len(pks), CHECKED):
        handler.recheck(pks[start : start + CHECKED])


def _check(handler: BatchHandler, pks: list[int]) -> None:
    check_many(handler, pks)
    handler.check_peers()


def _rule(handler: BatchHandler, code: str) -> Unique:
    rule = rule_of(handler, code)
    if rule is None:
        raise Refused(_("This type has no rule %(code)r about what rows share.") % {"code": code})
    return rule


def _usual(rule: Unique) -> str:
    return GIVE_UP if rule.gives_up else EXCLUDE


def _decision(handler: BatchHandler, rule: Unique, keep: str, by: str, others: str) -> Decision:
    """Return the decision if it can be carried out. Raises Refused."""
    others = others or _usual(rule)
    if keep not in KEEPS:
        raise Refused(_("Choose which row is kept: %(known)s.") % {"known": ", ".join(KEEPS)})
    if others not in (GIVE_UP, EXCLUDE) or (others == GIVE_UP and not rule.gives_up):
        raise Refused(_("Choose what becomes of the other rows."))
    compares = keep in ("highest", "lowest")
    if compares and by not in comparable(handler, rule):
        raise Refused(_("Choose a date or a number by which the rows are compared."))
    return Decision(keep, others, by if compares else "")


def _said(handler: BatchHandler, rule: Unique, decision: Decision, groups: int) -> str:
    """Return what was decided, as a sentence for the log."""
    kept = {
        "first": _("the first row is kept"),
        "last": _("the last row is kept"),
        "highest": _("the row with the highest or newest “%(by)s” is kept"),
        "lowest": _("the row with the lowest or oldest “%(by)s” is kept"),
        "none": _("no row is kept"),
    }[decision.keep] % {"by": handler.label(decision.by) if decision.by else ""}
    words = {"label": handler.label(rule.fields[0]), "kept": kept, "groups": whole(groups)}
    if decision.others == EXCLUDE:
        return _("%(label)s shared in %(groups)s groups: %(kept)s, the others are excluded.") % words
    return _("%(label)s shared in %(groups)s groups: %(kept)s as it is, the others give it up.") % words

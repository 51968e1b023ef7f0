"""Sentences of the findings that the framework makes itself."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from .states import Severity

BUILT_IN: dict[str, tuple[Any, str]] = {
    "required": (_("%(field)s is missing; give a value."), Severity.ERROR),
    "too_long": (_("%(field)s has %(length)s characters; at most %(limit)s fit."), Severity.ERROR),
    "too_large": (
        _("%(field)s %(value)s is too large; at most %(limit)s digits before the point fit."),
        Severity.ERROR,
    ),
    "below_minimum": (
        _("%(field)s %(value)s is below the smallest value allowed, %(limit)s."),
        Severity.ERROR,
    ),
    "above_maximum": (
        _("%(field)s %(value)s is above the largest value allowed, %(limit)s."),
        Severity.ERROR,
    ),
    "not_a_choice": (_("%(field)s %(value)s is none of the values allowed."), Severity.ERROR),
    "taken": (_("%(field)s %(value)s belongs to something else already."), Severity.ERROR),
    "rule_broken": (_("%(rule)s"), Severity.ERROR),
    "changed_since": (
        _("%(field)s was %(was)s when checked, is %(now)s now, you want %(want)s."),
        Severity.ERROR,
    ),
    "exists_now": (_("It was created since review; check again to change it instead."), Severity.ERROR),
    "taken_now": (
        _("Something in production has a value by now that must be its alone; check again."),
        Severity.ERROR,
    ),
    "gone": (_("It was deleted since review."), Severity.ERROR),
    "link_gone": (_("%(field)s was deleted since review; check again."), Severity.ERROR),
    "in_use": (_("It is in use by %(by)s and cannot be deleted."), Severity.ERROR),
    "refused": (_("Production refused it: %(text)s"), Severity.ERROR),
    "several_rows": (
        _("Another row of this batch changes the same thing; exclude all but one."),
        Severity.ERROR,
    ),
    "given_up_to": (_("%(field)s %(value)s was given up to row %(to)s."), Severity.NOTICE),
    "given_up": (_("%(field)s %(value)s was given up, as several rows have it."), Severity.NOTICE),
    "remembered": (_("%(was)s was read as %(now)s, as decided on %(date)s."), Severity.NOTICE),
    "undo_changed": (
        _("%(field)s is %(now)s by now (%(who)s), so it was not put back to %(was)s."),
        Severity.WARNING,
    ),
    "undo_touched": (_("It was changed since (%(who)s), so it was kept."), Severity.WARNING),
    "undo_failed": (_("Production refused to put it back: %(now)s"), Severity.WARNING),
    "undo_in_use": (_("It is in use by now, so it was not deleted."), Severity.WARNING),
}

"""Checks of what a type tells other systems."""

from __future__ import annotations

from django.core.checks import CheckMessage

from ..conf import conf
from ..exceptions import NotSent
from ..handlers import BatchHandler
from ..targets import find_target
from .common import error


def check(handler: BatchHandler) -> list[CheckMessage]:
    """Return what is wrong with a type's deliveries; nothing outside is asked."""
    own = type(handler).get_delivers_to is not BatchHandler.get_delivers_to
    name, targets = type(handler).__name__, list(handler.get_delivers_to())
    if not targets and (not handler.delivers or own):
        return []
    found = []
    if not handler.delivers or not targets:
        lacks = "names no target" if handler.delivers else "has targets, but tells them nothing"
        found.append(
            error(
                35,
                f"{name} {lacks}.",
                "Write both `delivers_to = ['drop_folder']` and `deliver_row(row)` or `deliver(rows)`, or none of them.",
                handler,
            )
        )
    if not str(handler.cannot_take_back).strip():
        found.append(
            error(
                36,
                f"{name} delivers, but does not say what cannot be taken back.",
                "Write a sentence for people who are about to execute or undo: `cannot_take_back = _('…')`.",
                handler,
            )
        )
    return [*found, *(message for target in targets for message in _target(handler, target))]


def _target(handler: BatchHandler, target: str) -> list[CheckMessage]:
    try:
        reason = find_target(target).why_not()
    except NotSent as refused:
        reason = str(refused)
    if not reason:
        return []
    known = ", ".join(sorted(conf("DELIVER_TO"))) or "none"
    return [
        error(
            37,
            f"{type(handler).__name__} delivers to {target!r}: {reason}",
            f"The targets of BATCHES['DELIVER_TO'] are: {known}.",
            handler,
        )
    ]

"""Tiles: how many rows do what and stand how, each a link that filters the rows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from ..handlers import BatchHandler, Tile
from ..states import RowAction, RowStatus, Status
from ..words import ICONS, action_word, whole

# Tiles that are there even where no row stands so; in the other states of a batch they are those of its review.
ALWAYS: dict[str, tuple[RowStatus, ...]] = {
    Status.EXECUTED: (RowStatus.APPLIED,),
    Status.REVERTED: (RowStatus.REVERTED,),
}


def tiles(data: dict[str, Any], active: dict[str, str], handler: BatchHandler) -> list[dict[str, Any]]:
    """Return the tiles in groups: what the rows do, how they stand, and what the type counts besides."""
    return [
        {"label": _("What the rows do"), "tiles": _actions(data, active)},
        {"label": _("How they stand"), "tiles": _statuses(data, active, handler.batch.status)},
        *(
            {"label": label, "tiles": [_own(own, active) for own in group]}
            for label, group in handler.tiles(data)
        ),
    ]


def _tile(
    word: Any, icon: str, n: int, query: dict[str, str], active: dict[str, str], css: str
) -> dict[str, Any]:
    return {
        "word": word, "icon": ICONS.get(icon, ""), "n": whole(n), "query": urlencode(query),
        "chosen": bool(query) and active == query, "css": css,
    }  # fmt: skip


def _own(own: Tile, active: dict[str, str]) -> dict[str, Any]:
    """Return a tile of the type; one that counts no rows of this batch stays where it is."""
    word, n, query = own
    tile = _tile(word, "", n, query or {}, active, "")
    return tile if query else tile | {"anchor": "#summary"}


def _actions(data: dict[str, Any], active: dict[str, str]) -> list[dict[str, Any]]:
    found = [_tile(_("All rows"), "", data["total"], {}, active, "")]
    for action in ("create", "update", "delete", "unchanged", "none"):
        n = data["actions"].get(action, 0)
        if n:
            query = {"action": action, "excluded": "no"}
            found.append(_tile(action_word(action), action, n, query, active, f"b-does-{action}"))
    return found


def _statuses(data: dict[str, Any], active: dict[str, str], status: str) -> list[dict[str, Any]]:
    included = data.get("included", data["counts"])
    always = ALWAYS.get(status, (RowStatus.OK, RowStatus.WARNING, RowStatus.ERROR))
    found = []
    for row_status in RowStatus:
        n = included.get(row_status.value, 0)
        if row_status == RowStatus.UNCHANGED and n == data["actions"].get(RowAction.UNCHANGED, 0):
            continue  # the other group has it
        if n or row_status in always:
            query = {"status": row_status.value, "excluded": "no"}
            found.append(
                _tile(row_status.label, row_status.value, n, query, active, f"b-is-{row_status.value}")
            )
    if data["excluded"]:
        found.append(
            _tile(_("Excluded"), "excluded", data["excluded"], {"excluded": "yes"}, active, "b-is-excluded")
        )
    if data.get("unreadable"):
        tile = _tile(_("Unreadable"), "unreadable", data["unreadable"], {}, active, "b-is-unreadable")
        found.append(tile | {"anchor": "#unreadable"})
    return found

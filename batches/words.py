"""Sentences about a batch that pages and commands share."""

from __future__ import annotations

from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from .states import RowAction, RowStatus, Status

ICONS = {
    RowStatus.OK: "✓", RowStatus.WARNING: "◆", RowStatus.ERROR: "✕", RowStatus.UNCHANGED: "=", RowStatus.APPLIED: "✔",
    RowStatus.CONFLICT: "⇄", RowStatus.FAILED: "✕", RowStatus.REVERTED: "↶", RowStatus.KEPT: "⇄", RowStatus.LEFT: "–",
    "notice": "✎", "note": "i", "excluded": "⊘", "unreadable": "?", "create": "+", "update": "→", "delete": "−", "none": "·",
}  # fmt: skip


def whole(number: int) -> str:
    """Return a number as people read it, with separators."""
    return number_format(number, use_l10n=True, force_grouping=True)


def state_label(status: str) -> str:
    """Return the name of a batch's state."""
    return str(Status(status).label)


def completeness(status: str, data: dict[str, Any] | None) -> str:
    """Return where a batch is and how completely: "Executed in part: 6,170 written, 312 not (22 failed)"."""
    label = state_label(status)
    if not data or status not in (Status.EXECUTED, Status.REVERTED):
        return label
    counts = data["counts"]
    if status == Status.REVERTED:
        undone, kept = counts.get(RowStatus.REVERTED, 0), counts.get(RowStatus.KEPT, 0)
        words = {"undone": whole(undone), "kept": whole(kept)}
        if kept:
            return _("Undone in part: %(undone)s put back, %(kept)s kept (changed since)") % words
        return _("Undone: %(undone)s put back") % words
    written = counts.get(RowStatus.APPLIED, 0) + counts.get(RowStatus.KEPT, 0)
    left_out = all_records(data) - written - counts.get(RowStatus.UNCHANGED, 0)
    reasons = [
        (counts.get(RowStatus.CONFLICT, 0), _("changed since review")),
        (counts.get(RowStatus.FAILED, 0), _("failed")),
        (counts.get(RowStatus.REVERTED, 0), _("undone")),
        (counts.get(RowStatus.LEFT, 0), _("left out")),
        (pending(data), _("not yet")),
    ]
    missed = sum(n for n, _reason in reasons)
    if not missed:
        words = {"state": label, "written": whole(written), "left": whole(max(left_out, 0))}
        if left_out > 0:
            return _("%(state)s: %(written)s written, %(left)s left out before") % words
        return _("%(state)s: %(written)s written") % words
    why = ", ".join(f"{whole(n)} {reason}" for n, reason in reasons if n)
    return _("Executed in part: %(written)s written, %(missed)s not (%(why)s)") % {
        "written": whole(written), "missed": whole(missed), "why": why
    }  # fmt: skip


def pending(data: dict[str, Any]) -> int:
    """Return how many rows an execution that ended early has not reached."""
    # What took part is counted until it is written and afterwards.
    taken = sum(data.get("taking_part", {}).values())
    return max(0, taken - int(data["counts"].get(RowStatus.APPLIED, 0)))


def outcomes(counts: dict[str, int]) -> str:
    """Return what became of rows that a run is through with: "6,170 written, 3 changed since review"."""
    words = [
        (RowStatus.APPLIED, _("written")),
        (RowStatus.CONFLICT, _("changed since review")),
        (RowStatus.FAILED, _("failed")),
        (RowStatus.REVERTED, _("put back")),
        (RowStatus.KEPT, _("kept")),
    ]
    return ", ".join(f"{whole(counts[status])} {word}" for status, word in words if counts.get(status))


def state_css(status: str, data: dict[str, Any] | None) -> str:
    """Return the class of a state's badge; what was executed in part stands out."""
    missed = (RowStatus.CONFLICT, RowStatus.FAILED, RowStatus.LEFT)
    part = (
        status == Status.EXECUTED and data and (pending(data) or any(data["counts"].get(s) for s in missed))
    )
    return f"b-state b-state-{status}" + (" b-state-part" if part else "")


def standing(data: dict[str, Any] | None) -> list[tuple[str, str, int]]:
    """Return what of an unexecuted batch needs a look: (row status or "unreadable", word, number), for lists."""
    if not data:
        return []
    included = data.get("included", data["counts"])
    found = [
        (str(status), str(status.label), included.get(status, 0))
        for status in (RowStatus.ERROR, RowStatus.WARNING)
    ]
    found.append(("unreadable", _("Unreadable"), data.get("unreadable", 0)))
    return [entry for entry in found if entry[2]]


def left_out(data: dict[str, Any]) -> dict[str, int]:
    """Return how many records an execution leaves out, by cause."""
    included = data.get("included", data["counts"])
    found = {
        "excluded": data["excluded"], "error": included.get(RowStatus.ERROR, 0),
        "unreadable": data.get("unreadable", 0), "dropped": data.get("dropped", 0),
    }  # fmt: skip
    return {**found, "total": sum(found.values())}


def all_records(data: dict[str, Any]) -> int:
    """Return how many records there are: rows, those that are unreadable still, and those that were dropped."""
    return int(data["total"] + data.get("unreadable", 0) + data.get("dropped", 0))


def must_type_number(data: dict[str, Any]) -> bool:
    """Tell whether so much is left out that the number must be typed: more than a tenth."""
    return left_out(data)["total"] * 10 > all_records(data)


def action_word(action: str) -> str:
    """Return the word for what a row does."""
    return str(RowAction("" if action == "none" else action).label)

"""How far a batch's deliveries to other systems are, as pages show it."""

from __future__ import annotations

from typing import Any

from ..handlers import BatchHandler
from ..outbox import outbox_of
from ..states import Status
from ..words import whole

AFTER = (Status.EXECUTING, Status.EXECUTED, Status.REVERTING, Status.REVERTED)


def outbox_shown(batch: Any, handler: BatchHandler) -> dict[str, Any] | None:
    """Return the numbers in words, and why some are not sent; None for a type that tells nobody, and where nothing was written."""
    if not handler.delivers or batch.status not in AFTER:
        return None
    box = outbox_of(batch.pk, handler.using)
    if not box.written:
        return None
    open_ = batch.status == Status.EXECUTED and box.unsent
    return {
        "words": box.words(),
        "sent": box.sent,
        "sent_words": whole(box.sent),
        "unsent": box.unsent,
        "unsent_words": whole(box.unsent),
        "tried": box.tried,
        "tried_words": whole(box.tried),
        "failed": bool(box.failed),
        "error": box.error,
        "next_try": box.next_try,
        "again": bool(open_ and box.error),
    }

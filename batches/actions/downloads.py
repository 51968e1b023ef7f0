"""Saving rows in a file where they are too many to be sent while somebody waits."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ..artifacts import WRITERS
from ..choosing import choose
from ..exceptions import Refused
from ..files.messages import refusal
from ..files.sheet import MAX_ROWS
from ..grid import visible_rows
from ..log import CODE, Door
from ..models import BatchBase, Run
from .base import changing
from .runs import begin


def export(
    batch: BatchBase,
    user: Any,
    kind: str,
    chosen: Mapping[str, str] | None = None,
    *,
    own: bool = False,
    door: Door = CODE,
) -> Run:
    """Start the run that saves the rows that match as "csv" or "xlsx", for `user` alone. Raises Refused, FileRefused.

    The batch is not changed by it. It is for a worker, or with `own` for this process (call `work`).
    """
    chosen = {name: value.strip() for name, value in (chosen or {}).items()}
    with changing(batch, "export", user, door) as change:
        if kind not in WRITERS:
            raise Refused(_("Rows can be saved as: %(known)s.") % {"known": ", ".join(WRITERS)})
        handler = change.handler
        rows = choose(handler, visible_rows(handler, user), chosen).order_by().count()
        if not rows:
            raise Refused(_("No row matches this filter, so there is nothing to save."))
        if kind == "xlsx" and rows >= MAX_ROWS:
            raise refusal("sheet_rows", limit=MAX_ROWS)
        params = {"kind": kind, "filter": chosen, "token": uuid.uuid4().hex, "language": get_language()}
        run = begin(change, "export", user, door, own=own, params=params)
        change.comment = _("Started.")
        change.data = {"rows": rows, "kind": kind, "filter": chosen}
    return run

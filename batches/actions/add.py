"""Adding a row by hand to a batch under review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from ..corrections import must_be_in_scope
from ..exceptions import Refused
from ..ingest import last_sequence
from ..log import CODE, Door
from ..models import BatchBase
from .base import changing
from .rows import set_cells


def add_row(
    batch: BatchBase,
    user: Any,
    values: Mapping[str, str],
    *,
    revision: int | None = None,
    door: Door = CODE,
) -> Any:
    """Add a row behind the others (field -> text) and check it, and the rows that share something with it. Returns the row.

    It has no line in the file and is none of its records. Raises EditRefused with a sentence for each text that cannot be
    converted, Refused.
    """
    with changing(batch, "add_row", user, door, revision=revision) as change:
        handler = change.handler
        model: Any = handler.row_model
        row = model(batch=change.batch, sequence=last_sequence(handler) + 1)
        given = set_cells(handler, row, {name: text for name, text in values.items() if text.strip()})
        if not given:
            raise Refused(_("Give the new row at least one value."))
        row.save(force_insert=True, using=handler.using)
        handler.recheck([row.pk])
        handler.check_peers([row.pk])
        must_be_in_scope(handler, row)
        change.touched()
        change.comment = _("Row %(row)d was added by hand.") % {"row": row.sequence}
        change.data = {"row": row.sequence, "changes": given}
        return handler.rows().get(pk=row.pk)

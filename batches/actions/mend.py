"""Records that could not become rows: mended into rows, or dropped with a reason."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from .. import rights
from ..exceptions import Forbidden, Refused
from ..files import Reading
from ..files.mending import read_record
from ..handlers import BatchHandler
from ..ingest import FileRows
from ..log import CODE, Door
from ..models import BatchBase, Unreadable
from .base import changing, storable


def mend_record(batch: BatchBase, user: Any, record_id: int, text: str, *, door: Door = CODE) -> Any:
    """Read the corrected text of an unreadable record, add its row at the end and check it. Returns the row.

    Raises Refused with the sentence that says what still cannot be read.
    """
    with changing(batch, "edit", user, door) as change:
        handler = change.handler
        record = _record(handler, record_id)
        reading = Reading.from_json(change.batch.reading)
        cells, why = read_record(reading, storable(text), record.source_row)
        if why:
            raise Refused(why)
        sequence = FileRows(handler).add(record.source_row, cells)
        row = handler.rows().get(sequence=sequence)
        handler.check_peers([row.pk])
        change.touched()
        change.comment = _("Line %(line)s of the file was mended.") % {"line": record.source_row}
        change.data = {"row": sequence, "line": record.source_row, "was": record.text, "text": text}
        record.delete()
        return handler.rows().get(sequence=sequence)


def drop_record(
    batch: BatchBase, user: Any, record_id: int, *, reason: str = "", drop: bool = True, door: Door = CODE
) -> None:
    """Leave an unreadable record out for good, with a reason, or take that back. It stays among the records. Raises Refused."""
    with changing(batch, "exclude" if drop else "include", user, door) as change:
        record = _record(change.handler, record_id)
        record.dropped, record.dropped_reason = drop, storable(reason)[:200]
        record.save()
        change.touched()
        words = (
            _("Line %(line)s of the file was dropped.")
            if drop
            else _("Line %(line)s of the file was taken back.")
        )
        change.comment = f"{words % {'line': record.source_row}} {record.dropped_reason}".strip()
        change.data = {"line": record.source_row}


def _record(handler: BatchHandler, record_id: int) -> Unreadable:
    if not rights.may_have_file(handler):
        raise Forbidden(
            _("You see only a part of this batch's rows, so its unreadable records are not yours.")
        )
    found = Unreadable.objects.using(handler.using).filter(batch_id=handler.batch.pk, pk=record_id).first()
    if found is None:
        raise Refused(_("This batch has no such unreadable record any more."))
    return found

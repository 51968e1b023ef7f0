"""The law of delivering: other systems are told of the rows that were written, of all that deliver() has to say, and of no others."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test import override_settings

from .. import actions
from ..models import Delivery
from ..states import RowStatus
from .ground import SMALL_PIECE, Ground
from .pictures import undone


class DeliverLaws(Ground):
    """What holds for every type; one that tells nobody keeps it without doing anything."""

    def test_delivered_is_what_was_written(self, user: Any) -> None:
        """No row is delivered that was not written; some rows at a time tell what all of them do."""
        batch = self.made(user, 3 * SMALL_PIECE - 1)
        if not self.handler(batch).get_delivers_to():
            return
        left_out = batch.rows.order_by("sequence")[SMALL_PIECE]
        actions.exclude(batch, user, batch.rows.filter(pk=left_out.pk), reason="contract")
        whole = self.delivered(batch, user)
        ours = {**getattr(settings, "BATCHES", {}), "PIECE_ROWS": SMALL_PIECE}
        with override_settings(BATCHES=ours):
            assert self.delivered(batch, user) == whole, (
                f"In pieces of {SMALL_PIECE} rows it delivers something else."
            )

    def delivered(self, batch: Any, user: Any) -> list[tuple[int, str, Any]]:
        """Return row, target and payload of what an execution delivers, after a look at whether its rows were written; go back."""
        if not self.handler(batch).get_delivers_to():
            return []
        with undone(self.using):
            actions.execute(batch, user)
            found = (
                Delivery.objects.using(self.using).filter(lot__batch=batch.pk).order_by("row", "lot__target")
            )
            delivered = list(found.values_list("row", "lot__target", "payload"))
            written = batch.rows.filter(status=RowStatus.APPLIED).values_list("sequence", flat=True)
            others = sorted({row for row, _target, _payload in delivered} - set(written))
            assert others == [], f"Rows were delivered that were not written: {others[:5]}."
        batch.refresh_from_db()
        return delivered

"""Undo in chunks, each in a transaction of its own with its cursor, as the batch was executed.

A chunk takes the objects to which its rows alone belong. What rows share, and what no row stands for, is undone by the last
transaction, which looks at all that is left; as nearly nothing is, it is soon done.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from . import journal, outbox
from .chunked import TRIES, Chunks, rows_by_status
from .states import WRITTEN, RowStatus
from .undo import Undo, cancel_undone, revert, shared_objects

# With more objects that rows share, a batch is undone by the last transaction alone.
MOST_SHARED = 10_000


class UndoChunks(Chunks):
    """The chunks of one attempt at an undo."""

    def _begin(self) -> None:
        self.runner.guard()
        self.runner.allowed(self.handler)
        self.shared = shared_objects(self.handler)
        self.all_last = sum(map(len, self.shared.values())) > MOST_SHARED

    def _chunk(self, first: int, last: int) -> None:
        """Undo a range of rows and commit; what production refuses is kept and named, so that nothing need be halved here."""
        self.runner.patiently(lambda: self._write(first, last), TRIES)

    def _do(self, first: int, last: int) -> None:
        if self.all_last:
            return
        undo = Undo(self.handler, self.run.params.get("filter"), span=(first, last), shared=self.shared)
        rows = undo.rows()
        self.runner.allowed(self.handler, rows)
        if not rows.exists():
            return
        outbox.stand_still(self.handler.batch.pk, self.using)
        journal.set_run(self.run.pk, using=self.using)
        undo.plan()
        undo.write()
        cancel_undone(self.handler, (first, last))

    def _close(self) -> None:
        """Undo what is left, and say that all is done."""
        self.runner.guard()
        handler = self.runner.fresh_handler()
        old = handler.batch.status
        journal.set_run(self.run.pk, using=self.using)
        more = revert(handler, self.run, self.runner.keeper)
        journal.clear_run(using=self.using)
        counts = rows_by_status(handler.rows().filter(status__in=[RowStatus.REVERTED, *WRITTEN]))
        more["said"] = _("%(undone)d rows were put back, %(kept)d kept.") % {
            "undone": counts.get(RowStatus.REVERTED, 0), "kept": counts.get(RowStatus.KEPT, 0),
        }  # fmt: skip
        # Of the last transaction alone, which says nothing of the undo.
        more.pop("objects")
        self.runner.record(handler, old, more.pop("said"), more)
        self.runner.fence(heed_stop=True)

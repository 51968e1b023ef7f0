"""The laws of undoing: exactly back, and never over what somebody changed since."""

from __future__ import annotations

from typing import Any

import pytest

from .. import actions
from ..exceptions import Refused
from ..states import RowStatus
from ..touched import untracked
from .ground import Ground


class UndoLaws(Ground):
    """What holds for every type that writes to journalled models; another one refuses to be undone."""

    def test_undone_is_as_before(self, user: Any) -> None:
        """Executed and undone, production is as it was, and no row counts as written."""
        batch = self.made(user)
        before = self.snapshot()
        actions.execute(batch, user)
        if untracked(self.handler(batch)):
            with pytest.raises(Refused, match="history"):
                actions.revert(batch, user)
            return
        actions.revert(batch, user)
        assert self.snapshot() == before, "After the undo, production is not as it was before the batch."
        left = batch.rows.filter(status=RowStatus.APPLIED).count()
        assert not left, f"{left} rows still count as written after the undo."

    def test_undo_keeps_a_later_edit(self, user: Any) -> None:
        """What somebody changed after the execution stays as it is; the row that wrote it is kept and says why."""
        batch = self.made(user)
        actions.execute(batch, user)
        if untracked(self.handler(batch)):
            return
        for row in batch.rows.filter(status=RowStatus.APPLIED):
            try:
                thing = self.touch(row)
            except NotImplementedError:
                # Nothing is there of what this row wrote, such as where it deleted.
                continue
            break
        else:
            return
        wanted = self.values_of(thing)
        actions.revert(batch, user)
        assert self.values_of(thing) == wanted, f"{thing!r} was changed since, and the undo overwrote it."
        row.refresh_from_db()
        assert row.status == RowStatus.KEPT, f"The row of {thing!r} is {row.status!r}, not kept."
        assert row.issues, f"The row of {thing!r} does not say why it was kept."

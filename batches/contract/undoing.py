"""The laws of undoing: exactly back, and never over what somebody changed since."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models

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

    def test_undone_can_be_written_again(self, user: Any) -> None:
        """Undone and applied again, production says what it said after the execution, and can be undone once more."""
        batch = self.made(user)
        before = self.snapshot()
        actions.execute(batch, user)
        if untracked(self.handler(batch)):
            return
        executed, stood = self._contents(), self._stands(batch)
        actions.revert(batch, user)
        actions.work(batch, actions.reapply(batch, user, own=True))
        assert self._stands(batch) == stood, "The rows do not stand as after the execution."
        assert self._contents() == executed, "Production is not as after the execution."
        actions.revert(batch, user)
        assert self.snapshot() == before, (
            "After the second undo, production is not as it was before the batch."
        )

    def _stands(self, batch: Any) -> dict[int, str]:
        return dict(batch.rows.order_by().values_list("sequence", "status"))

    def _contents(self) -> dict[str, list[str]]:
        """Return what production says, without keys and times, which are new where something was made anew."""
        found: dict[str, list[str]] = {}
        for model in self.production_models():
            names = [
                field.attname
                for field in model._meta.concrete_fields
                if not (field.primary_key or field.is_relation or isinstance(field, models.DateField))
            ]
            found[model._meta.label] = sorted(
                str(values) for values in model._base_manager.values_list(*names)
            )
        return found

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

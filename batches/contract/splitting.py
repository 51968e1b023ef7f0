"""The law of splitting: each row is in exactly one batch, and the parts together do what the whole would have done."""

from __future__ import annotations

from typing import Any

from .. import actions
from .pictures import undone
from .undoing import UndoLaws


class SplitLaws(UndoLaws):
    """What holds for every type, as any batch can be split."""

    def test_split_in_two_is_as_whole(self, user: Any) -> None:
        """Rows that move to a new batch stay as they are, each in one batch; both executed, production is as after the whole."""
        batch = self.made(user)
        whole = self.executed(batch, user)
        actions.exclude(batch, user, batch.rows.filter(sequence=2), reason="contract")
        before, production = self.rows_picture(batch), self.snapshot()
        made, moved = actions.split(batch, user, {"excluded": "yes"}, expected=1)
        assert moved == 1
        parts = self.rows_picture(batch), self.rows_picture(made)
        assert sorted([*parts[0], *parts[1]]) == before, (
            "After the split, the two batches together have other rows than the one had."
        )
        assert len(parts[1]) == 1, f"{len(parts[1])} rows are in the new batch instead of one."
        with undone(self.using):
            for part in (batch, made):
                actions.refresh(part, user)
            assert (self.rows_picture(batch), self.rows_picture(made)) == parts, (
                "Checked again, the parts have other rows; what is true of the whole batch only is not to be found in a part"
                " (`batch.is_part`)."
            )
        for part in (batch, made):
            part.refresh_from_db()
        assert self.snapshot() == production, "Splitting the batch changed production."
        actions.include(made, user, made.rows.all())
        actions.execute(made, user)
        actions.execute(batch, user)
        assert self.snapshot() == whole, (
            "The parts wrote something else than the whole batch would have written."
        )

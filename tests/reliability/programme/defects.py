"""Defects that are seeded on purpose, each with the trial that has to turn red by it: a suite that cannot fail shows nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from batches import rights
from batches.actions import base
from batches.chunked import Chunks, rows_by_status
from batches.conflicts import Conflicts
from batches.lease import Keeper
from batches.management.commands import worker
from batches.models import Run, RunStep
from batches.runner import Runner
from batches.undo_model import ModelUndo

from ..harness import in_thread
from .zombies import WHEN, WHERE

Patch = pytest.MonkeyPatch


def nothing(*args: Any, **kwargs: Any) -> None:
    """Stand in for what a defect leaves out."""


def cursor_outside(patch: Patch) -> None:
    """Commit how far a run is before what it wrote."""

    def step(chunks: Chunks, first: int, last: int) -> None:
        counts = rows_by_status(chunks.handler.rows().filter(sequence__range=(first, last)))
        run, attempt = chunks.run, chunks.run.attempt
        in_thread(
            lambda: RunStep.objects.create(run=run, attempt=attempt, cursor=last, counts=counts, final=False)
        )
        chunks.runner.fence()

    patch.setattr(Chunks, "_step", step)


def no_fence(patch: Patch) -> None:
    """Never look whether somebody took the run over."""

    def heed(chunks: Chunks) -> None:
        Run.objects.filter(pk=chunks.run.pk).values_list("attempt", "stop_requested").get()

    patch.setattr(Runner, "fence", nothing)
    patch.setattr(Chunks, "heed", heed)
    patch.setattr(Keeper, "check", nothing)


def no_lock(patch: Patch) -> None:
    """Work without the batch's lock, so that a run is taken over between the last look at the fence and the commit."""
    patch.setattr(Runner, "_lock", nothing)


def no_lock_of_actions(patch: Patch) -> None:
    """Let actions on one batch pass each other."""
    patch.setattr(base, "lock_batch", nothing)
    patch.setattr(Runner, "_lock", nothing)


def no_conflict_check(patch: Patch) -> None:
    """Never compare production with what it was at review."""
    patch.setattr(Conflicts, "mark", nothing)


def no_lock_of_targets(patch: Patch) -> None:
    """Compare without keeping others from writing until it is written."""
    patch.setattr(Conflicts, "lock", nothing)


def no_look_at_later_edits(patch: Patch) -> None:
    """Undo whatever happened since."""
    patch.setattr(ModelUndo, "_keep_changed", nothing)


def no_state(patch: Patch) -> None:
    """Do a verb in whatever state the batch is."""
    patch.setattr(base, "_check", nothing)


def nobody_takes_over(patch: Patch) -> None:
    """Never look for runs whose worker is gone."""
    patch.setattr(worker, "waiting", lambda patience: [])


def no_rights(patch: Patch) -> None:
    """Let everybody do everything."""
    patch.setattr(rights, "may", lambda model, verb, user: True)


@dataclass(frozen=True)
class Defect:
    """A defect, the trial that it turns red, how that is played, and what must be in one of its faults."""

    seed: Callable[[Patch], None]
    trial: str
    says: str
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    # The database's own guard, which would keep the defect from showing.
    without_index: str = ""


DEFECTS = (
    Defect(cursor_outside, "statement_kills", "lost", {"kinds": ("execute in chunks",), "until_fault": True}),
    Defect(no_fence, "zombies", "what was asleep", {"case": (True, WHERE[0], WHEN[0]), "times": 1}),
    Defect(
        no_lock,
        "zombies",
        "what was asleep",
        {"case": (True, WHERE[1], WHEN[0]), "times": 1},
        {"IDLE_TIMEOUT_MS": 20_000},
    ),
    Defect(no_lock_of_actions, "pairs", "", {"only": ("review", "edit", "withdraw"), "times": 60}),
    Defect(no_conflict_check, "live_edits", "a batch wrote over"),
    Defect(no_lock_of_targets, "live_edits", "a batch wrote over"),
    Defect(no_look_at_later_edits, "live_edits", "the undo left wrong"),
    Defect(no_state, "clicks", ": runs:", without_index="batches_run_one_active"),
    Defect(nobody_takes_over, "worker_kills", "nothing was committed", {"stuck": 4.0}),
    Defect(no_rights, "random_verbs", "not as the model"),
)

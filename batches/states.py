"""States of batches, rows and runs, and their words."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy


class Status(TextChoices):
    """Where a batch is."""

    DRAFT = "draft", gettext_lazy("Draft")
    POPULATING = "populating", gettext_lazy("Being filled")
    REVIEW = "review", gettext_lazy("In review")
    READY = "ready", gettext_lazy("Ready")
    EXECUTING = "executing", gettext_lazy("Executing")
    EXECUTED = "executed", gettext_lazy("Executed")
    REVERTING = "reverting", gettext_lazy("Being undone")
    REVERTED = "reverted", gettext_lazy("Undone")
    WITHDRAWN = "withdrawn", gettext_lazy("Withdrawn")


WORKING = frozenset({Status.POPULATING, Status.EXECUTING, Status.REVERTING})


class RowStatus(TextChoices):
    """How one row stands: the first four before execution, the others after it."""

    OK = "ok", gettext_lazy("Fine")
    WARNING = "warning", gettext_lazy("Look")
    ERROR = "error", gettext_lazy("Must fix")
    UNCHANGED = "unchanged", gettext_lazy("Unchanged")
    APPLIED = "applied", gettext_lazy("Written")
    CONFLICT = "conflict", gettext_lazy("Changed since review")
    FAILED = "failed", gettext_lazy("Failed")
    REVERTED = "reverted", gettext_lazy("Undone")
    KEPT = "kept", gettext_lazy("Kept (changed since)")
    LEFT = "left", gettext_lazy("Left out")


# A row takes part in an execution when it stands so and is not excluded.
EFFECTIVE = (RowStatus.OK, RowStatus.WARNING)
BEFORE = (RowStatus.OK, RowStatus.WARNING, RowStatus.ERROR, RowStatus.UNCHANGED)
WRITTEN = (RowStatus.APPLIED, RowStatus.KEPT)  # an undo is about both: what was kept may be put back later
# Common statuses are left out of the partial index over the others.
COMMON = (RowStatus.OK, RowStatus.UNCHANGED, RowStatus.APPLIED)


class RowAction(TextChoices):
    """What executing the row does to production."""

    NONE = "", gettext_lazy("Not checked")
    CREATE = "create", gettext_lazy("New")
    UPDATE = "update", gettext_lazy("Change")
    DELETE = "delete", gettext_lazy("Delete")
    UNCHANGED = "unchanged", gettext_lazy("Unchanged")


class Severity(TextChoices):
    """How grave a finding is."""

    NOTICE = "notice", gettext_lazy("Repaired")
    WARNING = "warning", gettext_lazy("Look")
    ERROR = "error", gettext_lazy("Must fix")


class RunKind(TextChoices):
    """What a run does."""

    POPULATE = "populate", gettext_lazy("Reading")
    REFRESH = "refresh", gettext_lazy("Checking again")
    EXECUTE = "execute", gettext_lazy("Executing")
    REPOPULATE = "repopulate", gettext_lazy("Reading again")
    BULK_CHANGE = "bulk_change", gettext_lazy("Changing rows")
    EXPORT = "export", gettext_lazy("Saving rows")
    REVERT = "revert", gettext_lazy("Undoing")


# Kinds that leave the batch as it is, so that its figures and what somebody is about to confirm stay true.
ONLY_READS = frozenset({RunKind.EXPORT})


class RunState(TextChoices):
    """Where a run is."""

    QUEUED = "queued", gettext_lazy("Waiting for a worker")
    RUNNING = "running", gettext_lazy("Running")
    PAUSING = "pausing", gettext_lazy("Pausing")
    PAUSED = "paused", gettext_lazy("Paused")
    STOPPING = "stopping", gettext_lazy("Stopping")
    INTERRUPTED = "interrupted", gettext_lazy("Interrupted, will go on by itself")
    STOPPED = "stopped", gettext_lazy("Stopped")
    FAILED = "failed", gettext_lazy("Failed")
    SUCCEEDED = "succeeded", gettext_lazy("Done")


ACTIVE = (
    RunState.QUEUED,
    RunState.RUNNING,
    RunState.PAUSING,
    RunState.PAUSED,
    RunState.STOPPING,
    RunState.INTERRUPTED,
)

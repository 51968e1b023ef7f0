"""Verbs: one table that buttons, commands, docs and tests are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .states import RunKind, Status


@dataclass(frozen=True)
class Verb:
    """Something that can be done with a batch: from where, through what, to where, by whom."""

    name: str
    label: Any
    sources: tuple[Status, ...]
    to: Status | None
    permission: str
    through: Status | None = None
    fallback: Status | None = None
    run: RunKind | None = None
    during_run: bool = False
    built: bool = True
    button: bool = False
    meaning: Any = ""
    # Rights that it needs besides.
    also: tuple[str, ...] = ()


S = Status
HOLD = gettext_lazy("Keep everything of the batch until it is released, with a reason.")
RELEASE = gettext_lazy("Take the hold back, with a reason; the batch can be deleted and purged again.")
PURGE = gettext_lazy("Remove rows, files and history of a batch that ended long ago; its log stays.")
# In the order in which a batch lives; `built = False` marks a place that a later issue fills: it is shown nowhere.
VERBS: tuple[Verb, ...] = (
    Verb(
        "make",
        gettext_lazy("Make"),
        (),
        S.DRAFT,
        "add",
        meaning=gettext_lazy("Make a batch from a file, a query or the type's own data set."),
    ),
    Verb(
        "prepare",
        gettext_lazy("Prepare"),
        (S.DRAFT,),
        S.DRAFT,
        "add",
        meaning=gettext_lazy("Map the columns of the file and set the options."),
    ),
    Verb(
        "populate",
        gettext_lazy("Read"),
        (S.DRAFT,),
        S.REVIEW,
        "add",
        S.POPULATING,
        S.DRAFT,
        RunKind.POPULATE,
        meaning=gettext_lazy(
            "Fill the batch with its rows; failing, it is a draft again and nothing is left behind."
        ),
    ),
    Verb(
        "repopulate",
        gettext_lazy("Read again"),
        (S.REVIEW,),
        S.REVIEW,
        "change",
        S.POPULATING,
        S.REVIEW,
        RunKind.REPOPULATE,
        meaning=gettext_lazy(
            "Read the file again, mapped anew, in place of the rows; failing, the batch has the rows that it had."
        ),
    ),
    Verb(
        "refresh",
        gettext_lazy("Check again"),
        (S.REVIEW,),
        S.REVIEW,
        "change",
        None,
        S.REVIEW,
        RunKind.REFRESH,
        button=True,
        meaning=gettext_lazy("Look everything up again; corrections and exclusions are kept."),
    ),
    Verb(
        "edit",
        gettext_lazy("Correct"),
        (S.REVIEW,),
        S.REVIEW,
        "change",
        meaning=gettext_lazy("Correct a row; it is checked at once."),
    ),
    Verb(
        "add_row",
        gettext_lazy("Add a row"),
        (S.REVIEW,),
        S.REVIEW,
        "change",
        meaning=gettext_lazy("Add a row by hand; it is checked at once."),
    ),
    Verb(
        "exclude",
        gettext_lazy("Exclude"),
        (S.REVIEW,),
        S.REVIEW,
        "change",
        meaning=gettext_lazy("Leave rows out of the execution, with a reason; they stay in the batch."),
    ),
    Verb(
        "include",
        gettext_lazy("Put back"),
        (S.REVIEW,),
        S.REVIEW,
        "change",
        meaning=gettext_lazy("Let excluded rows take part again."),
    ),
    Verb(
        "bulk_change",
        gettext_lazy("Change all"),
        (S.REVIEW,),
        S.REVIEW,
        "change",
        None,
        S.REVIEW,
        RunKind.BULK_CHANGE,
        meaning=gettext_lazy("Change one field of all rows that match a filter; they are checked at once."),
    ),
    Verb(
        "split",
        gettext_lazy("Move to a new batch"),
        (S.REVIEW,),
        S.REVIEW,
        "change",
        also=("add",),
        meaning=gettext_lazy(
            "Move the rows that match a filter to a new batch; each row is in exactly one of the two."
        ),
    ),
    Verb("submit", gettext_lazy("Send for approval"), (S.REVIEW,), S.READY, "submit", built=False),
    Verb("reopen", gettext_lazy("Reopen"), (S.READY,), S.REVIEW, "submit", built=False),
    Verb("approve", gettext_lazy("Approve"), (S.READY,), S.READY, "approve", built=False),
    Verb("reject", gettext_lazy("Reject"), (S.READY,), S.REVIEW, "approve", built=False),
    Verb("schedule", gettext_lazy("Schedule"), (S.READY,), S.READY, "execute", built=False),
    Verb("unschedule", gettext_lazy("Unschedule"), (S.READY,), S.READY, "execute", built=False),
    Verb(
        "execute",
        gettext_lazy("Execute"),
        (S.READY, S.REVIEW),
        S.EXECUTED,
        "execute",
        S.EXECUTING,
        S.REVIEW,
        RunKind.EXECUTE,
        button=True,
        meaning=gettext_lazy(
            "Put the rows into production, each exactly once; what changed since review is not overwritten."
        ),
    ),
    Verb(
        "export",
        gettext_lazy("Save rows"),
        (S.REVIEW, S.READY, S.EXECUTED, S.REVERTED, S.WITHDRAWN),
        None,
        "view",
        run=RunKind.EXPORT,
        meaning=gettext_lazy(
            "Save many rows as CSV or XLSX in a file for oneself; the batch stays as it is."
        ),
    ),
    Verb(
        "stop",
        gettext_lazy("Stop"),
        (S.POPULATING, S.REVIEW, S.READY, S.EXECUTING, S.EXECUTED, S.REVERTING, S.REVERTED, S.WITHDRAWN),
        None,
        "change",
        during_run=True,
        meaning=gettext_lazy(
            "Stop the run that is on; nothing of it is kept, except the chunks that one in chunks has written."
        ),
    ),
    Verb(
        "pause",
        gettext_lazy("Pause"),
        (S.EXECUTING, S.REVERTING),
        None,
        "execute",
        during_run=True,
        meaning=gettext_lazy(
            "Let a run that works in chunks rest; what it has written stays, and it goes on where it was."
        ),
    ),
    Verb(
        "resume",
        gettext_lazy("Go on"),
        (S.EXECUTING, S.REVERTING, S.EXECUTED),
        None,
        "execute",
        during_run=True,
        meaning=gettext_lazy(
            "Let a paused run go on, or write the rows that were left when an execution ended in part."
        ),
    ),
    Verb(
        "retry",
        gettext_lazy("Try again"),
        (S.EXECUTED,),
        S.EXECUTED,
        "execute",
        S.EXECUTING,
        S.EXECUTED,
        RunKind.EXECUTE,
        meaning=gettext_lazy("Write the rows that failed, as they are."),
    ),
    Verb(
        "carry_on",
        gettext_lazy("Carry on"),
        (S.EXECUTED,),
        S.EXECUTED,
        "add",
        # To check the new batch is to change it.
        also=("change",),
        meaning=gettext_lazy(
            "Take what was changed since review to a new batch, where it is checked and reviewed again."
        ),
    ),
    Verb(
        "close",
        gettext_lazy("Close"),
        (S.EXECUTED,),
        S.EXECUTED,
        "execute",
        meaning=gettext_lazy("Leave out for good what an execution did not write, with a reason."),
    ),
    Verb(
        "revert",
        gettext_lazy("Undo"),
        (S.EXECUTED,),
        S.REVERTED,
        "revert",
        S.REVERTING,
        S.EXECUTED,
        RunKind.REVERT,
        button=True,
        meaning=gettext_lazy(
            "Put production back to what it was before the batch; what somebody changed since is kept."
        ),
    ),
    Verb(
        "reapply",
        gettext_lazy("Apply again"),
        (S.REVERTED, S.EXECUTED),
        S.EXECUTED,
        "execute",
        S.EXECUTING,
        S.REVERTED,
        RunKind.EXECUTE,
        button=True,
        meaning=gettext_lazy(
            "Write again what was undone; what was changed since the undo is not overwritten."
        ),
    ),
    Verb("clone", gettext_lazy("Copy"), tuple(S), None, "add", built=False),
    Verb(
        "deliver",
        gettext_lazy("Send again"),
        (S.EXECUTED,),
        None,
        "execute",
        meaning=gettext_lazy("Send at once what other systems were not told yet, also what failed."),
    ),
    Verb(
        "withdraw",
        gettext_lazy("Withdraw"),
        (S.DRAFT, S.REVIEW, S.READY),
        S.WITHDRAWN,
        "withdraw",
        button=True,
        meaning=gettext_lazy("Give the batch up; it stays readable and can be deleted."),
    ),
    Verb(
        "discard",
        gettext_lazy("Discard"),
        (S.DRAFT,),
        None,
        "add",
        meaning=gettext_lazy("Remove a draft that could not be filled."),
    ),
    Verb(
        "delete",
        gettext_lazy("Delete"),
        (S.DRAFT, S.REVIEW, S.WITHDRAWN),
        None,
        "delete",
        button=True,
        meaning=gettext_lazy("Remove the batch, its rows and its file; the log keeps what was done."),
    ),
    Verb("hold", gettext_lazy("Hold"), tuple(S), None, "purge", button=True, meaning=HOLD),
    Verb("release", gettext_lazy("Release"), tuple(S), None, "purge", button=True, meaning=RELEASE),
    Verb(
        "purge",
        gettext_lazy("Purge"),
        (S.DRAFT, S.EXECUTED, S.REVERTED, S.WITHDRAWN),
        None,
        "purge",
        meaning=PURGE,
    ),
)
VERB = {verb.name: verb for verb in VERBS}


def built_verbs() -> list[Verb]:
    """Return the verbs that exist so far."""
    return [verb for verb in VERBS if verb.built]


def refusal(verb: Verb, status: str, running: str | None = None) -> str | None:
    """Return why `verb` can't be done in `status` (a sentence), or None if it can.

    `running` is the label of the run that is on, if one is.
    """
    label = {"verb": verb.label, "status": Status(status).label}
    if not verb.built:
        return _("“%(verb)s” is not available yet.") % label
    if verb.during_run:
        return None if running else _("Nothing is running.")
    if running:
        return _("“%(run)s” is under way; wait until it is done or stop it.") % {"run": running}
    if status in verb.sources:
        return None
    if not verb.sources:
        return _("“%(verb)s” begins a batch; this one is there already.") % label
    if status == Status.EXECUTED and verb.name == "execute":
        return _("This batch was executed already.")
    wanted = _(" or ").join(f"“{Status(s).label}”" for s in verb.sources)
    return _("“%(verb)s” needs the state %(wanted)s; this batch is “%(status)s”.") % {
        **label,
        "wanted": wanted,
    }

"""Reading the file of a batch in review again: what would come and go, and doing it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from ..again import compared, take_answers
from ..exceptions import Refused
from ..handlers import BatchHandler
from ..log import CODE, Door
from ..models import BatchBase, Run
from ..rights import why_not, why_not_populate
from .base import changing, handler_of, lock_batch
from .mappings import Said, checked_mapping
from .options import clean_options
from .runs import begin, work

READING = ("reading", "sheet", "heading_row", "encoding", "delimiter")


def answers_of(
    handler: BatchHandler, mapping: Mapping[str, Said] | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return, as a run keeps them, the answers for reading again: the reading of the handler's batch, mapping and options.

    Raises Refused for a mapping or an option that does not fit.
    """
    batch: Any = handler.batch
    said = batch.mapping if mapping is None else mapping
    cleaned = clean_options(type(handler), dict(options or {}))
    found = {name: getattr(value, "pk", value) for name, value in cleaned.items()}
    take_answers(batch, {"options": found})
    batch.mapping = checked_mapping(handler, batch, said)
    if reason := why_not_populate(handler):
        raise Refused(reason)
    return {
        "reading": {name: getattr(batch, name) for name in READING},
        "mapping": batch.mapping,
        "options": {name: str(value) for name, value in found.items()},
    }


def comes_and_goes(batch: BatchBase, user: Any, answers: Mapping[str, Any]) -> dict[str, int]:
    """Read the file as the answers say and return how the rows would differ; nothing of it is kept. Raises Refused, FileRefused."""
    reason = why_not(batch, "repopulate", user)
    if reason:
        raise Refused(reason)
    trial = copy.copy(batch)
    take_answers(trial, answers)
    handler = handler_of(trial, user)
    with transaction.atomic(using=handler.using):
        lock_batch(batch, handler.using)
        return compared(handler)


def begin_again(
    batch: BatchBase,
    user: Any,
    answers: Mapping[str, Any] | None = None,
    *,
    revision: int | None = None,
    own: bool = False,
    door: Door = CODE,
) -> Run:
    """Start to read the file again in place of the rows; without `answers` as it was read before. Raises Refused, Forbidden.

    `revision` is the one whose rows were compared. Failing or stopped, the batch is in review with the rows that it had.
    """
    with changing(batch, "repopulate", user, door, revision=revision) as change:
        run = begin(change, "repopulate", user, door, own=own, params={"answers": dict(answers or {})})
        change.comment = _("Started.")
        change.data = {"answers": dict(answers or {})}
    return run


def repopulate(
    batch: BatchBase,
    user: Any,
    mapping: Mapping[str, Said] | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    revision: int | None = None,
    door: Door = CODE,
) -> Run:
    """Read the file again now, in this process, mapped as `mapping` says or as before. Raises Refused, or what made it fail."""
    answers = None
    if mapping is not None or options:
        answers = answers_of(handler_of(copy.copy(batch), user), mapping, options)
    return work(batch, begin_again(batch, user, answers, revision=revision, own=True, door=door))

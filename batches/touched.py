"""What a batch's runs wrote to, by the journal: what an undo is about, and the rights that it asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models

from . import journal
from .models import Link, Run
from .states import RunKind


def runs_of(batch: int, using: str, kind: str = RunKind.EXECUTE) -> list[int]:
    """Return the runs by which a batch wrote into production, or took back what it had written."""
    runs = Run.objects.using(using).filter(batch_id=batch, kind=kind)
    return list(runs.order_by("pk").values_list("pk", flat=True))


def rights_needed(runs: list[int], using: str) -> Iterable[tuple[str, Any]]:
    """Yield each right that undoing may need, and the events of which one asks for it: what was made is deleted, and so on."""
    opposite = {journal.INSERT: "delete", journal.UPDATE: "change", journal.DELETE: "add"}
    for model in journal.tracked_models():
        events = journal.event_model(model)._base_manager.using(using).filter(pgh_run__in=runs)
        for label, right in opposite.items():
            meta = model._meta
            yield f"{meta.app_label}.{right}_{meta.model_name}", events.filter(pgh_label=label)


def row_links(handler: Any) -> dict[str, type[models.Model]]:
    """Return the links by which a row of the type stands for what it writes: link -> model."""
    if handler.targets:
        return {t.to: t.model for t in handler.targets.values() if not t.shared}
    fields = handler.row_model._meta.concrete_fields
    return {f.name: f.related_model for f in fields if isinstance(f, Link)}


def all_links(handler: Any) -> dict[str, type[models.Model]]:
    """Return every link of a row to something that it may write, also to what several rows share: link -> model."""
    return {target.to: target.model for target in handler.targets.values()} or row_links(handler)


def untracked(handler: Any) -> list[str]:
    """Return the names of models that rows stand for and that are not journalled, so that nothing of them can be undone."""
    found = {*row_links(handler).values(), *(t.model for t in handler.targets.values())}
    return sorted(str(model._meta.verbose_name_plural) for model in found if not journal.is_tracked(model))

"""Remember how files with the same headings are read and mapped: saved when a batch was filled, found for the next file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from . import sql
from .files import Reading
from .files.reading import clean_heading
from .models import SavedMapping
from .natural import natural_name

if TYPE_CHECKING:
    from .handlers import BatchHandler

# What of a reading is chosen and not found in the file; the rest is detected anew in each file. How many totals end a file is not
# among it: only that file tells, and a record too many would be lost without a word.
STYLE = ("heading_lines", "decimal_mark", "date_order")
PLACES = ("heading_row", "first_row")
NAME_LENGTH = 100


def fingerprint(headings: Sequence[str]) -> str:
    """Return what files with the same headings in the same order share, whatever their case."""
    folded = "\x1f".join(clean_heading(heading).casefold() for heading in headings)
    return hashlib.sha256(folded.encode()).hexdigest()


def find(handler: BatchHandler, headings: Sequence[str]) -> SavedMapping | None:
    """Return what was saved for files of the batch's sender with these headings."""
    mine = SavedMapping.objects.filter(type=handler.key, source=handler.source_of()[:100])
    return mine.filter(fingerprint=fingerprint(headings)).first()


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two mappings say the same, whatever the case of their headings."""
    return json.dumps(one, sort_keys=True).casefold() == json.dumps(other, sort_keys=True).casefold()


def remember(handler: BatchHandler) -> None:
    """Save how the batch's file was read and mapped, in the transaction that filled it.

    Where another batch is just saving the same, that one's is kept: nobody waits for a long run because of a name.
    """
    batch: Any = handler.batch
    reading = Reading.from_json(batch.reading)
    if not batch.mapping or not batch.original_name:
        return
    key = {
        "type": handler.key,
        "source": handler.source_of()[:100],
        "fingerprint": fingerprint(reading.headings),
    }
    wanted = _("%(file)s of %(date)s") % {"file": "", "date": date_format(timezone.localdate(), "j F Y")}
    wanted = f"{batch.original_name[: NAME_LENGTH - len(wanted) - 5]}{wanted}"
    if not _alone(handler.using, ["/".join(key.values()), f"{handler.key}/{wanted}"]):
        return
    saved = SavedMapping.objects.using(handler.using)
    values: dict[str, Any] = {
        "mapping": batch.mapping,
        "reading": {name: value for name, value in batch.reading.items() if name in (*STYLE, *PLACES)},
        "options": options_text(handler),
        "used": timezone.now(),
        "used_file": batch.original_name,
        "used_batch": batch.pk,
    }
    if saved.filter(**key).update(**values, used_times=F("used_times") + 1):
        return
    user = handler.user
    saved.create(
        **key,
        **values,
        name=_free_name(handler, wanted),
        headings=reading.headings,
        used_times=1,
        created_by=user,
        created_by_name=user.get_username()[:150] if user is not None else "",
    )


def options_text(handler: BatchHandler) -> dict[str, str]:
    """Return the batch's options as text that `make` takes."""
    found = {}
    for name in handler.options:
        field: Any = handler.model._meta.get_field(name)
        value = field.value_from_object(handler.batch)
        if value is not None and value != "":
            found[name] = natural_name(getattr(handler.batch, name)) if field.is_relation else str(value)
    return found


def _free_name(handler: BatchHandler, wanted: str) -> str:
    """Return the name, numbered where the type has a mapping of that name."""
    mine = SavedMapping.objects.using(handler.using).filter(type=handler.key, name__startswith=wanted)
    taken = set(mine.values_list("name", flat=True))
    name, n = wanted, 1
    while name in taken:
        n += 1
        name = f"{wanted} ({n})"
    return name


def _alone(using: str, names: Sequence[str]) -> bool:
    """Tell whether no other transaction is saving under one of these names; none can until this one ends."""
    return all(
        sql.fetch(using, "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"mapping/{name}"])[0][
            0
        ]
        for name in names
    )

"""Making a batch, and what can be said about it while it is a draft."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import transaction
from django.utils.translation import gettext as _

from .. import rights
from ..conf import conf
from ..exceptions import FileRefused, Forbidden, Refused
from ..files import sniff
from ..handlers import BatchHandler
from ..log import CODE, Door, log, user_name
from ..models import BatchBase, BatchNumber, QueryBatchMixin, SavedMapping
from ..registry import registry
from ..states import Status
from .base import changing, storable
from .mappings import Said, checked_mapping
from .options import clean_options
from .proposals import named, propose, use_saved


def make(
    key: str,
    user: Any,
    *,
    door: Door = CODE,
    description: str = "",
    options: dict[str, Any] | None = None,
    file: File | None = None,
    file_name: str = "",
    query: dict[str, Any] | None = None,
    mapping: Mapping[str, Said] | None = None,
    saved: str = "",
) -> BatchBase:
    """Make a batch of type `key` as a draft; its columns are mapped as proposed, or as `mapping` says.

    `saved` names a saved mapping: it tells how the file is read and mapped, and the options that are not given.
    Raises UnknownType, Forbidden, FileRefused for a file that cannot be read, Refused for options that do not hold. Then nothing
    is left behind, the file neither.
    """
    handler_class = registry.get(key)
    model = handler_class.model
    if not rights.may(model, "make", user):
        raise Forbidden(rights.missing_right(handler_class(model(), user=user), "make", user))
    remembered = named(handler_class, saved) if saved else None
    given = {**(remembered.options if remembered else {}), **(options or {})}
    batch: Any = model(**_plain(model, {"description": description}), **clean_options(handler_class, given))
    _refuse_another_origin(handler_class(batch), file, query)
    if file is not None:
        _read_head(batch, handler_class(batch, user=user), file, file_name, remembered, set(given))
    if query is not None:
        batch.query = query
    if mapping is not None:
        batch.mapping = checked_mapping(handler_class(batch), batch, mapping)
    try:
        with transaction.atomic():
            batch.ref = BatchNumber.objects.create(type=key)
            batch.created_by, batch.created_by_name = user, user_name(user)[:150]
            batch.status = Status.DRAFT
            if file is not None:
                _store(batch, file)
            batch.save(force_insert=True)
            data = {"file": batch.original_name, "sha256": batch.sha256} if file is not None else {}
            log(batch, "make", user, door, new=batch.status, data=data)
    except BaseException:
        if file is not None and batch.file:
            batch.file.storage.delete(batch.file.name)
        raise
    return batch


def _refuse_another_origin(handler: BatchHandler, file: File | None, query: dict[str, Any] | None) -> None:
    """Refuse to make a batch from what its type is not made from, and without what it is made from."""
    if file is not None and not handler.reads_file:
        raise Refused(_("A batch of this type is not made from a file."))
    if query is not None and not isinstance(handler.batch, QueryBatchMixin):
        raise Refused(_("A batch of this type is not made from a query."))
    if file is None and handler.reads_file:
        raise Refused(_("A batch of this type is made from a file; give one."))


def _store(batch: Any, file: File) -> None:
    file.seek(0)
    try:
        batch.file.save(batch.original_name, file, save=False)
    except OSError as error:
        raise FileRefused(
            _("The file %(name)r cannot be stored: %(why)s.")
            % {"name": batch.original_name, "why": error.strerror or error}
        ) from error


def _plain(model: type[BatchBase], given: dict[str, str]) -> dict[str, str]:
    """Return description and notes if the header has room for them. Raises Refused."""
    for name, value in given.items():
        field: Any = model._meta.get_field(name)
        try:
            field.clean(storable(value), None)
        except ValidationError as error:
            raise Refused(f"{field.verbose_name.capitalize()}: {' '.join(error.messages)}") from None
    return given


def _read_head(
    batch: Any,
    handler: BatchHandler,
    file: File,
    name: str,
    remembered: SavedMapping | None,
    given: Collection[str],
) -> None:
    """Find out how the file is to be read and propose which column is which. Raises FileRefused, Refused."""
    shown = (name or file.name or "file").replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c for c in shown if c.isprintable())[:255] or "file"
    if file.size > conf("MAX_FILE_BYTES"):
        raise FileRefused(
            _("%(name)r has %(size)d bytes; at most %(limit)d are read. Split it.")
            % {"name": shown, "size": file.size, "limit": conf("MAX_FILE_BYTES")}
        )
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    batch.original_name, batch.sha256 = shown, digest.hexdigest()
    reading = sniff(file, shown)
    if remembered is not None:
        use_saved(handler, file, reading, remembered)
    else:
        propose(handler, file, reading, given)


def change_options(batch: BatchBase, user: Any, values: dict[str, Any], *, door: Door = CODE) -> None:
    """Change description, notes or options. Raises Refused; rows must be checked again afterwards."""
    verb = "populate" if batch.status == Status.DRAFT else "edit"
    context = changing_draft(batch, user, door) if verb == "populate" else changing(batch, verb, user, door)
    with context as change:
        plain = _plain(type(change.batch), {k: v for k, v in values.items() if k in ("description", "notes")})
        for name, value in {
            **plain,
            **clean_options(type(change.handler), {k: v for k, v in values.items() if k not in plain}),
        }.items():
            setattr(change.batch, name, value)
        change.touched()
        change.data = {"options": {k: str(v) for k, v in values.items()}}
        if values.keys() - plain.keys():
            # What the rows were checked with does not hold any more.
            change.data["recheck"] = True


def changing_draft(batch: BatchBase, user: Any, door: Door) -> Any:
    """Return the context of a change to a draft."""
    return changing(batch, "prepare", user, door)

"""Rows saved in a file by a run: written beside the storage first, stored under a generated name, noted with the run's outcome."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from django.core.files import File
from django.core.files.storage import Storage
from django.db.models import QuerySet
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from . import files, sql
from .choosing import choose
from .exceptions import RunFailed
from .export import Table
from .grid import visible_rows
from .handlers import BatchHandler
from .log import user_name
from .models import Artifact, Run
from .rights import scope_key
from .words import whole

logger = logging.getLogger("batches")
WRITERS = {"csv": files.write_csv, "xlsx": files.write_xlsx}
# Rows between two looks whether to stop, and bytes between two signs of life to the database.
HEED_ROWS = 1_000
HEED_BYTES = 1 << 20


def storage() -> Storage:
    """Return where such files lie."""
    field: Any = Artifact._meta.get_field("file")
    return field.storage


def file_name(handler: BatchHandler, kind: str) -> str:
    """Return the name under which rows are saved by people; the moment stands in it."""
    return f"{handler.key}-{handler.batch.shown_number}-{localtime():%Y-%m-%d-%H%M}.{kind}"


def place(run: Run, attempt: int) -> str:
    """Return where an attempt stores its file: known beforehand, so that the next attempt finds what a dead one left."""
    token = run.params["token"]
    return f"batches/{token[:2]}/{token}-{attempt}"


def remove_leftovers(run: Run) -> None:
    """Remove what attempts at a run stored that was never noted."""
    noted = set(Artifact.objects.filter(run=run.pk).values_list("file", flat=True))
    for attempt in range(1, run.attempt + 1):
        if (name := place(run, attempt)) not in noted:
            remove(name)


def remove(name: str) -> None:
    """Remove a file from storage; one that cannot be removed is logged, as nothing else depends on it."""
    try:
        storage().delete(name)
    except Exception:
        # A storage may raise whatever it likes.
        logger.exception("the file %s could not be removed", name)


def of_person(handler: BatchHandler) -> QuerySet:
    """Return the files of a batch that were made for the handler's user, of the rows that the user may see now."""
    found: QuerySet = Artifact.objects.filter(batch_id=handler.batch.pk, made_for_id=handler.user.pk)
    return found.filter(scope=scope_key(handler.scope(handler.user)))


def may_fetch(handler: BatchHandler) -> QuerySet:
    """Return the files that the handler's user may have: one's own, and all of them for who sees all rows."""
    if not handler.scope(handler.user):
        return Artifact.objects.filter(batch_id=handler.batch.pk)
    return of_person(handler)


def export(handler: BatchHandler, run: Run, keeper: Any) -> dict[str, Any]:
    """Save the rows that match and that the person may see now; return what the log says of it."""
    params = run.params
    remove_leftovers(run)
    rows = choose(handler, visible_rows(handler, handler.user), params["filter"])
    keeper.total = rows.order_by().count()
    if not keeper.total:
        raise RunFailed(_("No row that you may see matches any more, so nothing was saved."))
    # A temporary file has no name, so that nothing is left of a process that dies.
    with override(params.get("language")), tempfile.TemporaryFile() as out:
        table = Table(handler, rows)
        lines: Any = table.lines()
        # Closed before the transaction ends, which ends the database's cursor too.
        with closing(lines):
            count = WRITERS[params["kind"]](table.headings, _heedful(lines, keeper), out)
        keeper.progress(count)
        size = out.tell()
        try:
            artifact = _store(handler, run, _Heedful(out, handler.using, keeper), rows=count, size=size)
        except BaseException:
            remove(place(run, run.attempt))
            raise
    one, many = "%(n)s row was saved as %(kind)s.", "%(n)s rows were saved as %(kind)s."
    words = {"n": whole(count), "kind": artifact.kind.upper()}
    return {
        "rows": count,
        "filter": params["filter"],
        "file": artifact.name,
        "said": ngettext(one, many, count) % words,
    }


def _store(handler: BatchHandler, run: Run, content: File, *, rows: int, size: int) -> Artifact:
    """Put the file into storage and note it. Raises RunFailed."""
    kind = run.params["kind"]
    try:
        stored = storage().save(place(run, run.attempt), content)
    except OSError as error:
        why = error.strerror or str(error)
        raise RunFailed(
            _("The file could not be stored (%(why)s); nothing was saved.") % {"why": why}
        ) from error
    person: Any = run.requested_by
    return Artifact.objects.using(handler.using).create(
        batch_id=run.batch_id,
        run=run.pk,
        kind=kind,
        name=file_name(handler, kind),
        file=stored,
        filter=run.params["filter"],
        rows=rows,
        size=size,
        scope=scope_key(handler.scope(person)),
        made_for=person,
        made_for_name=user_name(person)[:150],
    )


def _heedful(lines: Iterable[list[Any]], keeper: Any) -> Iterator[list[Any]]:
    """Yield lines, note how far they are, and end where the work must end."""
    for n, line in enumerate(lines, 1):
        yield line
        if n % HEED_ROWS == 0:
            keeper.progress(n)


class _Heedful(File):
    """A file that is stored piece by piece: storing may take longer than the database waits for a silent transaction."""

    def __init__(self, file: Any, using: str, keeper: Any) -> None:
        super().__init__(file)
        self.using = using
        self.keeper = keeper

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the pieces; show between them that somebody is there, and end where the work must end."""
        for chunk in super().chunks(chunk_size or HEED_BYTES):
            self.keeper.check()
            sql.fetch(self.using, "SELECT 1")
            yield chunk

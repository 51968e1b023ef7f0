"""Where deliveries go: targets by name, out of the setting `BATCHES["DELIVER_TO"]`; the first one is a folder of CSV files."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from .conf import conf
from .exceptions import NotSent
from .files import csv_chunks
from .models import BatchRowBase, Delivery, DeliveryLot

# A name becomes part of keys and of file names.
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)


@dataclass(frozen=True)
class Parcel:
    """What a row has to tell a target: the row or its sequence, the target's name, and what, by name, as JSON can hold it."""

    row: BatchRowBase | int
    target: str
    payload: dict[str, Any]

    @property
    def sequence(self) -> int:
        """Return the row's sequence."""
        return self.row if isinstance(self.row, int) else self.row.sequence


class DeliveryTarget:
    """Something outside of the database. A subclass sends; it is made anew for each lot."""

    # Deliveries that are sent at once at most.
    most: ClassVar[int] = 1_000

    def __init__(self, name: str) -> None:
        self.name = name

    def why_not(self) -> str | None:
        """Return what has to be set before anything can be sent (a sentence), or None; nothing outside is asked."""
        return None

    def send(self, lot: DeliveryLot, deliveries: Sequence[Delivery]) -> None:
        """Send a lot; returning means that the target has all of it.

        It may be called again for the same lot, whose `key` and content are the same then: the receiver must be able to tell,
        or what is done twice must be as if done once. Raises NotSent, or anything else, to be tried again later; Rejected where
        no further try would help.
        """
        raise NotImplementedError(f"{type(self).__name__}.send(lot, deliveries) must send.")


class DropFolder(DeliveryTarget):
    """A CSV file for each lot in the folder `BATCHES["DROP_FOLDER"]`, named by the lot's key.

    A file is there with all of its lines or not at all, and a lot that is sent again replaces its file by the same.
    """

    most = 20_000

    def why_not(self) -> str | None:
        """Return that no folder is named, if so."""
        if conf("DROP_FOLDER"):
            return None
        return _(
            "No folder is named for the files; set BATCHES['DROP_FOLDER'] to one that the worker may write to."
        )

    def send(self, lot: DeliveryLot, deliveries: Sequence[Delivery]) -> None:
        """Write the file beside its name, then give it its name. Raises NotSent."""
        reason = self.why_not()
        if reason:
            raise NotSent(reason)
        folder = Path(conf("DROP_FOLDER"))
        if not folder.is_dir():
            raise NotSent(
                _("The folder %(path)s is not there; make it, or name another one in BATCHES['DROP_FOLDER'].")
                % {"path": folder}
            )
        try:
            _put(folder, lot.key, _lines(lot, deliveries))
        except OSError as error:
            words = {"name": f"{lot.key}.csv", "path": folder, "why": error.strerror or error}
            raise NotSent(
                _(
                    "The file %(name)s could not be put into the folder %(path)s (%(why)s);"
                    " make room, or give the worker the right to write there."
                )
                % words
            ) from error


def _lines(lot: DeliveryLot, deliveries: Sequence[Delivery]) -> Iterable[bytes]:
    rows = ([d.key, d.row, *(_cell(d.payload.get(name)) for name in lot.names)] for d in deliveries)
    return csv_chunks(["key", "row", *lot.names], rows)


def _cell(value: Any) -> Any:
    """Return a value of a payload as a cell takes it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _put(folder: Path, name: str, content: Iterable[bytes]) -> None:
    """Write a file that survives a crash from the moment on at which it has its name. Raises OSError."""
    # What a sender left that died; one that only seemed dead fails then, and its lot is sent by another.
    for left in folder.glob(f".{name}.*.part"):
        left.unlink(missing_ok=True)
    part = folder / f".{name}.{secrets.token_hex(4)}.part"
    try:
        with part.open("xb") as out:
            out.writelines(content)
            out.flush()
            os.fsync(out.fileno())
        part.replace(folder / f"{name}.csv")
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_names(folder)


def _sync_names(folder: Path) -> None:
    """Let the names of a folder survive a crash, where the system and the kind of folder know of that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(directory)


def find_target(name: str) -> DeliveryTarget:
    """Return the target of a name. Raises NotSent where the settings have none, or none that can be made."""
    path = conf("DELIVER_TO").get(name)
    if path is None or not NAME.fullmatch(name):
        raise NotSent(
            _("There is no target %(name)r; name its class in BATCHES['DELIVER_TO'].") % {"name": name}
        )
    try:
        target: DeliveryTarget = import_string(path)(name)
    except ImportError as error:
        raise NotSent(
            _("The target %(name)r cannot be used (%(why)s); correct BATCHES['DELIVER_TO'].")
            % {"name": name, "why": error}
        ) from error
    return target

"""Write the append-only log."""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass
from typing import Any

from .models import BatchBase, Event
from .registry import registry
from .verbs import VERB


@dataclass(frozen=True)
class Door:
    """Through what somebody came: a page, a command, a task or a schedule."""

    kind: str
    account: str = ""
    host: str = ""

    @classmethod
    def command(cls) -> Door:
        """Return the door of a management command: it also names the system account and the host."""
        try:
            account = getpass.getuser()
        except (KeyError, OSError):
            account = ""
        return cls("command", account, socket.gethostname())


PAGE = Door("page")
TASK = Door("task")
CODE = Door("code")


def legible(text: str) -> str:
    """Return a text as the database can hold it: a refusal may quote what it refuses, such as NUL or half a character."""
    return text.replace("\0", "␀").encode("utf-8", "replace").decode()


def user_name(user: Any) -> str:
    """Return the name that is copied into logs and headers."""
    return "" if user is None else str(user.get_username())


def log(
    batch: BatchBase,
    verb: str,
    user: Any,
    door: Door,
    *,
    old: str = "",
    new: str = "",
    run: int | None = None,
    comment: str = "",
    data: dict[str, Any] | None = None,
) -> Event:
    """Add an entry about a batch. Raises KeyError for a verb that is not in the table of verbs."""
    return Event.objects.create(
        batch=batch.pk,
        type=registry.for_model(type(batch)).key,
        verb=VERB[verb].name,
        run=run,
        user_key="" if user is None else str(user.pk),
        user_name=user_name(user)[:150],
        door=door.kind,
        account=door.account[:150],
        host=door.host[:150],
        old=old,
        new=new,
        comment=legible(comment),
        data=data or {},
    )

"""Make a batch, and fill it."""

from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.files import File
from django.db import DatabaseError, InterfaceError
from django.http import QueryDict
from django.utils.translation import gettext as _

from batches import actions
from batches.exceptions import FileRefused, Refused, Stopped
from batches.files.uses import Use
from batches.models import BatchBase
from batches.states import RunState, Status

from ._base import BatchCommand


class Command(BatchCommand):
    help = "Make a batch of a type from a file, a query or the type's own data set, and fill it."

    made: BatchBase | None = None

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add what the batch is made of."""
        parser.add_argument("type", help="Key of the batch type.")
        parser.add_argument("--file", help="File to read.")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help="Map a column, or with FIELD==TEXT the same text in all rows; repeatable.",
        )
        parser.add_argument(
            "--mapping",
            default="",
            metavar="NAME",
            help="Read and map the file as was saved under this name.",
        )
        parser.add_argument("--query", help='Filter of the objects, such as "department=7&brand=acme".')
        parser.add_argument(
            "--option", action="append", default=[], metavar="K=V", help="Option of the type; repeatable."
        )
        parser.add_argument("--description", default="", help="What the batch is for.")
        parser.add_argument("--no-populate", action="store_true", help="Leave it a draft.")
        parser.add_argument("--background", action="store_true", help="Leave the filling to a worker.")

    def work(self, options: dict[str, Any]) -> None:
        """Make the batch; if it cannot be filled, remove it again."""
        user = self.user(options)
        query = QueryDict(options["query"]).dict() if options["query"] else None
        given: dict[str, Any] = {
            "door": self.door(),
            "description": options["description"],
            "options": pairs(options["option"]),
            "query": query,
            "saved": options["mapping"],
        }
        if options["file"]:
            with opened(Path(options["file"])) as file:
                batch = actions.make(options["type"], user, file=file, **given)
        else:
            batch = actions.make(options["type"], user, **given)
        try:
            self.fill(batch, user, options)
        except BaseException:
            # The caller has a sentence and no batch: nothing is left behind that nobody would look after.
            with suppress(DatabaseError, InterfaceError):
                batch.refresh_from_db()
                if batch.status == Status.DRAFT:
                    actions.discard(batch, user, door=self.door())
                else:
                    self.made = batch
            raise
        self.made = batch
        self.show(batch, options)

    def interrupted(self) -> None:
        """End after Ctrl-C; a batch that was there by then is not denied."""
        if self.made is not None:
            names = {"number": self.made.shown_number, "status": Status(self.made.status).label}
            self.fail(_("Stopped at the keyboard; the batch %(number)s is there: %(status)s.") % names)
        super().interrupted()

    def fill(self, batch: BatchBase, user: Any, options: dict[str, Any]) -> None:
        """Map the columns and fill the batch, or let a worker do it. Raises BatchError."""
        if options["map"]:
            named = {field: as_use(text) for field, text in pairs(options["map"]).items()}
            actions.map_columns(batch, user, {**batch.mapping, **named}, door=self.door())  # type: ignore[attr-defined]
        if not options["no_populate"] and options["file"]:
            answered = pairs(options["option"])
            actions.must_be_answered(batch, user, answered, saved=options["mapping"])
        if options["background"]:
            actions.start(batch, "populate", user, door=self.door())
        elif not options["no_populate"]:
            run = actions.populate(batch, user, door=self.door())
            if run.state == RunState.STOPPED:
                raise Stopped(run.error)


def opened(path: Path) -> File:
    """Return the file of that path, to be closed. Raises FileRefused, also for what is no file and might never end."""
    try:
        if path.exists() and not path.is_file():
            raise FileRefused(_("%(path)r is not a file.") % {"path": str(path)})
        return File(path.open("rb"), name=path.name)
    except OSError as error:
        raise FileRefused(
            _("The file %(path)r cannot be opened: %(why)s.") % {"path": str(path), "why": error.strerror}
        ) from error


def as_use(text: str) -> str | Use:
    """Return what --map fills a field with: a column, or after a second equals sign the same text in all rows."""
    return Use(fixed=text[1:]) if text.startswith("=") and text != "=" else text


def pairs(given: list[str]) -> dict[str, str]:
    """Return K=V arguments as a dict. Raises Refused for one without an equals sign, and for a name that is given twice."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise Refused(_("%(text)r is not of the form NAME=VALUE.") % {"text": text})
        if key in found:
            raise Refused(
                _("%(name)r is given twice, as %(first)r and as %(second)r; give it once.")
                % {"name": key, "first": found[key], "second": value}
            )
        found[key] = value
    return found

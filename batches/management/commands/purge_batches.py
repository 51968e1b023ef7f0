"""Remove rows, files and history of batches that ended long ago."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from batches import actions, rights
from batches.exceptions import BatchError, Forbidden
from batches.purging import Elsewhere, Gone, Purge
from batches.registry import find_batch, registry
from batches.retention import Standing, standings
from batches.words import whole

from ._base import EXIT_IN_PART, BatchCommand, count

WORDS = {
    "purged": "purged",
    "would_purge": "would go",
    "stays": "stays",
    "in_use": "in use",
    "failed": "failed",
}


def day(text: str) -> datetime:
    """Return the beginning of a day. Raises ArgumentTypeError, which ends with exit code 2."""
    try:
        return timezone.make_aware(datetime.combine(date.fromisoformat(text), time.min))
    except ValueError:
        raise ArgumentTypeError(_("%(text)r is no day; write it as 2026-01-31.") % {"text": text}) from None


class Command(BatchCommand):
    help = "Remove rows, files and history of batches that ended long ago; header, figures and log of what was executed stay."

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add which batches."""
        limit = parser.add_mutually_exclusive_group()
        limit.add_argument(
            "--before",
            type=day,
            metavar="DATE",
            help="Only what ended before this day, whatever its rows are kept for.",
        )
        limit.add_argument(
            "--days",
            type=count,
            metavar="N",
            help="Only what ended so many days ago, whatever its rows are kept for.",
        )
        parser.add_argument("--type", help="Only batches of this type.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Only show what would go, and why the rest stays."
        )

    def work(self, options: dict[str, Any]) -> None:
        """Purge one batch after the other; what is in use is skipped."""
        user = self.user(options)
        handlers = self.handlers(options["type"], user)
        before = options["before"]
        if options["days"] is not None:
            before = timezone.now() - timedelta(days=min(options["days"], 36_500))
        found: list[dict[str, Any]] = []
        for handler in handlers:
            for standing in list(standings(handler, before=before)):
                if options["dry_run"]:
                    line = self.weighed(standing)
                elif standing.due:
                    line = self.purged(standing, user, before)
                elif standing.in_use:
                    line = self.line(standing, "in_use", standing.why)
                else:
                    continue
                found.append(line)
                if not options["as_json"]:
                    self.stdout.write(sentence(line))
        if options["as_json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
        elif not found:
            self.stdout.write(_("Nothing is to be removed."))
        if not options["dry_run"] and any(line["outcome"] in ("in_use", "failed") for line in found):
            raise SystemExit(EXIT_IN_PART)

    def handlers(self, key: str | None, user: Any) -> list[Any]:
        """Return the types whose batches the user may purge. Raises UnknownType, Forbidden."""
        types = [registry.get(key)] if key else registry.all()
        mine = [handler for handler in types if rights.may(handler.model, "purge", user)]
        if not mine:
            raise Forbidden(
                rights.missing_right(types[0](types[0].model()), "purge", user) if types else None
            )
        for handler in types:
            if handler not in mine:
                name = handler.model._meta.verbose_name_plural
                self.stderr.write(
                    _("Left out, as you have no permission to purge them: %(type)s.") % {"type": name}
                )
        return mine

    def weighed(self, standing: Standing) -> dict[str, Any]:
        """Return what would go of a batch, and why what stays stays."""
        if not standing.due:
            return self.line(standing, "in_use" if standing.in_use else "stays", standing.why)
        work = Purge(standing.handler(standing.batch))
        gone = work.weigh(rows=standing.rows, history=standing.journal)
        return self.line(standing, "would_purge", standing.why, gone)

    def purged(self, standing: Standing, user: Any, before: datetime | None) -> dict[str, Any]:
        """Purge a batch; what keeps it from that is said, and the next one has its turn."""
        try:
            gone = actions.purge(find_batch(standing.batch.pk), user, before=before, door=self.door())
        except Elsewhere as busy:
            return self.line(standing, "in_use", str(busy))
        except BatchError as error:
            return self.line(standing, "failed", str(error))
        if gone.needed and not any((gone.rows, gone.unreadable, gone.files, gone.journal)):
            return self.line(standing, "stays", standing.why, gone)
        return self.line(standing, "purged", standing.why, gone)

    def line(self, standing: Standing, outcome: str, why: str, gone: Gone | None = None) -> dict[str, Any]:
        """Return a batch as it is printed."""
        batch = standing.batch
        return {
            "number": batch.pk, "type": standing.handler.key, "status": batch.status, "ended": standing.ended.isoformat(),
            "outcome": outcome, "why": why, **(gone or Gone()).to_json(),
        }  # fmt: skip

    def interrupted(self) -> None:
        """End after Ctrl-C: each transaction is whole, and the rest has time."""
        self.fail(_("Stopped at the keyboard; what was begun goes on at the next purge."), EXIT_IN_PART)


def sentence(line: dict[str, Any]) -> str:
    """Return a batch in a line for people."""
    parts = [
        (line["rows"], _("%(n)s rows")), (line["unreadable"], _("%(n)s unreadable")), (line["files"], _("%(n)s files")),
        (line["journal"], _("%(n)s of history")), (line["needed"], _("%(n)s of history needed to undo other batches")),
    ]  # fmt: skip
    what = ", ".join(text % {"n": whole(n)} for n, text in parts if n)
    said = " ".join(part for part in (what + "." if what else "", line["why"]) if part)
    return f"{line['number']:08d}  {line['type']:16} {line['status']:10} {WORDS[line['outcome']]:10} {said}".rstrip()

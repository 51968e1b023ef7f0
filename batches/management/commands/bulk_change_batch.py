"""Change one field of all rows that match a filter."""

from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _

from batches import actions
from batches.bulk import Said
from batches.exceptions import Refused

from ._base import RunCommand, add_filter, chosen


class Command(RunCommand):
    help = "Change one field of all rows that match a filter; they are checked at once."
    verb = "bulk_change"

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the change and the filter."""
        super().add_own_arguments(parser)
        change = parser.add_mutually_exclusive_group(required=True)
        change.add_argument("--set", metavar="FIELD=VALUE", help="Give the field this value.")
        change.add_argument(
            "--percent", metavar="FIELD=N", help="Change the field's numbers by so many percent."
        )
        change.add_argument("--amount", metavar="FIELD=N", help="Add so much to the field's numbers.")
        change.add_argument("--clear", metavar="FIELD", help="Empty the field.")
        add_filter(parser)
        parser.add_argument(
            "--expected", type=int, help="Change nothing if another number of rows would change."
        )

    def work(self, options: dict[str, Any]) -> None:
        """Change the rows and show the batch."""
        batch, user = self.batch(options), self.user(options)
        done = actions.bulk_change(
            batch, user, said(options), chosen(options["filter"]), expected=options["expected"],
            own=not options["background"], door=self.door(),
        )  # fmt: skip
        run = done.run
        if run is not None and not options["background"]:
            self.started = batch, run
            run = actions.work(batch, run)
        self.show(batch, options)
        if run is not None:
            self.conclude(batch, run)


def said(options: dict[str, Any]) -> Said:
    """Return the change that was asked for. Raises Refused."""
    if options["clear"] is not None:
        return Said(options["clear"], "clear")
    how = next(name for name in ("set", "percent", "amount") if options[name] is not None)
    field, equals, value = options[how].partition("=")
    if not equals:
        raise Refused(_("%(text)r names no value; write FIELD=VALUE.") % {"text": options[how]})
    return Said(field.strip(), how, value)

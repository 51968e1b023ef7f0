"""Save the rows of a batch in a file."""

import json
import os
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from batches import actions
from batches.artifacts import WRITERS
from batches.exceptions import Refused, RunFailed
from batches.models import Artifact, BatchBase, Run
from batches.words import whole

from ._base import RunCommand, add_filter, chosen


class Command(RunCommand):
    help = "Save the rows that match a filter as CSV or XLSX; the file also stands on the batch's page for the user."
    verb = "export"

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the format, the filter and where the file goes."""
        super().add_own_arguments(parser)
        parser.add_argument(
            "--format",
            choices=sorted(WRITERS),
            default="csv",
            metavar="KIND",
            help="csv (without it) or xlsx.",
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="Copy the file there too.")
        add_filter(parser)

    def work(self, options: dict[str, Any]) -> None:
        """Save the rows, and say where."""
        batch, user, output = self.batch(options), self.user(options), options["output"]
        if output is not None:
            must_be_writable(output, options["background"])
        run = actions.export(
            batch, user, options["format"], chosen(options["filter"]), own=not options["background"], door=self.door()
        )  # fmt: skip
        if options["background"]:
            self.show(batch, options)
            return
        self.started = batch, run
        run = actions.work(batch, run)
        self.conclude(batch, run)
        self.tell(batch, run, options)

    def tell(self, batch: BatchBase, run: Run, options: dict[str, Any]) -> None:
        """Copy the file if that was asked for, and print what was made. Raises RunFailed."""
        made = Artifact.objects.get(run=run.pk)
        output = options["output"]
        if output is not None:
            copy(made, output)
        if options["as_json"]:
            data = {"number": batch.pk, "file": made.name, "rows": made.rows, "size": made.size}
            data["output"] = None if output is None else str(output)
            self.stdout.write(json.dumps(data, ensure_ascii=False))
            return
        words = {"n": whole(made.rows), "file": made.name if output is None else output}
        self.stdout.write(_("%(n)s rows: %(file)s") % words)


def must_be_writable(output: Path, background: bool) -> None:
    """Raise Refused, before anything is made, for a place where no file can be put."""
    if background:
        raise Refused(_("With --background the file is made later; fetch it from the batch's page."))
    if output.is_dir():
        raise Refused(_("%(path)s is a folder; name a file.") % {"path": output})
    if not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        raise Refused(_("No file can be put into the folder %(path)s.") % {"path": output.parent})


def copy(made: Artifact, output: Path) -> None:
    """Copy a file so that its name is there with all of it, or not at all. Raises RunFailed."""
    part = output.with_name(f".{output.name}-{os.getpid()}")
    try:
        try:
            with made.file.open("rb") as stored, part.open("xb") as out:
                shutil.copyfileobj(stored, out)
            part.replace(output)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        why = {"path": output, "why": error.strerror or error}
        raise RunFailed(_("The rows were saved, but not copied to %(path)s: %(why)s.") % why) from error

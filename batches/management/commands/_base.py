"""What the batch commands share: the user, the door, exit codes and JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext as _

from batches import actions
from batches.actions import Door
from batches.exceptions import BatchError, Refused
from batches.figures import batch_json, not_rows
from batches.models import BatchBase, Run
from batches.outbox import outbox_of
from batches.registry import find_batch, registry
from batches.rights import EXECUTES
from batches.states import RowStatus, RunState, Status

EXIT_REFUSED = 1
EXIT_IN_PART = 3


class BatchCommand(BaseCommand):
    """Exit 0: all was done; 1: refused or failed, one sentence on stderr, nothing written; 2: usage; 3: executed in part."""

    needs_user = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options that all batch commands have."""
        if self.needs_user:
            parser.add_argument(
                "--user", required=True, help="User name in whose name this is done; no login."
            )
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print one JSON object.")
        self.add_own_arguments(parser)

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the options of this command."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the work; turn every refusal into one sentence and exit code 1."""
        try:
            check_text(value for name, value in options.items() if name != "file")
            with one_ctrl_c():
                self.work(options)
                self.stdout.flush()
        except BatchError as error:
            self.fail(str(error))
        except (DatabaseError, InterfaceError) as error:
            if options.get("traceback"):
                raise
            self.fail(_("The database cannot be worked with: %(why)s") % {"why": error})
        except BrokenPipeError:
            self.hung_up()
        except KeyboardInterrupt:
            self.interrupted()

    def work(self, options: dict[str, Any]) -> None:
        """Do what the command is for. Raises BatchError."""
        raise NotImplementedError(f"{type(self).__module__} does nothing")

    def interrupted(self) -> None:
        """End after Ctrl-C."""
        self.fail(_("Stopped at the keyboard; nothing was written."))

    def hung_up(self) -> None:
        """End where whoever reads the output has read enough; the work was done before."""
        out: Any = self.stdout
        if out._out is sys.stdout:
            # Else the interpreter complains when it closes the pipe.
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())

    def fail(self, sentence: str, code: int = EXIT_REFUSED) -> None:
        """Print one sentence on stderr and end with an exit code."""
        self.stderr.write(" ".join(sentence.split()))
        raise SystemExit(code)

    def user(self, options: dict[str, Any]) -> Any:
        """Return the user named. Raises Refused for one that does not exist or is inactive."""
        model = get_user_model()
        name = options["user"]
        try:
            user = model._default_manager.get_by_natural_key(name)
        except model.DoesNotExist:
            raise Refused(_("There is no user %(name)r.") % {"name": name}) from None
        if not user.is_active:
            raise Refused(_("The user %(name)r is not active.") % {"name": name})
        return user

    def door(self) -> Door:
        """Return the door that is logged."""
        return Door.command()

    def show(self, batch: BatchBase, options: dict[str, Any]) -> None:
        """Print a batch, as JSON or in a few lines."""
        data = batch_json(batch)
        if options["as_json"]:
            self.stdout.write(json.dumps(data, ensure_ascii=False))
            return
        for line in lines(batch, data):
            self.stdout.write(line)


class NumberCommand(BatchCommand):
    """A command about one batch."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the batch's number."""
        parser.add_argument("number", help="The batch's number.")
        super().add_arguments(parser)

    def batch(self, options: dict[str, Any]) -> BatchBase:
        """Return the batch named. Raises UnknownBatch."""
        return find_batch(options["number"])


class RunCommand(NumberCommand):
    """A command that runs long work on one batch: in the foreground, or for a worker with --background."""

    verb = ""
    started: tuple[BatchBase, Run] | None = None

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the choice of who does it."""
        parser.add_argument("--background", action="store_true", help="Leave the work to a worker.")

    def work(self, options: dict[str, Any]) -> None:
        """Start the run, and do it unless a worker shall."""
        batch, user = self.batch(options), self.user(options)
        run = self.begin(batch, user, options)
        if not options["background"]:
            self.started = batch, run
            try:
                run = actions.work(batch, run)
            except BatchError as error:
                run.refresh_from_db()
                if not ended_in_part(batch, run):
                    raise
                self.fail(str(error), EXIT_IN_PART)
        self.show(batch, options)
        self.conclude(batch, run)

    def begin(self, batch: BatchBase, user: Any, options: dict[str, Any]) -> Run:
        """Make the run."""
        return actions.start(batch, self.verb, user, door=self.door(), own=not options["background"])

    def interrupted(self) -> None:
        """End after Ctrl-C; what was done before is not denied."""
        if self.started is not None:
            batch, run = self.started
            batch.refresh_from_db()
            run.refresh_from_db()
            if run.state == RunState.SUCCEEDED:
                self.stderr.write(
                    _("Stopped at the keyboard after the work was done; only its report is missing.")
                )
                self.conclude(batch, run)
                return
            if ended_in_part(batch, run):
                self.fail(run.error, EXIT_IN_PART)
        super().interrupted()

    def hung_up(self) -> None:
        """End with the exit code of the outcome."""
        super().hung_up()
        if self.started is not None:
            self.conclude(*self.started)

    def conclude(self, batch: BatchBase, run: Run) -> None:
        """End with the exit code that the outcome asks for."""
        if run.state == RunState.STOPPED:
            self.fail(run.error, EXIT_IN_PART if ended_in_part(batch, run) else EXIT_REFUSED)
        if run.state == RunState.PAUSED:
            self.fail(_("It was paused; it goes on when somebody presses “Go on” on its page."), EXIT_IN_PART)
        if batch.status == Status.EXECUTED and self.verb in EXECUTES:
            left = [RowStatus.CONFLICT, RowStatus.FAILED]
            handler = registry.for_model(type(batch))(batch)
            if handler.rows().filter(status__in=left).exists():
                raise SystemExit(EXIT_IN_PART)


class FilteredRunCommand(RunCommand):
    """A command that runs long work on the rows of a batch that match a filter."""

    # The function of `actions` that makes the run.
    action: ClassVar[Callable[..., Run]]

    def add_own_arguments(self, parser: ArgumentParser) -> None:
        """Add the filter."""
        super().add_own_arguments(parser)
        add_filter(parser)

    def begin(self, batch: BatchBase, user: Any, options: dict[str, Any]) -> Run:
        """Make the run for the rows that match."""
        make = type(self).action
        return make(batch, user, chosen(options["filter"]), door=self.door(), own=not options["background"])


def ended_in_part(batch: BatchBase, run: Run) -> bool:
    """Tell whether a run that did not come to its end has written some of its rows, in chunks."""
    return run.is_chunked and run.state != RunState.SUCCEEDED and batch.status == Status.EXECUTED


@contextmanager
def one_ctrl_c() -> Iterator[None]:
    """Let the first Ctrl-C end the block, and no further one disturb what records that.

    Else the run would look like one whose process died, and a worker would carry on with what somebody stopped.
    """
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def check_text(values: Iterable[Any]) -> None:
    """Raise Refused for an argument with bytes that are no text in this system's encoding."""
    for value in values:
        if isinstance(value, list):
            check_text(value)
        elif isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            raise Refused(_("The argument %(value)r is not text in UTF-8.") % {"value": value})


def count(text: str) -> int:
    """Return the whole number of an argument. Raises ArgumentTypeError, which ends with exit code 2."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(_("%(text)r is no whole number.") % {"text": text})
    # The database counts to no more than this.
    return min(int(text), 2**62)


def add_filter(parser: Any, *, needed: bool = False) -> None:
    """Add the option that `chosen` reads."""
    said = "Which rows, such as status=warning&q=milk"
    parser.add_argument(
        "--filter", required=needed, help=f"{said}." if needed else f"{said}; all without it."
    )


def chosen(text: str | None) -> dict[str, str]:
    """Return the filter of a query string; none is all rows, an empty one is not. Raises Refused."""
    if text is None:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        pairs = []
    if not pairs:
        raise Refused(
            _("The filter %(text)r is not understood; write it as status=warning&q=milk.") % {"text": text}
        )
    found: dict[str, str] = {}
    for name, value in pairs:
        # A variable of a script that is not set would mean all rows.
        if not value.strip():
            raise Refused(
                _("The filter %(name)s has no value; leave it out where all rows are meant.") % {"name": name}
            )
        if name in found:
            raise Refused(_("The filter %(name)s is given twice; give it once.") % {"name": name})
        found[name] = value
    return found


def lines(batch: BatchBase, data: dict[str, Any]) -> list[str]:
    """Return a batch in lines for people."""
    head = f"{batch.shown_number}  {data['type']}  {Status(batch.status).label}"
    if batch.description:
        head += f"  {batch.description}"
    shown = [head]
    shown += [data[name] for name in ("purged", "held") if data[name]]
    if data["file"]:
        words = _("File: %(file)s, %(records)s records")
        if batch.was_split_off:
            words = _("File: %(file)s, %(records)s of its records")
        shown.append(words % {"file": data["file"], "records": data["records"]})
        if left := not_rows(batch):
            shown.append(left)
    if data["not_read"]:
        shown.append(_("Columns not read: ") + ", ".join(data["not_read"]))
    if data["counts"]:
        counts = [(s, data["counts"][s]) for s in RowStatus.values if s in data["counts"]]
        shown.append(_("Rows: ") + ", ".join(f"{RowStatus(s).label} {n}" for s, n in counts))
        shown.append(
            _("Actions: ") + ", ".join(f"{action} {n}" for action, n in sorted(data["actions"].items()))
        )
    if data["excluded"]:
        shown.append(_("Excluded: %(n)d") % {"n": data["excluded"]})
    shown += [f"  {g['severity']:8} {g['n']:>8}  {g['code']}: {g['message']}" for g in data["issues"]]
    shown += [_("  unreadable row %(row)d: %(reason)s") % u for u in data["unreadable"][:10]]
    if data["deliveries"] and data["deliveries"]["written"]:
        shown.append(_("To other systems: ") + outbox_of(batch.pk).words())
    if data["run"] and data["run"]["error"]:
        shown.append(_("Last run: ") + data["run"]["error"])
    return shown

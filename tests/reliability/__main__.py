"""`./reliability`: carry the programme out on a server of its own, print what each trial found; exit 1 if one has a fault."""

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batchsite.localpg.places import public_place
from batchsite.localpg.server import Server

from .programme import NAMES


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="./reliability",
        description="Kill workers and the database, let people meet, and compare what comes of it with what must.",
    )
    parser.add_argument("--long", action="store_true", help="the long sizes; they take about half an hour")
    parser.add_argument("--seed", type=int, help="the number that data and moments are drawn from")
    parser.add_argument(
        "--only", metavar="NAME", action="append", help="only this trial; may be given several times"
    )
    parser.add_argument("--json", action="store_true", help="print an object a line instead of text")
    options = parser.parse_args()
    unknown = set(options.only or ()) - set(NAMES)
    if unknown:
        parser.error(f"There is nothing called {', '.join(sorted(unknown))}; give one of {', '.join(NAMES)}.")
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    names = [name for name in NAMES if not options.only or name in options.only]
    faults = 0
    with own_server():
        prepare()
        from . import programme

        programme.load(names)  # now, so that all of a long run is of one version of the code
        for name in names:
            try:
                report = programme.run(name, "long" if options.long else "ci", seed)
            except Exception as error:  # the other trials are worth their time all the same
                traceback.print_exc()
                report = programme.Report(name, seed)
                report.must(False, f"it broke off: {error!r}")
            print(report.json() if options.json else report.text(), flush=True)
            faults += len(report.faults)
    return int(bool(faults))


@contextmanager
def own_server() -> Iterator[None]:
    """Start a durable server in a directory that is there only for this run, and remove both."""
    folder = Path(tempfile.mkdtemp(prefix="batchsite-reliability-"))
    folder.chmod(0o755)
    own = {"BATCHSITE_VAR": str(folder / "var"), "DJANGO_SETTINGS_MODULE": "tests.reliability.settings"}
    os.environ |= own | {"RELIABILITY_VAR": own["BATCHSITE_VAR"]}
    os.environ.pop("DATABASE_URL", None)
    (folder / "var").mkdir()
    server = Server(folder / "var", "main")
    # Whoever ends this run lets it clean up first.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    try:
        server.ensure()
        yield
    finally:
        with suppress(Exception):
            server.stop()
        shutil.rmtree(server.places.sockets, ignore_errors=True)
        if public_place() in server.places.home.parents:
            shutil.rmtree(server.places.home.parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def prepare() -> None:
    """Make the tables, as a site that is new has them."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m batchsite.localpg start|stop|status|psql [cluster]`."""

import argparse
import os
import sys
from pathlib import Path

from .exceptions import LocalPostgresError
from .server import Server


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m batchsite.localpg", description="The embedded PostgreSQL."
    )
    parser.add_argument("verb", choices=["start", "stop", "status", "psql"])
    parser.add_argument("cluster", nargs="?", default="main", help="main (default) or test")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="passed on to psql")
    options = parser.parse_args(arguments)
    top = Path(__file__).resolve().parent.parent.parent
    server = Server(Path(os.environ.get("BATCHSITE_VAR") or top / "var"), options.cluster)
    try:
        return _do(options.verb, server, options.options)
    except LocalPostgresError as error:
        print(error, file=sys.stderr)
        return 1


def _do(verb: str, server: Server, rest: list[str]) -> int:
    if verb == "stop":
        print("Stopped." if server.stop() else "It was not running.")
        return 0
    if verb == "status":
        pid = server.postmaster()
        print(f"Running, process {pid}." if pid else "Not running.", f"Data: {server.places.data}")
        return 0 if pid else 3
    server.ensure()
    if verb == "psql":
        command = server.command_line("psql", *rest)
        os.execv(command[0], command)  # noqa: S606
    print(f"Running, process {server.postmaster()}. Socket: {server.places.sockets}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

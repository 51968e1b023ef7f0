"""One case in a process of its own: `python -m benchmarks.child NAME ROWS`, figures as JSON on stdout."""

import json
import sys

import django

django.setup()

from . import data, engine, pages, product_file  # noqa: E402 - models need the set-up


def main(name: str, rows: int) -> None:
    """Prepare the database, or run a case."""
    if name == "prepare":
        data.prepare(rows)
        found = []
    else:
        found = list({**product_file.CASES, **pages.CASES, **engine.CASES}[name](rows))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

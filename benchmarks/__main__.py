"""`./bench`: make a database, run each case in a process of its own, print figures; exit 1 if a target is missed."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

NAMES = ("product_file.populate", "product_file.populate_xlsx", "product_file.refresh", "product_file.execute_updates",
         "product_file.execute_creates", "product_file.pages", "engine.price_book",
         "engine.execute_chunked", "engine.revert")  # fmt: skip


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="./bench", description="Measure the engine against hand-written SQL, in one run and in turn."
    )
    parser.add_argument("--rows", type=int, default=100_000, help="products and records of the file (100000)")
    parser.add_argument("--only", metavar="NAME", help="only what begins so, such as product_file.refresh")
    parser.add_argument("--json", action="store_true", help="print a list of objects instead of a table")
    options = parser.parse_args()
    names = [name for name in NAMES if name.startswith(options.only or "")]
    if not names:
        parser.error(f"There is nothing called {options.only!r}; give one of {', '.join(NAMES)}.")
    if options.rows < 100:
        parser.error(f"{options.rows!r} rows tell nothing; give at least 100.")
    with tempfile.TemporaryDirectory(prefix="batchsite-bench-") as folder:
        results = measure(names, options.rows, folder)
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        print_table(results)
    return 0 if all(found["within"] for found in results) else 1


def measure(names: list[str], rows: int, folder: str) -> list[dict[str, Any]]:
    """Measure the named cases on a database that is there only for them."""
    os.environ |= {
        "BENCH_DATABASE": f"batchsite_bench_{os.getpid()}",
        "BENCH_MEDIA": folder,
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
    }
    import django  # the settings above come first

    django.setup()
    from .database import own_database

    results = []
    with own_database():
        child("prepare", rows)
        for name in names:
            found = child(name, rows)
            results += found
    return results


def child(name: str, rows: int) -> list[dict[str, Any]]:
    """Run one case in a fresh process, so that its memory is its own."""
    print(f"{name} …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.child", name, str(rows)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def print_table(results: list[dict[str, Any]]) -> None:
    """Print the figures for people."""
    line = "{:30} {:>9} {:>9} {:>9} {:>7} {:>8} {:>7} {:>7} {:>8} {:>8}  {}"
    print(
        line.format(
            "", "rows", "seconds", "baseline", "ratio", "target", "floor", "peak MB", "growth", "queries", ""
        )
    )
    for found in results:
        floor = f"{found['floor_ratio']:.2f}x" if "floor_ratio" in found else ""
        baseline, ratio, target = found["baseline_seconds"], found["ratio"], found["target"]
        print(
            line.format(
                found["name"],
                found["rows"],
                f"{found['seconds']:.3f}",
                "" if baseline is None else f"{baseline:.3f}",
                "" if ratio is None else f"{ratio:.2f}x",
                "" if target is None else f"{target:g}" + ("s" if ratio is None else "x"),
                floor,
                f"{found['peak_mb']:.0f}",
                f"{found['growth_mb']:.0f}",
                found["queries"],
                "" if found["within"] else "MISSED",
            )
        )


if __name__ == "__main__":
    sys.exit(main())

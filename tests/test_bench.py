"""./bench prints what it promises; how quick anything is, is not asked here."""

import json
import os
import subprocess
import sys

from django.conf import settings

KEYS = {
    "name",
    "rows",
    "seconds",
    "baseline_seconds",
    "ratio",
    "target",
    "peak_mb",
    "growth_mb",
    "queries",
    "within",
}


def bench(*arguments):
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_prints_a_list_of_objects_and_says_by_its_end_whether_all_is_within():
    done = bench("--rows", "2000", "--json")
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    names = {entry["name"].removeprefix("product_file.") for entry in found}
    assert names >= {
        "populate",
        "populate_xlsx",
        "refresh",
        "execute_updates",
        "execute_creates",
        "page_first",
        "page_filtered",
        "engine.price_book",
        "engine.price_book_chunked",
        "engine.price_book_undo",
        "engine.execute_chunked",
        "engine.revert",
    }
    for entry in found:
        assert set(entry) >= KEYS
        assert entry["rows"] == 2000
        assert entry["seconds"] > 0
        assert entry["queries"] > 0
    assert done.returncode == (0 if all(entry["within"] for entry in found) else 1)
    floors = [entry["floor_ratio"] for entry in found if "floor_ratio" in entry]
    assert len(floors) == 4


def test_names_what_it_has_when_asked_for_something_else():
    done = bench("--only", "nothing")
    assert done.returncode == 2
    assert "product_file.populate" in done.stderr

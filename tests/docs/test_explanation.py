"""The explanations name what the code has: words, verbs that are to come, cases and targets of the bench."""

import ast
import importlib
import re

from batches import states
from batches.verbs import VERBS
from tests.reliability import programme

from .pages import DOCS, TOP, sections

EXPLANATION = DOCS / "explanation"


def test_the_words_on_pages_are_those_of_the_code():
    known = {
        str(word)
        for kind in (states.Status, states.RowStatus, states.RowAction, states.Severity)
        for word in kind.labels
    }
    known |= {str(verb.label) for verb in VERBS}
    names = {verb.name for verb in VERBS} | {
        str(value)
        for kind in (states.Status, states.RowStatus, states.RowAction, states.Severity)
        for value in kind.values
    }
    rows = re.findall(r"^\| (`.+?`) \| (.+?) \|", (EXPLANATION / "words.md").read_text(), re.MULTILINE)
    assert len(rows) > 12
    for codes, shown in rows:
        assert set(re.findall(r"`(\w+)`", codes)) - names == set()
        words = re.split(r", | \(", shown)
        assert [w for w in words if not {w, shown} & known and "press" not in w] == [], shown


def test_every_verb_that_is_to_come_is_named_and_no_other():
    text = sections(EXPLANATION / "promises.md")["Not there yet"]
    column = " ".join(re.findall(r"^\| [^|]+ \| ([^|]*) \|", text, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", column)) == {verb.name for verb in VERBS if not verb.built}


def test_every_case_of_the_bench_is_there_with_its_target():
    rows = dict(
        re.findall(
            r"^\| `((?:product_file|engine)\.\w+)` \|.*\| ([\d.]+) (?:×|s) \|$",
            (EXPLANATION / "performance.md").read_text(),
            re.MULTILINE,
        )
    )
    main = ast.parse((TOP / "benchmarks" / "__main__.py").read_text())
    (names,) = [
        ast.literal_eval(node.value)
        for node in main.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NAMES"
    ]
    assert tuple(rows) == names
    source = "".join((TOP / "benchmarks" / name).read_text() for name in ("product_file.py", "engine.py"))
    targets = dict(re.findall(r'result\("([\w.]+)", rows, steps, target=([\d.]+)', source))
    assert {name: float(rows[name]) for name in targets} == {name: float(t) for name, t in targets.items()}
    assert len(targets) == len(names) - 1
    pages = (TOP / "benchmarks" / "pages.py").read_text()
    assert (
        re.search(r"^SECONDS, QUERIES, TIMES = ([\d.]+)", pages, re.MULTILINE)[1]
        == rows["product_file.pages"]
    )


def test_every_trial_of_the_reliability_programme_is_there_with_its_figures():
    """The figures of the table are those of the trials; what a long run found is what it printed, and names each trial, too."""
    text = sections(EXPLANATION / "reliability.md")
    rows = re.findall(
        r"^\| `(\w+)` \| .+ \| ([\d,]+) \w[^|]* \| ([\d,]+) \w[^|]* \|$",
        text["How it is tried"],
        re.MULTILINE,
    )
    figures = {name: tuple(int(n.replace(",", "")) for n in found) for name, *found in rows}
    assert tuple(figures) == programme.NAMES
    which = {"worker_kills": 4, "database_kills": 3, "zombies": 1, "live_edits": 1, "random_verbs": 0}
    for name in {*which, "clicks", "pairs"}:
        sizes = importlib.import_module(f"{programme.__name__}.{name}").SIZES
        of = {size: sizes[size][which[name]] if name in which else sizes[size] for size in ("ci", "long")}
        assert figures[name] == (of["ci"], of["long"]), name
    printed = re.findall(
        r"^(\w+): .*, (\d+) lost, (\d+) duplicated, (\d+) unexpected, ", text["One long run"], re.MULTILINE
    )
    assert tuple(name for name, *_ in printed)[: len(programme.NAMES)] == programme.NAMES
    assert {(lost, doubled) for _name, lost, doubled, _unexpected in printed} == {("0", "0")}
    assert {name: unexpected for name, _lost, _doubled, unexpected in printed} == dict.fromkeys(
        programme.NAMES, "0"
    )

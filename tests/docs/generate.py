"""`python -m tests.docs.generate`: bring the tables of docs/reference that are drawn from the code up to date."""

import ast
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

import django

BLOCK = re.compile(r"(<!-- generated: (?P<name>[^>]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# Of every Django command; they are not ours to explain.
DJANGO_OPTIONS = {
    "--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color",
    "--force-color", "--skip-checks",
}  # fmt: skip
APPS = ("batches", "importers", "products")
TOP = Path(__file__).resolve().parent.parent.parent


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table in Markdown."""
    listed = [list(heads), ["---"] * len(list(heads)), *rows]
    return "\n" + "".join(f"| {' | '.join(_cell(c) for c in row)} |\n" for row in listed) + "\n"


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def code(value: object) -> str:
    """Return a value as code, or nothing for an empty one."""
    return f"`{value}`" if value not in ("", None) else ""


def choices(enum: str) -> Callable[[], str]:
    """Return the function that draws the words of one enumeration of batches.states."""

    def draw() -> str:
        from batches import states

        return table(
            ("in code", "on pages"), [(code(v), label) for v, label in getattr(states, enum).choices]
        )

    return draw


def verbs() -> str:
    """Draw the table of the verbs that exist."""

    def names(some: Iterable[str]) -> str:
        return ", ".join(code(s) for s in some)

    from batches.verbs import built_verbs

    rows = [
        (
            code(verb.name),
            verb.label,
            "any, while a run is on" if verb.during_run else names(verb.sources),
            code(verb.through),
            code(verb.to),
            code(verb.fallback) if verb.run else "",
            names(f"{right}_…" for right in (verb.permission, *verb.also)),
            verb.meaning,
        )
        for verb in built_verbs()
    ]
    return table(("verb", "on pages", "from", "through", "to", "if it fails", "right", "what it does"), rows)


def permissions() -> str:
    """Draw which right lets somebody do what."""
    from batches.models import BatchBase
    from batches.verbs import built_verbs

    def asking(right: str) -> str:
        return ", ".join(code(v.name) for v in built_verbs() if right in (v.permission, *v.also))

    first = {"view": f"see batches of this type, their rows and files; {asking('view')}"}
    rows = [
        (code(f"{right}_…"), first.get(right) or asking(right) or "nothing yet")
        for right in BatchBase.Meta.default_permissions
    ]
    return table(("right", "needed to"), rows)


def built_in_findings() -> str:
    """Draw the findings that every type has."""
    from batches.findings import BUILT_IN

    rows = [(code(name), severity.value, said) for name, (said, severity) in BUILT_IN.items()]
    return table(("code", "severity", "sentence"), rows)


def messages(kind: str) -> Callable[[], str]:
    """Return the function that draws the sentences about files, records or cells."""

    def draw() -> str:
        from batches.files import messages

        return table(("code", "sentence"), [(code(k), v) for k, v in getattr(messages, kind).items()])

    return draw


def command_names() -> list[str]:
    """Return the commands of our own apps."""
    from django.core.management import get_commands

    return sorted(name for name, app in get_commands().items() if app in APPS)


def arguments(name: str) -> list[tuple[str, str]]:
    """Return (argument as typed, help) for what a command takes of its own."""
    from django.core.management import get_commands, load_command_class

    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    found = []
    for action in parser._actions:
        if set(action.option_strings) & DJANGO_OPTIONS:
            continue
        shown = action.option_strings[-1] if action.option_strings else action.dest.upper()
        if action.option_strings and action.nargs != 0:
            shown += f" {action.metavar or (action.choices and 'S') or action.dest.upper()}"
        help_text = str(action.help or "")
        if action.required and action.option_strings:
            help_text += " Required."
        found.append((shown, help_text))
    return found


def command(name: str) -> str:
    """Draw one command: what it does and what it takes."""
    from django.core.management import get_commands, load_command_class

    rows = [(code(shown), said) for shown, said in arguments(name)]
    said = load_command_class(get_commands()[name], name).help
    return f"\n{said}\n{table(('argument', 'meaning'), rows) if rows else chr(10)}"


def modules() -> str:
    """Draw the modules of the framework in the order of the import law, each with its docstring's first line."""
    contracts = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["batches"]]
    rows = []
    for number, layer in enumerate(layers, 1):
        for name in sorted(re.findall(r"\w+", layer)):
            place = TOP / "batches" / name
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            said = (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
            rows.append((number, code(name), said))
    return table(("layer", "module", "what it is"), rows)


DRAWN: dict[str, Callable[[], str]] = {
    "verbs": verbs,
    "states": choices("Status"),
    "row statuses": choices("RowStatus"),
    "actions": choices("RowAction"),
    "severities": choices("Severity"),
    "kinds of run": choices("RunKind"),
    "states of a run": choices("RunState"),
    "permissions": permissions,
    "built-in findings": built_in_findings,
    "files": messages("FILE_MESSAGES"),
    "records": messages("RECORD_MESSAGES"),
    "cells": messages("CELL_MESSAGES"),
    "modules": modules,
}


def redrawn(text: str) -> str:
    """Return a page with its generated blocks as the code has them now."""

    def block(found: re.Match[str]) -> str:
        name = found["name"]
        drawn = command(name.partition(" ")[2]) if name.startswith("command ") else DRAWN[name]()
        return f"{found[1]}{drawn}{found[3]}"

    return BLOCK.sub(block, text)


def main() -> int:
    """Rewrite the pages that differ; return how many did."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    changed = 0
    for page in sorted((TOP / "docs" / "reference").glob("*.md")):
        old = page.read_text()
        new = redrawn(old)
        if new != old:
            page.write_text(new)
            changed += 1
            print(f"Rewrote {page.name}.")
    return changed


if __name__ == "__main__":
    main()
    sys.exit(0)

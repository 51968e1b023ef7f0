"""The table of verbs is the only place that says what can be done when."""

import ast
import inspect
from pathlib import Path

import pytest

from batches import actions
from batches.models import BatchBase
from batches.states import RunKind, Status
from batches.verbs import VERB, VERBS, built_verbs, refusal

TOP = Path(__file__).resolve().parents[2]
# Verbs that are no function of their own: done by map_columns and change_options, and by make_batch that failed.
OTHERWISE = {"prepare": "map_columns", "edit": "edit_row"}


@pytest.mark.parametrize("verb", built_verbs(), ids=lambda verb: verb.name)
def test_built_verb_is_a_function_of_actions(verb):
    assert inspect.isfunction(getattr(actions, OTHERWISE.get(verb.name, verb.name)))


@pytest.mark.parametrize("verb", [v for v in VERBS if not v.built], ids=lambda verb: verb.name)
def test_verb_that_is_not_built_is_nowhere(verb):
    assert not hasattr(actions, verb.name)
    assert refusal(verb, verb.sources[0]) == f"“{verb.label}” is not available yet."
    assert not verb.button


def test_names_are_unique_and_rights_exist():
    assert len(VERB) == len(VERBS)
    assert {verb.permission for verb in VERBS} <= set(BatchBase._meta.default_permissions)


def test_run_kinds_are_verbs():
    assert {str(kind) for kind in RunKind} <= set(VERB)
    assert all(VERB[str(kind)].run == kind for kind in RunKind)


def test_no_code_names_a_verb_that_is_not_in_the_table():
    """Calls such as why_not(batch, "execute", …), start(…), changing(…), log(…) and may(…) take a verb second."""
    named = {}
    for path in [p for app in ("batches", "products", "importers") for p in (TOP / app).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            verb = node.args[1]
            if name in {"why_not", "start", "changing", "log", "may", "missing_right"} and isinstance(
                verb, ast.Constant
            ):
                named.setdefault(verb.value, path.name)
    assert {"execute", "edit", "stop", "make"} <= set(named)
    assert {verb: where for verb, where in named.items() if verb not in VERB} == {}


@pytest.mark.parametrize("status", Status)
def test_each_refusal_is_one_sentence(status):
    for verb in built_verbs():
        for running in (None, "Executing"):
            reason = refusal(verb, status, running)
            assert reason is None or (reason.endswith(".") and "%" not in reason)

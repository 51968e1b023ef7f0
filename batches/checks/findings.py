"""Checks of findings and of what rows may not share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage

from ..findings import Finding, Unique
from ..handlers import BatchHandler
from ..states import Severity
from .common import error, field_of, known, unresolved


def check(handler: BatchHandler) -> list[CheckMessage]:
    """Return what is wrong with a type's findings."""
    found = [*_repeated(handler)]
    for finding in handler.get_findings():
        found += [*_severity(handler, finding), *_fields(handler, finding), *_message(handler, finding)]
    for rule in handler.get_unique():
        found += [*_severity(handler, rule), *_shared(handler, rule), *_message(handler, rule)]
    return found


def _repeated(handler: BatchHandler) -> Iterator[CheckMessage]:
    """Check that no finding hides another: they are told apart by code and field, and explained by code."""
    messages: dict[str, str] = {}
    places: set[tuple[str, str]] = set()
    rules: list[Any] = [*handler.get_findings(), *handler.get_unique()]
    for finding in rules:
        field = finding.field if isinstance(finding, Finding) else finding.fields[0] if finding.fields else ""
        place = (finding.code, field)
        said = str(finding.message)
        fault = ""
        if place in places:
            fault = f"is declared twice for the field {field!r}, so that one of them would never be found"
        elif messages.setdefault(finding.code, said) != said:
            fault = "has two different messages"
        places.add(place)
        if fault:
            yield error(
                30,
                f"The code {finding.code!r} {fault}.",
                "Give each finding a code of its own, or join their conditions with |.",
                handler,
            )


def _severity(handler: BatchHandler, finding: Finding | Unique) -> Iterator[CheckMessage]:
    if str(finding.severity) not in Severity.values:
        yield error(
            31,
            f"The finding {finding.code!r} has the severity {str(finding.severity)!r}.",
            "Use Severity.NOTICE, Severity.WARNING or Severity.ERROR of batches.states.",
            handler,
        )


def _fields(handler: BatchHandler, finding: Finding) -> Iterator[CheckMessage]:
    rows = handler.row_model
    why = unresolved(rows, finding.when, finding.params.values())
    if finding.field and field_of(rows, finding.field) is None:
        why = f"{rows.__name__} does not have the field {finding.field!r}."
    if why:
        yield error(
            32,
            f"The finding {finding.code!r} cannot be looked for: {why}",
            f"Use fields of {rows.__name__} and of its links as `link__field`; it has: {known(rows)}.",
            handler,
        )


class _Anything(dict[str, Any]):
    """Has every key: for messages whose parameters come from code."""

    def __missing__(self, key: str) -> str:
        return key


def _message(handler: BatchHandler, finding: Finding | Unique) -> Iterator[CheckMessage]:
    """Check that the message is a sentence that its parameters complete."""
    given: dict[str, Any] = _Anything(field="field")
    if isinstance(finding, Unique):
        given = {"field": "field"}
    elif finding.when is not None:
        given = {"field": "field", **{name: name for name in finding.params}}
    why = ""
    try:
        if not str(finding.message).strip() or not str(finding.message) % given:
            why = "it is empty"
    except KeyError as problem:
        why = f"nothing gives it %({problem.args[0]})s"
    except (TypeError, ValueError) as problem:
        why = str(problem)
    if why:
        yield error(
            33,
            f"The message of the finding {finding.code!r} cannot be shown: {why}.",
            'Name each value in `params`, such as params={"price": "new_price"}; a percent sign is written %%.',
            handler,
        )


def _shared(handler: BatchHandler, rule: Unique) -> Iterator[CheckMessage]:
    rows = handler.row_model
    unknown = [name for name in rule.fields if field_of(rows, name) is None]
    if unknown or not rule.fields:
        shown = ", ".join(repr(name) for name in unknown) or "nothing"
        yield error(
            34,
            f"The rule {rule.code!r} is about {shown}, which {rows.__name__} does not have.",
            f"Name fields of {rows.__name__}: {known(rows)}.",
            handler,
        )
    elif rule.gives_up and (rule.gives_up not in rule.fields or not field_of(rows, rule.gives_up).null):
        yield error(
            34,
            f"The rule {rule.code!r} lets rows give up {rule.gives_up!r}, which is none of its fields or cannot be empty.",
            "Let `gives_up` be one of its `fields`, with null=True.",
            handler,
        )

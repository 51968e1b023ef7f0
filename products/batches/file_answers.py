"""What a file tells by itself: whether its codes carry a check digit, and what identifies its products."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from batches.files import Facts, Survey
from batches.handlers import Proposal
from batches.words import whole

SURE = 0.95


def check_digits(survey: Survey, heading: str | None) -> Proposal | None:
    """Return that the codes of a column carry their check digit, certain where nearly all are right; else it has to be asked."""
    facts = survey.columns.get(heading or "")
    if facts is None or not facts.filled:
        return None
    right, short = _count(facts, facts.check_digits), _count(facts, facts.short_by_one)
    says = {"column": heading, "n": whole(right + short), "all": whole(facts.filled), "short": whole(short)}
    if short:
        sentence = _(
            "“%(column)s”: %(n)s of %(all)s codes are right with their last digit as check digit,"
            " %(short)s of them once the zeros that they lost are put back."
        )
    else:
        sentence = _("“%(column)s”: %(n)s of %(all)s codes are right with their last digit as check digit.")
    share = facts.check_digits + facts.short_by_one
    return Proposal(True, sentence % says, share >= SURE)


def _count(facts: Facts, share: float) -> int:
    return round(share * facts.filled)


def match_by(survey: Survey, headings: Mapping[str, str]) -> Proposal | None:
    """Return which of number and code identifies products: the one that more rows have for themselves."""
    found = {
        field: survey.columns[headings[field]]
        for field in ("number", "code")
        if headings.get(field) in survey.columns
    }
    if not found or not survey.records:
        return None
    best = max(found, key=lambda field: found[field].alone)  # of two alike the number, which comes first
    template = (
        _("“%(column)s” is unique in %(n)s of %(all)s rows")
        if survey.complete
        else _("“%(column)s” is unique in %(n)s of the first %(all)s rows")
    )
    sentence = template % {
        "column": headings[best], "n": whole(found[best].alone), "all": whole(survey.records)
    }  # fmt: skip
    for field, facts in found.items():
        if field != best:
            sentence += _(", “%(column)s” in %(n)s") % {"column": headings[field], "n": whole(facts.alone)}
    sure = len(found) == 1 or found[best].alone >= SURE * survey.records
    return Proposal(best, f"{sentence}.", sure)

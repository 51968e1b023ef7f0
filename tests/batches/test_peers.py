"""One pass over a batch tells the rules that rows break exactly as a look at each rule does."""

import random
from datetime import date

import pytest
from django.core.files.base import ContentFile

from batches import sql
from batches.findings import Unique
from batches.peers import PeerCheck
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler
from tests.toys.models import ThingFileRow

pytestmark = pytest.mark.django_db
WORDS = [None, "", "a", "A", " a", "\u00e9", "e\u0301", "\u00df", "ss", "1.0", "1.00"]
RULES = [
    ("code",),
    ("name", "colour"),
    ("price",),
    ("box",),
    ("box", "price"),
    ("bought", "code", "box_name"),
]


def test_whatever_rows_hold_the_rules_that_they_break_are_found(boss, things, monkeypatch):
    chance = random.Random(3)
    rules = [Unique(fields, f"rule_{n}", "They share it.") for n, fields in enumerate(RULES)]
    monkeypatch.setattr(ThingFileHandler, "get_unique", lambda handler: rules)
    file = ContentFile(b"Code\n" + b"".join(b"T%d\n" % n for n in range(4)), name="book.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    check = PeerCheck(ThingFileHandler(batch, user=boss))
    seen: set[str] = set()
    for _round in range(60):
        for row in batch.rows.all():
            ThingFileRow.objects.filter(pk=row.pk).update(
                code=chance.choice(WORDS), name=chance.choice(WORDS[:4]), colour=chance.choice(WORDS[:4]),
                price=chance.choice([None, "1", "1.00", "2"]), box=chance.choice([None, 1, 2]),
                bought=chance.choice([None, date(2026, 1, 1)]), box_name=chance.choice([None, "a", "b"]),
                removed=chance.random() < 0.2, issues=None,
            )  # fmt: skip
        found = {rule.code for rule in check._concerned()}
        broken = {
            rule.code
            for rule in check.handler.unique_rules
            if sql.fetch("default", check._shared(rule), [batch.pk])
        }
        assert found == broken
        seen |= found
    assert seen >= {rule.code for rule in rules}, "Some rule was never broken, so nothing was shown of it."

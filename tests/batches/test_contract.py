"""Every kind of batch type keeps the contract."""

from decimal import Decimal

import pytest
from django.core.files.base import ContentFile

from batches.testing import BatchTypeContract, make_batch
from tests.toys.batches import CleanHandler, PriceHandler, TellHandler, ThingFileHandler
from tests.toys.models import Box, Thing


def make_things(n, **values):
    """Make things T0000, T0001, … in one box."""
    box = Box.objects.create(name="First")
    given = {"price": Decimal(3), **values}
    return Thing.objects.bulk_create(
        [Thing(code=f"T{i:04}", name=f"thing {i}", box=box, **given) for i in range(n)]
    )


class TestDeclaredChange(BatchTypeContract):
    key = "toy_price"

    def make(self, user, n=3):
        make_things(n)
        return make_batch(self.key, user=user, options={"factor": "2.5"})


class TestRowsGiven(BatchTypeContract):
    key = "toy_price"

    def make(self, user, n=3):
        things = make_things(n)
        rows = [{"code": thing.code, "new_price": thing.price + 1} for thing in things]
        return make_batch(self.key, user=user, rows=rows)


class TestFileOfCreatesChangesAndSharedBoxes(BatchTypeContract):
    key = "toy_file"

    def make(self, user, n=3):
        known = n // 2
        make_things(known)
        lines = [
            f"T{i:04},new name {i},{'red' if i % 2 else 'blue'},{i % 90}.50,{'FIRST' if i % 3 else f'Box {i % 5}'}"
            for i in range(n)
        ]
        text = "\n".join(["code,name,colour,price,box", *lines, ""])
        return make_batch(self.key, user=user, file=ContentFile(text.encode(), name="things.csv"))


class TestDelete(BatchTypeContract):
    key = "toy_clean"

    def make(self, user, n=3):
        make_things(n, price=None)
        return make_batch(self.key, user=user)


class ThroughModels:
    """The same types, written by full_clean() and save()."""

    rows_in_python = True
    queries_per_row = 8

    @pytest.fixture(autouse=True)
    def written_through_models(self, monkeypatch):
        for handler in (PriceHandler, ThingFileHandler, CleanHandler):
            monkeypatch.setattr(handler, "write", "model")


class TestDeclaredChangeThroughModels(ThroughModels, TestDeclaredChange):
    pass


class TestFileThroughModels(ThroughModels, TestFileOfCreatesChangesAndSharedBoxes):
    pass


class TestDeleteThroughModels(ThroughModels, TestDelete):
    pass


class TestRowHooks(BatchTypeContract):
    key = "toy_rename"
    rows_in_python = True

    def make(self, user, n=3):
        make_things(n)
        return make_batch(self.key, user=user)

    def touch(self, row):
        Thing.objects.filter(pk=row.thing_id).update(name="somebody was here")
        return row.thing


class TestWholeHooks(BatchTypeContract):
    key = "toy_double"

    def make(self, user, n=3):
        make_things(n)
        return make_batch(self.key, user=user)

    def touch(self, row):
        Thing.objects.filter(pk=row.thing_id).update(price=7)
        return row.thing


class TestTold(BatchTypeContract):
    key = "toy_tell"

    def make(self, user, n=3):
        make_things(n)
        return make_batch(self.key, user=user)


class TestToldThroughModels(TestTold):
    rows_in_python = True
    queries_per_row = 8

    @pytest.fixture(autouse=True)
    def written_through_models(self, monkeypatch):
        monkeypatch.setattr(TellHandler, "write", "model")

"""Rows come into a batch in parts, each larger than the one before."""

from itertools import islice

import pytest
from django.core.files.base import ContentFile

from batches import ingest
from batches.testing import make_batch

pytestmark = pytest.mark.django_db


def test_parts_grow_up_to_a_limit():
    assert list(islice(ingest.landing(), 4)) == [20_000, 160_000, 160_000, 160_000]
    assert list(islice(ingest.landing(2), 5)) == [20_000, 40_000, 80_000, 160_000, 160_000]


@pytest.mark.parametrize("records", [1, 7, 8, 9, 100])
def test_every_record_of_a_file_in_parts_becomes_one_row_in_order(boss, monkeypatch, records):
    monkeypatch.setattr(ingest, "FIRST_ROWS", 8)
    monkeypatch.setattr(ingest, "CHUNK", 4)
    text = "code,name\n" + "".join(f"N{n},name {n}\n" for n in range(1, records + 1))
    batch = make_batch("toy_file", user=boss, file=ContentFile(text.encode(), name="n.csv"))
    found = list(batch.rows.order_by("sequence").values_list("sequence", "source_row", "code"))
    assert found == [(n, n + 1, f"N{n}") for n in range(1, records + 1)]


@pytest.mark.parametrize("records", [1, 8, 9, 100])
def test_every_record_that_a_type_makes_becomes_one_row_in_order(boss, monkeypatch, records):
    monkeypatch.setattr(ingest, "FIRST_ROWS", 8)
    rows = [{"code": f"N{n}", "new_price": n} for n in range(1, records + 1)]
    batch = make_batch("toy_price", user=boss, rows=rows)
    found = list(batch.rows.order_by("sequence").values_list("sequence", "code"))
    assert found == [(n, f"N{n}") for n in range(1, records + 1)]

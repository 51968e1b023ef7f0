"""A cell that cannot be read costs no row: forty of them in a thousand rows are corrected in the grid."""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from batches.figures import figures
from batches.files import CellError, Column
from batches.models import Unreadable
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler

from .conftest import batch_url, text

HTMX = {"HX-Request": "true"}
BAD = {"price": "1,2,3", "bought": "31.02.2026", "code": "4.78E+10"}


@pytest.fixture
def a_thousand(boss, things, monkeypatch):
    """Return a batch of 1,000 rows, of which forty have a price, a date or a code that cannot be read."""

    def whole(code):
        if "E+" in code:
            raise CellError("code_damaged", {"value": code})
        return code

    bought = Column("bought", "Bought", kind="date")
    monkeypatch.setattr(ThingFileHandler, "columns", [*ThingFileHandler.columns, bought])
    monkeypatch.setattr(ThingFileHandler, "converters", lambda self: {"code": whole})
    lines = ["Code,Name,Color,Cost,Bought"]
    for n in range(1, 1001):
        cells = {"code": f"C{n:04}", "price": f"{n}.50", "bought": "2026-01-31"}
        if n % 25 == 0:
            field = [*BAD][n // 25 % 3]
            cells[field] = BAD[field]
        # A comma inside the price is quoted, as a spreadsheet does.
        lines.append('{code},thing,red,"{price}",{bought}'.format(**cells))
    return make_batch("toy_file", user=boss, file=ContentFile("\n".join(lines).encode(), name="thousand.csv"))


def corrected(html, row):
    """Return what the form in the grid sends for a row, with its unreadable cells corrected."""
    found = dict(re.findall(rf'name="(row{row.pk}-\w+)" value="([^"]*)"', html))
    for field, value in (("price", "7.25"), ("bought", "2026-02-28"), ("code", f"R{row.sequence:04}")):
        if field in row.raw:
            found[f"row{row.pk}-{field}"] = value
    return found


def test_forty_cells_that_cannot_be_read_are_corrected_in_the_grid(web, a_thousand):
    batch = a_thousand
    assert (batch.rows.count(), batch.records) == (1000, 1000)
    assert figures(batch)["counts"] == {"ok": 960, "error": 40}
    assert not Unreadable.objects.filter(batch=batch.pk).exists()
    bad = list(batch.rows.filter(status="error"))
    fields = [field for row in bad for field in row.raw]
    assert {field: fields.count(field) for field in BAD} == {"price": 13, "bought": 14, "code": 13}
    shown = text(web.get(batch_url(batch, "status=error")))
    for value in BAD.values():
        assert value in shown
    for row in bad:
        url = reverse("batches:edit_row", args=[batch.pk, row.pk])
        html = text(web.get(url, headers=HTMX))
        assert f'value="{next(iter(row.raw.values()))}"' in html
        assert web.post(url, corrected(html, row), headers=HTMX).status_code == 200
    batch.refresh_from_db()
    assert figures(batch)["counts"] == {"ok": 1000}
    assert not batch.rows.exclude(raw__isnull=True).exists()
    assert batch.rows.filter(price=Decimal("7.25")).count() == 13
    assert batch.rows.filter(bought=date(2026, 2, 28)).count() == 14
    assert batch.rows.filter(code__startswith="R").count() == 13

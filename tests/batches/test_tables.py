"""What stands in a cell of the grid."""

from decimal import Decimal

import pytest

from batches.grid import grid_fields
from batches.tables import cell, plain_decimal, sentences
from tests.toys.batches import PriceHandler
from tests.toys.models import PriceBatch, PriceRow


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("4.99", "4.99"),
        ("5", "5"),
        ("3500.000", "3500"),
        ("1.250", "1.25"),
        ("30.0000", "30.00"),
        ("3.5000", "3.50"),
        ("3.5333", "3.5333"),
        ("-0.5000", "-0.50"),
        ("1E+2", "100"),
        ("0.0000", "0.00"),
    ],
)
def test_a_decimal_is_shown_without_the_padding_of_its_column(value, text):
    assert plain_decimal(Decimal(value)) == text


@pytest.mark.parametrize(
    ("action", "new", "shows"),
    [
        ("delete", None, '<del class="b-gone" title="is deleted">1.50</del>'),
        ("unchanged", None, '<span class="b-stays" title="stays as it is">1.50</span>'),
        ("create", None, '<span class="b-empty">–</span>'),
        ("delete", Decimal("2.00"), "2.00"),
    ],
)
def test_an_empty_cell_shows_what_was_where_it_stays_or_is_deleted(action, new, shows):
    field = next(f for f in grid_fields(PriceHandler(PriceBatch())) if f.name == "new_price")
    row = PriceRow(action=action, new_price=new, old_price=Decimal("1.50"))
    assert cell(field, row) == shows


def test_what_must_be_fixed_is_told_first():
    found = [("a", "notice"), ("b", "error"), ("c", "warning"), ("d", "error"), ("e", "notice")]
    issues = [{"code": code, "severity": severity, "message": code} for code, severity in found]
    told = sentences(PriceHandler(PriceBatch()), PriceRow(issues=issues))
    assert [sentence["text"] for sentence in told] == ["b", "d", "c", "a", "e"]

"""What stands in a cell of the grid."""

from decimal import Decimal

import pytest

from batches.tables import plain_decimal


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

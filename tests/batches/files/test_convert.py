"""Cells become values, or an error that says why; nothing is rounded or guessed."""

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches.files import CellError, Column, converter, copy_converter
from batches.files.messages import CELL_MESSAGES, sentence

PRICE = Column("price", "Price", "decimal", max_digits=9, decimal_places=2, min_value=Decimal(0))
ANY = Column("amount", "Amount", "decimal")
CASE = Column("case_size", "Case size", "integer", max_digits=5, min_value=Decimal(1))
CODE = Column("code", "Code", "code", max_length=14)
NAME = Column("name", "Name", max_length=10)
DAY = Column("day", "Day", "date")
FLAG = Column("flag", "Flag", "boolean")

GOOD = [
    (PRICE, "12.34", Decimal("12.34")),
    (PRICE, " 12.34 ", Decimal("12.34")),
    (PRICE, "$1,234.50", Decimal("1234.50")),
    (PRICE, "$ 5", Decimal("5")),
    (PRICE, "1,234,567", Decimal("1234567")),
    (PRICE, "0", Decimal("0")),
    (PRICE, "-0.00", Decimal("0")),
    (PRICE, "007.50", Decimal("7.50")),
    (PRICE, ".5", Decimal("0.5")),
    (PRICE, "5.", Decimal("5")),
    (PRICE, "4.5000", Decimal("4.50")),
    (PRICE, "", None),
    (PRICE, "  ", None),
    (ANY, "-1.25", Decimal("-1.25")),
    (ANY, "(1.25)", Decimal("-1.25")),
    (ANY, "-$1.25", Decimal("-1.25")),
    (ANY, "+3", Decimal("3")),
    (CASE, "12", 12),
    (CASE, "12.0", 12),
    (CASE, "1,200", 1200),
    (CODE, "0012345678905", "0012345678905"),
    (CODE, " 0-12345-67890-5 ", "012345678905"),
    (CODE, "12345678901.0", "12345678901"),
    (CODE, '="0123"', "0123"),
    (CODE, "'0123", "0123"),
    (CODE, "AB-12", "AB-12"),
    (CODE, "", None),
    (NAME, "  x y\nz ", "x y\nz"),
    (NAME, "'=SUM(A1)", "=SUM(A1)"),
    (NAME, "'til noon", "'til noon"),
    (NAME, "", None),
    (DAY, "2026-01-31", datetime.date(2026, 1, 31)),
    (DAY, "2026-01-31 00:00:00", datetime.date(2026, 1, 31)),
    (DAY, "01/31/2026", datetime.date(2026, 1, 31)),
    (DAY, "31.01.2026", datetime.date(2026, 1, 31)),
    (DAY, "2026/1/31", datetime.date(2026, 1, 31)),
    (DAY, "2026.01.31", datetime.date(2026, 1, 31)),
    (DAY, "", None),
    (FLAG, "Yes", True),
    (FLAG, "FALSE", False),
    (FLAG, "0", False),
    (FLAG, "", None),
]
BAD = [
    (PRICE, "NaN", "not_a_number"),
    (PRICE, "Infinity", "not_a_number"),
    (PRICE, "1_000", "not_a_number"),
    (PRICE, "abc", "not_a_number"),
    (PRICE, "-", "not_a_number"),
    (PRICE, ".", "not_a_number"),
    (PRICE, "$", "not_a_number"),
    (PRICE, "--5", "not_a_number"),
    (PRICE, "(-5)", "not_a_number"),
    (PRICE, "1.2.3", "not_a_number"),
    (PRICE, "12.5%", "not_a_number"),
    (PRICE, "1,23,456", "not_a_number"),
    (PRICE, "1e3", "number_exponent"),
    (PRICE, "\u0661\u0662", "number_digits"),
    (PRICE, "\uff11\uff12", "number_digits"),
    (PRICE, "1,234", "number_ambiguous"),
    (PRICE, "12,50", "decimal_comma"),
    (PRICE, "1.005", "too_many_decimals"),
    (PRICE, "12345678.00", "too_large"),
    (PRICE, "-1", "too_small"),
    (PRICE, "(1)", "too_small"),
    (PRICE, "#N/A", "cell_error"),
    (CASE, "1.5", "not_an_integer"),
    (CASE, "0", "too_small"),
    (CASE, "123456", "too_large"),
    (CASE, "x", "not_an_integer"),
    (CODE, "1.23457E+11", "code_damaged"),
    (CODE, "1,23457e+11", "code_damaged"),
    (CODE, "\uff11\uff12\uff13", "code_digits"),
    (CODE, "#REF!", "cell_error"),
    (CODE, "1" * 15, "too_long"),
    (NAME, "x" * 11, "too_long"),
    (NAME, "#N/A", "cell_error"),
    (DAY, "03/04/2026", "date_ambiguous"),
    (DAY, "2026-02-30", "not_a_date"),
    (DAY, "31/31/2026", "not_a_date"),
    (DAY, "soon", "not_a_date"),
    (DAY, "\u0662\u0660\u0662\u0666-01-01", "not_a_date"),
    (FLAG, "maybe", "not_a_boolean"),
]


@pytest.mark.parametrize(("column", "text", "value"), GOOD)
def test_a_good_cell(column, text, value):
    found = converter(column)(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("column", "text", "code"), BAD)
def test_a_bad_cell_is_refused_with_its_code_and_its_text(column, text, code):
    for make in (converter, copy_converter):
        with pytest.raises(CellError) as caught:
            make(column)(text)
        assert caught.value.code == code
        assert repr(text.strip()) in caught.value.message
        assert caught.value.message == sentence(code, caught.value.params)


def test_the_texts_for_copy():
    assert copy_converter(PRICE)("$1,234.50") == "1234.50"
    assert copy_converter(CASE)(" 12.0") == "12"
    assert copy_converter(DAY)("01/31/2026") == "2026-01-31"
    assert [copy_converter(FLAG)(text) for text in ("y", "n", "")] == ["t", "f", None]


def test_a_chosen_style_settles_what_is_ambiguous():
    assert converter(PRICE, decimal_mark=",")("1.234,50") == Decimal("1234.50")
    assert converter(PRICE, decimal_mark=",")("12,5") == Decimal("12.5")
    assert converter(PRICE, decimal_mark=".")("1,234") == Decimal("1234")
    assert converter(DAY, date_order="dmy")("03/04/2026") == datetime.date(2026, 4, 3)
    assert converter(DAY, date_order="mdy")("03/04/2026") == datetime.date(2026, 3, 4)
    with pytest.raises(CellError):
        converter(PRICE, decimal_mark=",")("1.5")


@pytest.mark.parametrize("order", ["", "ymd", None])
def test_a_style_that_was_not_chosen_leaves_what_is_ambiguous(order):
    with pytest.raises(CellError, match="two dates"):
        converter(DAY, date_order=order)("03/04/2026")
    with pytest.raises(CellError, match="two numbers"):
        converter(PRICE, decimal_mark="")("1,234")
    assert converter(DAY, date_order=order)("13/04/2026") == datetime.date(2026, 4, 13)


def test_every_sentence_of_a_cell_ends_with_a_full_stop():
    assert [code for code, message in CELL_MESSAGES.items() if not message.endswith(".")] == []


@given(st.text(max_size=12))
def test_a_number_is_never_anything_but_what_copy_takes(text):
    try:
        found = copy_converter(PRICE)(text)
    except CellError:
        return
    if found is not None:
        assert found.isascii()
        assert Decimal(found).is_finite()
        assert Decimal(found) == round(Decimal(found), 2)
        assert 0 <= Decimal(found) < 10**7


@given(st.decimals(0, 9_999_999, places=2))
def test_every_price_is_read_back(price):
    assert converter(PRICE)(f"{price:.2f}") == price
    assert converter(PRICE)(f"${price:,.2f}") == price

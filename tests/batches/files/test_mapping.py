"""Columns are suggested from names first, content second; each serves one field."""

import pytest

from batches.files import Column, suggest

CODE = Column("code", "Code", "code", aliases=("upc", "barcode"))
NAME = Column("name", "Description", aliases=("item name", "product"))
COST = Column("cost", "Unit cost", "decimal", aliases=("bottle cost",))
PRICE = Column("price", "Price", "decimal", aliases=("retail",))


def test_exact_names_whatever_their_spelling():
    headings = ["UPC", "itemName", "UNIT_COST", "Retail "]
    assert suggest(headings, [], [CODE, NAME, COST, PRICE]) == {"code": 0, "name": 1, "cost": 2, "price": 3}


def test_similar_names():
    headings = ["Item Description", "State Bottle Cost", "Bar-Code", "Pirce"]
    assert suggest(headings, [], [CODE, NAME, COST, PRICE]) == {"code": 2, "name": 0, "cost": 1, "price": 3}


def test_an_exact_name_wins_over_a_similar_one():
    pack = Column("pack", "Pack", "integer")
    assert suggest(["Inner Pack", "Pack"], [], [pack]) == {"pack": 1}


def test_a_column_serves_one_field():
    found = suggest(["Price"], [], [PRICE, Column("sale", "Price", "decimal")])
    assert found == {"price": 0}


def test_nothing_alike_is_not_suggested():
    assert suggest(["Colour", "Weight"], [], [CODE, NAME, PRICE]) == {}


def test_content_speaks_against_a_name():
    rows = [(2, ["cheap", "1.50"]), (3, ["dear", "9.99"])]
    assert suggest(["Price", "Retail"], rows, [PRICE]) == {"price": 1}


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("Bar", CODE),
        ("Shelf tag", Column("location", "Location", aliases=("shelf", "aisle"))),
        ("Old Price", PRICE),
        ("Case UPC code", Column("code", "Code", "code", aliases=("upc code",))),
        ("Sale price", PRICE),
        ("Category code", CODE),
        ("Inner Pack", Column("case_size", "Case size", "integer", aliases=("pack", "case pack"))),
        ("Vendor", Column("vendor_item", "Vendor item code", aliases=("vendor sku",))),
        ("Weight", Column("height", "Height")),
        ("Unit", COST),
        ("Last unit cost", COST),
        ("Description 2", Column("code", "Description code")),
    ],
)
def test_weak_similarity_maps_nothing(heading, column):
    assert suggest([heading], [], [column]) == {}


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("Descripton", NAME),
        ("Price (USD)", PRICE),
        ("Item price", PRICE),
        ("Cost per unit", COST),
        ("unit cost EUR", COST),
        ("Catagory name", Column("category", "Category", aliases=("category name",))),
    ],
)
def test_what_can_only_mean_one_field_is_mapped(heading, column):
    assert suggest([heading], [], [column]) == {column.field: 0}


def test_numbers_whose_style_is_not_known_do_not_speak_against_their_heading():
    for cells in (["1,234"], ["1,5"]):
        assert suggest(["Price"], [cells, cells], [PRICE]) == {"price": 0}


def test_a_column_of_right_check_digits_is_the_code():
    codes = {"Ref": 0.97, "SCC": 0.94}
    assert suggest(["SCC", "Ref"], [], [NAME, CODE, PRICE], codes) == {"code": 1}
    assert suggest(["Ref", "UPC"], [], [NAME, CODE], codes) == {"code": 1}
    assert suggest(["Product", "Ref"], [], [NAME, CODE], {"Product": 1.0}) == {"name": 0}

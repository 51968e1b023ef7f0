"""Columns are suggested from names first, content second; each serves one field."""

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

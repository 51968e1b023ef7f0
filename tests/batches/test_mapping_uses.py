"""What a field is filled with: a column, fixed text, a default; what an empty cell means; a factor."""

from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from batches import actions
from batches.exceptions import Refused
from batches.figures import batch_json
from batches.files.uses import Use
from batches.testing import make_batch

pytestmark = pytest.mark.django_db
BOOK = "Code,Name,Pack,Cost,Price\nT1,one,12,24.00,3\nT2,,6,,4\nT3, ,1,1.005,5\n"


def made(boss, text=BOOK, **mapping):
    file = ContentFile(text.encode(), name="book.csv")
    return make_batch("toy_file", user=boss, file=file, mapping={"code": "Code", **mapping})


def values(batch, field):
    return list(batch.rows.order_by("sequence").values_list(field, flat=True))


def test_fixed_text_stands_in_all_rows(boss):
    batch = made(boss, name={"fixed": "new\tthing"}, price={"fixed": "1.50"})
    assert values(batch, "name") == ["new\tthing"] * 3
    assert values(batch, "price") == [Decimal("1.50")] * 3
    assert batch_json(batch)["not_read"] == ["Name", "Pack", "Cost", "Price"]


def test_a_default_stands_where_the_cell_is_empty_or_blank(boss):
    batch = made(boss, name=Use(column="Name", default="nameless", empty="error"))
    assert values(batch, "name") == ["one", "nameless", "nameless"]
    assert values(batch, "status") == ["ok"] * 3


def test_an_empty_cell_may_be_an_error_that_names_the_column(boss):
    batch = made(boss, name={"column": "Name", "empty": "error"})
    assert values(batch, "status") == ["ok", "error", "error"]
    (group,) = batch_json(batch)["issues"]
    assert (group["code"], group["field"], group["rows"]) == ("required", "name", [2, 3])
    assert group["message"] == "“Name” is empty; a value was expected. Fill it in."
    row = batch.rows.get(sequence=2)
    actions.edit_row(batch, boss, row.pk, {"name": "two"})
    row.refresh_from_db()
    assert (row.name, row.status, row.raw) == ("two", "ok", None)


def test_many_different_cells_obey_default_and_empty_too(boss):
    """Columns with more different cells than are remembered are converted by another way."""
    from batches import cells

    lines = [f"N{n},{'' if n % 7 == 0 else f'name {n}'}" for n in range(1, cells.REMEMBERED + 2_000)]
    batch = made(boss, "Code,Name\n" + "\n".join(lines) + "\n", name={"column": "Name", "default": "none"})
    assert batch.rows.filter(name="none").count() == len(lines) // 7
    batch = made(boss, "Code,Name\n" + "\n".join(lines) + "\n", name={"column": "Name", "empty": "error"})
    assert batch.rows.filter(status="error").count() == len(lines) // 7


@pytest.mark.parametrize(
    ("factor", "expected"),
    [("2", ["48.00", None, "2.01"]), ("0.5", ["12.00", None, None]), ("-1", ["-24.00", None, None])],
)
def test_a_factor_multiplies_exactly_or_says_why_not(boss, factor, expected):
    batch = made(boss, price={"column": "Cost", "factor": factor})
    assert values(batch, "price") == [None if text is None else Decimal(text) for text in expected]
    if factor == "0.5":
        row = batch.rows.get(sequence=3)
        assert row.raw == {"price": "1.005"}
        assert row.issues[0]["message"].startswith(
            "'1.005 × 0.5 = 0.5025' has more decimals than 2 and would be rounded."
        )


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        ({"column": "Nmae"}, "The file has no column 'Nmae'."),
        (
            {"column": "Cost", "fixed": "1"},
            "Price is not mapped: A field is filled from a column or with fixed text;",
        ),
        (
            {"column": "Cost", "empty": "guess"},
            "An empty cell cannot mean 'guess'; use one of keep, clear, error.",
        ),
        ({"column": "Cost", "colour": "red"}, "Price is not mapped: "),
        ({"column": "Cost", "factor": "1e3"}, "'1e3' is no factor; write a number such as 12 or 0.01."),
        ({"column": "Cost", "factor": "0.0"}, "'0.0' is no factor"),
        ({"fixed": "2", "factor": "3"}, "write the product instead of a factor."),
        ({"fixed": "cheap"}, "Price cannot be filled with 'cheap': 'cheap' is not a number;"),
        (
            {"column": "Cost", "default": "1.999"},
            "Price cannot be filled with '1.999': '1.999' has more decimals",
        ),
        ({"fixed": " "}, "Price cannot be filled with ' ': Price is empty;"),
        ({"fixed": "1\x00"}, "has a character that cannot be stored"),
    ],
)
def test_what_cannot_fill_a_field_is_refused_with_a_sentence(boss, use, sentence):
    with pytest.raises(Refused) as refused:
        made(boss, price=use)
    assert sentence in str(refused.value)


def test_only_numbers_are_multiplied(boss):
    with pytest.raises(Refused, match="Name holds no numbers, so it cannot be multiplied by 2"):
        made(boss, name={"column": "Name", "factor": "2"})


def test_an_empty_cell_clears_only_what_production_can_do_without(boss):
    batch = made(boss, price={"column": "Price", "empty": "clear"})
    assert batch.mapping["price"] == {"column": "Price", "empty": "clear"}
    with pytest.raises(Refused, match="An empty cell of Code cannot clear what production has"):
        made(boss, code={"column": "Code", "empty": "clear"})


def test_a_use_that_says_no_more_than_the_column_is_stored_as_its_heading(boss):
    batch = made(boss, name=Use(column="Name"), price={"column": "Price", "empty": "keep"})
    assert batch.mapping == {"code": "Code", "name": "Name", "price": "Price"}


def test_a_field_is_mapped_once(boss, tmp_path, capsys):
    path = tmp_path / "book.csv"
    path.write_text(BOOK)
    words = [
        "make_batch",
        "toy_file",
        "--file",
        str(path),
        "--user",
        "boss",
        "--map",
        "price=Cost",
        "--map",
        "price=Price",
    ]
    with pytest.raises(SystemExit) as end:
        call_command(*words)
    assert end.value.code == 1
    assert "'price' is given twice, as 'Cost' and as 'Price'; give it once." in capsys.readouterr().err


def test_a_command_may_fill_a_field_with_the_same_text(boss, tmp_path, capsys):
    path = tmp_path / "book.csv"
    path.write_text(BOOK)
    words = [
        "make_batch",
        "toy_file",
        "--file",
        str(path),
        "--user",
        "boss",
        "--json",
        "--map",
        "colour==red",
    ]
    call_command(*words, "--map", "name=Name")
    assert '"colour": {"fixed": "red"}' in capsys.readouterr().out

"""Options by command: objects are named by what is unique about them, and what a file leaves open must be said."""

import json
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from batches.actions.options import clean_options
from batches.exceptions import Refused
from batches.models import BatchNumber, SavedMapping
from batches.natural import by_name, natural_fields, natural_name
from batches.saved_mappings import options_text
from products.batches.product_file import ProductFileBatch
from products.batches.vendor_catalog import VendorCatalogBatch, VendorCatalogHandler
from products.models import Product, ProductCost, Vendor

from .factories import DepartmentFactory, VendorFactory
from .test_file_answers import lines, mixed, upca

pytestmark = pytest.mark.django_db
HEAD = "Item Number,UPC,Item Description"


@pytest.fixture
def book(tmp_path):
    """Return a function that writes a price book and returns its path."""

    def write(rows, head=HEAD):
        path = tmp_path / "book.csv"
        path.write_text("\n".join([head, *rows]) + "\n")
        return str(path)

    return write


def made(*arguments):
    out = StringIO()
    call_command("make_batch", *arguments, "--user", "boss", "--json", stdout=out)
    return json.loads(out.getvalue())


def refused(capsys, *arguments):
    """Return the sentence; nothing may be left."""
    with pytest.raises(SystemExit) as ended:
        made(*arguments)
    assert ended.value.code == 1
    assert not BatchNumber.objects.exists()
    assert not SavedMapping.objects.exists()
    return capsys.readouterr().err


@pytest.mark.parametrize("name", ["ACME", "acme", " Acme "])
def test_a_vendor_is_named_by_its_code_in_any_case(boss, book, name):
    vendor = VendorFactory(code="ACME")
    batch = made(
        "vendor_catalog",
        "--file",
        book(["A1,x,2.00"], "Item #,Description,Unit Cost"),
        "--option",
        f"vendor={name}",
    )
    assert VendorCatalogBatch.objects.get(pk=batch["number"]).vendor == vendor


def test_an_unknown_vendor_is_refused_with_the_nearest(boss, book, capsys):
    for code in ("ACME", "ACMA", "ZEBRA"):
        VendorFactory(code=code)
    said = refused(
        capsys,
        "vendor_catalog",
        "--file",
        book(["A1,x,2"], "Item #,Description,Unit Cost"),
        "--option",
        "vendor=acne",
    )
    assert "The option vendor cannot be 'acne': there is no vendor of this code; the nearest: 'ACME'" in said
    assert "ZEBRA" not in said


def test_a_key_still_tells_and_a_code_comes_before_it(db):
    field = VendorCatalogBatch._meta.get_field("vendor")
    one = VendorFactory(code="ONE")
    assert by_name(field, str(one.pk)) == one
    other = VendorFactory(code=str(one.pk))
    assert by_name(field, str(one.pk)) == other
    with pytest.raises(ValidationError, match="there are such as"):
        by_name(field, "9" * 30)
    Vendor.objects.all().delete()
    with pytest.raises(ValidationError, match="nor any other"):
        by_name(field, "x")


def test_names_that_are_unique_in_any_case_tell_too(db):
    produce = DepartmentFactory(name="Produce")
    assert [field.name for field in natural_fields(type(produce))] == ["name"]
    assert by_name(Product._meta.get_field("department"), "PRODUCE") == produce
    assert natural_name(produce) == "Produce"


def test_what_has_no_name_of_its_own_is_told_by_its_key(db):
    assert natural_fields(ProductCost) == []


def test_a_saved_option_names_the_object_as_the_command_does(boss):
    batch = VendorCatalogBatch(vendor=VendorFactory(code="ACME"))
    assert options_text(VendorCatalogHandler(batch))["vendor"] == "ACME"


def test_codes_that_are_mostly_wrong_are_refused_until_somebody_says_what_they_are(boss, book, capsys):
    path = book(mixed())
    said = refused(capsys, "product_file", "--file", path)
    assert "The option codes_have_check_digit cannot be told" in said
    assert "67 of 100 codes are right" in said or "66 of 100 codes are right" in said
    for answer in ("yes", "no"):
        assert f"--option codes_have_check_digit={answer}" in said
    batch = made("product_file", "--file", path, "--option", "codes_have_check_digit=no")
    assert not ProductFileBatch.objects.get(pk=batch["number"]).codes_have_check_digit
    again = made("product_file", "--file", path)
    assert not ProductFileBatch.objects.get(pk=again["number"]).codes_have_check_digit, "remembered"


def test_a_mapping_that_is_named_answers_too(boss, book, capsys):
    path = book(mixed())
    made("product_file", "--file", path, "--option", "codes_have_check_digit=no")
    name = SavedMapping.objects.get().name
    batch = made("product_file", "--file", path, "--mapping", name)
    assert not ProductFileBatch.objects.get(pk=batch["number"]).codes_have_check_digit


def test_any_open_question_is_refused_with_its_answers(boss, book, capsys):
    said = refused(capsys, "product_file", "--file", book([f"{i // 2},{upca(i // 2)},x" for i in range(60)]))
    assert "--option match_by=number or --option match_by=code" in said


def test_a_column_that_is_mapped_by_hand_is_looked_at(boss, book, capsys):
    path = book(mixed(), "Item Number,Strange,Item Description")
    said = refused(
        capsys, "product_file", "--file", path, "--map", "code=Strange", "--option", "match_by=number"
    )
    assert "codes_have_check_digit" in said


def test_a_draft_is_left_for_whoever_answers_on_the_page(boss, book):
    assert made("product_file", "--file", book(mixed()), "--no-populate")["status"] == "draft"


def test_what_is_certain_is_not_asked(boss, book):
    assert made("product_file", "--file", book(lines(50, upca)))["rows"] == 50


def test_a_file_of_which_no_column_is_mapped_is_refused_with_its_headings_and_the_fields(boss, book, capsys):
    path = book(["1,2,3,4,5,6,7,8,9"], "a,b,c,d,e,f,g,h,i")
    err = refused(capsys, "product_file", "--file", path)
    assert "No column of 'book.csv' is mapped. It has “a”, “b”, “c”, “d”, “e”, “f”, “g”, “h”, …" in err
    assert "“Number”, “Code”, “Description”" in err


@pytest.mark.parametrize("name", ["1_2", "\u0661\u0662", " 1 2", "+12"])
def test_only_plain_digits_are_a_key(name):
    VendorFactory(pk=12, code="ACME")
    field = VendorCatalogBatch._meta.get_field("vendor")
    assert by_name(field, "12").pk == 12
    with pytest.raises(ValidationError, match="there is no vendor of this"):
        by_name(field, name)


@pytest.mark.parametrize("name", ["A\0B", "a\udc80"])
def test_a_name_that_cannot_be_stored_is_refused(name):
    with pytest.raises(Refused, match="cannot be stored"):
        clean_options(VendorCatalogHandler, {"vendor": name})

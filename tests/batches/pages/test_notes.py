"""A notice says Repaired where something was put right, and Note where it tells what will be."""

import pytest
from django.core.files.base import ContentFile

from batches.figures import batch_json
from batches.findings import Finding
from batches.states import Severity
from batches.testing import make_batch
from products.batches.product_file import ProductFileHandler
from products.batches.vendor_catalog import VendorCatalogBatch, VendorCatalogHandler
from products.models import Department, Vendor

from .conftest import batch_url, text

pytestmark = pytest.mark.django_db
HEAD = "Item Number,UPC,Item Description,Brand,Dept,Retail\n"


@pytest.fixture
def batch(boss):
    """Return a batch with a new brand, and a code that lost its zero."""
    Department.objects.create(name="Frozen")
    row = "1,36000291452,Peas,Acme,Frozen,3.49\n"
    return make_batch("product_file", user=boss, file=ContentFile((HEAD + row).encode(), name="a.csv"))


def words(html, code_words):
    """Return what the page calls the finding whose sentence holds these words, in figures and in the row."""
    found = []
    for part in html.split("<li")[1:]:
        if code_words in part and ("b-word" in part or "b-severity" in part):
            found.append(
                "Note"
                if ">i</span> Note" in part or "Note:" in part
                else "Repaired"
                if "Repaired" in part
                else ""
            )
    return found


def test_a_new_brand_is_a_note_and_a_code_is_repaired(web, batch):
    html = text(web.get(batch_url(batch)))
    assert words(html, "Acme is new and will be created") == ["Note", "Note"]
    assert words(html, "was read as 036000291452") == ["Repaired", "Repaired"]


def test_for_scripts_both_are_notices(batch):
    assert {g["code"]: g["severity"] for g in batch_json(batch)["issues"]} == {
        "unknown_brand": "notice", "repaired_code": "notice"
    }  # fmt: skip


def test_only_a_notice_is_a_note(batch):
    handler = ProductFileHandler(batch)
    entry = {"code": "unknown_brand", "field": "brand_name"}
    assert handler.severity_word({**entry, "severity": "notice"})[1] == "Note"
    assert handler.severity_word({**entry, "severity": "error"})[1] == "Must fix"
    assert handler.severity_word({"code": "anything", "field": "x", "severity": "notice"})[1] == "Repaired"
    assert not Finding("x", "x", Severity.NOTICE).note


def test_in_a_vendor_catalog_only_codes_are_repaired(boss):
    handler = VendorCatalogHandler(VendorCatalogBatch(vendor=Vendor.objects.create(code="A", name="A")))
    notices = {f.code: f.note for f in handler.all_findings.values() if f.severity == Severity.NOTICE}
    assert {code for code, note in notices.items() if not note} <= {"repaired_code", "remembered"}
    assert notices["dearer"]
    assert notices["since_new"]

"""Rows that must be fixed are moved to a new batch in the browser; the others are executed, and both pages tell where rows are."""

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from playwright.sync_api import expect

from batches.models import BatchNumber
from batches.registry import find_batch
from batches.testing import make_batch
from products.models import Product
from tests.products.factories import DepartmentFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
BOOK = "number,description,department,price\n1,One,Grocery,1.50\n2,Two,Grocery,x\n3,Three,Grocery,3.00\n,,,\n4,Four,Grocery,few\n5\n"


@pytest.fixture
def batch(admin_user):
    DepartmentFactory(name="Grocery")
    return make_batch("product_file", user=admin_user, file=ContentFile(BOOK.encode(), name="week-48.csv"))


def test_what_must_be_fixed_goes_its_own_way(person, live_server, batch):
    person.goto(f"{live_server.url}/admin/batches/{batch.pk}/")
    move = person.get_by_role("link", name="Move to a new batch…")
    expect(move).to_have_count(0)
    person.locator("a.b-tile", has_text="Must fix").click()
    move.click()
    expect(person.get_by_role("heading", name="Move 2 rows to a new batch?")).to_be_visible()
    person.get_by_role("button", name="Move 2 rows").click()
    made = find_batch(BatchNumber.objects.latest("number").pk)
    back = person.get_by_role("link", name=batch.shown_number).first
    expect(person.get_by_text("2 rows were moved here from batch")).to_be_visible()
    expect(person.locator("#rows tbody")).to_have_count(2)
    back.click()
    expect(person.get_by_role("link", name=made.shown_number)).to_be_visible()
    expect(person.get_by_text("Of 6 records in the file:")).to_be_visible()
    call_command("execute_batch", str(batch.pk), "--user", "admin", "--json")
    assert set(Product.objects.values_list("number", flat=True)) == {"1", "3"}

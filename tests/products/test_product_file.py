"""Product file: what a price book does to products, prices and costs, and what is found in it."""

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.urls import reverse

from batches import actions
from batches.exceptions import Refused
from batches.figures import batch_json, figures
from batches.journal import event_model
from batches.testing import make_batch, run_batch
from products.models import Brand, Category, Department, DepartmentScope, Product, ProductCost, Vendor

from .factories import DepartmentFactory, ProductFactory, VendorFactory

pytestmark = pytest.mark.django_db
HEAD = "Item Number,UPC,Item Description,Dept,Brand,Category,Vendor,Vendor Name,Pack,Case Cost,Retail\n"


def book(*lines, head=HEAD, name="book.csv"):
    return ContentFile((head + "\n".join(lines) + "\n").encode(), name=name)


def codes(batch):
    return {group["code"]: group["n"] for group in figures(batch)["issues"]}


def test_new_products_bring_brand_category_vendor_and_cost(boss):
    DepartmentFactory(name="Dairy")
    batch = run_batch(
        "product_file",
        user=boss,
        file=book(
            "1,036000291452,Whole Milk,dairy,Meadow,Milk,V1,Valley Dairy,12,24.00,3.49",
            "2,036000291469,Skim Milk,DAIRY,meadow,milk,V1,Valley Dairy,6,12.00,2.99",
        ),
    )
    milk = Product.objects.get(number="1")
    assert (milk.code, milk.description, milk.regular_price) == (
        "036000291452",
        "Whole Milk",
        Decimal("3.49"),
    )
    assert (milk.department.name, milk.brand.name, milk.category.name) == ("Dairy", "Meadow", "Milk")
    assert milk.active
    assert not milk.manual_price
    cost = ProductCost.objects.get(product=milk)
    assert (cost.vendor.code, cost.vendor.name) == ("V1", "Valley Dairy")
    assert (cost.case_size, cost.case_cost, cost.unit_cost, cost.preferred) == (
        12,
        Decimal(24),
        Decimal(2),
        True,
    )
    assert (Brand.objects.count(), Category.objects.count(), Vendor.objects.count()) == (1, 1, 1)
    assert figures(batch)["counts"] == {"applied": 2}


def test_known_product_changes_only_where_the_file_says_so(boss):
    old = ProductFactory(
        number="1", code="036000291452", description="Milk", regular_price=Decimal("3.00"), location="A1"
    )
    batch = run_batch("product_file", user=boss, file=book("1,036000291452,Milk,,,,,,,,3.49"))
    old.refresh_from_db()
    assert (old.regular_price, old.location, old.description) == (Decimal("3.49"), "A1", "Milk")
    assert figures(batch)["actions"] == {"update": 1}
    event = event_model(Product).objects.get(id=old.pk, pgh_label="update")
    assert event.regular_price == Decimal("3.00")


def test_same_file_again_is_unchanged(boss):
    line = "1,036000291452,Milk,,Meadow,Milk,V1,Valley,12,24.00,3.49"
    run_batch("product_file", user=boss, file=book(line))
    again = make_batch("product_file", user=boss, file=book(line))
    assert figures(again)["counts"] == {"unchanged": 1}


def test_history_names_batch_and_person(boss, client):
    old = ProductFactory(number="1", regular_price=Decimal("3.00"))
    batch = run_batch("product_file", user=boss, file=book("1,,,,,,,,,,3.49"))
    client.force_login(boss)
    page = client.get(reverse("admin:products_product_history", args=[old.pk])).content.decode()
    assert batch.shown_number in page
    assert "boss" in page
    assert "3.49" in page


def test_findings_of_a_price_book(boss):
    ProductFactory(number="77", code="036000291452")
    batch = make_batch(
        "product_file",
        user=boss,
        file=book(
            "1,36000291452,Lost zero,,,,,,,,3",
            "2,036000291453,Wrong check digit,,,,,,,,3",
            "3,036000291476,Twice,,,,,,,,3",
            "4,036000291476,Twice,,,,,,,,3",
            "5,,Below cost,,,,,,1,5.00,3",
            "6,,No such department,Dary,,,,,,,3",
            "7,,Nobody's,,,,,Unknown Vendor,,,3",
            ",,Neither,,,,,,,,3",
            "9,,Not a price,,,,,,,,call us",
        ),
    )
    assert codes(batch) == {
        "repaired_code": 1, "taken": 1, "bad_check_digit": 1, "shared_code": 2, "unknown_department": 1, "below_cost": 1,
        "vendor_without_code": 1, "required": 1, "not_a_number": 1, "cost_without_vendor": 1,
    }  # fmt: skip
    data = batch_json(batch)
    assert data["records"] == 9 == sum(data["counts"].values()) + len(data["unreadable"])


def test_unknown_department_is_made_where_the_option_says_so_or_mapped(boss):
    made = run_batch(
        "product_file", user=boss, file=book("1,,New,Cheese,,,,,,,3"), options={"new_departments": "create"}
    )
    assert Product.objects.get(number="1").department.name == "Cheese"
    assert codes(made) == {"unknown_department": 1}
    mapped = make_batch("product_file", user=boss, file=book("2,,Other,Chese,,,,,,,3"))
    assert figures(mapped)["counts"] == {"error": 1}
    actions.map_values(mapped, boss, mapped.rows.all(), "department_name", {"Chese": "Cheese"})
    assert figures(mapped)["counts"] == {"ok": 1}
    actions.execute(mapped, boss)
    assert Product.objects.get(number="2").department == Department.objects.get()


def test_new_group_alone_is_a_change(boss):
    ProductFactory(number="1", brand=None)
    batch = run_batch("product_file", user=boss, file=book("1,,,,Meadow,,,,,,"))
    assert figures(batch)["counts"] == {"applied": 1}
    assert Product.objects.get(number="1").brand.name == "Meadow"


def test_code_matches_with_and_without_zero_and_only_active_products(boss):
    head = "UPC,Retail\n"
    sold = ProductFactory(number="1", code="036000291452", regular_price=Decimal(3))
    ProductFactory(number="2", code="036000291452", active=False)
    batch = run_batch("product_file", user=boss, file=book("36000291452,4", head=head))
    sold.refresh_from_db()
    assert sold.regular_price == 4
    assert figures(batch)["actions"] == {"update": 1}


def test_cost_alone_changes_the_cost(boss):
    product = ProductFactory(number="1")
    vendor = VendorFactory(code="V1")
    cost = ProductCost.objects.create(product=product, vendor=vendor, unit_cost=Decimal("1"), case_size=1)
    run_batch("product_file", user=boss, file=book("1,,,,,,V1,,10,25.00,"))
    cost.refresh_from_db()
    assert (cost.unit_cost, cost.case_size, cost.case_cost) == (Decimal("2.5"), 10, Decimal(25))


def test_person_sees_and_executes_only_their_departments(boss):
    dairy, meat = DepartmentFactory(name="Dairy"), DepartmentFactory(name="Meat")
    buyer = get_user_model().objects.create_user("buyer", is_staff=True)
    buyer.user_permissions.set(Permission.objects.filter(content_type__app_label="products"))
    scope = DepartmentScope.objects.create(user=buyer)
    scope.departments.set([dairy])
    ProductFactory(number="1", department=dairy)
    ProductFactory(number="2", department=meat)
    batch = make_batch("product_file", user=boss, file=book("1,,a,,,,,,,,5", "2,,b,,,,,,,,5"))
    assert figures(batch)["total"] == 2
    assert figures(batch, buyer)["total"] == 1
    row = batch.rows.get(number="2")
    with pytest.raises(Refused, match="no such row"):
        actions.edit_row(batch, buyer, row.pk, {"regular_price": "9"})
    assert actions.exclude(batch, buyer, batch.rows.all(), reason="mine") == 1
    with pytest.raises(Refused, match="outside what you may work on"):
        actions.execute(batch, buyer)


def test_executing_needs_the_rights_of_what_it_does(boss):
    person = get_user_model().objects.create_user("person", is_staff=True)
    person.user_permissions.set(
        Permission.objects.filter(codename__in=["execute_productfilebatch", "add_product", "add_productcost"])
    )
    batch = make_batch("product_file", user=boss, file=book("1,,New,,Meadow,,,,,,3"))
    with pytest.raises(Refused, match=r"products\.add_brand"):
        actions.execute(batch, person)


def test_making_the_cost_of_a_known_product_needs_the_right_to_add_one(boss):
    ProductFactory(number="1", regular_price=Decimal(1))
    VendorFactory(code="V1")
    person = get_user_model().objects.create_user("person", is_staff=True)
    rights = ["execute_productfilebatch", "change_product", "change_productcost"]
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    batch = make_batch("product_file", user=boss, file=book("1,,,,,,V1,,10,25.00,2"))
    assert batch.rows.get().action == "update"
    with pytest.raises(Refused, match=r"permission products\.add_productcost, which"):
        actions.execute(batch, person)
    person.user_permissions.add(Permission.objects.get(codename="add_productcost"))
    # What no row does is not asked for: nobody's cost is changed here.
    person.user_permissions.remove(Permission.objects.get(codename="change_productcost"))
    actions.execute(batch, get_user_model().objects.get(pk=person.pk))
    assert ProductCost.objects.count() == 1


@pytest.mark.parametrize(("text", "value"), [("no", False), ("FALSE", False), ("yes", True), ("1", True)])
def test_option_that_is_yes_or_no(boss, text, value):
    batch = actions.make(
        "product_file", boss, file=book("1,,New,,,,,,,,3"), options={"codes_have_check_digit": text}
    )
    assert batch.codes_have_check_digit is value


def test_option_that_is_neither_yes_nor_no(boss):
    with pytest.raises(Refused, match="cannot be 'maybe': it is neither yes nor no"):
        actions.make("product_file", boss, file=book("1,,New"), options={"codes_have_check_digit": "maybe"})


def test_cost_that_fits_nowhere_costs_one_row_and_not_the_file(boss):
    lines = [
        "1,,Huge,,,,V1,Vendor,12,999999999999.99,3",
        "2,,Less,,,,V1,Vendor,12,-999999999999.99,3",
        "3,,Right,,,,V1,Vendor,12,12,3",
    ]
    batch = make_batch("product_file", user=boss, file=book(*lines))
    assert list(batch.rows.values_list("status", flat=True)) == ["error", "error", "ok"]
    assert codes(batch)["too_large"] == 2


def test_cost_that_would_not_be_written_is_told_of(boss):
    """A vendor that is only a code cannot be made, and a cost is kept per vendor."""
    batch = make_batch("product_file", user=boss, file=book("1,,a,,,,V9,,12,12,3", "2,,b,,,,,,12,12,3"))
    assert list(batch.rows.values_list("status", flat=True)) == ["error", "warning"]
    found = codes(batch)
    assert (found["vendor_without_name"], found["cost_without_vendor"]) == (1, 1)
    batch = make_batch(
        "product_file", user=boss, file=book("1,,a,,,,V9,,12,12,3"), options={"new_vendors": "refuse"}
    )
    assert codes(batch)["unknown_vendor"] == 1


def test_row_with_a_number_only_must_be_fixed_where_products_are_known_by_code(boss):
    head = "Item Number,UPC,Item Description\n"
    lines = ("1,036000291452,Milk", "2,,Tea", "3,9.4E+10,Rice", ",,Oats")
    batch = make_batch("product_file", user=boss, file=book(*lines, head=head), options={"match_by": "code"})
    found = [[entry["code"] for entry in row.issues or []] for row in batch.rows.order_by("sequence")]
    assert found == [[], ["no_code"], ["code_damaged"], ["required"]]
    actions.edit_row(batch, boss, batch.rows.get(number="2").pk, {"code": "036000291469"})
    assert batch.rows.get(number="2").action == "create"
    batch = make_batch(
        "product_file", user=boss, file=book(*lines[1:2], head=head), options={"match_by": "number"}
    )
    assert batch.rows.get().status == "ok"


def test_row_added_to_a_list_of_codes_needs_its_code(boss):
    batch = make_batch(
        "product_file", user=boss, file=book("036000291452,Milk", head="UPC,Item Description\n")
    )
    row = actions.add_row(batch, boss, {"number": "N1", "description": "Tea"})
    assert (row.status, [entry["code"] for entry in row.issues]) == ("error", ["no_code"])

"""Vendor catalog: what one vendor's list does to that vendor's costs, and what is found in it."""

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.urls import reverse

from batches import actions
from batches.exceptions import BatchError, Refused
from batches.figures import figures
from batches.journal import event_model
from batches.testing import make_batch, run_batch
from batches.views.remedies import remedy_of
from products.models import DepartmentScope, Product, ProductCost

from .factories import DepartmentFactory, ProductCostFactory, ProductFactory, VendorFactory

pytestmark = pytest.mark.django_db
HEAD = "Item #,UPC,Description,Pack,Case Cost,Unit Cost\n"


@pytest.fixture
def acme():
    return VendorFactory(code="ACME", name="Acme Foods")


def listing(*lines, head=HEAD, name="list.csv"):
    return ContentFile((head + "\n".join(lines) + "\n").encode(), name=name)


def catalog(boss, vendor, *lines, head=HEAD, **options):
    return make_batch(
        "vendor_catalog", user=boss, file=listing(*lines, head=head), options={"vendor": vendor, **options}
    )


def found(batch):
    return {group["code"]: group["n"] for group in figures(batch)["issues"]}


def sentence(batch, code):
    return next(group["message"] for group in figures(batch)["issues"] if group["code"] == code)


def cost_of(vendor, item="", **values):
    """Return a cost of 2.00, 24.00 for a case of 12."""
    given = {"case_size": 12, "case_cost": Decimal(24), "unit_cost": Decimal(2), **values}
    return ProductCostFactory(vendor=vendor, vendor_item_code=item, **given)


def test_the_columns_of_a_usual_list_are_mapped(boss, acme):
    batch = actions.make("vendor_catalog", boss, file=listing("A1,,x,1,1,1"), options={"vendor": acme})
    assert batch.mapping == {
        "vendor_item_code": "Item #", "code": "UPC", "description": "Description", "case_size": "Pack",
        "case_cost": "Case Cost", "unit_cost": "Unit Cost",
    }  # fmt: skip


def test_costs_go_up_and_down_with_amount_and_percent(boss, acme):
    up, down, same = (cost_of(acme, f"A{n}") for n in (1, 2, 3))
    batch = catalog(boss, acme, "A1,,,12,27.00,", "A2,,,,,1.50", "A3,,,12,24.00,2.00")
    assert found(batch) == {"dearer": 1, "cheaper": 1}
    assert sentence(batch, "dearer") == "The unit cost rises from 2.00 to 2.25: by 0.25, 12.50 %."
    assert sentence(batch, "cheaper") == "The unit cost falls from 2.00 to 1.50: by 0.50, 25.00 %."
    assert list(batch.rows.values_list("change", "percent")) == [
        (Decimal("0.25"), Decimal("12.5")), (Decimal("-0.5"), Decimal(-25)), (None, None)
    ]  # fmt: skip
    assert figures(batch)["actions"] == {"update": 2, "unchanged": 1}
    actions.execute(batch, boss)
    for cost in (up, down, same):
        cost.refresh_from_db()
    assert (up.unit_cost, up.case_cost) == (Decimal("2.25"), 27)
    assert (down.unit_cost, down.case_cost) == (Decimal("1.5"), 18), "the case follows the unit"
    assert (same.unit_cost, same.case_cost) == (2, 24)
    assert event_model(ProductCost).objects.filter(id=same.pk, pgh_label="update").count() == 0


def test_exactly_the_altered_costs_are_shown(boss, acme):
    """200 costs of a vendor's 300 altered in a copy of the list."""
    products = [ProductFactory(regular_price=Decimal(9)) for _n in range(300)]
    ProductCost.objects.bulk_create(
        [
            ProductCost(product=p, vendor=acme, vendor_item_code=f"I{n}", unit_cost=Decimal(n + 100) / 100)
            for n, p in enumerate(products)
        ]
    )
    altered = [n for n in range(300) if n % 3]
    lines = [f"I{n},,x,,,{Decimal(n + 100 + (5 if n % 3 else 0)) / 100}" for n in range(300)]
    batch = catalog(boss, acme, *lines)
    changed = batch.rows.filter(action="update")
    assert list(changed.values_list("vendor_item_code", flat=True)) == [f"I{n}" for n in altered]
    assert set(changed.values_list("change", flat=True)) == {Decimal("0.05")}
    assert [row.percent for row in changed] == [round(Decimal(500) / (n + 100), 2) for n in altered]
    assert found(batch) == {"dearer": 200}
    assert figures(batch)["counts"] == {"ok": 200, "unchanged": 100}
    tiles = dict(tiles_of(batch))
    assert tiles["Our costs"] == [("New cost", 0), ("Dearer", 200), ("Cheaper", 0)]


def tiles_of(batch):
    """Yield heading, and word and number of each tile."""
    handler = actions.handler_of(batch)
    for label, group in handler.tiles(figures(batch)):
        yield label, [(word, n) for word, n, _query in group]


def test_matches_by_item_code_before_code(boss, acme):
    other = ProductFactory(code="036000291452")
    cost = cost_of(acme, "A1", product=ProductFactory(code="036000291469"))
    batch = catalog(boss, acme, "A1,036000291452,,,,3")
    row = batch.rows.get()
    assert (row.cost, row.product) == (cost, cost.product)
    assert found(batch)["code_differs"] == 1
    assert other.code in sentence(batch, "code_differs")


def test_matches_by_code_in_any_form_and_learns_the_item_code(boss, acme):
    cost = cost_of(acme, product=ProductFactory(code="036000291452"))
    moved = cost_of(acme, "OLD", product=ProductFactory(code="036000291469"))
    batch = catalog(boss, acme, "A1,36000291452,,,,2.00", "NEW,036000291469,,,,2.00")
    assert found(batch) == {"repaired_code": 1, "item_code_changed": 1}
    assert sentence(batch, "item_code_changed") == "The vendor's item code was OLD and becomes NEW."
    actions.execute(batch, boss)
    for thing in (cost, moved):
        thing.refresh_from_db()
    assert (cost.vendor_item_code, moved.vendor_item_code) == ("A1", "NEW")
    assert cost.unit_cost == 2


def test_matches_by_our_number_where_the_list_has_it_or_no_item_code_is_known(boss, acme):
    cost = cost_of(acme, product=ProductFactory(number="700"))
    batch = catalog(boss, acme, "700,,,,,3", head=HEAD)
    assert batch.rows.get().cost == cost
    assert batch.rows.get().new_vendor_item_code is None, "our number is no item code of theirs"
    batch = catalog(boss, acme, "700,3", head="Your Number,Unit Cost\n")
    assert batch.rows.get().cost == cost


def test_whether_codes_have_check_digits_is_asked_where_the_file_does_not_tell(boss, acme, client):
    products = [ProductFactory() for _n in range(30)]
    lines = [f"A{n},{product.code[:-1]},,,,3" for n, product in enumerate(products)]
    batch = actions.make("vendor_catalog", boss, file=listing(*lines), options={"vendor": acme})
    client.force_login(boss)
    page = client.get(reverse("batches:batch", args=[batch.pk]), follow=True).content.decode()
    assert "codes are right with their last digit as check digit" in page
    assert "– choose –" in page
    batch = catalog(boss, acme, *lines, codes_have_check_digit=False)
    assert [row.product for row in batch.rows.all()] == products


def test_another_vendor_makes_other_rows_of_the_same_list(boss, acme):
    """The rows follow the option when they are checked again, those of missing costs too."""
    best = VendorFactory(code="B")
    for vendor in (acme, best):
        for n in range(6):
            cost_of(vendor, f"{vendor.code}{n}")
    batch = catalog(boss, acme, *[f"ACME{n},,,,,2.50" for n in range(5)])
    assert batch.rows.filter(ended__vendor=acme).count() == 1
    actions.change_options(batch, boss, {"vendor": "B", "whole_list": "yes", "most_ended": "100"})
    with pytest.raises(Refused, match="check again first"):
        actions.execute(batch, boss)
    actions.refresh(batch, boss)
    assert not batch.rows.filter(ended__vendor=acme).exists()
    assert batch.rows.filter(ended__vendor=best).count() == 6
    assert found(batch) == {"product_unknown": 5, "no_longer_listed": 6, "last_cost": 6}


def test_our_number_is_nothing_to_a_vendor_whose_item_codes_are_known(boss, acme):
    cost_of(acme, "A1", product=ProductFactory(number="700"))
    cost_of(VendorFactory(), product=ProductFactory(number="701"))
    batch = catalog(boss, acme, "700,,,,,3", "701,,,,,3")
    assert found(batch) == {"product_unknown": 2}


def test_new_cost_of_a_known_product(boss, acme):
    product = ProductFactory(code="036000291452")
    batch = run_batch(
        "vendor_catalog", user=boss, options={"vendor": acme}, file=listing("A1,036000291452,,12,24.00,")
    )
    cost = ProductCost.objects.get()
    assert (cost.product, cost.vendor, cost.vendor_item_code) == (product, acme, "A1")
    assert (cost.case_size, cost.case_cost, cost.unit_cost, cost.preferred) == (12, 24, 2, False)
    assert found(batch) == {"new_cost": 1}


def test_unknown_product_waits_for_a_decision(boss, acme):
    """Asked for, skipped, made, or mapped by correcting the code."""
    line = "A1,036000291452,Oats,12,24.00,"
    asked = catalog(boss, acme, line)
    assert figures(asked)["counts"] == {"warning": 1}
    assert figures(asked)["actions"] == {"unchanged": 1}
    with pytest.raises(Refused, match="No row takes part"):
        actions.execute(asked, boss)
    skipped = catalog(boss, acme, line, unknown_products="skip")
    assert figures(skipped)["counts"] == {"unchanged": 1}
    handler = actions.handler_of(asked)
    assert remedy_of(handler, "product_unknown", "code").lookup.to == "product"
    assert remedy_of(handler, "other_vendor", "named") is None
    known = ProductFactory(code="036000291469")
    row = actions.edit_row(asked, boss, asked.rows.get().pk, {"code": "036000291469"})
    assert (row.product, row.status) == (known, "ok")
    made = catalog(boss, acme, line, unknown_products="create")
    assert figures(made)["actions"] == {"create": 1}
    actions.execute(made, boss)
    cost = ProductCost.objects.get(product__code="036000291452")
    assert (cost.product.number, cost.product.description, cost.preferred) == ("036000291452", "Oats", True)


def test_two_rows_for_one_product_are_an_error(boss, acme):
    ProductFactory(code="036000291452")
    batch = catalog(boss, acme, "A1,036000291452,,,,3", "A2,036000291452,,,,3.10")
    assert found(batch) == {"several_rows": 2, "new_cost": 2}
    both = catalog(boss, acme, "A1,036000291469,x,,,3", "A2,036000291469,x,,,4", unknown_products="create")
    assert found(both)["shared_number"] == 2


def test_item_code_of_several_costs_must_be_told_apart(boss, acme):
    first, second = (
        cost_of(acme, "A1", product=ProductFactory(code=c)) for c in ("036000291452", "036000291469")
    )
    batch = catalog(boss, acme, "A1,,,,,3")
    assert found(batch)["ambiguous_item_code"] == 1
    row = actions.edit_row(batch, boss, batch.rows.get().pk, {"code": second.product.code})
    assert (row.cost, row.status) == (second, "warning")
    assert first.pk < second.pk


def test_findings_of_a_list(boss, acme):
    dairy = DepartmentFactory(target_margin=Decimal(40))
    for n in range(1, 9):
        product = ProductFactory(department=dairy, regular_price=Decimal(4))
        cost_of(acme, f"A{n}", product=product)
    batch = catalog(
        boss, acme,
        "A1,,,12,,9.00",  # implausible, below cost
        "A2,,,10,24.00,",  # another case: 2.40, the margin falls to 40
        "A3,,,,,2.50",  # margin 37.5
        "A4,,,12,24.00,2.10",  # its share of the case is 2.00
        "A5,,,,,",  # nothing
        "A6,,,,,two",  # unreadable
        "A7,,,12,24.00,2.00",
        ",,,,,2",  # nobody
        "A8,,,0,24.00,",
    )  # fmt: skip
    assert found(batch) == {
        "dearer": 4, "implausible": 1, "below_cost": 1, "case_size_changed": 2, "margin_low": 1, "costs_disagree": 1,
        "no_cost": 1, "not_a_number": 1, "nothing_named": 1, "rule_broken": 1,
    }  # fmt: skip
    assert sentence(batch, "margin_low") == (
        "At the price 4.00 the margin is then 37.50 %; the department's target is 40.00 %."
    )
    assert sentence(batch, "case_size_changed") == "The case had 12 units and has 10."
    assert "moves from 2.00 to 9.00, by 350.00 %" in sentence(batch, "implausible")


def test_case_cost_alone_can_move(boss, acme):
    cost_of(acme, "A1")
    batch = catalog(boss, acme, "A1,,,12,24.05,2.00")
    assert sentence(batch, "dearer") == "The case cost rises from 24.00 to 24.05: by 0.05, 0.21 %."


def test_a_case_that_costs_what_it_did_is_unchanged_however_its_unit_was_rounded(boss, acme):
    cost_of(acme, "A1", case_cost=Decimal("25.00"), unit_cost=Decimal("2.08"))
    cost_of(acme, "A2", case_size=144, case_cost=Decimal("25.37"), unit_cost=Decimal("0.1762"))
    batch = catalog(boss, acme, "A1,,,12,25.00,", "A2,,,,,0.1762")
    assert figures(batch)["counts"] == {"unchanged": 2}


def test_new_cost_of_a_case_needs_its_size(boss, acme):
    ProductFactory(code="036000291452")
    batch = catalog(boss, acme, "A1,036000291452,,,24.00,")
    assert found(batch) == {"case_size_missing": 1}


def test_cost_that_fits_nowhere_costs_one_row_and_not_the_file(boss, acme):
    for n in (1, 2, 3):
        cost_of(acme, f"A{n}")
    lines = ["A1,,,1,999999999999.99,", "A2,,,999999999,,9999999999.9999", "A3,,,12,24.00,"]
    batch = catalog(boss, acme, *lines)
    assert list(batch.rows.values_list("status", flat=True)) == ["error", "error", "unchanged"]


def test_rows_of_another_vendor_are_not_written(boss, acme):
    VendorFactory(code="B", name="Best Goods")
    product = ProductFactory(code="036000291452")
    cost = cost_of(acme, "A1")
    head = "Vendor,Item #,UPC,Unit Cost\n"
    lines = ["acme,A1,,3", "best goods,A1,,9", "b,B7,036000291452,9", "Somebody,A1x,,3"]
    batch = catalog(boss, acme, *lines, head=head)
    assert list(batch.rows.values_list("action", flat=True)) == ["update", *["unchanged"] * 3]
    assert found(batch) == {"other_vendor": 2, "dearer": 1, "implausible": 1, "product_unknown": 1}
    actions.execute(batch, boss)
    cost.refresh_from_db()
    assert cost.unit_cost == 3
    assert not ProductCost.objects.filter(product=product).exists()
    full = catalog(boss, acme, "b,A1,,3", head=head, whole_list="yes", most_ended=100)
    assert full.rows.get(ended__isnull=False).ended == cost, "another vendor's row does not list it"


def test_list_of_nobody_is_refused(boss, acme):
    batch = actions.make("vendor_catalog", boss, file=listing("A1,,x,,,1"))
    with pytest.raises(BatchError, match="Choose the vendor"):
        actions.populate(batch, boss)
    batch.refresh_from_db()
    assert (batch.status, batch.rows.count()) == ("draft", 0)


def test_vendor_is_named_by_its_code(boss, acme):
    batch = actions.make("vendor_catalog", boss, file=listing("A1,,x,,,1"), options={"vendor": "ACME"})
    assert (batch.vendor, actions.handler_of(batch).source_of()) == (acme, "ACME")
    form = actions.handler_of(batch).options_form()(instance=batch)
    assert '<option value="ACME" selected>Acme Foods (ACME)</option>' in str(form["vendor"])
    actions.populate(batch, boss)
    assert batch.description == "Acme Foods"
    with pytest.raises(Refused, match="option vendor cannot be 'NOBODY'"):
        actions.make("vendor_catalog", boss, file=listing("A1,,x,,,1"), options={"vendor": "NOBODY"})


def test_person_sees_and_executes_only_their_departments(boss, acme):
    dairy, meat = DepartmentFactory(name="Dairy"), DepartmentFactory(name="Meat")
    buyer = get_user_model().objects.create_user("buyer", is_staff=True)
    buyer.user_permissions.set(Permission.objects.filter(content_type__app_label="products"))
    DepartmentScope.objects.create(user=buyer).departments.set([dairy])
    for n, department in enumerate((dairy, meat)):
        cost_of(acme, f"A{n}", product=ProductFactory(department=department))
    batch = catalog(boss, acme, "A0,,,,,3", "A1,,,,,3", "A2,,,,,3")
    assert figures(batch, buyer)["total"] == 2
    made = catalog(boss, acme, "A5,dairy,3", "A6,Meat,3", "A7,Fish,3", head="Item #,Dept,Unit Cost\n")
    scoped = made.rows.filter(actions.handler_of(made, buyer).scope(buyer))
    assert list(scoped.values_list("vendor_item_code", flat=True)) == ["A5", "A7"]
    with pytest.raises(Refused, match="outside what you may work on"):
        actions.execute(batch, buyer)


def test_undone_product_of_another_department_stays_out_of_sight(boss, acme):
    dairy = DepartmentFactory(name="Dairy")
    DepartmentFactory(name="Meat")
    buyer = get_user_model().objects.create_user("buyer", is_staff=True)
    DepartmentScope.objects.create(user=buyer).departments.set([dairy])
    batch = catalog(
        boss,
        acme,
        "A5,036000291452,milk,Dairy,3",
        "A6,036000291469,ham,Meat,3",
        head="Item #,UPC,Description,Dept,Unit Cost\n",
        unknown_products="create",
    )
    for work in (actions.execute, actions.revert):
        work(batch, boss)
        seen = batch.rows.filter(actions.handler_of(batch, buyer).scope(buyer))
        assert list(seen.values_list("vendor_item_code", flat=True)) == ["A5"]
    assert set(batch.rows.values_list("status", flat=True)) == {"reverted"}


def test_executing_needs_the_rights_of_what_it_does(boss, acme):
    cost_of(acme, "A0")
    ProductFactory(code="036000291452")
    person = get_user_model().objects.create_user("person", is_staff=True)
    person.user_permissions.set(
        Permission.objects.filter(codename__in=["execute_vendorcatalogbatch", "change_productcost"])
    )
    batch = catalog(
        boss, acme, "A0,,,,,3", "A1,036000291452,,,,3", "A2,036000291469,x,,,3", unknown_products="create"
    )
    with pytest.raises(Refused, match=r"products\.add_product, products\.add_productcost"):
        actions.execute(batch, person)


def test_what_moved_since_review_is_a_conflict(boss, acme):
    cost = cost_of(acme, "A1")
    batch = catalog(boss, acme, "A1,,,,,3")
    ProductCost.objects.filter(pk=cost.pk).update(unit_cost=Decimal("2.75"))
    actions.execute(batch, boss)
    cost.refresh_from_db()
    assert (cost.unit_cost, batch.rows.get().status) == (Decimal("2.75"), "conflict")


def test_date_and_pack_are_shown_only(boss, acme):
    cost_of(acme, "A1")
    batch = catalog(boss, acme, "A1,3,12/1 L,2026-12-01", head="Item #,Unit Cost,Pack/Size,Effective Date\n")
    row = batch.rows.get()
    assert (row.size_text, row.valid_from) == ("12/1 L", date(2026, 12, 1))
    assert Product.objects.get().description == row.product_name

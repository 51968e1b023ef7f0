"""Vendor catalog: costs that a vendor's list no longer has, and what moved since the last list."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from batches import actions
from batches.exceptions import Refused
from batches.figures import figures
from batches.grid import grid_fields
from batches.journal import event_model
from batches.models import Unreadable
from batches.registry import find_batch
from batches.tables import cell
from products.batches.vendor_catalog_list import ends
from products.models import ProductCost

from .factories import ProductCostFactory, ProductFactory, VendorFactory
from .test_vendor_catalog import acme, catalog, cost_of, found, sentence, tiles_of

pytestmark = pytest.mark.django_db
__all__ = ["acme"]
HEAD = "Item #,Unit Cost\n"


def costs(vendor, n):
    """Return n costs with the item codes A0, A1…"""
    return [
        cost_of(vendor, f"A{i}", product=ProductFactory(last_sold=date(2026, 11, 1 + i))) for i in range(n)
    ]


def lines(*numbers, cost="2.00"):
    return [f"A{n},{cost}" for n in numbers]


def test_missing_costs_are_rows_of_their_own_excluded_at_first(boss, acme):
    mine = costs(acme, 10)
    batch = catalog(boss, acme, *lines(*range(9)), "X1,9", head=HEAD)
    row = batch.rows.get(ended__isnull=False)
    assert (row.ended, row.product, row.action, row.removed) == (mine[9], mine[9].product, "delete", True)
    assert (row.sequence, row.source_row, row.last_sold) == (11, None, date(2026, 11, 10))
    assert row.removed_reason == "Not in the list; put it back to end the cost."
    assert (row.old_unit_cost, row.old_case_cost, row.old_case_size) == (2, 24, 12)
    cells = {field.name: cell(field, row) for field in grid_fields(actions.handler_of(batch))}
    assert cells["new_unit_cost"] == '<del class="b-gone" title="is deleted">2.00</del>'
    assert "A9" in cells["new_vendor_item_code"]
    assert sentence(batch, "no_longer_listed") == (
        "It is not in the list any more (item code A9, unit cost 2.00); last sold: 2026-11-10."
    )
    assert found(batch) == {"product_unknown": 1, "no_longer_listed": 1, "last_cost": 1}
    assert "Costs that are not in the list: 1; those" in actions.handler_of(batch).describe_execution()
    with pytest.raises(Refused, match="No row takes part"):
        actions.execute(batch, boss)


def test_row_that_is_put_back_ends_the_cost(boss, acme):
    mine = costs(acme, 5)
    other = ProductCostFactory(product=mine[4].product, vendor=VendorFactory())
    batch = catalog(boss, acme, *lines(0, 1, 2, 3, cost="2.10"), head=HEAD)
    assert "last_cost" not in found(batch)
    actions.include(batch, boss, batch.rows.filter(ended__isnull=False))
    actions.execute(batch, boss)
    assert set(ProductCost.objects.values_list("pk", flat=True)) == {*(c.pk for c in mine[:4]), other.pk}
    assert event_model(ProductCost).objects.filter(id=mine[4].pk, pgh_label="delete").count() == 1
    assert figures(batch)["counts"] == {"applied": 5}


def test_cost_that_somebody_changed_since_is_not_ended(boss, acme):
    mine = costs(acme, 5)
    batch = catalog(boss, acme, *lines(0, 1, 2, 3), head=HEAD)
    actions.include(batch, boss, batch.rows.filter(ended__isnull=False))
    ProductCost.objects.filter(pk=mine[4].pk).update(unit_cost=Decimal(3))
    actions.execute(batch, boss)
    assert ProductCost.objects.filter(pk=mine[4].pk).exists()
    assert batch.rows.get(ended__isnull=False).status == "conflict"


def test_nothing_is_offered_for_a_part_of_a_list(boss, acme):
    costs(acme, 10)
    for batch in (
        catalog(boss, acme, *lines(0, 1, 2, 3), head=HEAD, most_ended=100),
        catalog(boss, acme, *lines(*range(9)), head=HEAD, whole_list="no"),
    ):
        assert ends(batch) == "part"
        assert not batch.rows.filter(ended__isnull=False).exists()
        assert [word for word, _n in dict(tiles_of(batch))["Our costs"]] == ["New cost", "Dearer", "Cheaper"]
        assert "taken for a part of the list" in actions.handler_of(batch).describe_execution()


def test_more_than_the_limit_is_not_ended(boss, acme):
    costs(acme, 10)
    batch = catalog(boss, acme, *lines(*range(7)), head=HEAD)
    assert (ends(batch), batch.missing, batch.our_costs) == ("many", 3, 10)
    assert not batch.rows.filter(ended__isnull=False).exists()
    assert ("No longer in their list", 3) in dict(tiles_of(batch))["Our costs"]
    said = "Costs that are not in the file: 3 of 10, more than 20 %; none is ended."
    assert said in actions.handler_of(batch).describe_execution()
    actions.change_options(batch, boss, {"most_ended": "30"})
    actions.refresh(batch, boss)
    assert batch.rows.filter(ended__isnull=False).count() == 3


def test_a_small_list_may_be_said_to_be_whole(boss, acme):
    costs(acme, 10)
    batch = catalog(boss, acme, *lines(0, 1), head=HEAD, whole_list="yes", most_ended=80)
    assert batch.rows.filter(ended__isnull=False).count() == 8


def test_unreadable_records_may_be_what_is_missing(boss, acme):
    costs(acme, 5)
    batch = catalog(boss, acme, *lines(0, 1, 2, 3), "A4,2,00,9", head=HEAD)
    assert ends(batch) == "unread"
    assert not batch.rows.filter(ended__isnull=False).exists()
    Unreadable.objects.filter(batch_id=batch.pk).update(dropped=True)
    actions.refresh(batch, boss)
    assert batch.rows.filter(ended__isnull=False).count() == 1


def test_correcting_a_row_takes_its_cost_back_into_the_list(boss, acme):
    mine = costs(acme, 5)
    batch = catalog(boss, acme, *lines(0, 1, 2, 3), "A44,2.50", head=HEAD)
    ending = batch.rows.get(ended__isnull=False)
    row = actions.edit_row(batch, boss, batch.rows.get(sequence=5).pk, {"vendor_item_code": "A4"})
    assert row.cost == mine[4]
    actions.include(batch, boss, batch.rows.filter(pk=ending.pk))
    assert found(batch)["several_rows"] == 2, "a cost is not changed and ended at once"
    actions.refresh(batch, boss)
    assert not batch.rows.filter(pk=ending.pk).exists()
    assert "several_rows" not in found(batch)


def test_checking_again_keeps_what_was_put_back(boss, acme):
    costs(acme, 5)
    batch = catalog(boss, acme, *lines(0, 1, 2, 3), head=HEAD)
    actions.include(batch, boss, batch.rows.filter(ended__isnull=False))
    before = list(batch.rows.values_list("pk", "removed", "sequence"))
    actions.refresh(batch, boss)
    assert list(batch.rows.values_list("pk", "removed", "sequence")) == before


def test_since_their_last_list(boss, acme, client):
    """New, dropped, dearer and cheaper by comparing the two files, whatever of the first was executed."""
    ProductFactory(number="1")
    first = catalog(boss, acme, *lines(0, 1, 2, 3), "B,", head=HEAD)
    assert [label for label, _group in tiles_of(first)] == ["Our costs"]
    second = catalog(boss, acme, "A0,2.00", "A1,2.50", "A2,1.50", "N,1", "B,3", head=HEAD)
    assert second.last_list_id == first.pk
    counts = dict(tiles_of(second))[f"Since their last file, {first.shown_number}"]
    assert counts == [("New", 1), ("Dropped", 1), ("Dearer", 1), ("Cheaper", 1)]
    assert sentence(second, "since_dearer") == "In their last list it cost 2.00, now 2.50."
    client.force_login(boss)
    page = client.get(reverse("batches:batch", args=[second.pk]), follow=True).content.decode()
    assert "Since their last file" in page
    assert "finding=since_dearer" in page
    places = list(second.rows.values_list("pk", "issues"))
    actions.refresh(second, boss)
    assert list(second.rows.values_list("pk", "issues")) == places


def test_lists_that_were_withdrawn_or_are_of_others_do_not_count(boss, acme):
    first = catalog(boss, acme, *lines(0), head=HEAD)
    catalog(boss, VendorFactory(), *lines(0, 1), head=HEAD)
    gone = catalog(boss, acme, *lines(0, 1), head=HEAD)
    actions.withdraw(gone, boss, comment="wrong file")
    batch = catalog(boss, acme, *lines(0, 1), head=HEAD)
    assert batch.last_list_id == first.pk
    assert found(batch)["since_new"] == 1
    again = catalog(boss, acme, *lines(0, 1), head=HEAD)
    assert again.last_list_id == first.pk, "the same file has no news"
    actions.withdraw(first, boss, comment="wrong file, too")
    actions.refresh(batch, boss)
    assert batch.last_list_id is None
    assert "since_new" not in found(batch)


# ---- a list that was split


def test_a_part_of_a_list_ends_no_cost_that_lies_in_the_other_part(boss, acme):
    mine = costs(acme, 10)
    batch = catalog(boss, acme, *lines(*range(8)), head=HEAD)
    assert (ends(batch), batch.missing) == ("yes", 2)
    made = actions.split(batch, boss, {"q": "A3"}).batch
    for part, ended in ((batch, 2), (made, 0)):
        actions.refresh(part, boss)
        part.refresh_from_db()
        assert part.missing == ended
        assert part.rows.filter(ended__isnull=False).count() == ended
    assert batch.rows.filter(ended__isnull=False, ended__in=mine[8:], removed=True).count() == 2
    assert "Costs that are not in the list: 2; those" in actions.handler_of(batch).describe_execution()
    assert "not in the list" not in actions.handler_of(made).describe_execution()


@pytest.mark.parametrize("options", [{"whole_list": "no"}, {"most_ended": "10"}])
def test_a_part_ends_nothing_where_its_options_say_so(boss, acme, options):
    costs(acme, 10)
    batch = catalog(boss, acme, *lines(*range(8)), head=HEAD)
    actions.split(batch, boss, {"q": "A3"})
    actions.include(batch, boss, batch.rows.filter(ended__isnull=False))
    actions.change_options(batch, boss, options)
    actions.refresh(batch, boss)
    assert not batch.rows.filter(ended__isnull=False).exists()
    assert "none is ended" in actions.handler_of(batch).describe_execution()


def test_rows_that_end_costs_move_and_still_end_them(boss, acme):
    mine = costs(acme, 10)
    batch = catalog(boss, acme, *lines(*range(9)), "A99,3", head=HEAD)
    made = actions.split(batch, boss, {"finding": "no_longer_listed"}).batch
    actions.refresh(made, boss)
    actions.include(made, boss, made.rows.all())
    actions.execute(made, boss)
    assert not ProductCost.objects.filter(pk=mine[9].pk).exists()
    batch.refresh_from_db()
    assert (batch.missing, made.missing) == (0, 1)


def test_a_cost_that_a_part_has_by_a_correction_is_not_ended_there(boss, acme):
    costs(acme, 6)
    batch = catalog(boss, acme, *lines(0, 1, 2, 3, 4), "A55,2.50", head=HEAD)
    actions.split(batch, boss, {"q": "A3"})
    actions.edit_row(batch, boss, batch.rows.get(vendor_item_code="A55").pk, {"vendor_item_code": "A5"})
    actions.refresh(batch, boss)
    assert not batch.rows.filter(ended__isnull=False).exists()


def test_the_next_list_is_compared_with_all_parts_of_the_last_one(boss, acme):
    costs(acme, 10)
    first = catalog(boss, acme, *lines(*range(10)), head=HEAD)
    made = actions.split(first, boss, {"q": "A3"}).batch
    batch = catalog(boss, acme, *lines(*range(9), cost="2.10"), "A99,3", head=HEAD)
    assert (batch.last_list_id, batch.dropped) == (first.pk, 1)
    assert (found(batch)["since_new"], found(batch)["since_dearer"]) == (1, 9)
    actions.withdraw(made, boss)
    actions.refresh(batch, boss)
    assert found(batch)["since_new"] == 2


def test_nothing_is_compared_with_a_list_of_which_a_part_is_purged(boss, acme):
    costs(acme, 10)
    first = catalog(boss, acme, *lines(*range(10), cost="2.20"), head=HEAD)
    made = actions.split(first, boss, {"q": "A3"}).batch
    actions.execute(made, boss)
    long_ago = timezone.now() - timedelta(days=400)
    type(made).objects.filter(pk=made.pk).update(executed=long_ago)
    actions.purge(find_batch(made.pk), boss)
    batch = catalog(boss, acme, *lines(*range(9), cost="2.10"), head=HEAD)
    assert (batch.last_list_id, batch.dropped) == (None, 0)
    assert not {"since_new", "since_cheaper"} & set(found(batch))


def test_a_part_is_compared_with_the_list_before_the_whole(boss, acme):
    costs(acme, 10)
    first = catalog(boss, acme, *lines(*range(10)), head=HEAD)
    whole = catalog(boss, acme, *lines(*range(9), cost="2.10"), head=HEAD)
    between = catalog(boss, acme, *lines(0), head=HEAD)
    made = actions.split(whole, boss, {"q": "A3"}).batch
    assert made.pk > between.pk
    for part in (whole, made):
        actions.refresh(part, boss)
        part.refresh_from_db()
        assert (part.last_list_id, part.dropped) == (first.pk, 1)
        assert set(found(part)) & {"since_new", "since_dearer"} == {"since_dearer"}
    # Where a part is deleted, what it held was in the list all the same.
    actions.delete(made, boss)
    actions.refresh(whole, boss)
    whole.refresh_from_db()
    assert whole.dropped == 1
    after = catalog(boss, acme, *lines(0, 1, cost="2.30"), head=HEAD)
    assert after.last_list_id == between.pk

"""Vendor catalog: reading the list again, with rows that the type itself adds of what the list no longer has."""

import pytest

from batches import actions
from products.models import ProductCost

from .test_vendor_catalog import acme, catalog
from .test_vendor_catalog_list import HEAD, costs, lines

pytestmark = pytest.mark.django_db
__all__ = ["acme"]


def test_rows_of_what_is_not_in_the_list_are_nobody_s_work_and_stay(boss, acme):
    costs(acme, 10)
    batch = catalog(boss, acme, *lines(*range(8)), head=HEAD)
    assert batch.rows.filter(ended__isnull=False, removed=True).count() == 2
    counts = actions.comes_and_goes(batch, boss, {})
    lost = {name: counts[name] for name in ("touched", "excluded", "by_hand", "dropped")}
    assert set(lost.values()) == {0}, lost
    assert (counts["new"], counts["gone"], counts["changed"], counts["same"]) == (0, 0, 0, 10)


def test_one_that_people_put_back_is_their_work_and_one_that_is_new_comes(boss, acme):
    mine = costs(acme, 10)
    batch = catalog(boss, acme, *lines(*range(8)), head=HEAD)
    actions.include(batch, boss, batch.rows.filter(ended=mine[9]))
    actions.exclude(batch, boss, batch.rows.filter(sequence=1))
    actions.add_row(batch, boss, {"vendor_item_code": "X9", "unit_cost": "3"})
    ProductCost.objects.filter(pk=mine[8].pk).delete()
    counts = actions.comes_and_goes(batch, boss, {})
    assert (counts["touched"], counts["excluded"], counts["by_hand"]) == (2, 1, 1)
    assert (counts["new"], counts["gone"], counts["same"]) == (0, 2, 9)
    actions.repopulate(batch, boss)
    assert batch.rows.count() == 9


def test_reading_again_checks_rows_by_the_options_of_now(boss, acme):
    costs(acme, 10)
    batch = catalog(boss, acme, *lines(*range(10), cost="2.20"), head=HEAD)
    actions.change_options(batch, boss, {"most_ended": "30"})
    assert "Options were changed" in actions.why_not(batch, "execute", boss)
    actions.repopulate(batch, boss)
    assert actions.why_not(batch, "execute", boss) is None

"""Whoever works with some departments changes their rows, never into rows that they may not see."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from batches import actions
from batches.bulk import Said
from batches.exceptions import Refused
from batches.models import Event, Run, SavedValue
from batches.runner import resume
from batches.testing import make_batch
from products.models import DepartmentScope

from .factories import DepartmentFactory, ProductFactory

pytestmark = pytest.mark.django_db
HEAD = "Item Number,UPC,Item Description,Dept,Retail\n"
ROWS = (
    "1,036000291452,Peas,Frozen,3.49\n2,036000291469,Soap,Cosmetics,9.99\n3,036000291476,Ice,Unknown,1.00\n"
)


@pytest.fixture
def clerk():
    """Return a clerk who works with the department Frozen only."""
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    names = ("view_productfilebatch", "add_productfilebatch", "change_productfilebatch")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    DepartmentScope.objects.create(user=user).departments.add(DepartmentFactory(name="Frozen"))
    return user


@pytest.fixture
def batch(boss, clerk):
    """Return a batch with a row of the clerk's department, one of another and one of none."""
    cosmetics = DepartmentFactory(name="Cosmetics")
    ProductFactory(number="77", department=cosmetics, description="Secret soap")
    return make_batch("product_file", user=boss, file=ContentFile((HEAD + ROWS).encode(), name="list.csv"))


def rows_of(batch):
    return list(batch.rows.order_by("sequence").values())


def test_one_change_of_many_rows_takes_none_out_of_sight(batch, boss, clerk):
    before, revision = rows_of(batch), batch.revision
    with pytest.raises(Refused, match="2 rows would then be outside what you may work on"):
        actions.bulk_change(batch, clerk, Said("department_name", value="Cosmetics"))
    batch.refresh_from_db()
    assert (rows_of(batch), batch.revision) == (before, revision)
    refused = Event.objects.filter(batch=batch.pk, verb="bulk_change").latest("pk")
    assert refused.data == {"refused": True}
    assert actions.bulk_change(batch, clerk, Said("department_name", value="Frozen")).rows == 1
    assert actions.bulk_change(batch, boss, Said("department_name", value="Cosmetics")).rows == 2


@pytest.mark.django_db(transaction=True)
def test_a_run_takes_none_out_of_sight(batch, clerk, settings):
    settings.BATCHES = {"AT_ONCE_ROWS": 1}
    before = rows_of(batch)
    done = actions.bulk_change(batch, clerk, Said("department_name", value="Cosmetics"))
    assert resume(done.run.pk).state == "failed"
    assert "2 rows would then be outside" in Run.objects.get(pk=done.run.pk).error
    assert rows_of(batch) == before


def test_the_correction_of_a_row_shows_nothing_of_what_is_out_of_sight(batch, clerk):
    row = batch.rows.get(number="1")
    client = Client()
    client.force_login(clerk)
    url = reverse("batches:edit_row", args=[batch.pk, row.pk])
    cells = {"number": "1", "code": "036000291452", "description": "Peas", "regular_price": "3.49"}
    # With the department left empty, the row is of its product's department.
    for moved in ({"department_name": "Cosmetics"}, {"department_name": "", "number": "77"}):
        given = {f"row{row.pk}-{name}": text for name, text in {"version": "0", **cells, **moved}.items()}
        for headers in ({}, {"HX-Request": "true"}):
            answer = client.post(url, given, headers=headers)
            html = answer.content.decode()
            assert answer.status_code in (200, 422)
            assert "outside what you may work on" in html
            assert "Secret soap" not in html
    row.refresh_from_db()
    assert (row.number, row.department_name, row.version) == ("1", "Frozen", 0)


def test_a_name_that_is_given_to_rows_takes_none_out_of_sight(batch, boss, clerk):
    given = {"Unknown": "Cosmetics"}
    with pytest.raises(Refused, match="1 row would then be outside"):
        actions.map_values(batch, clerk, batch.rows.all(), "department_name", given, remember=True)
    assert not SavedValue.objects.exists()
    assert batch.rows.get(number="3").department_name == "Unknown"
    assert actions.map_values(batch, boss, batch.rows.all(), "department_name", given) == 1

"""Product file: units and departments that a vendor calls otherwise, mapped once."""

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.urls import reverse

from batches import actions
from batches.figures import figures
from batches.testing import make_batch

from .factories import DepartmentFactory

pytestmark = pytest.mark.django_db
BOOK = (
    "Item Number,UPC,Item Description,Dept,Size,UOM,Retail\n"
    "1,036000291452,Peas,FRZN FOODS,10,sacks,3.49\n2,036000291469,Beans,Frzn Foods,12,oz,2.99\n"
)


def book(name):
    return ContentFile(BOOK.encode(), name=name)


def test_units_and_departments_are_mapped_once_and_known_in_the_next_file(client):
    boss = get_user_model().objects.create_superuser("boss", password="boss")
    client.force_login(boss)
    DepartmentFactory(name="Frozen")
    batch = make_batch("product_file", user=boss, file=book("first.csv"))
    assert figures(batch)["counts"] == {"error": 2}
    for code, field, value, name in (
        ("unknown_department", "department_name", "FRZN FOODS", "frozen"),
        ("not_a_choice", "new_unit", "sacks", "each"),
    ):
        url = reverse("batches:unknown", args=[batch.pk, code, field])
        client.post(url, {"value": [value], "name": [name], "remember": "on"})
    batch.refresh_from_db()
    assert "error" not in figures(batch)["counts"]
    following = make_batch("product_file", user=boss, file=book("second.csv"))
    assert figures(following)["counts"] == {"ok": 2}
    handler = actions.handler_of(following)
    said = [
        handler.message(entry) for entry in following.rows.first().issues if entry["code"] == "remembered"
    ]
    assert [sentence.partition(", as decided")[0] for sentence in said] == [
        "sacks was read as each",
        "FRZN FOODS was read as Frozen",
    ]

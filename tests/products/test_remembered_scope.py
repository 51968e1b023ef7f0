"""What is remembered of files tells of rows: whoever sees a part of them sees and changes what they decided themselves."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from batches import actions
from batches.bulk import Said
from batches.models import SavedMapping, SavedValue
from batches.testing import make_batch
from products.models import DepartmentScope

from .factories import BrandFactory, DepartmentFactory

pytestmark = pytest.mark.django_db
HEAD = "Item Number,UPC,Item Description,Brand,Dept,Size,UOM,Retail\n"
RIGHTS = (
    "view_productfilebatch", "add_productfilebatch", "change_productfilebatch",
    "view_savedvalue", "change_savedvalue", "delete_savedvalue",
    "view_savedmapping", "change_savedmapping", "delete_savedmapping",
)  # fmt: skip


@pytest.fixture
def clerk():
    """Return a clerk who works with the department Frozen only."""
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    DepartmentScope.objects.create(user=user).departments.add(DepartmentFactory(name="Frozen"))
    return user


@pytest.fixture
def batch(boss, clerk):
    """Return a batch with a row of the clerk's department and one of another; both have units nobody knows."""
    DepartmentFactory(name="Cosmetics")
    BrandFactory(name="Acme")
    rows = "1,036000291452,Peas,Acme,Frozen,10,sacks,3.49\n2,036000291469,Soap,Acme,Cosmetics,1,tubs,9.99\n"
    return make_batch(
        "product_file", user=boss, file=ContentFile((HEAD + rows).encode(), name="secret list.csv")
    )


def web(user):
    client = Client()
    client.force_login(user)
    return client


def remember(client, batch, **names):
    url = reverse("batches:unknown", args=[batch.pk, "not_a_choice", "new_unit"])
    client.post(url, {"value": [*names], "name": [*names.values()], "remember": "on"})


def known():
    return dict(SavedValue.objects.values_list("text", "value"))


def test_what_others_decided_is_neither_listed_nor_forgotten(batch, boss, clerk):
    remember(web(boss), batch, tubs="each")
    saved = SavedValue.objects.get()
    url = reverse("batches:remembered", args=[batch.pk])
    assert "TUBS" in web(boss).get(url).content.decode()
    html = web(clerk).get(url).content.decode()
    assert "Nothing is remembered." in html
    assert "TUBS" not in html
    answer = web(clerk).post(url, {"forget": str(saved.pk)}, follow=True).content.decode()
    assert "not remembered any more" in answer
    assert known() == {"TUBS": "each"}


def test_what_one_decided_oneself_is_listed_and_forgotten(batch, clerk):
    remember(web(clerk), batch, sacks="each")
    assert known() == {"SACKS": "each"}
    url = reverse("batches:remembered", args=[batch.pk])
    assert "SACKS" in web(clerk).get(url).content.decode()
    web(clerk).post(url, {"forget": str(SavedValue.objects.get().pk)})
    assert known() == {}


def test_a_decision_about_some_rows_does_not_change_what_holds_for_all(batch, boss, clerk):
    SavedValue.objects.create(
        type="product_file", field="unit", text="SACKS", value="case", created_by_name="boss"
    )
    SavedValue.objects.create(
        type="product_file", field="unit", text="BAGS", value="sacks", created_by_name="boss"
    )
    remember(web(clerk), batch, sacks="each")
    assert batch.rows.get(sequence=1).new_unit == "each"
    assert known() == {"SACKS": "case", "BAGS": "sacks"}
    other = make_batch(
        "product_file",
        user=boss,
        file=ContentFile((HEAD + "3,036000291476,Ice,Acme,Frozen,1,pouch,1\n").encode(), name="b.csv"),
    )
    remember(web(boss), other, pouch="each")
    assert known()["POUCH"] == "each"


@pytest.mark.parametrize("model", ["savedvalue", "savedmapping"])
def test_the_admin_shows_and_changes_only_ones_own(batch, boss, clerk, model):
    remember(web(boss), batch, tubs="each")
    theirs = {"savedvalue": SavedValue, "savedmapping": SavedMapping}[model].objects.get()
    word = {"savedvalue": "TUBS", "savedmapping": "secret list"}[model]
    listing = reverse(f"admin:batches_{model}_changelist")
    assert word in web(boss).get(listing).content.decode()
    assert word not in web(clerk).get(listing).content.decode()
    for view in ("change", "delete"):
        address = reverse(f"admin:batches_{model}_{view}", args=[theirs.pk])
        assert web(boss).get(address).status_code == 200
        answer = web(clerk).post(address, {"value": "x", "name": "x", "post": "yes"}, follow=True)
        assert word not in answer.content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [theirs.pk], "post": "yes"}
    web(clerk).post(listing, chosen)
    theirs.refresh_from_db()
    assert str(getattr(theirs, "value", theirs)) != "x"


@pytest.mark.parametrize("name", ["\0", "Cosmetics\0"])
def test_a_name_with_nul_is_no_name(batch, boss, name):
    actions.bulk_change(batch, boss, Said("department_name", value="Unheard"))
    url = reverse("batches:unknown", args=[batch.pk, "unknown_department", "department_name"])
    answer = web(boss).post(url, {"value": ["Unheard"], "name": [name], "remember": "on"})
    assert answer.status_code == 200
    assert known() == {}
    assert set(batch.rows.values_list("department_name", flat=True)) == {"Unheard"}


def test_the_note_of_what_was_read_goes_with_the_next_name(boss):
    SavedValue.objects.create(
        type="product_file", field="department_name", text="FRZN", value="Froz", created_by_name="boss"
    )
    DepartmentFactory(name="Frozen")
    file = ContentFile((HEAD + "1,036000291452,Peas,Acme,frzn,10,each,3.49\n").encode(), name="a.csv")
    batch = make_batch("product_file", user=boss, file=file)
    assert {"remembered", "unknown_department"} <= {entry["code"] for entry in batch.rows.get().issues}
    actions.map_values(batch, boss, batch.rows.all(), "department_name", {"Froz": "Frozen"})
    row = batch.rows.get()
    assert (row.department_name, row.department.name) == ("Frozen", "Frozen")
    assert not {"remembered", "unknown_department"} & {entry["code"] for entry in row.issues}

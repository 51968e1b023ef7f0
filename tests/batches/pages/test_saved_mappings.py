"""Saved mappings in the admin: listed, named anew, deleted, with the rights of the admin."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from batches import actions
from batches.models import SavedMapping
from tests.toys.models import ThingFileBatch

from .conftest import BOOK, text
from .test_reading import upload

pytestmark = pytest.mark.django_db
LIST = "admin:batches_savedmapping_changelist"


@pytest.fixture
def saved(boss, things):
    """Return what is saved after a batch."""
    batch = upload(boss, BOOK)
    mapping = {
        "code": "Code",
        "name": {"fixed": "<b>"},
        "price": {"column": "Cost", "factor": "2", "empty": "error"},
    }
    actions.map_columns(batch, boss, mapping)
    actions.populate(batch, boss)
    return SavedMapping.objects.get()


def test_it_is_listed_and_shown_in_words(web, saved):
    html = text(web.get(reverse(LIST)))
    assert saved.name in html
    assert "3 of 5 mapped" in html
    html = text(web.get(reverse("admin:batches_savedmapping_change", args=[saved.pk])))
    assert "Price: “Cost”, times 2, an empty cell is an error" in html
    assert "Name: always &#x27;&lt;b&gt;&#x27;" in html
    assert "headings in line: 1<br>" in html
    assert reverse("batches:batch", args=[ThingFileBatch.objects.get().pk]) in html


def test_only_its_name_is_changed_and_it_is_deleted(web, saved):
    url = reverse("admin:batches_savedmapping_change", args=[saved.pk])
    web.post(url, {"name": "Monthly list", "mapping": "{}", "type": "other"})
    saved.refresh_from_db()
    assert (saved.name, saved.type, len(saved.mapping)) == ("Monthly list", "toy_file", 3)
    other = SavedMapping.objects.create(type="toy_file", source="x", name="Taken", fingerprint="f")
    assert "a mapping of this name for the type already" in text(web.post(url, {"name": "Taken"}))
    web.post(reverse("admin:batches_savedmapping_delete", args=[other.pk]), {"post": "yes"})
    assert SavedMapping.objects.get() == saved
    assert web.get(reverse("admin:batches_savedmapping_add")).status_code == 403


def test_what_belongs_to_a_type_that_is_gone_is_still_shown(web, saved):
    SavedMapping.objects.update(type="gone")
    html = text(web.get(reverse("admin:batches_savedmapping_change", args=[saved.pk])))
    assert "price: “Cost”" in html


def test_the_rights_are_those_of_the_admin(saved, user_with, client_of):
    user = user_with("view_thingfilebatch")
    url = reverse("admin:batches_savedmapping_change", args=[saved.pk])
    assert client_of(user).get(url).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_savedmapping"))
    web = client_of(type(user).objects.get(pk=user.pk))
    assert web.get(url).status_code == 200
    assert web.post(url, {"name": "Mine"}).status_code == 403
    assert (
        web.post(reverse("admin:batches_savedmapping_delete", args=[saved.pk]), {"post": "yes"}).status_code
        == 403
    )

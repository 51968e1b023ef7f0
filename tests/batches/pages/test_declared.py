"""What the pages draw from a type's declaration, without a line for the type."""

from types import SimpleNamespace

import pytest
from django.contrib import admin
from django.db.models import Q
from django.urls import reverse

from batches.admin import BatchAdmin, register_types
from batches.findings import Finding
from batches.grid import _source, grid_fields, saved_fields, search_fields
from batches.registry import registry
from batches.states import Severity
from batches.tables import cell
from batches.testing import make_batch
from batches.views.remedies import remedy_of
from batches.words import completeness, must_type_number
from tests.toys.batches import PriceHandler, RenameHandler, ThingFileHandler
from tests.toys.models import PriceBatch, RenameBatch, ThingFileBatch

from .conftest import batch_url, text


def test_every_type_has_its_pages():
    for handler in registry.all():
        assert isinstance(admin.site._registry[handler.model], BatchAdmin)


def test_a_page_that_the_app_registered_itself_is_kept():
    class Own(BatchAdmin):
        list_per_page = 7

    admin.site.unregister(PriceBatch)
    admin.site.register(PriceBatch, Own)
    try:
        register_types()
        assert type(admin.site._registry[PriceBatch]) is Own
    finally:
        admin.site.unregister(PriceBatch)
        register_types()
    assert type(admin.site._registry[PriceBatch]) is BatchAdmin


def test_before_and_after_come_from_the_declared_changes():
    fields = {f.name: f for f in grid_fields(ThingFileHandler(ThingFileBatch()))}
    assert {name: f.old for name, f in fields.items()} == {
        "code": "", "name": "old_name", "colour": "old_colour", "price": "old_price", "box_name": "old_box",
    }  # fmt: skip
    assert fields["box_name"].shown == "name"
    assert [name for name, f in fields.items() if f.number] == ["price"]
    assert all(f.source == name for name, f in fields.items())


def test_before_and_after_of_hooks_come_from_the_names_of_their_fields():
    (field,) = grid_fields(RenameHandler(RenameBatch()))
    assert (field.old, field.source) == ("old_name", "name")


def test_rows_are_saved_with_the_columns_that_the_grid_has_no_room_for():
    class Narrow(ThingFileHandler):
        grid = ("price", "code")

    fields = saved_fields(Narrow(ThingFileBatch()))
    assert [(f.name, f.old) for f in fields] == [
        ("price", "old_price"), ("code", ""), ("name", "old_name"), ("colour", "old_colour"), ("box_name", "old_box"),
    ]  # fmt: skip
    assert saved_fields(ThingFileHandler(ThingFileBatch())) == grid_fields(ThingFileHandler(ThingFileBatch()))


def test_names_are_mapped_only_where_a_look_up_found_nothing():
    class Checked(PriceHandler):
        findings = (
            Finding("odd_code", "The code is odd.", Severity.WARNING, None, "code"),
            Finding("new_thing", "It is new.", Severity.NOTICE, Q(thing__isnull=True) & ~Q(code=""), "code"),
        )

    handler = Checked(PriceBatch())
    assert remedy_of(handler, "odd_code", "code") is None
    for code in ("unknown_thing", "new_thing"):
        remedy = remedy_of(handler, code, "code")
        assert (remedy.lookup.to, remedy.target_field, remedy.row_field) == ("thing", "code", "code")


def test_a_derived_field_is_corrected_by_what_it_is_derived_from():
    assert _source("new_price", {"price"}) == "price"
    assert _source("new_price", {"new_price", "price"}) == "new_price"
    assert _source("price", {"cost"}) == ""


def test_the_search_is_over_the_text_fields_of_the_grid_unless_the_type_says_otherwise():
    assert search_fields(ThingFileHandler(ThingFileBatch())) == ["code", "name", "colour", "box_name"]


@pytest.mark.parametrize(
    ("row", "html"),
    [
        ({"name": "B", "old_name": "A", "changes_name": True, "action": "update"}, ["<del>A</del>", "<ins>B</ins>"]),
        ({"name": "A", "old_name": "A", "changes_name": False, "action": "update"}, ["A"]),
        ({"name": None, "old_name": "A", "changes_name": False, "action": "update"}, ["b-stays", "A"]),
        ({"name": "B", "old_name": None, "changes_name": True, "action": "create"}, ["B"]),
        ({"name": None, "old_name": None, "raw": {"name": "<torn>"}, "action": "update"}, ["b-unread", "&lt;torn&gt;"]),
    ],
)  # fmt: skip
def test_a_cell_shows_what_changes_what_stays_and_what_was_not_read(row, html):
    (field,) = grid_fields(RenameHandler(RenameBatch()))
    shown = cell(field, SimpleNamespace(**{"raw": None, **row}))
    assert all(part in shown for part in html)
    assert ("<ins>" in shown) == (len(html) == 2 and "<ins>B</ins>" in html)


@pytest.mark.parametrize(
    ("status", "counts", "words"),
    [
        ("review", {"ok": 5}, "In review"),
        ("executed", {"applied": 5, "unchanged": 2}, "Executed: 5 written"),
        ("executed", {"applied": 5, "error": 1, "ok": 1}, "Executed: 5 written, 2 left out before"),
        (
            "executed", {"applied": 6170, "conflict": 290, "failed": 22},
            "Executed in part: 6,170 written, 312 not (290 changed since review, 22 failed)",
        ),
        ("executed", None, "Executed"),
    ],
)  # fmt: skip
def test_a_state_says_how_completely(status, counts, words):
    data = None if counts is None else {"counts": counts, "total": sum(counts.values())}
    assert completeness(status, data) == words


def test_a_state_counts_what_could_not_be_read_among_what_was_left_out():
    data = {"counts": {"applied": 7, "unchanged": 1}, "total": 8, "unreadable": 2}
    assert completeness("executed", data) == "Executed: 7 written, 2 left out before"
    assert completeness("executed", data | {"dropped": 1}) == "Executed: 7 written, 3 left out before"


@pytest.mark.parametrize(
    ("excluded", "errors", "asked"), [(0, 0, False), (5, 5, False), (6, 5, True), (0, 11, True)]
)
def test_the_number_is_asked_for_beyond_a_tenth(excluded, errors, asked):
    data = {"total": 100, "counts": {}, "included": {"error": errors}, "excluded": excluded, "unreadable": 0}
    assert must_type_number(data) is asked


def test_an_edit_that_changes_nothing_leaves_the_batch_as_it_is(web, book):
    row = book.rows.get(code="T1")
    cells = {
        "code": "T1",
        "name": row.name,
        "colour": row.colour,
        "price": row.price,
        "box_name": row.box_name,
    }
    data = {f"row{row.pk}-{name}": value for name, value in cells.items()} | {
        f"row{row.pk}-version": row.version
    }
    web.post(reverse("batches:edit_row", args=[book.pk, row.pk]), data)
    revision = book.revision
    book.refresh_from_db()
    assert book.revision == revision


def test_every_kind_of_type_is_reviewed_on_its_page(web, boss, things):
    for key in ("toy_price", "toy_rename", "toy_double", "toy_clean"):
        batch = make_batch(key, user=boss)
        assert "In review" in text(web.get(batch_url(batch)))

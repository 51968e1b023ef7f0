"""The page of a draft: how its file is read, what its first lines are read as, and what fills each field."""

import re

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from batches import actions
from batches.exceptions import FileRefused, Refused
from batches.models import Event
from batches.testing import make_batch
from tests.toys.models import ThingFileBatch

from .conftest import BOOK, batch_url, text

pytestmark = pytest.mark.django_db
UGLY = "Price list of spring\n\nCode,Name,Sale,Cost\n,,price,price\nT1,one,1.50,1\nT2,two,2.50,2\nTotal,,4.00,3\n"


def upload(boss, content, name="book.csv"):
    data = content if isinstance(content, bytes) else content.encode()
    return actions.make("toy_file", boss, file=ContentFile(data, name=name))


def reread(web, batch, **changed):
    """Send the form as it stands, with some choices changed."""
    html = text(web.get(batch_url(batch)))
    form = html[html.index('action="' + reverse("batches:reading", args=[batch.pk])) :]
    form = form[: form.index("</form>")]
    data = dict(re.findall(r'<input type="number" name="(read-\w+)"(?: value="(\d*)")?', form))
    for name, options in re.findall(r'<select name="(read-\w+)".*?>(.*?)</select>', form, re.S):
        data[name] = re.search(r'value="([^"]*)" selected', options)[1]
    data |= {f"read-{name}": value for name, value in changed.items()}
    return web.post(reverse("batches:reading", args=[batch.pk]), data, follow=True)


def cells(html):
    """Return line -> (what it is read as, its cells)."""
    table = html[html.index('id="preview"') : html.index("</table>", html.index('id="preview"'))]
    found = {}
    for role, row in re.findall(r'<tr class="b-line-(\w+)">(.*?)</tr>', table, re.S):
        line = int(re.search(r'b-num">(\d+)', row)[1])
        found[line] = (role, re.findall(r'b-cell">(.*?)</span>', row, re.S))
    return found


def test_the_first_lines_are_shown_as_they_lie_in_the_file(web, boss):
    batch = upload(boss, UGLY)
    reread(web, batch, heading_row="3", heading_lines="2")
    lines = cells(text(web.get(batch_url(batch))))
    assert lines[1] == ("off", ["Price list of spring"])
    assert lines[3] == ("heading", ["Code", "Name", "Sale", "Cost"])
    assert lines[4][0] == "heading"
    assert lines[5] == ("data", ["T1", "one", "1.50", "1"])
    batch.refresh_from_db()
    assert batch.reading["headings"] == ["Code", "Name", "Sale price", "Cost price"]


def test_each_choice_changes_how_the_rows_are_read(web, boss, things):
    batch = upload(boss, UGLY)
    reread(web, batch, heading_row="3", heading_lines="2", first_row="6", skip_end="1")
    batch.refresh_from_db()
    assert (batch.reading["first_row"], batch.reading["skip_end"]) == (6, 1)
    assert cells(text(web.get(batch_url(batch))))[5][0] == "off"
    actions.map_columns(batch, boss, {"code": "Code", "price": "Cost price"})
    actions.populate(batch, boss)
    assert list(batch.rows.values_list("code", "price")) == [("T2", 2)]


def test_a_file_without_headings(web, boss, things):
    batch = upload(boss, "T1,one\nT2,two\nT3,three\n")
    html = text(reread(web, batch, heading_lines="0"))
    assert "Column A" in html
    assert cells(html)[1] == ("data", ["T1", "one"])
    actions.map_columns(batch, boss, {"code": "Column A", "name": "Column B"})
    actions.populate(batch, boss)
    assert batch.rows.count() == 3


def test_another_delimiter_finds_the_headings_anew_and_maps_them(web, boss):
    batch = upload(boss, "Code;Name\nT1;one\nT2;two\n")
    assert batch.mapping == {"code": "Code", "name": "Name"}
    reread(web, batch, delimiter=",")
    batch.refresh_from_db()
    assert (batch.reading["headings"], batch.mapping) == (["Code;Name"], {})
    reread(web, batch, delimiter=";")
    batch.refresh_from_db()
    assert batch.mapping == {"code": "Code", "name": "Name"}


def test_a_choice_that_leaves_the_headings_keeps_the_mapping(web, boss):
    batch = upload(boss, BOOK)
    actions.map_columns(batch, boss, {"code": "Code", "name": "Color"})
    reread(web, batch, decimal_mark=",")
    batch.refresh_from_db()
    assert batch.reading["decimal_mark"] == ","
    assert batch.mapping == {"code": "Code", "name": "Color"}


def test_decimals_and_dates_are_read_as_was_said(web, boss, things):
    batch = upload(boss, "Code;Cost\nT1;1.234,50\nT2;1,5\n")
    reread(web, batch, decimal_mark=",")
    actions.map_columns(batch, boss, {"code": "Code", "price": {"column": "Cost", "factor": "2"}})
    actions.populate(batch, boss)
    assert [str(price) for price in batch.rows.order_by("sequence").values_list("price", flat=True)] == [
        "2469.00",
        "3.00",
    ]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"heading_row": "x"}, "Enter a whole number."),
        ({"heading_lines": "3"}, "Select a valid choice."),
        ({"skip_end": "-1"}, "greater than or equal to 0"),
        ({"encoding": "klingon"}, "Select a valid choice."),
        ({"heading_row": "900"}, "empty"),
    ],
)
def test_a_choice_that_cannot_be_is_told_and_changes_nothing(web, boss, changed, sentence):
    batch = upload(boss, BOOK)
    assert sentence in text(reread(web, batch, **changed))
    reading = batch.reading
    batch.refresh_from_db()
    assert batch.reading == reading


@pytest.mark.parametrize(
    "choices",
    [{"colour": "red"}, {"sheet": "x"}, {"heading_row": -1}, {"heading_lines": 3}, {"date_order": "ydm"}],
)
def test_code_is_told_too(boss, choices):
    batch = upload(boss, BOOK)
    with pytest.raises(Refused):
        actions.set_reading(batch, boss, choices)


def test_a_file_that_is_gone_is_told(boss):
    batch = upload(boss, BOOK)
    batch.file.storage.delete(batch.file.name)
    with pytest.raises(FileRefused, match="no longer in storage"):
        actions.set_reading(batch, boss, {"decimal_mark": ","})


def test_it_is_logged_and_only_for_drafts_and_those_who_may(web, boss, things, user_with, client_of):
    batch = upload(boss, BOOK)
    reread(web, batch, decimal_mark=",")
    event = Event.objects.filter(batch=batch.pk).latest("pk")
    assert (event.verb, event.data) == ("prepare", {"reading": {"decimal_mark": ","}})
    looker = client_of(user_with("view_thingfilebatch"))
    assert looker.post(reverse("batches:reading", args=[batch.pk]), {}).status_code in (403, 422)
    data = {
        "read-delimiter": ",",
        "read-encoding": "utf-8",
        "read-heading_lines": "1",
        "read-heading_row": "1",
    }
    assert looker.post(reverse("batches:reading", args=[batch.pk]), data).status_code == 403
    assert "Read it like this" not in text(looker.get(batch_url(batch)))
    strict = client_of(boss, enforce_csrf_checks=True)
    assert strict.post(reverse("batches:reading", args=[batch.pk]), data).status_code == 403
    assert web.get(reverse("batches:reading", args=[batch.pk])).status_code == 405
    filled = make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="b.csv"))
    reading = filled.reading
    assert "In review" in text(
        web.post(reverse("batches:reading", args=[filled.pk]), data | {"read-decimal_mark": ","}, follow=True)
    )
    filled.refresh_from_db()
    assert filled.reading == reading


def test_what_else_fills_a_field_is_sent_from_the_page(web, boss):
    batch = upload(boss, BOOK)
    data = {
        "map-code": "0", "map-name": "1", "map-name-default": "nameless", "map-name-empty": "error",
        "map-colour": "", "map-colour-fixed": "red", "map-price": "3", "map-price-factor": "0.5", "map-price-empty": "clear",
    }  # fmt: skip
    web.post(reverse("batches:map", args=[batch.pk]), data)
    batch.refresh_from_db()
    assert batch.status == "populating"
    assert batch.mapping == {
        "code": "Code", "name": {"column": "Name", "default": "nameless", "empty": "error"}, "colour": {"fixed": "red"},
        "price": {"column": "Cost", "factor": "0.5", "empty": "clear"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"map-name": "1", "map-name-fixed": "x"},
            "Choose a column, or give a text that is the same in all rows; not both.",
        ),
        (
            {"map-price": "3", "map-price-factor": "a dozen"},
            "is no factor; write a number such as 12 or 0.01.",
        ),
        ({"map-price-fixed": "cheap"}, "is not a number"),
        ({"map-price": "3", "map-price-default": "x"}, "is not a number"),
        ({"map-code": "", "map-code-fixed": ""}, "Choose the column of the file that has this."),
        ({"map-code-empty": "clear"}, "Select a valid choice."),
    ],
)
def test_what_cannot_fill_a_field_is_told_beside_it_and_kept(web, boss, more, sentence):
    batch = upload(boss, BOOK)
    answer = web.post(reverse("batches:map", args=[batch.pk]), {"map-code": "0", **more})
    assert answer.status_code == 422
    assert sentence in text(answer)
    (name,) = [name for name in more if name.count("-") == 2 or name == "map-code"][:1]
    assert f'name="{name}"' in text(answer)
    batch.refresh_from_db()
    assert batch.status == "draft"


def test_what_was_saved_is_told_and_stands_in_the_form(web, boss, things):
    first = upload(boss, BOOK)
    actions.map_columns(first, boss, {"code": "Code", "name": {"column": "Color", "default": "none"}})
    actions.populate(first, boss)
    html = text(web.get(batch_url(upload(boss, BOOK.replace("T9", "T7"), "next.csv"))))
    assert re.search(r"Same columns as the file of \d+ \w+ \d{4}: mapped as saved under “book.csv of ", html)
    assert 'name="map-name-default" value="none"' in html
    assert re.search(r"<details class=\"b-more\" open>", html)
    other = ThingFileBatch.objects.latest("pk")
    actions.map_columns(other, boss, {"code": "Code"})
    assert "Same columns" not in text(web.get(batch_url(other)))

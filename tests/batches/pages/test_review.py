"""Reviewing: figures, filters, pages of rows, correcting, excluding, mapping names."""

import re
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.db.models import Q
from django.urls import reverse

from batches import actions
from batches.figures import figures
from batches.filters import RowFilter
from batches.models import Event
from batches.paging import Paging
from batches.testing import make_batch
from tests.toys.batches import PriceHandler
from tests.toys.models import Thing

from .conftest import batch_url, text

HTMX = {"HX-Request": "true"}


def shown_rows(answer):
    """Return the keys of the rows that a page shows, in order."""
    return [int(n) for n in re.findall(r'<tbody id="row-(\d+)"', text(answer))]


def keys(batch, **where):
    return list(batch.rows.filter(**where).order_by("sequence").values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("status=error", {"status": "error"}),
        ("action=create&excluded=no", {"action": "create", "removed": False}),
        ("finding=not_a_number:price", {"code": "T8"}),
        ("finding=not_a_choice", {"code": "T2"}),
        ("q=NINE", {"name": "thing nine"}),
        ("q=3", {"sequence": 3}),
        ("excluded=yes", {"removed": True}),
        ("status=error&q=T8", {"code": "T8"}),
        ("q=nothing of the kind", {"code": "none"}),
    ],
)
def test_filters_show_what_matches(web, book, query, where):
    answer = web.get(batch_url(book, query))
    assert shown_rows(answer) == keys(book, **where)


@pytest.mark.parametrize("excluded", [False, True])
def test_rows_of_an_action_are_counted_with_the_excluded_ones(boss, book, excluded):
    if excluded:
        actions.exclude(book, boss, book.rows.filter(code="T8"), reason="later")
    (action,) = book.rows.filter(code="T8").values_list("action", flat=True)
    handler = actions.handler_of(book, boss)
    for query in (
        {"action": action},
        {"action": action, "excluded": "no"},
        {"action": action, "excluded": "yes"},
    ):
        found = RowFilter(query, handler, handler.rows(), figures(book))
        assert found.count() == (found.qs.count(), False), query


def test_each_tile_leads_to_as_many_rows_as_it_says(web, book, boss):
    actions.exclude(book, boss, book.rows.filter(code="T8"), reason="later")
    html = text(web.get(batch_url(book)))
    tiles = re.findall(r'<a class="b-tile[^"]*" href="([^"#]*)#rows".*?b-tile-n">(\d+)<', html)
    assert len(tiles) >= 7
    for url, n in tiles:
        assert len(shown_rows(web.get(url.replace("&amp;", "&")))) == int(n), url


def test_each_finding_leads_to_as_many_rows_as_it_says(web, book):
    html = text(web.get(batch_url(book)))
    links = re.findall(r'class="b-finding-n" href="([^"#]*)#rows"[^>]*>(\d+)<', html)
    assert len(links) == len(figures(book)["issues"]) == 2
    for url, n in links:
        assert len(shown_rows(web.get(url))) == int(n)


@pytest.mark.parametrize("sort", ["", "-sequence", "new_price", "-new_price", "code"])
def test_pages_of_rows_show_each_row_once_both_ways(boss, things, sort):
    Thing.objects.bulk_create([Thing(code=f"P{n:03}", price=Decimal(n % 4)) for n in range(40)])
    batch = make_batch("toy_price", user=boss)
    batch.rows.filter(sequence__in=[3, 9, 21]).update(new_price=None)
    paging = Paging(batch.rows.all(), batch.rows.all(), sort, 7)
    forward, page = [], paging.page()
    assert not page.has_previous
    while True:
        forward.append([row.sequence for row in page.rows])
        if not page.has_next:
            break
        page = paging.page(after=page.last)
    numbers = [n for some in forward for n in some]
    assert sorted(numbers) == list(range(1, 44))
    if sort.endswith("new_price"):
        assert set(numbers[-3:]) == {3, 9, 21}
    back = []
    while True:
        back.append([row.sequence for row in page.rows])
        if not page.has_previous:
            break
        page = paging.page(before=page.first)
    assert back[0] == forward[-1]
    assert sorted(n for some in back for n in some) == list(range(1, 44))


def test_the_next_page_begins_where_the_first_ended(web, boss, things, settings):
    settings.BATCHES = {"PAGE_ROWS": 2}
    batch = make_batch("toy_price", user=boss)
    rows = keys(batch)
    first = web.get(batch_url(batch))
    assert shown_rows(first) == rows[:2]
    following = re.search(r'<a href="(\?[^"]*)#rows" rel="next">', text(first))[1].replace("&amp;", "&")
    second = web.get(batch_url(batch) + following)
    assert shown_rows(second) == rows[2:]
    before = re.search(r'<a href="(\?[^"]*)#rows" rel="prev">', text(second))[1].replace("&amp;", "&")
    assert shown_rows(web.get(batch_url(batch) + before)) == rows[:2]


def edit_data(row, **cells):
    prefix = f"row{row.pk}"
    start = {name: getattr(row, name) for name in ("code", "name", "colour", "price", "box_name")}
    start |= (row.raw or {}) | cells | {"version": row.version}
    return {f"{prefix}-{name}": "" if value is None else value for name, value in start.items()}


def test_a_cell_that_could_not_be_read_is_corrected_in_place(web, book):
    row = book.rows.get(code="T8")
    url = reverse("batches:edit_row", args=[book.pk, row.pk])
    form = text(web.get(url, headers=HTMX))
    assert 'value="many"' in form
    assert f'form="edit-{row.pk}"' in form
    answer = web.post(url, edit_data(row, price="8.50"), headers=HTMX)
    html = text(answer)
    assert html.strip().startswith("<tbody")
    assert "8.50" in html
    assert "many" not in html
    assert "rows-changed" in answer["HX-Trigger-After-Settle"]
    row.refresh_from_db()
    assert (row.price, row.raw, row.status, row.action) == (Decimal("8.50"), None, "ok", "create")
    summary = text(web.get(reverse("batches:summary", args=[book.pk]), headers=HTMX))
    assert "not a number" not in summary


def test_what_does_not_fit_is_told_at_its_cell_and_nothing_is_changed(web, book):
    row = book.rows.get(code="T8")
    url = reverse("batches:edit_row", args=[book.pk, row.pk])
    for headers in (HTMX, {}):
        html = text(web.post(url, edit_data(row, price="a lot", name="kept"), headers=headers))
        assert re.search(r"a lot.{0,400}is not a number", html, re.S)
        assert 'value="kept"' in html
    row.refresh_from_db()
    assert row.name == "thing eight"
    assert row.raw == {"price": "many"}


def test_a_correction_without_javascript_comes_back_to_the_same_rows(web, book):
    row = book.rows.get(code="T8")
    url = reverse("batches:edit_row", args=[book.pk, row.pk])
    assert 'name="back" value="status=error"' in text(web.get(url, {"back": "status=error"}))
    answer = web.post(url, edit_data(row, price="8") | {"back": "status=error"})
    assert answer.status_code == 302
    assert answer.url == f"{batch_url(book, 'status=error')}#row-{row.pk}"


def test_a_row_is_excluded_with_a_reason_and_put_back(web, book):
    row = book.rows.get(code="T1")
    out = reverse("batches:exclude_row", args=[book.pk, row.pk])
    assert "Why is it excluded?" in text(web.get(out, headers=HTMX))
    html = text(web.post(out, {"reason": "not this season"}, headers=HTMX))
    assert "not this season" in html
    assert "Put back" in html
    row.refresh_from_db()
    assert (row.removed, row.removed_reason) == (True, "not this season")
    html = text(web.post(reverse("batches:include_row", args=[book.pk, row.pk]), headers=HTMX))
    assert "b-row-removed" not in html
    row.refresh_from_db()
    assert not row.removed
    assert [e.verb for e in Event.objects.filter(batch=book.pk).order_by("-pk")[:2]] == ["include", "exclude"]
    assert {e.door for e in Event.objects.filter(batch=book.pk).order_by("-pk")[:2]} == {"page"}
    log = text(web.get(reverse("batches:log", args=[book.pk])))
    assert "1 row<" in log


def test_a_row_put_back_shows_at_once_what_others_share_with_it(web, boss, things):
    rows = [{"code": code, "new_price": Decimal(n)} for n, code in enumerate(["T1", "T1", "T2"], 5)]
    batch = make_batch("toy_price", user=boss, rows=rows)
    first, second, alone = batch.rows.order_by("sequence")
    answers = [
        web.post(reverse(f"batches:{verb}_row", args=[batch.pk, row.pk]), headers=HTMX)
        for verb, row in (("exclude", first), ("include", first), ("exclude", alone), ("include", alone))
    ]
    assert [answer.get("HX-Refresh") for answer in answers] == ["true", "true", None, None]
    second.refresh_from_db()
    assert second.status == "error"


def test_sorted_rows_are_not_said_to_be_a_span_of_numbers(web, book):
    assert "rows 1 to 4" in text(web.get(batch_url(book)))
    assert "4 rows, sorted" in text(web.get(batch_url(book, "sort=price")))
    assert re.search(r"b-span\">row \d<", text(web.get(batch_url(book, "q=nine"))))


def test_beside_the_rows_it_says_which_finding_they_were_chosen_by(web, book):
    html = text(web.get(batch_url(book, "finding=not_a_number:price")))
    rows = html[html.index('id="rows"') : html.index("b-filter")]
    assert "is not a number" in rows


def test_all_rows_that_match_are_excluded_and_put_back(web, many):
    batch = many(300)
    url = reverse("batches:exclude_all", args=[batch.pk])
    html = text(web.get(f"{url}?q=M0000"))
    assert "Exclude 100 rows?" in html
    answer = web.post(url, {"filter": "q=M0000", "expected": "100", "reason": "old codes"}, follow=True)
    assert "100 rows were excluded." in text(answer)
    assert batch.rows.filter(removed=True, removed_reason="old codes").count() == 100
    assert batch.rows.filter(removed=True).exclude(code__startswith="M0000").count() == 0
    back = reverse("batches:include_all", args=[batch.pk])
    assert "Put 100 rows back?" in text(web.get(back))
    web.post(back, {"filter": "", "expected": "100"})
    assert not batch.rows.filter(removed=True).exists()


def test_where_nothing_matches_there_is_nothing_to_press(web, book):
    html = text(web.get(reverse("batches:exclude_all", args=[book.pk]) + "?q=nothing+such"))
    assert "No row that matches can be changed." in html
    assert 'name="expected"' not in html


@pytest.fixture
def with_unknown(boss, things, settings):
    rows = [
        {"code": code, "new_price": Decimal(n)} for n, code in enumerate(["T1", "X1", "X1", "X1", "X2"], 5)
    ]
    return make_batch("toy_price", user=boss, rows=rows)


def test_unknown_values_are_mapped_once_for_all_their_rows(web, with_unknown):
    batch = with_unknown
    url = reverse("batches:unknown", args=[batch.pk, "unknown_thing", "code"])
    assert url in text(web.get(batch_url(batch)))
    html = text(web.get(url))
    assert html.index("X1") < html.index("X2")
    assert '<option value="T3">' in html
    answer = web.post(url, {"value": ["X1", "X2"], "name": ["T3", ""]}, follow=True)
    assert "3 rows were given a name that exists." in text(answer)
    assert list(batch.rows.order_by("sequence").values_list("code", flat=True)) == [
        "T1",
        "T3",
        "T3",
        "T3",
        "X2",
    ]
    assert batch.rows.filter(thing__isnull=True).count() == 1


def test_a_name_that_does_not_exist_is_refused_beside_it(web, with_unknown):
    url = reverse("batches:unknown", args=[with_unknown.pk, "unknown_thing", "code"])
    html = text(web.post(url, {"value": ["X1"], "name": ["T99"]}))
    assert "T99" in html
    assert "choose one that exists" in html
    assert not with_unknown.rows.filter(code="T99").exists()
    assert web.get(reverse("batches:unknown", args=[with_unknown.pk, "rise", "new_price"])).status_code == 404


def test_a_scope_holds_for_grid_figures_downloads_bulk_and_rows(
    boss, things, monkeypatch, client_of, user_with
):
    batch = make_batch("toy_price", user=boss)
    worker = user_with("view_pricebatch", "change_pricebatch")
    monkeypatch.setattr(PriceHandler, "scope", lambda self, user: Q() if user == boss else Q(code="T1"))
    client = client_of(worker)
    mine, foreign = batch.rows.get(code="T1"), batch.rows.get(code="T2")
    answer = client.get(batch_url(batch))
    assert shown_rows(answer) == [mine.pk]
    assert re.search(r'b-tile-n">1</span><span class="b-tile-word">All rows', text(answer))
    csv = b"".join(client.get(reverse("batches:rows_csv", args=[batch.pk])).streaming_content).decode()
    assert "T1" in csv
    assert "T2" not in csv
    for name in ("edit_row", "exclude_row"):
        assert (
            client.post(reverse(f"batches:{name}", args=[batch.pk, foreign.pk]), {"reason": "x"}).status_code
            == 404
        )
    assert "Exclude 1 row?" in text(client.get(reverse("batches:exclude_all", args=[batch.pk])))
    client.post(
        reverse("batches:exclude_all", args=[batch.pk]), {"filter": "", "expected": "1", "reason": "x"}
    )
    assert keys(batch, removed=True) == [mine.pk]


def test_a_download_can_be_read_in_again(web, boss, book):
    answer = web.get(reverse("batches:rows_csv", args=[book.pk]))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    content = b"".join(answer.streaming_content)
    again = make_batch("toy_file", user=boss, file=ContentFile(content, name="again.csv"))
    fields = ("code", "name", "colour", "price", "box_name", "raw", "action")
    assert list(again.rows.values_list(*fields)) == list(book.rows.values_list(*fields))
    filtered = web.get(reverse("batches:rows_csv", args=[book.pk]) + "?status=error")
    assert b"".join(filtered.streaming_content).count(b"\r\n") == 3
    assert web.get(reverse("batches:rows_xlsx", args=[book.pk])).getvalue()[:2] == b"PK"


def test_unreadable_records_are_shown_with_line_and_reason(web, boss, things):
    content = b"Code,Name\nT1,a\nT2\nT3,c,d\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(content, name="torn.csv"))
    html = text(web.get(batch_url(batch)))
    assert 'href="#unreadable"' in html
    assert "T3,c,d" in html
    assert "T3,c,d" in text(web.get(reverse("batches:unreadable", args=[batch.pk])))


def test_a_conflict_is_shown_with_its_three_values(web, boss, things):
    batch = make_batch("toy_price", user=boss, options={"factor": "2"})
    Thing.objects.filter(code="T2").update(price=Decimal("7.77"))
    actions.execute(batch, boss)
    html = text(web.get(batch_url(batch)))
    assert "Executed in part: 2 written, 1 not (1 changed since review)" in html
    assert "was 2.00 when checked, is 7.77 now, you want 4.00" in html
    assert "Changed since review" in html
    listed = text(web.get(reverse("batches:overview")))
    assert "Executed in part: 2 written, 1 not (1 changed since review)" in listed
    assert "Executed in part" in text(web.get(reverse("admin:toys_pricebatch_changelist")))

"""Who may do what: by type and verb, on every page."""

import pytest
from django.test import Client
from django.urls import reverse

from batches import actions
from batches.models import Event, Run
from batches.states import RunState, Status
from batches.verbs import VERBS
from batches.views.verbs import DO

from .conftest import batch_url, text

NUMBERED = ["options", "summary", "log", "unreadable", "file", "rows_csv", "rows_xlsx", "progress", "batch"]
WRITES = [
    "map",
    "collect",
    "options",
    "exclude_all",
    "include_all",
    "refresh",
    "execute",
    "withdraw",
    "delete",
    "stop",
]
ROW_WRITES = ["edit_row", "exclude_row", "include_row"]


def addresses(batch, names):
    return [reverse(f"batches:{name}", args=[batch.pk]) for name in names]


def state(batch):
    """Return what no refused request may change: the batch and its rows."""
    batch.refresh_from_db()
    return batch.status, batch.revision, batch.description, list(batch.rows.order_by("pk").values_list())


def test_every_button_has_a_page():
    assert {verb.name for verb in VERBS if verb.built and verb.button} <= set(DO)


def test_strangers_are_sent_to_the_login(book, django_user_model):
    customer = Client()
    customer.force_login(django_user_model.objects.create_user("customer"))
    row = book.rows.first()
    for client in (Client(), customer):
        for url in [
            batch_url(book), reverse("batches:overview"), reverse("batches:edit_row", args=[book.pk, row.pk]),
            *addresses(book, NUMBERED), *addresses(book, WRITES),
        ]:  # fmt: skip
            for send in (client.get, client.post):
                answer = send(url)
                assert answer.status_code == 302, url
                assert answer.url.startswith(reverse("admin:login")), url


def test_a_part_of_a_page_reloads_the_page_when_the_login_ended(book):
    answer = Client().get(reverse("batches:progress", args=[book.pk]), headers={"HX-Request": "true"})
    assert answer["HX-Refresh"] == "true"
    assert b"password" not in answer.content


def test_who_may_not_see_the_type_sees_no_page_of_it(book, client_of, user_with):
    client = client_of(user_with("view_pricebatch", "add_thingfilebatch", "change_thingfilebatch"))
    row = book.rows.first()
    urls = [batch_url(book), *addresses(book, NUMBERED), *addresses(book, ["exclude_all", "execute"])]
    urls += [reverse(f"batches:{name}", args=[book.pk, row.pk]) for name in ("row", *ROW_WRITES)]
    urls += [reverse("admin:toys_thingfilebatch_changelist"), reverse("admin:toys_thingfilebatch_add")]
    for url in urls:
        answer = client.get(url)
        assert answer.status_code == 403, url
        assert "book.csv" not in text(answer)
    html = text(client.get(reverse("batches:overview")))
    assert "Toy file" not in html
    assert book.shown_number not in html


def test_who_may_only_see_can_change_nothing(book, client_of, user_with):
    client = client_of(user_with("view_thingfilebatch"))
    before, events = state(book), Event.objects.count()
    row = book.rows.first()
    urls = addresses(book, WRITES) + [
        reverse(f"batches:{name}", args=[book.pk, row.pk]) for name in ROW_WRITES
    ]
    data = {
        "reason": "x",
        "expected": "4",
        "filter": "",
        "revision": book.revision,
        "number": "2",
        "description": "mine",
    }
    for url in urls:
        answer = client.post(url, data)
        assert answer.status_code in (302, 403), url
        assert answer.status_code == 403 or url in addresses(book, ["map", "collect"]), url
    assert client.post(reverse("admin:toys_thingfilebatch_add"), data).status_code == 403
    assert state(book) == before
    refused = Event.objects.order_by("pk")[events:]
    assert all(event.data.get("refused") for event in refused)


def test_buttons_are_those_that_one_has_a_right_to(book, client_of, user_with):
    html = text(client_of(user_with("view_thingfilebatch")).get(batch_url(book)))
    assert "In review" in html
    for word in ("Check again", "Withdraw", "Exclude all", ">Edit<", ">Execute<"):
        assert word not in html
    html = text(
        client_of(user_with("view_thingfilebatch", "change_thingfilebatch", name="buyer")).get(
            batch_url(book)
        )
    )
    assert "Check again" in html
    assert ">Edit<" in html
    assert ">Execute<" not in html


def test_only_who_may_stop_a_run_is_offered_to(book, boss, client_of, user_with):
    run = actions.start(book, "execute", boss)
    watcher = client_of(user_with("view_thingfilebatch", name="watcher"))
    assert "Waiting for a worker" in text(watcher.get(batch_url(book)))
    assert reverse("batches:stop", args=[book.pk]) not in text(watcher.get(batch_url(book)))
    worker = client_of(user_with("view_thingfilebatch", "change_thingfilebatch"))
    assert '<button class="b-button b-verb-stop">' in text(worker.get(batch_url(book)))
    Run.objects.filter(pk=run.pk).update(state=RunState.STOPPING)
    assert '<button class="b-button b-verb-stop" disabled>' in text(worker.get(batch_url(book)))


def test_a_disabled_button_says_why(book, client_of, user_with):
    user = user_with("view_thingfilebatch", "execute_thingfilebatch")
    html = text(client_of(user).get(batch_url(book)))
    assert "You also need the permission toys.add_thing, toys.change_thing" in html
    answer = client_of(user).post(
        reverse("batches:execute", args=[book.pk]), {"revision": book.revision}, follow=True
    )
    assert "You also need the permission" in text(answer)
    book.refresh_from_db()
    assert book.status == Status.REVIEW


def test_the_number_of_another_type_is_not_found(book, web, boss, things):
    other = actions.make("toy_price", boss)
    assert web.get(reverse("admin:toys_pricebatch_change", args=[book.pk])).status_code == 404
    assert web.get(reverse("admin:toys_thingfilebatch_change", args=[other.pk])).status_code == 404


@pytest.mark.parametrize("number", ["999999", "9" * 18, "9" * 40, "0"])
def test_a_number_that_is_none_is_not_found(web, number):
    for url in (
        f"/admin/batches/{number}/",
        f"/admin/batches/{number}/execute/",
        f"/admin/toys/pricebatch/{number}/change/",
    ):
        assert web.get(url).status_code == 404


def test_lists_show_only_types_that_one_may_see(book, client_of, user_with):
    user = user_with("view_thingfilebatch")
    html = text(client_of(user).get(reverse("batches:overview")))
    assert "Thing files" in html
    assert "Price batches" not in html
    assert "Make a batch" not in html

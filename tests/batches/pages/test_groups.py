"""The page on which one decision settles all groups of rows that share something."""

import re

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from batches.findings import Unique
from batches.models import Event
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler

from .conftest import batch_url, text

BOOK = b"""Code,Name,Cost
A1,alpha,1
A2,alpha,9
B1,beta,2
B2,beta,2
C1,alone,7
"""


@pytest.fixture
def twins(monkeypatch, boss):
    rule = Unique(("name",), "shared_name", "Another row has this name.", gives_up="name")
    monkeypatch.setattr(ThingFileHandler, "unique", [rule])
    return make_batch("toy_file", user=boss, file=ContentFile(BOOK, name="twins.csv"))


def shared_url(batch, code="shared_name"):
    return reverse("batches:shared", args=[batch.pk, code])


def choice(html, **chosen):
    revision = re.search(r'name="revision" value="(\d+)"', html)[1]
    return {"filter": "", "keep": "first", "by": "price", "others": "give_up", "revision": revision} | chosen


def test_the_finding_leads_to_the_decision_and_the_decision_back(web, twins):
    html = text(web.get(batch_url(twins)))
    assert shared_url(twins) in html
    assert "Another row has this name." in html
    assert '<span class="b-eg">' not in html, "the sentence is the same in all rows"
    html = text(web.get(shared_url(twins)))
    assert re.findall(r"<dt>([^<]*)</dt><dd>(\d+)</dd>", html) == [
        ("groups", "2"),
        ("rows in them", "4"),
        ("others than the one that is kept", "2"),
    ]
    assert "2 rows stay, without their “Name”" in html
    assert "Price (tells 1 of 2 groups; in the others the first row is kept)" in html
    assert html.index(">A1<") < html.index(">B2<")
    assert '<th scope="col" class="b-num">Price</th>' in html
    assert '<td class="b-num">9.00</td>' in html
    answer = web.post(shared_url(twins), choice(html, keep="highest"), follow=True)
    assert "2 rows gave way." in text(answer)
    assert list(twins.rows.exclude(name=None).order_by("sequence").values_list("code", flat=True)) == [
        "A2",
        "B1",
        "C1",
    ]
    html = text(web.get(batch_url(twins)))
    assert "Name alpha was given up to row 2." in html
    assert '<span class="b-eg">such as</span> Name alpha' in html
    assert "Put back" in html
    html = text(web.get(shared_url(twins)))
    assert "No rows share it any more." in html
    answer = web.post(shared_url(twins), choice(html, back="1"), follow=True)
    assert "2 rows have it back." in text(answer)
    assert not twins.rows.filter(name=None).exists()
    assert [e.verb for e in Event.objects.filter(batch=twins.pk, door="page")] == ["edit", "edit"]


def test_only_groups_that_match_the_filter_are_decided(web, twins):
    html = text(web.get(shared_url(twins) + "?q=A2"))
    assert "A2" in html
    assert "B1" not in html
    assert "Only groups of which a row matches this filter are decided." in html
    web.post(shared_url(twins), choice(html, filter="q=A2", others="exclude"))
    assert list(twins.rows.filter(removed=True).values_list("code", flat=True)) == ["A2"]
    answer = web.get(shared_url(twins) + "?name__startswith=A", follow=True)
    assert "This filter is not understood" in text(answer)


def test_a_decision_about_what_changed_meanwhile_is_refused(web, twins):
    html = text(web.get(shared_url(twins)))
    twins.revision += 1
    twins.save()
    answer = web.post(shared_url(twins), choice(html), follow=True)
    assert "The batch changed since you looked at it" in text(answer)
    answer = web.post(shared_url(twins), choice(html, back="1"), follow=True)
    assert "The batch changed since you looked at it" in text(answer)
    assert not twins.rows.filter(name=None).exists()


@pytest.mark.parametrize(
    "wrong", [{"keep": "best"}, {"others": "delete"}, {"keep": "highest", "by": "colour"}, {"revision": "x"}]
)
def test_what_is_not_offered_is_not_done(web, twins, wrong):
    html = text(web.get(shared_url(twins)))
    web.post(shared_url(twins), choice(html, **wrong))
    assert not twins.rows.filter(name=None).exists()
    assert web.get(shared_url(twins, "nothing")).status_code == 404


def test_who_may_only_look_cannot_decide(client_of, user_with, twins):
    client = client_of(user_with("view_thingfilebatch"))
    assert client.get(shared_url(twins)).status_code == 403
    assert client.post(shared_url(twins), {"keep": "first", "others": "give_up"}).status_code == 403


def test_the_page_asks_little_however_many_rows(web, twins, django_assert_max_num_queries):
    with django_assert_max_num_queries(25):
        web.get(shared_url(twins))

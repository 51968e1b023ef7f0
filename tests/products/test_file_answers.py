"""What a product file tells by itself: what identifies its products, and whether its codes carry their check digit."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.urls import reverse

from batches import actions
from batches.files import Facts, Survey
from batches.models import SavedMapping
from products import codes
from products.batches.file_answers import check_digits, match_by

pytestmark = pytest.mark.django_db
PAGE = "admin:products_productfilebatch_change"


@pytest.fixture
def boss():
    cache.clear()
    return get_user_model().objects.create_superuser("boss", password="boss")


@pytest.fixture
def web(client, boss):
    client.force_login(boss)
    return client


def upca(n):
    body = f"{3_600_000_000 + n * 7:011d}"
    return body + codes.check_digit(body)


def upload(boss, lines, head="Item Number,UPC,Item Description", **given):
    text = "\n".join([head, *lines]) + "\n"
    return actions.make("product_file", boss, file=ContentFile(text.encode(), name="book.csv"), **given)


def lines(n, code):
    return [f"{i},{code(i)},thing {i}" for i in range(1, n + 1)]


def mixed():
    """Return lines of which every third has a wrong check digit."""
    return lines(100, lambda i: upca(i) if i % 3 else f"{upca(i)[:-1]}{(int(upca(i)[-1]) + 1) % 10}")


def test_what_is_unique_in_the_file_identifies_its_products(web, boss):
    batch = upload(boss, lines(100, lambda i: upca(i // 2)))
    assert batch.match_by == "number"
    html = web.get(reverse(PAGE, args=[batch.pk])).content.decode()
    assert "“Item Number” is unique in 100 of 100 rows, “UPC” in 2." in html
    batch = upload(boss, [f"{i // 2},{upca(i)},x" for i in range(100)])
    assert batch.match_by == "code"
    assert upload(boss, lines(9, upca), "Ours,UPC,Item Description").match_by == "code"


@pytest.mark.parametrize("code", [upca, lambda i: upca(i).lstrip("0")])
def test_codes_that_are_right_carry_their_check_digit_lost_zeros_or_not(web, boss, code):
    batch = upload(boss, lines(100, code))
    assert batch.codes_have_check_digit is True
    html = web.get(reverse(PAGE, args=[batch.pk])).content.decode()
    assert "“UPC”: 100 of 100 codes are right with their last digit as check digit" in html
    assert "– choose –" not in html


def test_an_option_that_is_given_is_obeyed(boss):
    given = {"match_by": "code", "codes_have_check_digit": "no"}
    batch = upload(boss, lines(100, upca), options=given)
    assert (batch.match_by, batch.codes_have_check_digit) == ("code", False)


def test_what_the_file_does_not_tell_for_certain_has_to_be_chosen(web, boss):
    batch = upload(boss, mixed())
    html = web.get(reverse(PAGE, args=[batch.pk])).content.decode()
    assert re.search(r"“UPC”: 67 of 100 codes are right with their last digit as check digit\.", html)
    data = {"map-number": "0", "map-code": "1", "map-description": "2"}
    answer = web.post(reverse("batches:map", args=[batch.pk]), data)
    assert answer.status_code == 422
    assert "The file does not tell for certain; choose." in answer.content.decode()
    batch.refresh_from_db()
    assert batch.status == "draft"
    web.post(
        reverse("batches:map", args=[batch.pk]),
        data | {"opt-codes_have_check_digit": "False", "opt-match_by": "code"},
    )
    batch.refresh_from_db()
    assert (batch.status, batch.codes_have_check_digit, batch.match_by) == ("populating", False, "code")


def test_the_question_follows_the_column_that_was_chosen(web, boss):
    batch = upload(boss, [f"{i},{upca(i)},{upca(i)[:-1]}9" for i in range(1, 100)])
    data = {"map-number": "0", "map-code": "2"}
    html = web.post(reverse("batches:map", args=[batch.pk]), data).content.decode()
    assert "“Item Description”: " in html
    assert "The file does not tell for certain; choose." in html


def test_what_was_answered_is_remembered_with_the_mapping(web, boss):
    first = upload(boss, mixed(), options={"codes_have_check_digit": False, "match_by": "code"})
    actions.populate(first, boss)
    assert SavedMapping.objects.get().options["codes_have_check_digit"] == "False"
    batch = upload(boss, mixed())
    assert (batch.codes_have_check_digit, batch.match_by) == (False, "code")
    html = web.get(reverse(PAGE, args=[batch.pk])).content.decode()
    assert "Same columns as the file of" in html
    assert "– choose –" not in html


def test_the_upload_form_does_not_ask_what_the_file_answers(web):
    html = web.get(reverse("admin:products_productfilebatch_add")).content.decode()
    assert 'name="new_departments"' in html
    assert "match_by" not in html
    assert "codes_have_check_digit" not in html


def test_a_file_that_was_not_looked_at_to_its_end_says_so():
    facts = Facts(filled=10, distinct=10, alone=10)
    survey = Survey(records=10, complete=False, columns={"UPC": facts})
    assert match_by(survey, {"code": "UPC"}).sentence == "“UPC” is unique in 10 of the first 10 rows."
    assert match_by(Survey(), {"code": "UPC"}) is None
    assert check_digits(Survey(), "UPC") is None


def test_what_the_file_tells_follows_how_it_is_read(boss):
    text = upload(boss, [f"{i // 2};{upca(i)}" for i in range(60)], head="Item Number;UPC")
    assert text.match_by == "code"
    actions.set_reading(text, boss, {"delimiter": ","})
    assert "code" not in text.mapping
    text.match_by = "number"
    text.save()
    actions.set_reading(text, boss, {"delimiter": ";"})
    assert (text.mapping, text.match_by) == ({"number": "Item Number", "code": "UPC"}, "code")

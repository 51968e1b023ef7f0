"""Codes: kinds, check digits, repair, forms to search for."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from products import codes
from products.codes import Kind, Repair

digits = st.text("0123456789", min_size=1, max_size=14)


def bodies(length):
    return st.text("0123456789", min_size=length, max_size=length)


def whole(body):
    return body + codes.check_digit(body)


def slow_check_digit(body):
    """GS1's rule as it is written: weights 3 and 1 in turn, from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


@given(digits)
def test_check_digit_follows_the_rule(body):
    assert codes.check_digit(body) == slow_check_digit(body)


@pytest.mark.parametrize(
    ("body", "check"), [("03600029145", "2"), ("629104150021", "3"), ("7351353", "7"), ("1061414100734", "6")]
)
def test_check_digits_out_of_the_literature(body, check):
    assert codes.check_digit(body) == check


@given(bodies(11), st.integers(0, 10), st.integers(1, 9))
def test_every_single_wrong_digit_is_found(body, place, shift):
    code = whole(body)
    wrong = code[:place] + str((int(code[place]) + shift) % 10) + code[place + 1 :]
    assert codes.is_valid(code)
    assert not codes.is_valid(wrong)


@given(digits, st.integers(1, 5))
def test_leading_zeros_do_not_change_the_check_digit(body, zeros):
    assert codes.check_digit("0" * zeros + body) == codes.check_digit(body)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("4011", Kind.PLU),
        ("94011", Kind.PLU),
        ("036000291452", Kind.UPC_A),
        ("036000291453", Kind.UPC_A),
        ("04252614", Kind.UPC_E),
        ("73513537", Kind.EAN_8),
        ("6291041500213", Kind.EAN_13),
        ("10614141007346", Kind.GTIN_14),
        ("212345000007", Kind.TYPE_2),
        ("412345678903", Kind.OWN),
        ("2012345678900", Kind.OWN),
        ("1234", Kind.OWN),
        ("AB-12", Kind.OWN),
        ("²²²²", Kind.OWN),
        ("", None),
    ],
)
def test_kind(code, kind):
    assert codes.kind(code) == kind


@pytest.mark.parametrize(("code", "valid"), [("", False), ("1234", True), ("AB", True), ("04252615", False)])
def test_is_valid_asks_only_codes_that_have_a_check_digit(code, valid):
    assert codes.is_valid(code) is valid


@pytest.mark.parametrize(
    ("text", "code", "repair"),
    [
        ("036000291452", "036000291452", None),
        ("0-36000-29145-2", "036000291452", None),
        (" 0 36000 29145 2 ", "036000291452", None),
        ("\u00a0036000291452\u200b", "036000291452", None),
        ("'036000291452", "036000291452", None),
        ("36000291452.0", "036000291452", Repair.LEADING_ZERO),
        ("0036000291452", "036000291452", None),
        ("00036000291452", "036000291452", None),
        ("06291041500213", "6291041500213", None),
        ("36000291452", "036000291452", Repair.LEADING_ZERO),
        ("03600029145", "036000291452", Repair.CHECK_DIGIT),
        ("72105900262", "721059002622", Repair.CHECK_DIGIT),
        ("036000291453", "036000291453", None),
        ("0036000291453", "0036000291453", None),
        ("212345678900", "212345678900", None),
        ("212345678909", "212345000007", Repair.PRICE_REMOVED),
        ("04011", "4011", None),
        ("000000004011", "4011", None),
        ("0000000004011", "4011", None),
        ("000000040112", "4011", None),
        ("04252614", "04252614", None),
        ("12-34", "12-34", None),
        ("  AB   12 ", "AB 12", None),
        ("１２３４５６７８９０１２", "１２３４５６７８９０１２", None),
        ("", "", None),
    ],
)
def test_normalise(text, code, repair):
    assert codes.normalise(text) == (code, repair)


def test_where_files_have_check_digits_none_is_added():
    assert codes.normalise("72105900262", add_check_digit=False) == ("072105900262", Repair.LEADING_ZERO)
    assert not codes.is_valid("072105900262")


# Digits of all lengths behind zeros: where a code is padded, its length alone does not tell what it is.
padded = st.builds(
    lambda zeros, rest: "0" * zeros + rest, st.integers(0, 13), st.text("0123456789", max_size=14)
)


@given(padded, st.booleans())
@example("00000000301", True)  # became 000000003012, which is the PLU 3012
@example("00000083120", True)
@example("01234567890", True)
def test_normalising_twice_changes_nothing_more_behind_zeros(text, add):
    once, _repair = codes.normalise(text, add_check_digit=add)
    assert codes.normalise(once, add_check_digit=add) == (once, None)


def test_every_short_number_in_a_field_of_eleven_digits_is_stable():
    for number in range(100_000):
        once, _repair = codes.normalise(f"{number:011d}")
        assert codes.normalise(once) == (once, None), number


@given(st.one_of(digits, st.text(max_size=20)))
def test_normalising_twice_changes_nothing_more(text):
    once, _repair = codes.normalise(text)
    assert codes.normalise(once) == (once, None)


@given(bodies(11).map(whole))
def test_a_valid_upc_survives_a_spreadsheet_that_drops_one_zero(code):
    expected, _repair = codes.normalise(code)
    if code[0] == "0" and code[1] != "0":
        assert codes.normalise(code[1:]) == (expected, Repair.LEADING_ZERO)


@given(st.sampled_from("01"), bodies(6))
def test_a_upc_e_and_its_upc_a_have_one_check_digit_and_lead_to_each_other(system, body):
    long = whole(codes.expand_upc_e(f"{system}{body}0")[:-1])
    short = codes.compress_upc_a(long)
    assert short is not None
    assert codes.expand_upc_e(short) == long
    assert codes.kind(short) == Kind.UPC_E
    assert codes.is_valid(short)


@given(bodies(11).map(whole))
def test_what_cannot_be_shortened_has_no_upc_e(code):
    short = codes.compress_upc_a(code)
    assert short is None or codes.expand_upc_e(short) == code


@given(st.one_of(bodies(11), bodies(12), bodies(13), bodies(7)).map(whole))
def test_a_stored_code_is_found_with_and_without_zeros_and_check_digit(code):
    stored, _repair = codes.normalise(code)
    typed = {code, stored, stored.lstrip("0"), stored[:-1], stored[:-1].lstrip("0"), f"0{stored}"[-14:]}
    for text in typed - {"", "0"}:
        assert stored in codes.search_forms(text), text


@pytest.mark.parametrize("text", ["4011", "04011", "40112", "000000040112"])
def test_a_plu_is_found_as_it_is_written_anywhere(text):
    assert "4011" in codes.search_forms(text)


@pytest.mark.parametrize(
    "text", ["042100005264", "42100005264", "4210000526", "04252614", "4252614", "425261"]
)
def test_a_upc_e_and_its_upc_a_are_found_by_either(text):
    assert {"042100005264", "04252614"} <= set(codes.search_forms(text))


def test_a_label_from_the_scale_finds_its_product():
    assert "212345000007" in codes.search_forms("212345678909")


@given(st.text(max_size=30))
def test_searching_takes_any_text_and_stays_small(text):
    assert len(codes.search_forms(text)) <= 24


@given(st.one_of(bodies(11).map(whole), bodies(12), st.text(min_size=12, max_size=12)))
def test_what_is_told_right_at_a_glance_is_stored_as_it_stands(text):
    if codes.is_right_upc_a(text):
        assert codes.normalise(text) == codes.normalise(text, add_check_digit=False) == (text, None)
        assert codes.is_valid(text)
    elif text.isascii() and text.isdigit() and text[0] != "2" and not text.startswith("000000"):
        assert not codes.is_valid(text)

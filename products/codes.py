"""Codes of goods: their kind, check digit, canonical form and repair. Pure functions, quick enough for files.

Canonical form: digits with check digit, as short as the kind allows (a GTIN-13 or -14 that begins with zeros is
its UPC-A), a PLU without zeros before it, a price-embedded code with its price set to zero. A UPC-E stays short.
Sources: GS1 General Specifications (check digit 7.9, UPC-E 5.2.2.4), IFPS for the ranges of PLUs.
"""

import re

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    PLU = "plu", _("PLU")
    UPC_A = "upc_a", _("UPC-A")
    UPC_E = "upc_e", _("UPC-E")
    EAN_8 = "ean_8", _("EAN-8")
    EAN_13 = "ean_13", _("EAN-13")
    GTIN_14 = "gtin_14", _("GTIN-14 case")
    TYPE_2 = "type_2", _("price-embedded")
    OWN = "own", _("own")


class Repair(models.TextChoices):
    LEADING_ZERO = "leading_zero", _("A lost leading zero was put back.")
    CHECK_DIGIT = "check_digit", _("The missing check digit was added.")
    PRICE_REMOVED = "price_removed", _("The price inside the code was set to zero.")


GTIN_LENGTHS = frozenset({8, 12, 13, 14})
# Four digits, weighted 3, 1, 3, 1: a right code's groups add up to a multiple of ten (its check digit weighs 1).
_GROUPS = {
    f"{n:04}": (3 * (n // 1000) + n // 100 % 10 + 3 * (n // 10 % 10) + n % 10) % 10 for n in range(10_000)
}
# Zero is 48 as a byte: what a sum of bytes has too much, for bodies of up to 20 digits.
_EXCESS = [48 * (3 * ((length + 1) // 2) + length // 2) for length in range(21)]
_DIGITS = "0123456789"
_SEPARATORS = re.compile("[\\s\u00a0\u200b\u2060\ufeff-]+")
_WHOLE_NUMBER = re.compile(r"([0-9]+)\.0+")


def check_digit(body: str) -> str:
    """Return the check digit of the digits before it (GS1: weights 3 and 1 from the right)."""
    digits = body.encode("ascii")
    total = 3 * sum(digits[-1::-2]) + sum(digits[-2::-2]) - _EXCESS[len(digits)]
    return _DIGITS[-total % 10]


def _checks(code: str) -> bool:
    return check_digit(code[:-1]) == code[-1]


def is_right_upc_a(text: str) -> bool:
    """Tell whether text is a UPC-A just as it is stored: most of a price book, so told quickly."""
    if len(text) != 12 or text[0] == "2" or text.startswith("000000"):
        return False
    try:
        return (_GROUPS[text[:4]] + _GROUPS[text[4:8]] + _GROUPS[text[8:]]) % 10 == 0
    except KeyError:
        return False


def _is_digits(text: str) -> bool:
    # "²" and Arabic digits are digits to Python, not to a scanner.
    return text.isascii() and text.isdigit()


def _is_plu(code: str) -> bool:
    if len(code) == 4:
        return code[0] in "34"
    return len(code) == 5 and code[0] in "89" and code[1] in "34"


def expand_upc_e(code: str) -> str:
    """Return the UPC-A of the 8 digits of a UPC-E; the check digit is the same and isn't verified."""
    system, body, last, check = code[0], code[1:6], code[6], code[7]
    if last in "012":
        return f"{system}{body[:2]}{last}0000{body[2:]}{check}"
    if last == "3":
        return f"{system}{body[:3]}00000{body[3:]}{check}"
    if last == "4":
        return f"{system}{body[:4]}00000{body[4]}{check}"
    return f"{system}{body}0000{last}{check}"


def compress_upc_a(code: str) -> str | None:
    """Return the UPC-E of a UPC-A, or None where it has none."""
    system, maker, item, check = code[0], code[1:6], code[6:11], code[11]
    if system not in "01":
        return None
    if maker[2:] in ("000", "100", "200") and item[:2] == "00":
        return f"{system}{maker[:2]}{item[2:]}{maker[2]}{check}"
    if maker[3:] == "00" and item[:3] == "000":
        return f"{system}{maker[:3]}{item[3:]}3{check}"
    if maker[4] == "0" and item[:4] == "0000":
        return f"{system}{maker[:4]}{item[4]}4{check}"
    if item[:4] == "0000" and item[4] in "56789":
        return f"{system}{maker}{item[4]}{check}"
    return None


def kind(code: str) -> Kind | None:
    """Return the kind of a stored code by its form, also where its check digit is wrong; None for ''."""
    if not code:
        return None
    length = len(code)
    if not _is_digits(code):
        return Kind.OWN
    if length == 12:
        # Number systems 2 and 4 belong to the store: sold by weight, and its own numbers.
        return _SYSTEMS.get(code[0], Kind.UPC_A)
    if length == 13:
        return Kind.OWN if code[0] == "2" else Kind.EAN_13
    if length == 14:
        return Kind.GTIN_14
    if length == 8:
        return Kind.UPC_E if _is_upc_e(code) or code[0] == "0" else Kind.EAN_8
    return Kind.PLU if _is_plu(code) else Kind.OWN


_SYSTEMS = {"2": Kind.TYPE_2, "4": Kind.OWN}


def _is_upc_e(code: str) -> bool:
    return code[0] in "01" and _checks(expand_upc_e(code))


def is_valid(code: str) -> bool:
    """Tell whether the check digit is right; a code of a kind that has none is valid, '' is not."""
    if len(code) not in GTIN_LENGTHS or not _is_digits(code):
        return bool(code)
    return _checks(code) or (len(code) == 8 and _is_upc_e(code))


def normalise(text: str, *, add_check_digit: bool = True) -> tuple[str, Repair | None]:
    """Return the canonical form of what somebody wrote, and what had to be repaired, if anything.

    Eleven digits are a UPC-A that lost a leading zero where its check digit then is right, else one without
    its check digit; with `add_check_digit=False` (a file whose codes have theirs) the latter get the zero, and
    `is_valid` then says that they are wrong. What can't be repaired comes back as it was.
    """
    code = text if _is_digits(text) else _clean(text)
    if not _is_digits(code):
        return code, None
    if code[0] == "0" and (len(code) == 5 or code.startswith("000000")):
        plu = _padded_plu(code)
        if plu:
            return plu, None
    length = len(code)
    repair = None
    if length == 11:
        if code[0] != "0" and _checks(code):
            code, repair = f"0{code}", Repair.LEADING_ZERO
        elif add_check_digit:
            whole = code + check_digit(code)
            # A PLU may come of it, to which its own check digit would belong: it then is no code that we know.
            if not (whole.startswith("000000") and _padded_plu(whole)):
                code, repair = whole, Repair.CHECK_DIGIT
        elif code[0] != "0":
            code, repair = f"0{code}", Repair.LEADING_ZERO
    elif length in (13, 14) and code[0] == "0" and _checks(code):
        code = code[2:] if code.startswith("00") and length == 14 else code[1:]
    if len(code) == 12 and code[0] == "2" and code[6:11] != "00000" and _checks(code):
        return _without_price(code), repair or Repair.PRICE_REMOVED
    return code, repair


def _clean(text: str) -> str:
    """Take off what print and spreadsheets put around a number; other text keeps its words."""
    text = " ".join(text.split())
    text = text.lstrip("' ")
    whole = _WHOLE_NUMBER.fullmatch(text)
    if whole:
        return whole[1]
    joined = _SEPARATORS.sub("", text)
    return joined if _is_digits(joined) and (len(joined) >= 8 or joined == text) else text


def _padded_plu(code: str) -> str | None:
    """The PLU in a field of fixed width, with or without a check digit behind it."""
    core = code.lstrip("0")
    if _is_plu(core):
        return core
    return core[:-1] if _is_plu(core[:-1]) and _checks(core) else None


def _without_price(code: str) -> str:
    body = f"{code[:6]}00000"
    return body + check_digit(body)


def search_forms(text: str) -> list[str]:
    """Return the stored forms that somebody may mean who typed this.

    With or without leading zeros, with or without check digit, a UPC-E or the UPC-A that it stands for, a label
    from the scale.
    """
    typed = _clean(text)
    code, _repair = normalise(text)
    if not _is_digits(typed) or len(typed) > 14:
        return [typed] if typed else []
    core = typed.lstrip("0") or "0"
    forms = {typed, code, core, *_with_check_digit(core)}
    forms.update(core.zfill(length) for length in GTIN_LENGTHS if len(core) <= length)
    if len(core) > 1 and _checks(core):
        forms.add(core[:-1])
    if 6 <= len(typed) <= 8:
        forms.update(_from_upc_e(typed))
    for form in [form for form in forms if len(form) == 12]:
        if form[0] == "2":
            forms.add(_without_price(form))
        short = compress_upc_a(form)
        if short and _checks(form):
            forms.add(short)
    return sorted(forms)


def _with_check_digit(core: str) -> set[str]:
    whole = core + check_digit(core)
    return {whole.zfill(length) for length in GTIN_LENGTHS if len(whole) <= length}


def _from_upc_e(typed: str) -> set[str]:
    """The UPC-E and UPC-A for its 6 digits, for 7 (without check digit or without the zero), or all 8."""
    if len(typed) == 8:
        return {expand_upc_e(typed)} if _is_upc_e(typed) else set()
    bodies = {f"0{typed}"} if len(typed) == 6 else {typed} if typed[0] in "01" else set()
    forms = {body + check_digit(expand_upc_e(f"{body}0")[:-1]) for body in bodies}
    if len(typed) == 7 and _is_upc_e(f"0{typed}"):
        forms.add(f"0{typed}")
    return forms | {expand_upc_e(form) for form in forms}

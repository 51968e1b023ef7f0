"""Vendor catalog: what is found in the rows of a vendor's list."""

# long: the functions are tables of rules.

from dataclasses import replace
from typing import Any

from django.db import models
from django.db.models import Case, Count, Exists, ExpressionWrapper, F, Func, OuterRef, Q, Value, When
from django.db.models.functions import Abs, Coalesce, NullIf, Round
from django.db.models.lookups import GreaterThan, LessThan
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from batches.findings import Finding
from batches.states import Severity
from products.models import ProductCost

NOTICE, WARNING, ERROR = Severity.NOTICE, Severity.WARNING, Severity.ERROR
LISTED = Q(vendor__isnull=False)
KNOWN = LISTED & Q(product__isnull=False)
OURS = LISTED & Q(cost__isnull=False)
FIRST = KNOWN & Q(cost__isnull=True, new_unit_cost__isnull=False)
SAME_CASE = Q(case_size__isnull=True) | Q(case_size=F("old_case_size"))
MOVED_UNIT = OURS & Q(new_unit_cost__isnull=False) & ~Q(new_unit_cost=F("old_unit_cost"))
MOVED_CASE = (
    OURS & Q(new_case_cost__isnull=False, old_case_cost__isnull=False) & ~Q(new_case_cost=F("old_case_cost"))
) & SAME_CASE
# Cells that could not be read are told of already.
READ = Q(raw__isnull=True)
AMOUNT = "FM999999999999990.0099"  # as PostgreSQL writes it
UNEVEN = "0.01"  # by which a unit may cost another than its share of the case, as lists round


class Unknown(models.TextChoices):
    ASK = "ask", gettext_lazy("decide in each row")
    CREATE = "create", gettext_lazy("make it")
    SKIP = "skip", gettext_lazy("skip it")


def money(amount: Any) -> Func:
    """Return an amount in words: two decimals, four where a unit costs parts of a cent."""
    return Func(amount, Value(AMOUNT), function="to_char", output_field=models.CharField())


def rules(batch: Any) -> list[Finding]:
    """Return the rules of a vendor's list."""
    found = [*_identity(batch), _unknown(batch), *_costs(batch), *_margins(), *_made(), *_ends(), *_last()]
    # A notice about a cost tells what will be; only in a code something was put right.
    return [*(replace(rule, note=rule.severity == NOTICE) for rule in found), *_codes()]


def _identity(batch: Any) -> list[Finding]:
    """Return the rules about which product and which of our costs a row means."""
    mine = ProductCost.objects.filter(vendor=batch.vendor_id).exclude(vendor_item_code="")
    several = mine.values("vendor_item_code").annotate(n=Count("pk")).filter(n__gt=1)
    by_item_code = OURS & Q(vendor_item_code=F("old_vendor_item_code"))
    confirmed = Q(code=F("product__code")) | Q(our_number=F("product__number"))
    none = Q(vendor_item_code__isnull=True, code__isnull=True, our_number__isnull=True)
    return [
        Finding(
            "nothing_named",
            _("The row names no item; give it the vendor's item code or a code."),
            ERROR,
            LISTED & READ & none,
            "vendor_item_code",
        ),
        Finding(
            "ambiguous_item_code",
            _(
                "Several of our costs have the vendor item code %(value)s; give the row the code of the product."
            ),
            ERROR,
            by_item_code
            & ~Q(confirmed, code__isnull=False)
            & ~Q(confirmed, our_number__isnull=False)
            & Q(vendor_item_code__in=several.values("vendor_item_code")),
            "code",
            {"value": "vendor_item_code"},
        ),
        Finding(
            "code_differs",
            _("The product found by the vendor's item code has the code %(ours)s, not %(value)s."),
            WARNING,
            KNOWN & Q(code__isnull=False) & ~Q(product__code="") & ~Q(code=F("product__code")),
            "code",
            {"value": "code", "ours": F("product__code")},
        ),
        Finding(
            "item_code_changed",
            _("The vendor's item code was %(was)s and becomes %(now)s."),
            WARNING,
            OURS
            & Q(new_vendor_item_code__isnull=False)
            & ~Q(old_vendor_item_code="")
            & ~Q(new_vendor_item_code=F("old_vendor_item_code")),
            "new_vendor_item_code",
            {"was": "old_vendor_item_code", "now": "new_vendor_item_code"},
        ),
        Finding(
            "other_vendor",
            _("The file says that the row is of the vendor %(value)s, so it is not written."),
            NOTICE,
            Q(named__isnull=False) & ~Q(named=batch.vendor_id),
            "named",
            {"value": "vendor_name"},
        ),
        Finding(
            "product_inactive",
            _("The product %(value)s is not active any more."),
            NOTICE,
            OURS & Q(product__active=False),
            "product_name",
            {"value": F("product__number")},
        ),
    ]


def _unknown(batch: Any) -> Finding:
    """Return the finding about an item that is no product of ours, as the option says."""
    message, severity = {
        Unknown.CREATE: (_("There is no product %(value)s; it will be made."), NOTICE),
        Unknown.SKIP: (_("There is no product %(value)s; the row is skipped."), NOTICE),
    }.get(
        batch.unknown_products,
        (
            _(
                "There is no product %(value)s, so the row is not written: give the code of a product that you have, exclude the"
                " row, or let the batch make it (the option “product not found”)."
            ),
            WARNING,
        ),
    )
    named = Q(code__isnull=False) | Q(our_number__isnull=False) | Q(vendor_item_code__isnull=False)
    when = LISTED & Q(product__isnull=True) & named
    return Finding(
        "product_unknown",
        message,
        severity,
        when,
        "code",
        {"value": Coalesce("code", "our_number", "vendor_item_code")},
    )


def _costs(batch: Any) -> list[Finding]:
    """Return the rules about costs and cases."""
    units = NullIf(Coalesce(F("case_size"), F("old_case_size")), 0)
    moved = {
        "what": Case(
            When(MOVED_UNIT, then=Value(gettext("unit cost"))),
            default=Value(gettext("case cost")),
            output_field=models.CharField(),
        ),
        "was": money(Case(When(MOVED_UNIT, then=F("old_unit_cost")), default=F("old_case_cost"))),
        "now": money(Case(When(MOVED_UNIT, then=F("new_unit_cost")), default=F("new_case_cost"))),
        "by": money(Abs(F("change"))),
        "percent": Abs(F("percent")),
    }
    share = Round(F("case_cost") / units, 4)
    uneven = Abs(ExpressionWrapper(share - F("unit_cost"), output_field=models.DecimalField()))
    far = Q(GreaterThan(Abs(F("percent")), batch.implausible)) | Q(percent__isnull=True)
    writes = KNOWN | Q(makes=True)
    lone = Q(
        case_size__isnull=True, old_case_size__isnull=True, case_cost__isnull=False, unit_cost__isnull=True
    )
    return [
        Finding(
            "new_cost",
            _("We had no cost of this vendor for the product; it is %(now)s."),
            NOTICE,
            FIRST,
            "new_unit_cost",
            {"now": money("new_unit_cost")},
        ),
        Finding(
            "dearer",
            _("The %(what)s rises from %(was)s to %(now)s: by %(by)s, %(percent)s %%."),
            NOTICE,
            Q(change__gt=0),
            "new_unit_cost",
            moved,
        ),
        Finding(
            "cheaper",
            _("The %(what)s falls from %(was)s to %(now)s: by %(by)s, %(percent)s %%."),
            NOTICE,
            Q(change__lt=0),
            "new_unit_cost",
            moved,
        ),
        Finding(
            "implausible",
            _("The %(what)s moves from %(was)s to %(now)s, by %(percent)s %%; is that meant so?"),
            WARNING,
            Q(change__isnull=False) & far,
            "new_unit_cost",
            moved,
        ),
        Finding(
            "case_size_changed",
            _("The case had %(was)s units and has %(now)s."),
            WARNING,
            OURS & ~SAME_CASE,
            "case_size",
            {"was": "old_case_size", "now": "case_size"},
        ),
        Finding(
            "costs_disagree",
            _("A unit costs %(unit)s, but its share of the case cost is %(share)s."),
            WARNING,
            (FIRST | Q(makes=True) | Q(change__isnull=False))
            & Q(unit_cost__isnull=False)
            & Q(GreaterThan(uneven, Value(UNEVEN, models.DecimalField()))),
            "unit_cost",
            {"unit": money("unit_cost"), "share": money(share)},
        ),
        Finding(
            "no_cost",
            _("The row has no cost, so none is written."),
            WARNING,
            writes & READ & Q(case_cost__isnull=True, unit_cost__isnull=True),
            "unit_cost",
        ),
        Finding(
            "case_size_missing",
            _(
                "The row has the cost of a case and we do not know its size; give the case size or the cost of a unit."
            ),
            ERROR,
            writes & lone,
            "case_size",
        ),
    ]


def _margins() -> list[Finding]:
    """Return the rules about what the price leaves at the new cost."""
    price, target = F("product__regular_price"), F("product__department__target_margin")
    counts = FIRST | MOVED_UNIT
    return [
        Finding(
            "below_cost",
            _("The price %(price)s is below the new cost %(cost)s."),
            WARNING,
            counts & Q(LessThan(price, F("new_unit_cost"))),
            "new_unit_cost",
            {"price": price, "cost": money("new_unit_cost")},
        ),
        Finding(
            "margin_low",
            _(
                "At the price %(price)s the margin is then %(margin)s %%; the department's target is %(target)s %%."
            ),
            WARNING,
            (FIRST | MOVED_UNIT & Q(change__gt=0)) & Q(margin__gte=0) & Q(LessThan(F("margin"), target)),
            "margin",
            {"price": price, "margin": "margin", "target": target},
        ),
    ]


def _made() -> list[Finding]:
    """Return the rules about names that a product is made with."""
    makes = Q(makes=True)
    return [
        Finding(
            "unknown_brand",
            _("The brand %(value)s is new and will be created."),
            NOTICE,
            makes & Q(brand__isnull=True, brand_name__isnull=False),
            "brand_name",
            {"value": "brand_name"},
        ),
        Finding(
            "unknown_department",
            _("There is no department %(value)s, so the product is made without one."),
            WARNING,
            makes & Q(department__isnull=True, department_name__isnull=False),
            "department_name",
            {"value": "department_name"},
        ),
    ]


def _ends() -> list[Finding]:
    """Return the rules about costs that are not in the list any more."""
    ended = Q(ended__isnull=False)
    others = ProductCost.objects.filter(product=OuterRef("product_id")).exclude(pk=OuterRef("ended_id"))
    return [
        Finding(
            "no_longer_listed",
            _(
                "It is not in the list any more (item code %(item)s, unit cost %(cost)s); last sold: %(sold)s."
            ),
            WARNING,
            ended,
            "",
            {
                "item": NullIf(F("ended__vendor_item_code"), Value("")),
                "cost": money("ended__unit_cost"),
                "sold": "last_sold",
            },
        ),
        Finding(
            "last_cost",
            _("No other vendor has the product."),
            WARNING,
            ended & ~Q(Exists(others)),
            "ended",
        ),
    ]


def _last() -> list[Finding]:
    """Return what is noted by comparing with the vendor's last list."""
    return [
        Finding("since_new", _("It was not in their last list."), NOTICE),
        Finding("since_dearer", _("In their last list it cost %(was)s, now %(now)s."), NOTICE),
        Finding("since_cheaper", _("In their last list it cost %(was)s; now it is %(now)s."), NOTICE),
    ]


def _codes() -> list[Finding]:
    """Return what is noted when codes are read."""
    return [
        Finding("bad_check_digit", _("The check digit of %(value)s is wrong."), WARNING, None, "code"),
        Finding("repaired_code", _("%(was)s was read as %(now)s: %(how)s"), NOTICE, None, "code"),
    ]

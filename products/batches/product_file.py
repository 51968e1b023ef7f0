"""Product file: products, regular prices and vendor costs out of a price book."""

# long: a batch type is one file: header, row and handler.

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Concat, Round, Trim, Upper
from django.db.models.lookups import Exact, In, LessThan
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from batches.changes import Change, Create
from batches.files import Column, Survey
from batches.findings import Finding, Unique
from batches.handlers import BatchHandler, Proposal
from batches.models import BatchBase, BatchKey, BatchRowBase, FileBatchMixin, Link
from batches.pipeline import Lookup
from batches.registry import register
from batches.states import Severity
from batches.targets import Parcel
from products.models import Brand, Category, Department, Product, ProductCost, Vendor
from products.scopes import departments_of

from .file_answers import check_digits, match_by
from .price_drop import STAYS, price_parcels, price_targets
from .readers import read_code, read_unit


class Unknown(models.TextChoices):
    CREATE = "create", _("create it")
    REFUSE = "refuse", _("must be fixed")


class ProductFileBatch(FileBatchMixin, BatchBase):
    """Header of a product file."""

    class MatchBy(models.TextChoices):
        AUTO = "auto", _("number if the file has it, else code")
        NUMBER = "number", _("number")
        CODE = "code", _("code")

    match_by = models.CharField(
        _("match products by"), max_length=10, choices=MatchBy.choices, default=MatchBy.AUTO
    )
    codes_have_check_digit = models.BooleanField(
        _("codes have their check digit"),
        default=True,
        help_text=_(
            "If not, it is added to codes of eleven digits; a lost leading zero is put back either way."
        ),
    )
    size_unit = models.CharField(
        _("unit of sizes"),
        max_length=10,
        choices=Product.Unit.choices,
        blank=True,
        default="",
        help_text=_("For a file that gives sizes without their unit."),
    )
    new_departments = models.CharField(
        _("unknown department"), max_length=10, choices=Unknown.choices, default=Unknown.REFUSE
    )
    new_categories = models.CharField(
        _("unknown category"), max_length=10, choices=Unknown.choices, default=Unknown.CREATE
    )
    new_brands = models.CharField(
        _("unknown brand"), max_length=10, choices=Unknown.choices, default=Unknown.CREATE
    )
    new_vendors = models.CharField(
        _("unknown vendor"), max_length=10, choices=Unknown.choices, default=Unknown.CREATE
    )

    class Meta(BatchBase.Meta):
        verbose_name = _("product file")
        verbose_name_plural = _("product files")


class ProductFileRow(BatchRowBase):
    """One product of the file. `old_…` is what production had when the row was checked."""

    batch = BatchKey(ProductFileBatch)
    product = Link(Product, verbose_name=_("product"))
    cost = Link(ProductCost, verbose_name=_("cost"))
    department = Link(Department, verbose_name=_("department"))
    category = Link(Category, verbose_name=_("category"))
    brand = Link(Brand, verbose_name=_("brand"))
    vendor = Link(Vendor, verbose_name=_("vendor"))

    number = models.CharField(_("number"), max_length=60, null=True)
    code = models.CharField(_("code"), max_length=60, null=True)
    description = models.CharField(_("description"), max_length=500, null=True)
    size = models.DecimalField(_("size"), max_digits=14, decimal_places=3, null=True)
    unit = models.CharField(_("unit"), max_length=20, null=True)
    brand_name = models.CharField(_("brand"), max_length=200, null=True)
    department_name = models.CharField(_("department"), max_length=200, null=True)
    category_name = models.CharField(_("category"), max_length=200, null=True)
    location = models.CharField(_("location"), max_length=100, null=True)
    regular_price = models.DecimalField(_("regular price"), max_digits=14, decimal_places=2, null=True)
    vendor_code = models.CharField(_("vendor code"), max_length=40, null=True)
    vendor_name = models.CharField(_("vendor"), max_length=200, null=True)
    vendor_item_code = models.CharField(_("vendor item code"), max_length=60, null=True)
    case_size = models.PositiveIntegerField(_("case size"), null=True)
    case_cost = models.DecimalField(_("case cost"), max_digits=14, decimal_places=2, null=True)
    unit_cost = models.DecimalField(_("unit cost"), max_digits=14, decimal_places=4, null=True)

    new_number = models.CharField(_("number"), max_length=60, null=True, editable=False)
    new_description = models.CharField(_("description"), max_length=500, null=True, editable=False)
    new_unit = models.CharField(_("unit"), max_length=20, null=True, editable=False)
    new_unit_cost = models.DecimalField(
        _("unit cost"), max_digits=14, decimal_places=4, null=True, editable=False
    )
    first_cost = models.BooleanField(_("first cost"), null=True, editable=False)

    old_code = models.CharField(max_length=40, null=True, editable=False)
    old_description = models.CharField(max_length=255, null=True, editable=False)
    old_size = models.DecimalField(max_digits=10, decimal_places=3, null=True, editable=False)
    old_unit = models.CharField(max_length=10, null=True, editable=False)
    old_brand = Link(Brand, editable=False)
    old_department = Link(Department, editable=False)
    old_category = Link(Category, editable=False)
    old_location = models.CharField(max_length=50, null=True, editable=False)
    old_regular_price = models.DecimalField(max_digits=9, decimal_places=2, null=True, editable=False)
    old_vendor_item_code = models.CharField(max_length=40, null=True, editable=False)
    old_case_size = models.PositiveIntegerField(null=True, editable=False)
    old_case_cost = models.DecimalField(max_digits=10, decimal_places=2, null=True, editable=False)
    old_unit_cost = models.DecimalField(max_digits=10, decimal_places=4, null=True, editable=False)

    class Meta(BatchRowBase.Meta):
        verbose_name = _("row of a product file")
        verbose_name_plural = _("rows of product files")


# Field of the product -> field of the row, for what a file may change.
PRODUCT = {
    "code": "code",
    "description": "new_description",
    "size": "size",
    "unit": "new_unit",
    "brand": "brand",
    "department": "department",
    "category": "category",
    "location": "location",
    "regular_price": "regular_price",
}
COST = {
    "vendor_item_code": "vendor_item_code",
    "case_size": "case_size",
    "case_cost": "case_cost",
    "unit_cost": "new_unit_cost",
}
COST_LIMIT = 10**8  # of a case, in production


@register
class ProductFileHandler(BatchHandler):
    """Creates and changes products, their regular prices and vendor costs."""

    key = "product_file"
    atomic = "ask"
    title = _("Product file")
    description = _("A vendor's or your own price book: new products, changed products, prices and costs.")
    model = ProductFileBatch
    row_model = ProductFileRow
    options = (
        "match_by",
        "codes_have_check_digit",
        "size_unit",
        "new_departments",
        "new_categories",
        "new_brands",
        "new_vendors",
    )
    options_from_file = ("match_by", "codes_have_check_digit")
    # fmt: off
    columns = (
        Column("number", _("Number"), max_length=60, aliases=(
            "item number", "item no", "item #", "sku", "product number", "item code", "plu")),
        Column("code", _("Code"), kind="code", max_length=60, aliases=(
            "upc", "gtin", "gtin upc", "ean", "barcode", "upc code", "bar code")),
        Column("description", _("Description"), max_length=500, aliases=(
            "item description", "product name", "product description", "short description", "name", "title", "product")),
        Column("size", _("Size"), kind="decimal", max_digits=14, decimal_places=3, aliases=(
            "bottle volume (ml)", "volume", "net weight", "item size", "package size")),
        Column("unit", _("Unit"), max_length=20, aliases=("uom", "unit of measure", "size unit", "unit of size")),
        Column("brand_name", _("Brand"), max_length=200, aliases=("brand name", "brand owner", "manufacturer")),
        Column("department_name", _("Department"), max_length=200, aliases=("department name", "dept", "dept name")),
        Column("category_name", _("Category"), max_length=200, aliases=(
            "category name", "branded food category", "class", "product category")),
        Column("location", _("Location"), max_length=100, aliases=("aisle", "shelf", "bin")),
        Column("regular_price", _("Regular price"), kind="decimal", max_digits=14, decimal_places=2, aliases=(
            "retail", "retail price", "price", "srp", "state bottle retail", "unit price", "selling price", "suggested retail")),
        Column("vendor_code", _("Vendor code"), max_length=40, aliases=(
            "vendor", "vendor number", "vendor no", "vendor id", "supplier code")),
        Column("vendor_name", _("Vendor name"), max_length=200, aliases=("supplier", "supplier name", "distributor")),
        Column("vendor_item_code", _("Vendor item code"), max_length=60, aliases=(
            "vendor item", "vendor sku", "supplier sku", "vendor item number")),
        Column("case_size", _("Case size"), kind="integer", max_digits=9, min_value=Decimal(0), aliases=(
            "pack", "case pack", "units per case", "pack size", "case qty")),
        Column("case_cost", _("Case cost"), kind="decimal", max_digits=14, decimal_places=2, aliases=(
            "state case cost", "cost per case", "case price")),
        Column("unit_cost", _("Unit cost"), kind="decimal", max_digits=14, decimal_places=4, aliases=(
            "cost", "state bottle cost", "bottle cost", "item cost", "each cost", "wholesale")),
    )
    grid = ("new_number", "code", "new_description", "regular_price", "new_unit_cost", "case_size", "case_cost", "size",
            "new_unit", "brand_name", "department_name", "category_name", "location", "vendor_name", "vendor_item_code")
    search = ("number", "code", "description", "new_description", "brand_name", "vendor_name", "vendor_item_code")
    # fmt: on
    unique = (
        Unique(
            ("code",),
            "shared_code",
            _("Another row of this file has the same code; exclude all but one, or correct it."),
        ),
        Unique(
            ("new_number",),
            "shared_number",
            _("Another row of this file has the same number; exclude all but one, or correct it."),
        ),
    )

    def get_lookups(self) -> list[Lookup]:
        """Match products as the options say; find groups, makers and vendors by name."""
        by = {"number": "number"} if self.match_by == "number" else {"code": "code"}
        return [
            Lookup(
                "product", (by,), where=None if self.match_by == "number" else Q(active=True) & ~Q(code="")
            ),
            Lookup("department", ({"name": "department_name"},), fold=True),
            Lookup("category", ({"name": "category_name"},), fold=True),
            Lookup("brand", ({"name": "brand_name"},), fold=True),
            Lookup("vendor", ({"code": "vendor_code"}, {"name": "vendor_name"}), fold=True, unique=False),
        ]

    def get_unique(self) -> list[Unique]:
        """Let rows give up a code that several have, where it is not by their code that products are known."""
        gives_up = "code" if self.match_by == "number" else ""
        return [
            replace(rule, gives_up=gives_up) if rule.code == "shared_code" else rule for rule in self.unique
        ]

    @property
    def match_by(self) -> str:
        """Return what identifies a product: the option, or what the file has."""
        if self.batch.match_by != ProductFileBatch.MatchBy.AUTO:
            return str(self.batch.match_by)
        return "number" if "number" in self.batch.mapping else "code"

    def proposals(self, survey: Survey, headings: Mapping[str, str]) -> dict[str, Proposal]:
        """Tell from the file what identifies its products, and whether their codes carry a check digit."""
        found = {
            "match_by": match_by(survey, headings),
            "codes_have_check_digit": check_digits(survey, headings.get("code")),
        }
        return {name: proposal for name, proposal in found.items() if proposal is not None}

    def converters(self) -> dict[str, Callable[[str], Any]]:
        """Bring codes and units into the form in which products have them."""
        return {"code": read_code(self.batch.codes_have_check_digit), "unit": read_unit}

    def get_derived(self) -> list[dict[str, Any]]:
        """Fill in what follows from other cells: number from code, unit from the option, unit cost from case cost."""
        # More than production can hold is refused there; here its quotient would not fit either, and cost all rows.
        fits = Q(case_cost__gt=-COST_LIMIT, case_cost__lt=COST_LIMIT)
        per_unit = Case(
            When(fits & Q(case_size__gt=0), then=Round(F("case_cost") / F("case_size"), 4)), default=None
        )
        made_up = Trim(
            Concat(Coalesce(F("brand_name"), Value("")), Value(" "), Coalesce(F("category_name"), Value("")))
        )
        unit = Case(When(size__isnull=False, then=Value(self.batch.size_unit or None)), default=None)
        return [
            {
                "new_number": Coalesce(F("number"), F("code")),
                "new_description": Coalesce(
                    F("description"),
                    Case(
                        When(Q(product__isnull=True) & ~Q(brand_name=None, category_name=None), then=made_up),
                        default=None,
                    ),
                ),
                "new_unit": Coalesce(F("unit"), unit),
                "new_unit_cost": Coalesce(F("unit_cost"), per_unit),
                "first_cost": Case(
                    When(product__isnull=True, then=Value(True)),
                    default=None,
                    output_field=models.BooleanField(),
                ),
            }
        ]

    def get_changes(self) -> list[Any]:
        """Create groups, makers and vendors that are allowed to be new, then products, then costs."""
        named = {
            "department": Create(Department, "department", "name", {"name": "department_name"}, shared=True),
            "category": Create(Category, "category", "name", {"name": "category_name", "department": "department"}, shared=True),
            "brand": Create(Brand, "brand", "name", {"name": "brand_name"}, shared=True),
            "vendor": Create(Vendor, "vendor", "code", {"code": "vendor_code", "name": "vendor_name"}, shared=True,
                             when=Q(vendor_name__isnull=False)),
        }  # fmt: skip
        return [
            *[create for link, create in named.items() if self.creates(link)],
            Create(Product, "product", self.match_by, {"number": "new_number", **PRODUCT}),
            *[
                Change(f"product.{name}", new=row_field, old=f"old_{name}")
                for name, row_field in PRODUCT.items()
            ],
            Create(
                ProductCost,
                "cost",
                {"product": "product", "vendor": "vendor"},
                {**COST, "preferred": "first_cost"},
                when=Q(new_unit_cost__isnull=False),
            ),
            *[Change(f"cost.{name}", new=row_field, old=f"old_{name}") for name, row_field in COST.items()],
        ]

    def creates(self, link: str) -> bool:
        """Tell whether an unknown name may become a new group, maker or vendor."""
        option = {
            "department": "departments",
            "category": "categories",
            "brand": "brands",
            "vendor": "vendors",
        }[link]
        return getattr(self.batch, f"new_{option}") == Unknown.CREATE

    def get_findings(self) -> list[Finding]:
        """Return the rules of a price book."""
        price, cost = (
            Coalesce(F("regular_price"), F("old_regular_price")),
            Coalesce(F("new_unit_cost"), F("old_unit_cost")),
        )
        found = [
            Finding(
                "required",
                _("The row has neither number nor code; give it one."),
                Severity.ERROR,
                Q(new_number__isnull=True),
                "new_number",
            ),
            Finding(
                "no_code",
                _("The row has no code, by which products are known in this batch; give it one."),
                Severity.ERROR,
                self._without_code(),
                "code",
            ),
            Finding(
                "below_cost",
                _("The price %(price)s is below the cost %(cost)s."),
                Severity.WARNING,
                (Q(regular_price__isnull=False) | Q(new_unit_cost__isnull=False)) & Q(_less(price, cost)),
                "regular_price",
                {"price": price, "cost": cost},
            ),
            Finding(
                "description_made",
                _("The file has no description; “%(now)s” was put together from brand and category."),
                Severity.WARNING,
                Q(description__isnull=True, new_description__isnull=False),
                "description",
                {"now": "new_description"},
            ),
            Finding(
                "bad_check_digit", _("The check digit of %(value)s is wrong."), Severity.WARNING, None, "code"
            ),
            Finding(
                "repaired_code", _("%(was)s was read as %(now)s: %(how)s"), Severity.NOTICE, None, "code"
            ),
            Finding(
                "vendor_without_code",
                _(
                    "The vendor %(value)s is unknown and the file has no code for it; use the name of one you have."
                ),
                Severity.ERROR,
                Q(vendor__isnull=True, vendor_code__isnull=True, vendor_name__isnull=False),
                "vendor_name",
                {"value": "vendor_name"},
            ),
            Finding(
                "vendor_without_name",
                _(
                    "The vendor %(value)s is unknown and the file has no name for it; use the code of one you have."
                ),
                Severity.ERROR,
                Q(vendor__isnull=True, vendor_code__isnull=False, vendor_name__isnull=True)
                if self.creates("vendor")
                else None,
                "vendor_code",
                {"value": "vendor_code"},
            ),
            Finding(
                "vendors_differ",
                _(
                    "The vendor code %(code)s is the vendor %(named)s, but %(name)s is another vendor of yours; the code holds."
                    " Correct whichever is wrong."
                ),
                Severity.WARNING,
                _two_vendors(),
                "vendor_name",
                {"code": "vendor__code", "named": "vendor__name", "name": "vendor_name"},
            ),
            Finding(
                "cost_without_vendor",
                _("The row has a cost but no vendor, so the cost is not written."),
                Severity.WARNING,
                Q(new_unit_cost__isnull=False, vendor_code__isnull=True, vendor_name__isnull=True),
                "vendor_code",
            ),
        ]
        return [*found, *[self._unknown(link) for link in ("department", "category", "brand", "vendor")]]

    def _without_code(self) -> Q | None:
        """Return the condition of a row that only has a number where products are known by code: it would do nothing, unsaid."""
        if self.match_by == "number":
            return None
        return Q(code__isnull=True, number__isnull=False) & ~Q(raw__has_key="code")

    def _unknown(self, link: str) -> Finding:
        """Return the finding about a name that production does not know."""
        field = "vendor_code" if link == "vendor" else f"{link}_name"
        label = self.row_model._meta.get_field(link).verbose_name  # type: ignore[union-attr]
        when = Q(**{f"{link}__isnull": True, f"{field}__isnull": False})
        if link == "vendor" and self.creates(link):
            when &= Q(vendor_name__isnull=False)
        message, severity = (_("The %(label)s %(value)s is new and will be created."), Severity.NOTICE)
        if not self.creates(link):
            message, severity = (_("There is no %(label)s %(value)s."), Severity.ERROR)
        return Finding(
            f"unknown_{link}",
            message,
            severity,
            when,
            field,
            {"value": field, "label": Value(str(label))},
            note=True,
        )

    def describe_execution(self) -> str:
        """Say what will be written."""
        return gettext(
            "Products are created and changed as the rows say; costs are kept per vendor, regular prices take effect at once."
        )

    cannot_take_back = STAYS

    def get_delivers_to(self) -> list[str]:
        """Tell new regular prices where the site names a target for them."""
        return price_targets()

    def deliver(self, rows: models.QuerySet) -> Iterator[Parcel]:
        """Tell new regular prices."""
        return price_parcels(rows)

    def scope(self, user: Any) -> Q:
        """Limit a person to the departments that they work with; rows without a department are everybody's."""
        departments = departments_of(user)
        if departments is None:
            return Q()
        own = Q(department__in=departments) | Q(department__isnull=True, product__department__in=departments)
        return (
            own
            | Q(department__isnull=True, product__isnull=True)
            | Q(department__isnull=True, product__department__isnull=True)
        )


def _less(left: Any, right: Any) -> Any:
    return LessThan(left, right)


def _two_vendors() -> Q:
    """Return the condition of a row that was given a vendor by its code, while its vendor name is another vendor's."""
    name = Upper(Trim("vendor_name"))
    # One list of all names that does not hang on the row: it is hashed once, however many rows there are.
    names = Vendor.objects.order_by().values_list(Upper(Trim("name")))
    # Where no vendor was found, the comparison with its name is null, so the condition does not hold.
    by_code = Q(vendor_code__isnull=False, vendor_name__isnull=False)
    return by_code & ~Q(Exact(Upper(Trim("vendor__name")), name)) & Q(In(name, names))

"""Vendor catalog: what one vendor's list does to that vendor's costs."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from batches.changes import Change, Create, Delete
from batches.exceptions import Refused
from batches.files import Column, Survey
from batches.findings import Finding, Unique
from batches.handlers import BatchHandler, Proposal, Tile
from batches.models import BatchBase, BatchKey, BatchNumber, BatchRowBase, FileBatchMixin, Link
from batches.pipeline import Lookup
from batches.registry import register
from products.models import Brand, Department, Product, ProductCost, Vendor
from products.scopes import departments_of

from .file_answers import check_digits
from .readers import read_code, read_unit
from .vendor_catalog_derived import COST, derived
from .vendor_catalog_list import about_ends, end_what_is_missing, ends, note_what_moved
from .vendor_catalog_rules import Unknown, rules
from .vendor_choice import VendorKey


class Whole(models.TextChoices):
    AUTO = "auto", _("if at least half of the vendor's costs are in it")
    YES = "yes", _("yes")
    NO = "no", _("no, a part of it")


class VendorCatalogBatch(FileBatchMixin, BatchBase):
    """Header of a vendor's list. What is counted of it is taken anew whenever the rows are checked."""

    vendor = VendorKey(
        Vendor,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("vendor"),
        help_text=_("Whose list it is: the costs of this vendor are brought up to date, and no others."),
    )
    unknown_products = models.CharField(
        _("product not found"), max_length=10, choices=Unknown.choices, default=Unknown.ASK
    )
    codes_have_check_digit = models.BooleanField(
        _("codes have their check digit"),
        default=True,
        help_text=_(
            "If not, it is added to codes of eleven digits; a lost leading zero is put back either way."
        ),
    )
    implausible = models.PositiveSmallIntegerField(
        _("implausible change"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text=_("Percent by which a cost may move before the row is to be looked at."),
    )
    whole_list = models.CharField(
        _("the file is the vendor's whole list"), max_length=10, choices=Whole.choices, default=Whole.AUTO
    )
    most_ended = models.PositiveSmallIntegerField(
        _("at most to end"),
        default=20,
        validators=[MaxValueValidator(100)],
        help_text=_("Percent of the vendor's costs; if more are missing from the file, none is ended."),
    )

    vendor_code = models.CharField(_("vendor code"), max_length=20, default="", blank=True, editable=False)
    our_costs = models.PositiveIntegerField(_("our costs"), default=0, editable=False)
    missing = models.PositiveIntegerField(_("no longer in their list"), default=0, editable=False)
    last_list = models.ForeignKey(
        BatchNumber, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("last list")
    )
    dropped = models.PositiveIntegerField(_("dropped since their last list"), default=0, editable=False)

    class Meta(BatchBase.Meta):
        verbose_name = _("vendor catalog")
        verbose_name_plural = _("vendor catalogs")


class VendorCatalogRow(BatchRowBase):
    """One item of the list; or one of our costs that the list does not have any more (`ended`)."""

    batch = BatchKey(VendorCatalogBatch)
    product = Link(Product, verbose_name=_("product"))
    cost = Link(ProductCost, verbose_name=_("cost"))
    ended = Link(ProductCost, verbose_name=_("cost that ends"))
    vendor = Link(Vendor, verbose_name=_("vendor"))
    numbered = Link(Product, verbose_name=_("product of this number"))
    named = Link(Vendor, verbose_name=_("vendor of the row"))
    brand = Link(Brand, verbose_name=_("brand"))
    department = Link(Department, verbose_name=_("department"))

    vendor_item_code = models.CharField(_("vendor item code"), max_length=60, null=True)
    code = models.CharField(_("code"), max_length=60, null=True)
    our_number = models.CharField(_("our number"), max_length=60, null=True)
    description = models.CharField(_("description"), max_length=500, null=True)
    size_text = models.CharField(_("size and pack"), max_length=200, null=True)
    unit = models.CharField(_("unit of size"), max_length=20, null=True)
    brand_name = models.CharField(_("brand"), max_length=200, null=True)
    department_name = models.CharField(_("department"), max_length=200, null=True)
    case_size = models.PositiveIntegerField(_("case size"), null=True)
    case_cost = models.DecimalField(_("case cost"), max_digits=14, decimal_places=2, null=True)
    unit_cost = models.DecimalField(_("unit cost"), max_digits=14, decimal_places=4, null=True)
    valid_from = models.DateField(_("valid from"), null=True)
    vendor_name = models.CharField(_("vendor"), max_length=200, null=True)

    product_name = models.CharField(_("our product"), max_length=255, null=True, editable=False)
    last_sold = models.DateField(_("last sold"), null=True, editable=False)
    makes = models.BooleanField(_("makes the product"), null=True, editable=False)
    new_number = models.CharField(_("number"), max_length=60, null=True, editable=False)
    new_size = models.DecimalField(_("size"), max_digits=14, decimal_places=3, null=True, editable=False)
    new_unit = models.CharField(_("unit"), max_length=20, null=True, editable=False)
    new_vendor_item_code = models.CharField(_("vendor item code"), max_length=60, null=True, editable=False)
    new_case_cost = models.DecimalField(
        _("case cost"), max_digits=14, decimal_places=2, null=True, editable=False
    )
    new_unit_cost = models.DecimalField(
        _("unit cost"), max_digits=14, decimal_places=4, null=True, editable=False
    )
    change = models.DecimalField(_("change"), max_digits=24, decimal_places=4, null=True, editable=False)
    percent = models.DecimalField(_("change %"), max_digits=24, decimal_places=2, null=True, editable=False)
    margin = models.DecimalField(_("margin %"), max_digits=24, decimal_places=2, null=True, editable=False)

    old_vendor_item_code = models.CharField(max_length=40, null=True, editable=False)
    old_case_size = models.PositiveIntegerField(null=True, editable=False)
    old_case_cost = models.DecimalField(max_digits=10, decimal_places=2, null=True, editable=False)
    old_unit_cost = models.DecimalField(max_digits=10, decimal_places=4, null=True, editable=False)

    class Meta(BatchRowBase.Meta):
        verbose_name = _("row of a vendor catalog")
        verbose_name_plural = _("rows of vendor catalogs")


@register
class VendorCatalogHandler(BatchHandler):
    """Brings the costs of one vendor up to date with that vendor's list."""

    key = "vendor_catalog"
    atomic = "ask"
    title = _("Vendor catalog")
    description = _("One vendor's list: new, dearer and cheaper costs, and what the vendor no longer has.")
    model = VendorCatalogBatch
    row_model = VendorCatalogRow
    options = (
        "vendor",
        "unknown_products",
        "codes_have_check_digit",
        "implausible",
        "whole_list",
        "most_ended",
    )
    options_from_file = ("codes_have_check_digit",)
    # fmt: off
    columns = (
        Column("vendor_item_code", _("Vendor item code"), max_length=60, aliases=(
            "item code", "item number", "item no", "item #", "item", "sku", "vendor item", "vendor sku", "vendor item number",
            "supplier sku", "product code", "order code", "catalog number")),
        Column("code", _("Code"), kind="code", max_length=60, aliases=(
            "upc", "gtin", "gtin upc", "ean", "barcode", "upc code", "unit upc", "bar code")),
        Column("our_number", _("Our number"), max_length=60, aliases=(
            "your number", "your item number", "our item number", "customer item number", "store item number")),
        Column("description", _("Description"), max_length=500, aliases=(
            "item description", "product name", "product description", "name", "product")),
        Column("size_text", _("Size and pack"), max_length=200, aliases=(
            "size", "pack size", "pack/size", "pack and size", "unit size", "bottle volume (ml)")),
        Column("unit", _("Unit of size"), max_length=20, aliases=("size unit", "content unit", "unit of measure", "unit")),
        Column("brand_name", _("Brand"), max_length=200, aliases=("brand name", "brand owner", "manufacturer")),
        Column("department_name", _("Department"), max_length=200, aliases=("department name", "dept", "dept name")),
        Column("case_size", _("Case size"), kind="integer", max_digits=9, min_value=Decimal(0), aliases=(
            "pack", "case pack", "units per case", "case qty", "qty per case")),
        Column("case_cost", _("Case cost"), kind="decimal", max_digits=14, decimal_places=2, aliases=(
            "cost per case", "case price", "state case cost", "wholesale case")),
        Column("unit_cost", _("Unit cost"), kind="decimal", max_digits=14, decimal_places=4, aliases=(
            "cost", "item cost", "each cost", "unit price", "price", "wholesale", "bottle cost", "state bottle cost")),
        Column("valid_from", _("Valid from"), kind="date", aliases=(
            "effective date", "effective", "price date", "start date", "from")),
        Column("vendor_name", _("Vendor"), max_length=200, aliases=(
            "vendor number", "vendor code", "vendor name", "supplier", "supplier code")),
    )
    # fmt: on
    grid = (
        "product_name",
        "new_unit_cost",
        "change",
        "percent",
        "margin",
        "new_case_cost",
        "case_size",
        "new_vendor_item_code",
        "code",
        "description",
        "size_text",
        "last_sold",
        "valid_from",
        "new_size",
        "new_unit",
        "brand_name",
        "department_name",
    )
    search = ("product_name", "vendor_item_code", "code", "our_number", "description")
    unique = (
        Unique(
            ("new_number",),
            "shared_number",
            _("Another row makes the same product; exclude all but one, or give this one another code."),
        ),
    )

    def source_of(self) -> str:
        """Return the code of the vendor whose list it is."""
        vendor = self.batch.vendor
        return str(vendor.code if vendor is not None else self.batch.vendor_code)

    def get_lookups(self) -> list[Lookup]:
        """Find the vendor's cost by their item code; then the product by our number or its code, and its cost.

        Where the vendor's costs have no item codes yet, theirs may be our numbers: then it is that product.
        """
        vendor = self.batch.vendor_id
        without_item_code = Q(costs__vendor=vendor, costs__vendor_item_code="")
        return [
            Lookup("named", ({"code": "vendor_name"}, {"name": "vendor_name"}), fold=True, unique=False),
            Lookup("product", ({"number": "our_number"}, {"code": "code"}), where=Q(active=True)),
            Lookup("numbered", ({"number": "vendor_item_code"},), where=without_item_code),
            Lookup(
                "cost",
                (
                    {"vendor_item_code": "vendor_item_code", "product": "product"},
                    {"vendor_item_code": "vendor_item_code"},
                    {"product": "numbered"},
                    {"product": "product"},
                ),
                where=Q(vendor=vendor),
                unique=False,
            ),
            Lookup("brand", ({"name": "brand_name"},), fold=True),
            Lookup("department", ({"name": "department_name"},), fold=True),
        ]

    def proposals(self, survey: Survey, headings: Mapping[str, str]) -> dict[str, Proposal]:
        """Tell from the file whether its codes carry a check digit."""
        found = check_digits(survey, headings.get("code"))
        return {} if found is None else {"codes_have_check_digit": found}

    def converters(self) -> dict[str, Callable[[str], Any]]:
        """Bring codes into the form in which products have them."""
        return {"code": read_code(self.batch.codes_have_check_digit), "unit": read_unit}

    def get_derived(self) -> list[dict[str, Any]]:
        """Fill in what follows: the product of the cost, the cost of a unit, by how much it moves, the margin then."""
        return derived(self.batch)

    def get_changes(self) -> list[Any]:
        """Make products where the option says so, then costs; end those that are not in the list."""
        product = {
            "number": "new_number",
            "code": "code",
            "description": "description",
            "size": "new_size",
            "unit": "new_unit",
        }
        product |= {"brand": "brand", "department": "department"}
        makes = Q(makes=True)
        cost = {**COST, "preferred": "makes"}
        known = Q(product__isnull=False) | makes
        return [
            Create(Brand, "brand", "name", {"name": "brand_name"}, shared=True, when=makes),
            Create(Product, "product", "number", product, when=makes),
            Create(
                ProductCost,
                "cost",
                {"product": "product", "vendor": "vendor"},
                cost,
                when=known & Q(new_unit_cost__isnull=False),
            ),
            *[Change(f"cost.{name}", new=row_field, old=f"old_{name}") for name, row_field in COST.items()],
            Delete("ended"),
        ]

    def get_findings(self) -> list[Finding]:
        """Return the rules of a vendor's list."""
        return rules(self.batch)

    def populate(self) -> None:
        """Read the file; a batch without a description is called by the vendor. Raises Refused where there is none."""
        if self.batch.vendor_id is None:
            raise Refused(gettext("Choose the vendor whose list it is (the option “vendor”)."))
        super().populate()
        if not self.batch.description:
            self.batch.description = self.batch.vendor.name[:200]

    def refresh_batch(self) -> None:
        """Add what is no longer in the list, and compare with the vendor's last list."""
        self.batch.vendor_code = self.source_of()
        end_what_is_missing(self)
        note_what_moved(self)

    def tiles(self, data: dict[str, Any]) -> list[tuple[str, list[Tile]]]:
        """Return what the list does to our costs, and how it differs from the vendor's last one."""
        n = {f"{group['code']}:{group['field']}": group["n"] for group in data["issues"]}

        def tile(word: Any, key: str, count: int | None = None) -> Tile:
            return (
                str(word),
                n.get(key, 0) if count is None else count,
                {"finding": key} if key in n else None,
            )

        ended = tile(_("No longer in their list"), "no_longer_listed:", self.batch.missing)
        groups = [
            (
                gettext("Our costs"),
                [
                    tile(_("New cost"), "new_cost:new_unit_cost"),
                    tile(_("Dearer"), "dearer:new_unit_cost"),
                    tile(_("Cheaper"), "cheaper:new_unit_cost"),
                    *([ended] if ends(self.batch) not in ("", "part") else []),
                ],
            )
        ]
        if self.batch.last_list_id is not None:
            since = gettext("Since their last file, %(number)08d") % {"number": self.batch.last_list_id}
            moved = [
                tile(_("New"), "since_new:"),
                tile(_("Dropped"), "", self.batch.dropped),
                tile(_("Dearer"), "since_dearer:"),
                tile(_("Cheaper"), "since_cheaper:"),
            ]
            groups.append((since, moved))
        return groups

    def why_not_execute(self) -> str | None:
        """Refuse a list of nobody."""
        if self.batch.vendor_id is None:
            return gettext("Choose the vendor whose list it is (the option “vendor”).")
        return None

    def describe_execution(self) -> str:
        """Say what will be written, and why nothing is ended where that is so."""
        said = gettext("The vendor's costs are changed as the rows say; prices stay as they are.")
        return f"{said} {about_ends(self.batch)}".strip()

    def scope(self, user: Any) -> Q:
        """Limit a person to the departments that they work with; rows without a department are everybody's."""
        departments = departments_of(user)
        if departments is None:
            return Q()
        # What a row makes, or made until it was undone, is of the department that the row names.
        free = Q(product__number__isnull=False) | Q(department__isnull=True) | Q(department__in=departments)
        return Q(product__department__in=departments) | Q(product__department__isnull=True) & free

"""Products, what the store sells."""

from datetime import datetime

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Coalesce, Least, Now, Upper
from django.utils.translation import gettext_lazy as _

from batches import journal

from .. import codes
from .price import ProductPrice

PRICE_LIMIT = 10_000_000


class ProductQuerySet(models.QuerySet["Product"]):
    """Named queries over products."""

    def active(self) -> "ProductQuerySet":
        """Keep what is sold at present."""
        return self.filter(active=True)

    def search(self, term: str) -> "ProductQuerySet":
        """Keep what somebody means who typed this: a number, a code in any of its forms, or words."""
        words = term.split()
        if not words:
            return self
        described = models.Q()
        for word in words:
            described &= models.Q(description__icontains=word)
        return self.filter(
            models.Q(number=term.strip()) | models.Q(code__in=codes.search_forms(term)) | described
        )

    def with_price(self, at: datetime | None = None, *, member: bool = False) -> "ProductQuerySet":
        """Add `price`, the price in force at a time (default: now), and `price_kind`.

        That is the sale price while a sale runs, else the regular price; for a member the member price where
        it is lower. `price_kind` is "sale", "member" or "regular", or None where there is no price.
        """
        moment = Now() if at is None else models.Value(at, output_field=models.DateTimeField())
        regular = models.F("regular_price")
        products = self.alias(_sale=_in_force(ProductPrice.Kind.SALE, moment))
        price = Coalesce("_sale__amount", regular)
        kinds = [models.When(_sale__isnull=False, then=models.Value("sale"))]
        if member:
            products = products.alias(_member=_in_force(ProductPrice.Kind.MEMBER, moment))
            price = Least(price, "_member__amount")
            lower = models.Q(_member__amount__lt=Coalesce("_sale__amount", regular))
            only = models.Q(_member__isnull=False, _sale__isnull=True, regular_price__isnull=True)
            kinds.insert(0, models.When(lower | only, then=models.Value("member")))
        kinds.append(models.When(regular_price__isnull=False, then=models.Value("regular")))
        kind = models.Case(*kinds, output_field=models.CharField())
        return products.annotate(price=price, price_kind=kind)


def _in_force(kind: str, moment: models.Expression) -> models.FilteredRelation:
    """The one price of a kind that holds at a moment: the database allows no two."""
    return models.FilteredRelation(
        "prices",
        condition=models.Q(prices__kind=kind, prices__starts__lte=moment)
        & (models.Q(prices__ends__isnull=True) | models.Q(prices__ends__gt=moment)),
    )


@journal.track
class Product(models.Model):
    """One sellable thing."""

    class Unit(models.TextChoices):
        EACH = "each", _("each")
        OUNCE = "oz", _("oz")
        POUND = "lb", _("lb")
        FLUID_OUNCE = "fl oz", _("fl oz")
        PINT = "pt", _("pt")
        QUART = "qt", _("qt")
        GALLON = "gal", _("gal")
        GRAM = "g", _("g")
        KILOGRAM = "kg", _("kg")
        MILLILITRE = "ml", _("ml")
        LITRE = "l", _("l")
        COUNT = "ct", _("ct")
        PACK = "pk", _("pk")
        SQUARE_FOOT = "sq ft", _("sq ft")

    number = models.CharField(_("number"), max_length=40, help_text=_("The store's own item number."))
    code = models.CharField(
        _("code"),
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text=_("What the scanner reads, with its check digit; a PLU has none. May be empty."),
    )
    description = models.CharField(_("description"), max_length=255)
    size = models.DecimalField(
        _("size"),
        max_digits=10,
        decimal_places=3,
        null=True,
        blank=True,
        help_text=_("Content of one sellable unit, in the unit beside it."),
    )
    unit = models.CharField(
        _("unit"), max_length=10, choices=Unit.choices, blank=True, default="", db_default=""
    )
    brand = models.ForeignKey(
        "products.Brand",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="products",
        verbose_name=_("brand"),
    )
    department = models.ForeignKey(
        "products.Department",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        # The index on department and description serves it.
        db_index=False,
        related_name="products",
        verbose_name=_("department"),
    )
    category = models.ForeignKey(
        "products.Category",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="products",
        verbose_name=_("category"),
    )
    location = models.CharField(
        _("location"), max_length=50, blank=True, default="", db_default="", help_text=_("Aisle and shelf.")
    )
    active = models.BooleanField(_("active"), default=True, db_default=True)
    manual_price = models.BooleanField(
        _("manual price"),
        default=False,
        db_default=False,
        help_text=_("The cashier types the price, or a person sets it: pricing rules leave it alone."),
    )
    regular_price = models.DecimalField(
        _("regular price"),
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("US dollars for one sellable unit."),
    )
    last_sold = models.DateField(_("last sold"), null=True, blank=True)
    last_received = models.DateField(_("last received"), null=True, blank=True)
    created = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    modified = models.DateTimeField(_("modified"), auto_now=True, db_default=Now())

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [
            # Not unique=True, which would add a second index for LIKE.
            models.UniqueConstraint(
                fields=["number"],
                name="product_number_unique",
                violation_error_message=_("There is a product with this number."),
            ),
            models.UniqueConstraint(
                fields=["code"],
                condition=models.Q(active=True, code__gt=""),
                name="product_code_unique",
                violation_error_message=_("Another active product has this code."),
            ),
            models.CheckConstraint(
                condition=~models.Q(number=""),
                name="product_number_given",
                violation_error_message=_("A product needs a number."),
            ),
            # The upper bound also keeps NaN out, which PostgreSQL counts as the largest number.
            models.CheckConstraint(
                condition=models.Q(regular_price__gte=0, regular_price__lt=PRICE_LIMIT),
                name="product_price_range",
                violation_error_message=_("A price is at least 0."),
            ),
            models.CheckConstraint(
                condition=models.Q(size__gt=0, size__lt=PRICE_LIMIT),
                name="product_size_range",
                violation_error_message=_("A size is more than 0."),
            ),
        ]
        indexes = [
            models.Index(fields=["code"], name="product_code"),
            models.Index(fields=["department", "description"], name="product_department_description"),
            GinIndex(OpClass(Upper("description"), name="gin_trgm_ops"), name="product_description_trigrams"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.description}"

    @property
    def size_and_unit(self) -> str:
        """The size in words, such as "12 oz"; "" where there is none."""
        return f"{self.size.normalize():f} {self.get_unit_display()}".rstrip() if self.size else ""

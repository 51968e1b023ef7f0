"""Shelf move: gives products new locations, from a file of product numbers and locations."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from batches.changes import Change
from batches.files import Column
from batches.findings import Finding
from batches.handlers import BatchHandler
from batches.models import BatchBase, BatchKey, BatchRowBase, FileBatchMixin, Link
from batches.pipeline import Lookup
from batches.registry import register
from batches.states import Severity
from products.models import Product


class ShelfMoveBatch(FileBatchMixin, BatchBase):
    """Header of a shelf move."""

    class Meta(BatchBase.Meta):
        verbose_name = _("shelf move")
        verbose_name_plural = _("shelf moves")


class ShelfMoveRow(BatchRowBase):
    """One product and its new place."""

    batch = BatchKey(ShelfMoveBatch)
    product = Link(Product, verbose_name=_("product"))
    number = models.CharField(_("number"), max_length=40, null=True)
    new_location = models.CharField(_("new location"), max_length=100, null=True)
    old_location = models.CharField(_("old location"), max_length=50, null=True, editable=False)

    class Meta(BatchRowBase.Meta):
        verbose_name = _("row of a shelf move")
        verbose_name_plural = _("rows of shelf moves")


@register
class ShelfMoveHandler(BatchHandler):
    """Moves products to other shelves."""

    key = "shelf_move"
    title = _("Shelf move")
    description = _("New locations for products that you have, after shelves were moved.")
    model = ShelfMoveBatch
    row_model = ShelfMoveRow
    grid = ["number", "new_location"]
    search = ["number"]

    columns = [
        Column("number", _("Number"), required=True, aliases=("sku", "item number"), max_length=40),
        Column("new_location", _("New location"), aliases=("shelf", "aisle", "location"), max_length=100),
    ]

    lookups = [Lookup("product", ({"number": "number"},), missing="unknown_product")]

    changes = [Change("product.location", new="new_location", old="old_location")]

    findings = [
        Finding(
            "not_sold",
            _("%(what)s is not sold any more; is it still on a shelf?"),
            Severity.WARNING,
            Q(product__active=False),
            "number",
            {"what": "product__description"},
        )
    ]

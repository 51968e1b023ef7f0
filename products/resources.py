"""Import and export of the catalogue by django-import-export: keys and links by what people know, never by id."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, localtime, make_aware
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.widgets import CharWidget, ForeignKeyWidget, Widget

from batches.files.guard import guard, unguard

from . import codes
from .models import Brand, Category, Department, Product, ProductCost, ProductPrice, Vendor


class SafeTextWidget(CharWidget):
    """Text that is harmless in a spreadsheet and comes back as it was."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        return unguard(super().clean(value, row, **kwargs) or "")

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return guard(super().render(value, obj, **kwargs) or "")


class CodeWidget(SafeTextWidget):
    """A code in its canonical form, whatever a spreadsheet made of it."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        return codes.normalise(super().clean(value, row, **kwargs))[0]


class MomentWidget(Widget):
    """A moment in ISO 8601 with its zone, exact to the microsecond; without a zone it is the site's."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> datetime | None:
        if not value:
            return None
        moment = value if isinstance(value, datetime) else parse_datetime(str(value).strip())
        if moment is None:
            raise ValueError(_("%(value)r is no moment; write it as 2026-03-01 12:00.") % {"value": value})
        return make_aware(moment) if is_naive(moment) else moment

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return localtime(value).isoformat(" ") if value else ""


class LinkWidget(ForeignKeyWidget):
    """A link by a field that people know."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        return super().clean(unguard(value) if isinstance(value, str) else value, row, **kwargs)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        text = super().render(value, obj, **kwargs)
        return guard(text) if isinstance(text, str) else text


def _link(name: str, model: type, field: str) -> Field:
    return Field(column_name=name, attribute=name, widget=LinkWidget(model, field))


class CatalogueResource(ModelResource):
    """What all resources of the catalogue share."""

    WIDGETS_MAP: ClassVar[dict[str, Any]] = {
        **ModelResource.WIDGETS_MAP,
        "CharField": SafeTextWidget,
        "DateTimeField": MomentWidget,
    }
    select: ClassVar[tuple[str, ...]] = ()

    class Meta:
        skip_unchanged = True
        report_skipped = False
        use_transactions = True
        clean_model_instances = True

    def filter_export(self, queryset: QuerySet, **kwargs: Any) -> QuerySet:
        return queryset.select_related(*self.select) if self.select else queryset


class DepartmentResource(CatalogueResource):
    class Meta(CatalogueResource.Meta):
        model = Department
        import_id_fields = ("number",)
        fields = ("number", "name", "target_margin")


class BrandResource(CatalogueResource):
    class Meta(CatalogueResource.Meta):
        model = Brand
        import_id_fields = ("name",)
        fields = ("name",)


class CategoryResource(CatalogueResource):
    department = _link("department", Department, "name")
    select = ("department",)

    class Meta(CatalogueResource.Meta):
        model = Category
        import_id_fields = ("name",)
        fields = ("name", "department")


class VendorResource(CatalogueResource):
    class Meta(CatalogueResource.Meta):
        model = Vendor
        import_id_fields = ("code",)
        fields = ("code", "name")


class ProductResource(CatalogueResource):
    code = Field(column_name="code", attribute="code", widget=CodeWidget(), default="")
    brand = _link("brand", Brand, "name")
    department = _link("department", Department, "name")
    category = _link("category", Category, "name")
    select = ("brand", "department", "category")

    class Meta(CatalogueResource.Meta):
        model = Product
        import_id_fields = ("number",)
        fields = (
            "number",
            "code",
            "description",
            "size",
            "unit",
            "brand",
            "department",
            "category",
            "location",
            "active",
            "manual_price",
            "regular_price",
            "last_sold",
            "last_received",
        )


class ProductPriceResource(CatalogueResource):
    product = _link("product", Product, "number")
    select = ("product",)

    class Meta(CatalogueResource.Meta):
        model = ProductPrice
        import_id_fields = ("product", "kind", "starts")
        fields = ("product", "kind", "amount", "starts", "ends")


class ProductCostResource(CatalogueResource):
    product = _link("product", Product, "number")
    vendor = _link("vendor", Vendor, "code")
    select = ("product", "vendor")

    class Meta(CatalogueResource.Meta):
        model = ProductCost
        import_id_fields = ("product", "vendor")
        fields = (
            "product",
            "vendor",
            "vendor_item_code",
            "case_size",
            "case_cost",
            "unit_cost",
            "preferred",
        )

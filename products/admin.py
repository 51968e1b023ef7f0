"""Admin of the catalogue."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from import_export.formats.base_formats import CSV, JSON, XLSX
from import_export.forms import ExportForm

from batches.admin_history import JournalAdminMixin

from . import codes, resources
from .forms import ProductForm
from .models import (
    Brand,
    Category,
    Department,
    DepartmentScope,
    Product,
    ProductCost,
    ProductPrice,
    Vendor,
)
from .scopes import departments_of
from .spreadsheets import SpreadsheetAdmin


class CatalogueAdmin(JournalAdminMixin, SpreadsheetAdmin):
    """What all admins of the catalogue share: names in the journal, import and export, department scope."""

    # A workbook from outside is only read in a child process with limits: upload it as a batch.
    import_formats: ClassVar[list[type]] = [CSV, JSON]
    export_formats: ClassVar[list[type]] = [CSV, XLSX, JSON]
    # The form with a box for each field works by inline script, which our policy forbids.
    export_form_class = ExportForm
    list_per_page = 50
    show_full_result_count = False
    # Path from the model to the key of the department by which a person's scope limits it.
    scope_path = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        queryset = super().get_queryset(request)
        departments = departments_of(request.user) if self.scope_path else None
        return queryset if departments is None else queryset.filter(**{f"{self.scope_path}__in": departments})

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Who may add and change everything may import: a file can name any department."""
        return (
            self.has_add_permission(request)
            and self.has_change_permission(request)
            and departments_of(request.user) is None
        )

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


@admin.register(Department)
class DepartmentAdmin(CatalogueAdmin):
    resource_classes = (resources.DepartmentResource,)
    list_display = ("number", "name", "target_margin")
    list_display_links = ("number", "name")
    search_fields = ("name", "=number")
    ordering = ("number",)


@admin.register(Brand)
class BrandAdmin(CatalogueAdmin):
    resource_classes = (resources.BrandResource,)
    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(Category)
class CategoryAdmin(CatalogueAdmin):
    resource_classes = (resources.CategoryResource,)
    list_display = ("name", "department")
    list_filter = ("department",)
    list_select_related = ("department",)
    search_fields = ("name",)
    autocomplete_fields = ("department",)
    ordering = ("name",)


@admin.register(Vendor)
class VendorAdmin(CatalogueAdmin):
    resource_classes = (resources.VendorResource,)
    list_display = ("code", "name")
    list_display_links = ("code", "name")
    search_fields = ("name", "code")
    ordering = ("code",)


class ProductPriceInline(admin.TabularInline):
    model = ProductPrice
    extra = 0


class ProductCostInline(admin.TabularInline):
    model = ProductCost
    extra = 0
    autocomplete_fields = ("vendor",)


@admin.register(Product)
class ProductAdmin(CatalogueAdmin):
    form = ProductForm
    resource_classes = (resources.ProductResource,)
    scope_path = "department"
    list_display = (
        "number",
        "code",
        "kind",
        "description",
        "size_and_unit",
        "department",
        "brand",
        "regular_price",
        "active",
    )
    list_display_links = ("number", "description")
    list_filter = ("active", "manual_price", "department")
    list_select_related = ("department", "brand")
    search_fields = ("number", "code", "description")
    search_help_text = _("Number, code (with or without leading zeros and check digit) or words.")
    autocomplete_fields = ("brand", "department", "category")
    ordering = ("number",)
    readonly_fields = ("kind", "created", "modified")
    fieldsets = (
        (None, {"fields": ("number", ("code", "kind"), "description", ("size", "unit"), "active")}),
        (_("Place"), {"fields": ("department", "category", "brand", "location")}),
        (_("Price"), {"fields": ("regular_price", "manual_price")}),
        (_("Dates"), {"fields": ("last_sold", "last_received", "created", "modified")}),
    )
    inlines = (ProductPriceInline, ProductCostInline)

    @admin.display(description=_("kind"))
    def kind(self, product: Product) -> str:
        kind = codes.kind(product.code)
        return str(kind.label) if kind else ""

    @admin.display(description=_("size"), ordering="size")
    def size_and_unit(self, product: Product) -> str:
        return product.size_and_unit

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        return queryset.search(search_term), False

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        """A person may move a product only between the departments of the person's scope."""
        departments = departments_of(request.user) if db_field.name == "department" else None
        if departments is not None:
            kwargs["queryset"] = Department.objects.filter(pk__in=departments)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class OfProductAdmin(CatalogueAdmin):
    """Admin of what belongs to a product."""

    scope_path = "product__department"
    autocomplete_fields: ClassVar[tuple[str, ...]] = ("product",)
    # Only for the box to be there: the search is that of products.
    search_fields = ("product__description",)
    search_help_text = ProductAdmin.search_help_text

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        if not search_term:
            return queryset, False
        products = Product.objects.search(search_term).values("pk")
        return queryset.filter(product__in=products), False


@admin.register(ProductPrice)
class ProductPriceAdmin(OfProductAdmin):
    resource_classes = (resources.ProductPriceResource,)
    list_display = ("product", "kind", "amount", "starts", "ends")
    list_filter = ("kind",)
    list_select_related = ("product",)
    ordering = ("-starts", "pk")


@admin.register(ProductCost)
class ProductCostAdmin(OfProductAdmin):
    resource_classes = (resources.ProductCostResource,)
    list_display = (
        "product",
        "vendor",
        "vendor_item_code",
        "case_size",
        "case_cost",
        "unit_cost",
        "preferred",
    )
    list_filter = ("preferred", "vendor")
    list_select_related = ("product", "vendor")
    autocomplete_fields = ("product", "vendor")
    ordering = ("product_id", "vendor_id")


@admin.register(DepartmentScope)
class DepartmentScopeAdmin(admin.ModelAdmin):
    list_display = ("user",)
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    filter_horizontal = ("departments",)

"""The vendor catalog keeps the contract."""

import re
from decimal import Decimal
from pathlib import Path

from django.core.files.base import ContentFile

from batches.checks import check_handler
from batches.testing import BatchTypeContract, make_batch
from products.batches.vendor_catalog import VendorCatalogHandler
from products.models import Department, Product, ProductCost

from .factories import VendorFactory, upc


class TestVendorCatalog(BatchTypeContract):
    """A third of the rows change costs, a third are new costs of known products, a third make their products."""

    key = "vendor_catalog"

    def make(self, user, n=3):
        department = Department.objects.create(number=1, name="Grocery", target_margin=Decimal(30))
        vendor = VendorFactory(code="ACME", name="Acme Foods")
        known = Product.objects.bulk_create(
            [
                Product(
                    number=f"{i}",
                    code=upc(3600029000 + i),
                    description=f"Old {i}",
                    department=department,
                    regular_price=Decimal("1.99"),
                )
                for i in range(1, n + 1)
                if i % 3 != 2
            ]
        )
        ProductCost.objects.bulk_create(
            [
                ProductCost(
                    product=p,
                    vendor=vendor,
                    vendor_item_code=f"A{p.number}",
                    case_size=12,
                    case_cost=Decimal("5.00"),
                    unit_cost=Decimal("0.4167"),
                )
                for p in known
                if int(p.number) % 3 == 1
            ]
        )
        lines = [
            f"A{i},{'' if i % 3 == 1 else upc(3600029000 + i)},Item {i},12,{6 + i % 10}.00,"
            for i in range(1, n + 1)
        ]
        text = "\n".join(["Item #,UPC,Description,Pack,Case Cost,Unit Cost", *lines, ""])
        file = ContentFile(text.encode(), name="list.csv")
        options = {"vendor": vendor, "unknown_products": "create"}
        return make_batch(self.key, user=user, file=file, options=options)


def test_all_checks_pass():
    assert check_handler(VendorCatalogHandler) == []


def test_every_finding_is_explained():
    how_to = Path(__file__).resolve().parent.parent.parent / "docs" / "how-to"
    explained = {
        code
        for name in ("vendor-catalog", "correct-a-file")
        for code in re.findall(r"`(\w+)`", (how_to / f"{name}.md").read_text())
    }
    handler = VendorCatalogHandler(VendorCatalogHandler.model())
    rules = [*handler.get_findings(), *handler.get_unique()]
    assert {rule.code for rule in rules} - explained == set()

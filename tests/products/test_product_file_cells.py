"""Product file: prices and codes that cannot be read cost no row and are corrected without a second upload."""

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile

from batches import actions
from batches.figures import batch_json, figures
from batches.testing import make_batch
from products import codes

from .factories import DepartmentFactory

pytestmark = pytest.mark.django_db


def with_check_digit(n):
    """Return the n-th code of twelve digits."""
    code, _repair = codes.normalise(f"{3600000000 + n:011d}", add_check_digit=True)
    return code


def test_forty_prices_costs_and_codes_of_a_thousand_rows():
    boss = get_user_model().objects.create_superuser("boss", password="boss")
    DepartmentFactory(name="Dairy")
    lines = ["Item Number,UPC,Description,Dept,Vendor,Vendor Name,Pack,Case Cost,Retail"]
    for n in range(1, 1001):
        code, cost, price = with_check_digit(n), "12.00", "3.49"
        if n % 25 == 0:
            code = "4.78E+10" if n // 25 % 3 == 0 else code
            cost = "twelve" if n // 25 % 3 == 1 else cost
            price = "$3.4.9" if n // 25 % 3 == 2 else price
        lines.append(f"{n},{code},Item {n},Dairy,V1,Valley,6,{cost},{price}")
    file = ContentFile("\n".join(lines).encode(), name="thousand.csv")
    batch = make_batch("product_file", user=boss, file=file)
    told = batch_json(batch)
    assert (told["rows"], told["counts"]["error"], told["unreadable"]) == (1000, 40, [])
    right = {"case_cost": "12.00", "regular_price": "3.49"}
    for row in batch.rows.filter(status="error"):
        cells = right | {"code": with_check_digit(row.sequence)}
        (field,) = row.raw
        actions.edit_row(batch, boss, row.pk, {field: cells[field]}, version=row.version)
    batch.refresh_from_db()
    assert figures(batch)["counts"] == {"ok": 1000}

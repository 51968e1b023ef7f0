"""Product files tell new regular prices to a folder, where the site names one."""

import csv
from decimal import Decimal

import pytest

from batches.checks import check_handler, check_settings
from batches.contract.delivering import DeliverLaws
from batches.models import DeliveryLot
from batches.outbox import send_due
from batches.testing import run_batch
from products.batches.product_file import ProductFileBatch, ProductFileHandler
from products.models import Product

from .factories import ProductFactory
from .test_product_file import book
from .test_product_file_contract import TestProductFile as ProductFileContract

pytestmark = pytest.mark.django_db
TARGET = {"prices": "batches.targets.DropFolder"}


@pytest.fixture
def folder(settings, tmp_path):
    settings.BATCHES = {"DROP_FOLDER": str(tmp_path), "DELIVER_TO": TARGET}
    return tmp_path


def executed(boss):
    for number, price in (("1", "3.49"), ("2", "2.00"), ("3", None)):
        ProductFactory(
            number=number, code="", regular_price=price and Decimal(price), description=f"Milk {number}"
        )
    lines = ["1,Milk 1 fresh,3.49", "2,Milk 2,2.99", "3,Milk 3,1.99", "4,Milk 4,4.49", "5,Milk 5,"]
    return run_batch(
        "product_file", user=boss, file=book(*lines, head="Item Number,Item Description,Retail\n")
    )


def test_new_regular_prices_are_told_and_no_others(boss, folder):
    batch = executed(boss)
    assert batch.rows.filter(status="applied").count() == 5
    assert send_due() == 1
    (path,) = folder.iterdir()
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = [list(line.values())[1:] for line in csv.DictReader(file)]
    assert lines == [["2", "2", "", "2.99", "2.00"], ["3", "3", "", "1.99", ""], ["4", "4", "", "4.49", ""]]
    assert Product.objects.get(number="2").regular_price == Decimal("2.99")
    assert (check_settings(), check_handler(ProductFileHandler)) == ([], [])


def test_nothing_is_told_where_no_target_is_named(boss):
    executed(boss)
    assert not DeliveryLot.objects.exists()
    assert check_handler(ProductFileHandler) == []


def test_what_is_delivered_is_what_was_written(boss, folder):
    contract = ProductFileContract()
    assert isinstance(contract, DeliverLaws)
    contract.test_delivered_is_what_was_written(boss)
    batch = ProductFileBatch.objects.get()
    assert len(contract.delivered(batch, boss)) == batch.rows.filter(removed=False).count() == 19

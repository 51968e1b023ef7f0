"""The registry refuses what would corrupt it; every app's `batches` module is found."""

import pytest

from batches.exceptions import RegistryError, UnknownBatch, UnknownType
from batches.handlers import BatchHandler
from batches.registry import find_batch, registry
from tests.toys.batches import PriceHandler
from tests.toys.models import PriceBatch, PriceRow


def test_types_of_all_apps_are_found():
    assert {"product_file", "toy_price", "toy_file"} <= {handler.key for handler in registry.all()}
    assert registry.for_model(PriceRow) is registry.for_model(PriceBatch) is PriceHandler


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"key": ""}, "has the key ''"),
        ({"key": "no key"}, "give it an identifier"),
        ({"key": "toy_price"}, "is held by PriceHandler; choose another"),
        ({"key": "other", "model": PriceBatch}, "The model PriceBatch of Broken is held by PriceHandler"),
    ],
)
def test_what_would_corrupt_it_is_refused(body, sentence):
    before = registry.all()
    with pytest.raises(RegistryError, match=sentence):
        registry.register(type("Broken", (BatchHandler,), body))
    assert registry.all() == before


def test_unknown_type_names_those_that_exist():
    with pytest.raises(UnknownType, match=r"no batch type 'prices'; choose one of: .*toy_price"):
        registry.get("prices")


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["7", "x", "", "-1", "99999999999999999999999"])
def test_unknown_number(number):
    with pytest.raises(UnknownBatch):
        find_batch(number)


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["²", "１", "1.0", "-1", "", "9" * 30])
def test_what_is_no_number_in_plain_digits_names_no_batch(number):
    with pytest.raises(UnknownBatch):
        find_batch(number)

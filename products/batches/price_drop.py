"""What tills and labels are told of new regular prices, where the site names the target `prices` for them."""

from collections.abc import Iterator

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from batches.conf import conf
from batches.targets import Parcel

TARGET = "prices"
STAYS = _("Tills and labels that were told a new regular price keep it until they are told another one.")


def price_targets() -> list[str]:
    """Return the target of prices, if the site has one."""
    return [TARGET] if TARGET in conf("DELIVER_TO") else []


def price_parcels(rows: QuerySet) -> Iterator[Parcel]:
    """Yield a parcel for each row whose product has a new regular price."""
    new = rows.filter(
        Q(old_regular_price=None) | ~Q(regular_price=F("old_regular_price")), regular_price__isnull=False
    )
    names = ("number", "code", "regular_price", "old_regular_price")
    found = new.values_list("sequence", "product__number", "product__code", *names[2:])
    for sequence, *values in found.iterator(chunk_size=2000):
        yield Parcel(sequence, TARGET, dict(zip(names, values, strict=True)))

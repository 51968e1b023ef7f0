"""A believable grocery for a newcomer's first look: about 3,000 products, people, batches."""

from django.db import DEFAULT_DB_ALIAS, connections

from batches import journal

from ..models import Product
from .batches import load_batches
from .store import load_goods
from .users import LOGINS, load_users

__all__ = ["LOGINS", "load_store"]

# Any number that nobody else locks: two starts at once shall load one store.
_LOCK = 7316_2290


def load_store() -> dict[str, int] | None:
    """Load goods, people and batches once, all or nothing; None where there are products already."""
    with journal.acting("demo store"):
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if Product.objects.exists():
            return None
        loaded = {"products": load_goods(), "users": load_users()}
    return {**loaded, "batches": load_batches()}

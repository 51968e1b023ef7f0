"""The framework's models: concrete ones it owns, and abstract ones for batch types."""

from .artifact import Artifact
from .batch import BatchBase, BatchQuerySet, FileBatchMixin, QueryBatchMixin
from .delivery import Delivery, DeliveryLot
from .event import Event
from .numbers import BatchNumber
from .records import Summary, Unreadable
from .row import TAKES_PART, BatchKey, BatchRowBase, Link, RowQuerySet
from .run import Run, RunStep
from .saved import SavedMapping, SavedValue

__all__ = [
    "TAKES_PART",
    "Artifact",
    "BatchBase",
    "BatchKey",
    "BatchNumber",
    "BatchQuerySet",
    "BatchRowBase",
    "Delivery",
    "DeliveryLot",
    "Event",
    "FileBatchMixin",
    "Link",
    "QueryBatchMixin",
    "RowQuerySet",
    "Run",
    "RunStep",
    "SavedMapping",
    "SavedValue",
    "Summary",
    "Unreadable",
]

"""Batch types with one fault each, built when a test asks for them; none is registered."""

from django.apps.registry import Apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import models

from batches.handlers import BatchHandler
from batches.models import BatchBase, BatchKey, BatchNumber, BatchRowBase, Link

from .models import Box, Thing


def price_fields():
    """Return the fields of a row that changes a thing's price."""
    return {
        "thing": Link(Thing),
        "box": Link(Box),
        "code": models.CharField(max_length=20, null=True),
        "new_price": models.DecimalField(max_digits=8, decimal_places=2, null=True),
        "old_price": models.DecimalField(max_digits=8, decimal_places=2, null=True, editable=False),
        "name": models.CharField(max_length=40, null=True),
        "amount": models.PositiveIntegerField(null=True),
    }


def private_apps(*known):
    """Return a registry that knows the models that batches link to, so that no model made for a test outlives it."""
    apps = Apps()
    for model in (BatchNumber, get_user_model(), Group, Thing, Box, *known):
        apps.register_model(model._meta.app_label, model)
    return apps


def make_type(
    *,
    header=None,
    row=None,
    without=(),
    header_meta=BatchBase.Meta,
    row_meta=BatchRowBase.Meta,
    targets=(),
    **attributes,
):
    """Return a handler class with models of its own: right but for what is given."""
    apps = private_apps(*targets)
    inner = {"app_label": "toys", "apps": apps}
    odd_header = type(
        "OddBatch",
        (BatchBase,),
        {"__module__": __name__, "Meta": type("Meta", (header_meta,), inner), **(header or {})},
    )
    fields = {
        "batch": BatchKey(odd_header),
        **price_fields(),
        **(row(odd_header) if callable(row) else row or {}),
    }
    odd_row = type(
        "OddRow",
        (BatchRowBase,),
        {
            "__module__": __name__,
            "Meta": type("Meta", (row_meta,), inner),
            **{name: field for name, field in fields.items() if name not in without},
        },
    )
    own = {"key": "odd", "title": "Odd", "model": odd_header, "row_model": odd_row, **attributes}
    return type("OddHandler", (BatchHandler,), {"__module__": __name__, **own})


def make_target(name, bases=(models.Model,), **members):
    """Return a model of production that no table stands behind."""
    meta = type("Meta", (), {"app_label": "toys", "apps": Apps()})
    return type(name, bases, {"__module__": __name__, "Meta": meta, **members})

"""One toy type of each kind: declared changes, row hooks, SQL hooks."""

from django.db.models import F, Q

from batches.changes import Change, Create, Delete, Upsert
from batches.files import Column
from batches.findings import Finding
from batches.handlers import BatchHandler
from batches.pipeline import Lookup
from batches.registry import register
from batches.states import Severity
from batches.targets import Parcel

from .models import (
    Box,
    CleanBatch,
    CleanRow,
    DoubleBatch,
    DoubleRow,
    PriceBatch,
    PriceRow,
    RenameBatch,
    RenameRow,
    TellBatch,
    TellRow,
    Thing,
    ThingFileBatch,
    ThingFileRow,
)


@register
class PriceHandler(BatchHandler):
    """Declared: change one field of what a code names."""

    key = "toy_price"
    title = "Toy prices"
    model = PriceBatch
    row_model = PriceRow
    options = ["factor"]
    grid = ["code", "new_price"]
    editable = ["code", "new_price"]
    lookups = [Lookup("thing", ({"code": "code"},), missing="unknown_thing")]
    findings = [
        Finding(
            "rise",
            "%(new)s is more than twice %(old)s.",
            Severity.WARNING,
            Q(new_price__gt=F("old_price") * 2),
            "new_price",
            {"new": "new_price", "old": "old_price"},
        ),
    ]
    changes = [Change("thing.price", new="new_price", old="old_price")]

    def make_rows(self):
        for thing in Thing.objects.exclude(price=None).order_by("code"):
            yield {"code": thing.code, "new_price": thing.price * self.batch.factor}


@register
class ThingFileHandler(BatchHandler):
    """Declared: create and change things, and the boxes that several of them name, from a file."""

    key = "toy_file"
    title = "Toy file"
    model = ThingFileBatch
    row_model = ThingFileRow
    columns = [
        Column("code", "Code", required=True, aliases=("sku",), max_length=40),
        Column("name", "Name", aliases=("title",), max_length=60),
        Column("colour", "Colour", aliases=("color",), max_length=20),
        Column("price", "Price", kind="decimal", max_digits=12, decimal_places=2, aliases=("cost",)),
        Column("box_name", "Box", max_length=30),
    ]
    grid = ["code", "name", "colour", "price", "box_name"]
    lookups = [
        Lookup("thing", ({"code": "code"},)),
        Lookup("box", ({"name": "box_name"},), fold=True, unique=False),
    ]
    changes = [
        Create(Box, to="box", key="name", fields={"name": "box_name"}, shared=True),
        Upsert(
            Thing,
            to="thing",
            key="code",
            fields={"code": "code", "name": "name", "colour": "colour", "price": "price", "box": "box"},
        ),
    ]


@register
class CleanHandler(BatchHandler):
    """Declared: delete things without a price."""

    key = "toy_clean"
    title = "Toy clean-up"
    model = CleanBatch
    row_model = CleanRow
    grid = ["code"]
    lookups = [Lookup("thing", ({"code": "code"},))]
    changes = [Delete("thing")]

    def populate(self):
        self.insert_rows(Thing.objects.filter(price=None).order_by("code"), code="code")


@register
class RenameHandler(BatchHandler):
    """Row hooks: plain Python, a row at a time."""

    key = "toy_rename"
    title = "Toy rename"
    model = RenameBatch
    row_model = RenameRow
    grid = ["name"]
    editable = ["name"]
    findings = [Finding("long_name", "The name is long.", Severity.WARNING)]

    def make_rows(self):
        for thing in Thing.objects.order_by("code"):
            yield RenameRow(thing=thing, name=thing.name.upper())

    def refresh_row(self, row):
        row.old_name = row.thing.name
        row.action = "unchanged" if row.name == row.old_name else "update"
        if len(row.name) > 30:
            row.flag("long_name", field="name")

    def execute_row(self, row):
        touched = Thing.objects.filter(pk=row.thing_id, name=row.old_name).update(name=row.name)
        if not touched:
            row.status = "conflict"
            row.flag(
                "changed_since", field="name", severity="error", was=row.old_name, now="?", want=row.name
            )


@register
class DoubleHandler(BatchHandler):
    """Whole hooks: SQL, all at once."""

    key = "toy_double"
    title = "Toy double"
    model = DoubleBatch
    row_model = DoubleRow
    grid = ["new_price"]

    def populate(self):
        self.insert_rows(Thing.objects.exclude(price=None).order_by("code"), thing="pk")

    def refresh(self, rows):
        self.update_from(rows, old_price=F("thing__price"), new_price=F("thing__price") * 2, action="update")

    def execute(self, rows):
        list(
            Thing.objects.filter(pk__in=rows.values("thing")).order_by("pk").select_for_update().values("pk")
        )
        moved = rows.exclude(thing__price=F("old_price"))
        self.mark_conflicts(moved, field="new_price", was="old_price", now="thing__price", want="new_price")
        # The conflicts are no longer among `rows`, which are those that take part.
        self.update_from(Thing.objects, rows, on={"pk": "thing"}, price="new_price")


@register
class TellHandler(BatchHandler):
    """Declared, and told to another system."""

    key = "toy_tell"
    title = "Toy told prices"
    model = TellBatch
    row_model = TellRow
    grid = ["code", "new_price"]
    editable = ["new_price"]
    lookups = [Lookup("thing", ({"code": "code"},))]
    changes = [Change("thing.price", new="new_price", old="old_price")]
    delivers_to = ["drop_folder"]
    cannot_take_back = "The till shows a new price as soon as it reads the file."

    def make_rows(self):
        for thing in Thing.objects.exclude(price=None).order_by("code"):
            yield {"code": thing.code, "new_price": thing.price * 2}

    def deliver_row(self, row):
        yield Parcel(row, "drop_folder", {"code": row.code, "price": row.new_price, "was": row.old_price})

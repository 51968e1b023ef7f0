"""Each system check finds its fault; the tests bear the checks' ids."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.db.models import F, Q
from django.db.models.signals import post_save

from batches.changes import Change, Create, Delete, Upsert
from batches.checks import check_database, check_handler, check_settings, check_types
from batches.files import Column
from batches.findings import Finding, Unique
from batches.handlers import BatchHandler
from batches.models import BatchKey, Link
from batches.pipeline import Lookup
from batches.registry import registry
from tests.toys.mistakes import make_target, make_type
from tests.toys.models import Box, Tag, Thing

PRICE = Change("thing.price", new="new_price", old="old_price")


def found(handler):
    """Return the ids of what the checks say of a type; each says what to type."""
    messages = check_handler(handler)
    assert all(message.hint and message.msg.endswith(".") for message in messages), messages
    return sorted({message.id for message in messages})


def test_a_right_type_passes():
    right = make_type(
        changes=[PRICE],
        lookups=[Lookup("thing", ({"code": "code"},))],
        columns=[
            Column("code", "Code", max_length=20),
            Column("amount", "Amount", kind="integer", max_digits=9, min_value=Decimal(0)),
        ],
        grid=["code", "new_price"],
        derived=[{"new_price": F("thing__price") * 2}],
        findings=[
            Finding("dear", "%(price)s is dear.", when=Q(new_price__gt=9), params={"price": "new_price"})
        ],
        unique=[Unique(("code",), "twice", "Twice.")],
    )
    assert found(right) == []


def test_all_registered_types_pass():
    assert len(registry.all()) >= 6
    assert check_types() == []


def test_only_types_of_the_given_apps_are_checked():
    odd = make_type(title="")
    odd.__module__ = "tests.toys.batches"
    registry.register(odd)
    try:
        assert [m.id for m in check_types([SimpleNamespace(name="tests.toys")])] == ["batches.E003"]
        assert check_types([SimpleNamespace(name="tests.toy")]) == []
    finally:
        registry.unregister("odd")


def test_check_asks_nothing_of_the_database():
    # No mark: pytest-django refuses any access to the database here.
    call_command("check")


def test_E001():
    for wrong in (None, Thing):
        assert "batches.E001" in found(make_type(model=wrong))


def test_E002():
    for wrong in (None, Thing):
        assert "batches.E002" in found(make_type(row_model=wrong))
    assert found(type("Bare", (BatchHandler,), {"key": "bare"})) == [f"batches.E00{n}" for n in (1, 2, 3)]


def test_E003():
    assert found(make_type(title="")) == ["batches.E003"]


def test_E004():
    assert found(make_type(without=["batch"], row_meta=object)) == ["batches.E004", "batches.E007"]
    elsewhere = {"batch": BatchKey(Box)}
    assert found(make_type(row=elsewhere)) == ["batches.E004"]
    costly = make_type(
        row=lambda header: {"batch": models.ForeignKey(header, models.CASCADE, related_name="rows")}
    )
    assert found(costly) == ["batches.E004"]


def test_E005():
    assert found(make_type(row=lambda header: {"batch": BatchKey(header, related_name="lines")})) == [
        "batches.E005"
    ]


def test_E006():
    assert found(make_type(header_meta=object)) == ["batches.E006"]


def test_E007():
    assert found(make_type(row_meta=object)) == ["batches.E007"]


@pytest.mark.parametrize(
    "link",
    [
        lambda: models.ForeignKey(Thing, models.DO_NOTHING, related_name="+", null=True),
        lambda: models.ForeignKey(Thing, models.CASCADE, related_name="+", null=True, db_constraint=False),
        lambda: Link(Thing, null=False),
    ],
    ids=["constraint", "on_delete", "not null"],
)
def test_E008(link):
    assert found(make_type(row={"thing": link()})) == ["batches.E008"]


@pytest.mark.parametrize(
    ("name", "value"), [("atomic", None), ("on_conflict", "ask"), ("on_error", "ask"), ("write", "orm")]
)
def test_E009(name, value):
    assert found(make_type(**{name: value})) == ["batches.E009"]


def test_E010():
    def get_changes(self):
        return [PRICE, self.batch.no_such_option]

    assert found(make_type(get_changes=get_changes)) == ["batches.E010"]


@pytest.mark.parametrize(
    "change",
    [
        Change("thing", new="new_price", old="old_price"),
        Change("thing.box.name", new="new_price", old="old_price"),
        Change("think.price", new="new_price", old="old_price"),
        Change("code.price", new="new_price", old="old_price"),
        Change("thing.prize", new="new_price", old="old_price"),
        Change("thing.price", new="newest_price", old="old_price"),
        Create(Thing, "think", "code", {"code": "code"}),
        Create(Thing, "thing", "code", {"code": "code", "prize": "new_price"}),
        Create(Thing, "thing", "code", {"code": "kode"}),
        Upsert(Thing, "thing", {"kode": "code"}, {"price": "new_price"}),
        Delete("think"),
        "thing.price",
    ],
    ids=repr,
)
def test_E011(change):
    assert found(make_type(changes=[change])) == ["batches.E011"]


def test_E012():
    assert found(make_type(changes=[Change("thing.price", new="new_price", old="older")])) == ["batches.E012"]
    not_null = {"old_price": models.DecimalField(max_digits=8, decimal_places=2, default=0)}
    assert found(make_type(changes=[PRICE], row=not_null)) == ["batches.E012"]
    upsert = Upsert(Thing, "thing", "code", {"code": "code", "name": "name"})
    assert found(make_type(changes=[upsert])) == ["batches.E012"]
    upsert = Upsert(Thing, "thing", "code", {"code": "code", "name": "name"}, old={"name": "older"})
    assert found(make_type(changes=[upsert])) == ["batches.E012"]


def test_E013():
    for key in ("", {}, "name"):
        assert found(make_type(changes=[Create(Thing, "thing", key, {"code": "code"})])) == ["batches.E013"]


def test_E014():
    assert found(
        make_type(changes=[Create(Tag, "tag", "text", {"text": "code"})], row={"tag": Link(Tag)})
    ) == ["batches.E014"]
    called = make_target(
        "Called",
        code=models.CharField(max_length=20, unique=True),
        note=models.CharField(max_length=20, null=True, default=lambda: "made by a function"),
        given=models.CharField(max_length=20, default="a constant"),
        optional=models.IntegerField(null=True),
        stamped=models.DateTimeField(auto_now=True),
    )
    handler = make_type(
        changes=[Create(called, "called", "code", {"code": "code"})],
        row={"called": Link(called)},
        targets=[called],
    )
    assert [m.msg for m in check_handler(handler) if m.id == "batches.E014"] == [
        "Creating Called leaves its column 'note' without a value: its default is a function, which SQL cannot call."
    ]


def test_E015():
    natural = make_target("Natural", code=models.CharField(max_length=20, primary_key=True))
    handler = make_type(
        changes=[Create(natural, "natural", "code", {"code": "code"})],
        row={"natural": Link(natural)},
        targets=[natural],
    )
    assert "batches.E015" in found(handler)


def test_E016():
    assert found(make_type(changes=[Create(Box, "thing", "name", {"name": "name"})])) == ["batches.E016"]


def test_E017():
    assert found(make_type(changes=[Delete("thing", when=Q(action_code="end"))])) == ["batches.E017"]


def test_E020():
    assert found(make_type(columns=[Column("kode", "Code")])) == ["batches.E020"]
    twice = [Column("code", "Code", max_length=20), Column("code", "Number", max_length=20)]
    assert found(make_type(columns=twice)) == ["batches.E020"]


@pytest.mark.parametrize(
    "column",
    [
        Column("code", "Code"),
        Column("code", "Code", max_length=21),
        Column("new_price", "Price", kind="decimal"),
        Column("new_price", "Price", kind="decimal", max_digits=9, decimal_places=2),
        Column("new_price", "Price", kind="decimal", max_digits=9, decimal_places=3),
        Column("amount", "Amount", kind="integer", min_value=Decimal(0)),
        Column("amount", "Amount", kind="integer", max_digits=9),
        Column("needed", "Needed", max_length=20),
    ],
    ids=repr,
)
def test_E021(column):
    assert found(make_type(columns=[column], row={"needed": models.CharField(max_length=20)})) == [
        "batches.E021"
    ]


@pytest.mark.parametrize("what", ["grid", "search", "editable"])
def test_E022(what):
    assert found(make_type(**{what: ["code", "kode"]})) == ["batches.E022"]


def test_E023():
    assert found(make_type(options=["factor"])) == ["batches.E023"]
    assert found(make_type(options=["status"])) == ["batches.E023"]
    assert found(make_type(options=["factor"], header={"factor": models.IntegerField(default=1)})) == []


@pytest.mark.parametrize(
    "lookup",
    [
        Lookup("think", ({"code": "code"},)),
        Lookup("code", ({"code": "code"},)),
        Lookup("thing", ({"kode": "code"},)),
        Lookup("thing", ({"code": "kode"},)),
        Lookup("thing", ()),
        Lookup("thing", ({"code": "code"},), where=Q(aktive=True)),
    ],
    ids=repr,
)
def test_E024(lookup):
    assert found(make_type(lookups=[lookup])) == ["batches.E024"]


def test_E025():
    assert found(make_type(derived=[{"newest": F("new_price")}])) == ["batches.E025"]
    assert found(make_type(derived=[{"new_price": F("thing__prize")}])) == ["batches.E025"]


def test_E030():
    same = [Finding("dear", "Dear.", when=Q(new_price__gt=n), field="new_price") for n in (1, 2)]
    assert found(make_type(findings=same)) == ["batches.E030"]
    other = [
        Finding("dear", f"Dear {name}.", when=Q(new_price__gt=1), field=name)
        for name in ("new_price", "code")
    ]
    assert found(make_type(findings=other)) == ["batches.E030"]
    # The type's own words for one of the framework's findings are no fault.
    own = Finding("rule_broken", "No.", when=Q(new_price__lt=0), field="new_price")
    assert found(make_type(findings=[own], changes=[PRICE])) == []


def test_E031():
    assert found(make_type(findings=[Finding("dear", "Dear.", severity="fatal")])) == ["batches.E031"]
    assert found(make_type(unique=[Unique(("code",), "twice", "Twice.", severity="fatal")])) == [
        "batches.E031"
    ]


@pytest.mark.parametrize(
    "finding",
    [
        Finding("dear", "Dear.", when=Q(newest__gt=1)),
        Finding("dear", "Dear.", when=Q(new_price__gt=1), field="newest"),
        Finding("dear", "%(at)s is dear.", when=Q(new_price__gt=1), params={"at": "thing__prize"}),
    ],
    ids=["when", "field", "params"],
)
def test_E032(finding):
    assert found(make_type(findings=[finding])) == ["batches.E032"]


def test_E033():
    for message in ("%(price)s is dear.", "", "100 % too dear."):
        finding = Finding("dear", message, when=Q(new_price__gt=1), params={"at": "new_price"})
        assert found(make_type(findings=[finding])) == ["batches.E033"]
    by_code = Finding("dear", "%(price)s is dear.")
    assert found(make_type(findings=[by_code])) == []
    assert found(make_type(unique=[Unique(("code",), "twice", "%(code)s twice.")])) == ["batches.E033"]


def test_E034():
    for fields in (("kode",), ("code", "kode"), ()):
        assert found(make_type(unique=[Unique(fields, "twice", "Twice.")])) == ["batches.E034"]


@pytest.mark.parametrize("value", [None, [], {"PEACE_ROWS": 7}])
def test_E040(settings, value):
    settings.BATCHES = value
    assert [message.id for message in check_settings()] == ["batches.E040"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PIECE_ROWS", "7"),
        ("PIECE_ROWS", 0),
        ("PIECE_ROWS", True),
        ("PIECE_ROWS", 7.5),
        ("POLL_SECONDS", None),
        ("LEASE_SECONDS", -1),
        ("APPROVE_BY_COMMAND", 1),
        ("JOURNAL", "runs"),
    ],
)
def test_E041(settings, key, value):
    settings.BATCHES = {key: value}
    assert [message.id for message in check_settings()] == ["batches.E041"]


def test_E042(settings):
    settings.BATCHES = {"LEASE_SECONDS": 6, "RENEW_SECONDS": 3}
    assert [message.id for message in check_settings()] == ["batches.E042"]
    settings.BATCHES = {"LEASE_SECONDS": 6.5, "RENEW_SECONDS": 3}
    assert check_settings() == []


def test_W001():
    assert found(make_type(lookups=[Lookup("thing", ({"name": "name"},))])) == ["batches.W001"]
    folded = [Lookup("box", ({"name": "name"},), fold=True)]
    assert found(make_type(lookups=folded)) == ["batches.W001"]
    assert found(make_type(lookups=[Lookup("box", ({"name": "name"},), fold=True, unique=False)])) == []
    assert found(make_type(lookups=[Lookup("box", ({"name": "name"},))])) == []


def test_W002():
    saved = make_target(
        "Saved", price=models.IntegerField(null=True), save=lambda self, *args, **kwargs: None
    )
    handler = make_type(
        changes=[Change("saved.price", new="new_price", old="old_price")],
        row={"saved": Link(saved)},
        targets=[saved],
    )
    assert "batches.W002" in found(handler)

    def hear(sender, **kwargs):
        """Stand for somebody's receiver."""

    post_save.connect(hear, sender=Thing)
    try:
        assert found(make_type(changes=[PRICE])) == ["batches.W002"]
        assert found(make_type(changes=[Delete("thing")])) == []
        assert found(make_type(changes=[PRICE], execute_row=lambda self, row: row.thing.save())) == []
    finally:
        post_save.disconnect(hear, sender=Thing)


def test_W003():
    plain = make_target("Plain", price=models.IntegerField(null=True))
    handler = make_type(
        changes=[Change("plain.price", new="new_price", old="old_price")],
        row={"plain": Link(plain)},
        targets=[plain],
    )
    assert found(handler) == ["batches.W003"]


@pytest.mark.django_db
def test_W004():
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS batch")
        assert [message.id for message in check_database(databases=["default"])] == ["batches.W004"]
        cursor.execute("CREATE SCHEMA batch")
    assert check_database(databases=["default"]) == []
    assert check_database(databases=None) == []

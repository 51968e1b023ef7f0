"""A cell that its column cannot hold costs neither the file nor its row."""

import pytest
from django.core.files.base import ContentFile

from batches import actions
from batches.figures import figures
from batches.ingest import Repaired
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler
from tests.toys.models import Thing

pytestmark = pytest.mark.django_db


@pytest.fixture
def own_converter(monkeypatch):
    """Give the toy file a converter of its own for names; it repairs those that begin with a star."""

    def read(text):
        return Repaired(text[1:], "star", {}) if text[0] == "*" else text

    monkeypatch.setattr(ThingFileHandler, "converters", lambda self: {"name": read})


@pytest.mark.parametrize("text", ["x" * 61, "*" + "x" * 61])
def test_what_a_types_own_converter_lets_grow_too_long_is_a_finding(boss, own_converter, text):
    file = ContentFile(f"code,name\nT1,{text}\nT2,fine\n".encode(), name="things.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    assert figures(batch)["counts"] == {"error": 1, "ok": 1}
    row = batch.rows.get(sequence=1)
    assert [issue["code"] for issue in row.issues] == ["too_long"]
    assert row.raw == {"name": text}


def test_correcting_a_cell_obeys_the_same_limit(boss, own_converter):
    file = ContentFile(b"code,name\nT1,fine\n", name="things.csv")
    batch = make_batch("toy_file", user=boss, file=file)
    with pytest.raises(actions.rows.EditRefused) as refused:
        actions.edit_row(batch, boss, batch.rows.get().pk, {"name": "x" * 61})
    assert set(refused.value.errors) == {"name"}


def test_a_converter_that_asks_the_database_is_told_what_to_do_instead(boss, things, monkeypatch):
    def read(text):
        return Thing.objects.get(code=text).name

    monkeypatch.setattr(ThingFileHandler, "converters", lambda self: {"name": read})
    file = ContentFile(b"code,name\nT1,T1\n", name="things.csv")
    with pytest.raises(RuntimeError, match="cannot ask the database"):
        make_batch("toy_file", user=boss, file=file)

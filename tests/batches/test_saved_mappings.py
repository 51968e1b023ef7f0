"""How a file was read and mapped is remembered when its batch was filled, and serves the next file with these headings."""

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, connections

from batches import actions, saved_mappings
from batches.exceptions import FileRefused, Refused
from batches.files.uses import Use
from batches.models import SavedMapping
from batches.testing import make_batch
from tests.toys.batches import ThingFileHandler

pytestmark = pytest.mark.django_db
BOOK = "Code,Title A,Title B,Cost\nT1,one,uno,1.50\n"


def book(text=BOOK, name="book.csv"):
    return ContentFile(text.encode(), name=name)


@pytest.fixture
def saved(boss):
    """Return what is saved after a first batch, whose mapping nobody would propose."""
    make_batch(
        "toy_file", user=boss, file=book(),
        mapping={"code": "Code", "name": Use(column="Title B", default="none"), "colour": {"fixed": "red"}},
    )  # fmt: skip
    return SavedMapping.objects.get()


def test_it_is_saved_by_the_run_that_fills_the_batch(saved, boss):
    assert (saved.type, saved.source, saved.headings) == (
        "toy_file",
        "",
        ["Code", "Title A", "Title B", "Cost"],
    )
    assert saved.mapping["name"] == {"column": "Title B", "default": "none"}
    assert saved.name.startswith("book.csv of ")
    assert (saved.created_by, saved.created_by_name, saved.used_times) == (boss, "boss", 1)


def test_nothing_is_saved_of_a_draft_or_a_batch_that_could_not_be_filled(boss):
    batch = actions.make("toy_file", boss, file=book("Code,Name\nT1,one\n"))
    assert not SavedMapping.objects.exists()
    batch.file.storage.delete(batch.file.name)
    with pytest.raises(FileRefused):
        actions.populate(batch, boss)
    assert not SavedMapping.objects.exists()


@pytest.mark.parametrize("text", [BOOK, BOOK.upper(), "\ufeff" + BOOK, BOOK.replace(",", ";")])
def test_the_next_file_with_these_headings_is_mapped_the_same(saved, boss, text):
    batch = actions.make("toy_file", boss, file=book(text, "next.csv"))
    heading = "TITLE B" if text.isupper() else "Title B"
    assert batch.mapping["name"] == {"column": heading, "default": "none"}
    assert batch.mapping["colour"] == {"fixed": "red"}
    actions.populate(batch, boss)
    saved.refresh_from_db()
    assert SavedMapping.objects.count() == 1
    assert (saved.used_times, saved.used_file, saved.used_batch) == (2, "next.csv", batch.pk)


@pytest.mark.parametrize("text", ["Code,Title B,Title A,Cost\nT1,a,b,1\n", "Code,Title B\nT1,a\n"])
def test_other_headings_or_another_order_is_another_file(saved, boss, text):
    batch = actions.make("toy_file", boss, file=book(text))
    assert "colour" not in batch.mapping


def test_another_sender_is_served_by_what_was_saved_for_it(saved, boss, monkeypatch):
    monkeypatch.setattr(ThingFileHandler, "source_of", lambda self: "V7")
    batch = actions.make("toy_file", boss, file=book())
    assert "colour" not in batch.mapping
    actions.map_columns(batch, boss, {"code": "Code", "name": "Title A"})
    actions.populate(batch, boss)
    assert SavedMapping.objects.get(source="V7").name == f"{saved.name} (2)"
    monkeypatch.undo()
    assert "colour" in actions.make("toy_file", boss, file=book()).mapping


def test_what_was_saved_follows_the_last_batch(saved, boss):
    make_batch("toy_file", user=boss, file=book(), mapping={"code": "Code", "price": "Cost"})
    saved.refresh_from_db()
    assert saved.mapping == {"code": "Code", "price": "Cost"}


def test_what_the_type_knows_no_more_is_proposed_anew(saved, boss, monkeypatch):
    columns = [c for c in ThingFileHandler.columns if c.field != "colour"]
    monkeypatch.setattr(ThingFileHandler, "columns", columns)
    assert actions.make("toy_file", boss, file=book()).mapping == {"code": "Code", "price": "Cost"}


@pytest.mark.django_db(transaction=True)
def test_two_batches_that_save_at_once_do_not_wait_for_each_other(boss):
    other = connection.copy()
    try:
        batch = actions.make("toy_file", boss, file=book("Code,Name\nT1,one\n"))
        mark = saved_mappings.fingerprint(["Code", "Name"])
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"mapping/toy_file//{mark}"]
            )
            actions.populate(batch, boss)
            cursor.execute("ROLLBACK")
        assert batch.status == "review"
        assert not SavedMapping.objects.exists()
    finally:
        other.close()
        connections.close_all()


def test_a_command_may_name_what_was_saved(saved, boss, tmp_path, capsys):
    SavedMapping.objects.update(name="Monthly list", source="elsewhere")
    path = tmp_path / "march.csv"
    path.write_text(BOOK)
    words = ["make_batch", "toy_file", "--file", str(path), "--user", "boss", "--no-populate", "--json"]
    call_command(*words, "--mapping", "Monthly list")
    assert '"colour": {"fixed": "red"}' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call_command(*words, "--mapping", "Yearly list")
    sentence = "There is no saved mapping 'Yearly list'; this type has: “Monthly list”."
    assert sentence in capsys.readouterr().err
    path.write_text("Code,Title A\nT1,one\n")
    with pytest.raises(SystemExit):
        call_command(*words, "--mapping", "Monthly list")
    assert "The file has no column 'Title B'." in capsys.readouterr().err


def test_a_saved_mapping_is_for_files_only(saved, boss):
    with pytest.raises(Refused):
        actions.make("toy_price", boss, saved=saved.name)


def test_totals_at_the_end_are_told_by_each_file_anew(boss):
    """A file without totals would lose its last record to the totals of the one before."""
    lines = "".join(f"T{n},thing {n},{n}.50\n" for n in range(1, 31))
    first = make_batch("toy_file", user=boss, file=book(f"Code,Name,Cost\n{lines}Total,,465.00\n"))
    assert (first.reading["skip_end"], first.rows.count()) == (1, 30)
    second = make_batch("toy_file", user=boss, file=book(f"Code,Name,Cost\n{lines}", "next.csv"))
    assert SavedMapping.objects.get().used_times == 2
    assert (second.reading["skip_end"], second.rows.count()) == (0, 30)


def test_what_the_file_itself_proves_wins_over_the_saved_style(boss):
    make_batch("toy_file", user=boss, file=book("Code;Cost\nT1;1.50\nT2;2.50\n"))
    second = make_batch("toy_file", user=boss, file=book("Code;Cost\nT1;1,50\nT2;2,50\n", "next.csv"))
    assert [str(price) for price in second.rows.order_by("sequence").values_list("price", flat=True)] == [
        "1.50",
        "2.50",
    ]

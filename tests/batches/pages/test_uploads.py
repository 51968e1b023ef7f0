"""Attacks by files, over HTTP: what is uploaded, how it is kept, and who gets it back."""

import io
import re
import tempfile
import time
from pathlib import Path

import openpyxl
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Q
from django.test import Client
from django.urls import reverse

from batches import actions
from batches.exceptions import FileRefused
from batches.models import BatchNumber
from batches.states import Status
from batches.testing import make_batch
from tests.batches.files.books import book_of
from tests.toys.batches import ThingFileHandler
from tests.toys.models import ThingFileBatch

from .conftest import BOOK, batch_url, text

ADD = "admin:toys_thingfilebatch_add"
SCRIPT = "<script>alert(1)</script>"
ROW = '<row r="1"><c r="A1" t="inlineStr"><is><t>Code</t></is></c></row>'
ROWS = ROW + '<row r="2"><c r="A2" t="inlineStr"><is><t>T1</t></is></c></row>'
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BILLION = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'


def upload(client, content=b"", name="book.csv", **more):
    """Send a file to the upload page."""
    return client.post(reverse(ADD), {"file": SimpleUploadedFile(name, content), **more})


def kept_files():
    return {path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()}


@pytest.fixture
def places(tmp_path, monkeypatch, settings):
    """Return a function that tells what lies in storage and temporary folders; only this test writes there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    return lambda: kept_files() | set(tmp_path.rglob("*"))


def wide(columns):
    """Return a CSV file of so many columns."""
    return (",".join(f"c{n}" for n in range(columns)) + "\n" + ",".join("1" * columns) + "\n").encode()


def wide_book(columns):
    """Return a workbook of so many columns."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append([f"c{n}" for n in range(columns)])
    sheet.append([1] * columns)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


HOSTILE = {
    "a zip named csv": ("zip.csv", lambda: b"PK\x03\x04" + b"\0" * 100),
    "a workbook named csv": ("book.csv", lambda: book_of(ROWS).getvalue()),
    "a page named csv": ("page.csv", lambda: b"<!DOCTYPE html><html><body>x</body></html>"),
    "a page named xlsx": ("page.xlsx", lambda: b"<!DOCTYPE html><html><body>x</body></html>"),
    "a program": ("run.csv", lambda: b"\x7fELF" + b"\0" * 500),
    "a picture": ("picture.csv", lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 500),
    "nothing": ("empty.csv", lambda: b""),
    "only NUL": ("nul.csv", lambda: b"\0" * 5000),
    "a quote that never closes": ("open.csv", lambda: b'Code,Name\nT1,"' + b"x\n" * 400_000),
    "501 columns": ("wide.csv", lambda: wide(501)),
    "1,601 columns": ("wide.csv", lambda: wide(1601)),
    "16,384 columns": ("wide.csv", lambda: wide(16_384)),
    "501 columns of a sheet": ("wide.xlsx", lambda: wide_book(501)),
    "1,601 columns of a sheet": ("wide.xlsx", lambda: wide_book(1601)),
    "16,384 columns of a sheet": ("wide.xlsx", lambda: wide_book(16_384)),
    "a workbook with a password": ("secret.xlsx", lambda: OLE + b"\0" * 1000 + "EncryptedPackage".encode("utf-16-le")),
    "a broken workbook of the old format": ("book.xls", lambda: OLE + b"\0" * 600),
    "macros": ("macro.xlsx", lambda: book_of(ROWS, {"xl/vbaProject.bin": "x"}).getvalue()),
    "macros by name": ("macro.xlsm", lambda: book_of(ROWS).getvalue()),
    "two far cells": ("far.xlsx", lambda: book_of(ROWS + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>').getvalue()),
    "a zip bomb": ("bomb.xlsx", lambda: book_of(ROWS, after=" " * 50_000_000).getvalue()),
    "thousands of parts": ("parts.xlsx", lambda: book_of(ROWS, {f"x/{n}.xml": "<a/>" for n in range(3000)}).getvalue()),
    "an XML bomb": ("xml.xlsx", lambda: book_of(ROWS, before=BILLION).getvalue()),
    "a workbook cut off": ("cut.xlsx", lambda: book_of(ROWS).getvalue()[:-200]),
    "a file of headings": ("headings.csv", lambda: b"Code,Name\n"),
    "three megabytes": ("large.csv", lambda: b"Code,Code\0\n" + b"T1,T2\n" * 500_000),
}  # fmt: skip


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_file_leaves_a_sentence_and_nothing_else(web, things, places, attack):
    name, content = HOSTILE[attack]
    content = content()
    before, began = places(), time.monotonic()
    answer = upload(web, content, name)
    assert time.monotonic() - began < 5
    assert answer.status_code == 200
    assert re.search(r'class="b-error"|class="errorlist', text(answer))
    assert "Traceback" not in text(answer)
    assert not ThingFileBatch.objects.exists()
    assert not BatchNumber.objects.exists()
    assert places() == before


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd.csv", "..\\..\\boot.csv", "a\u202egnp.csv", "x" * 300 + ".csv", "a\r\nX-Evil: 1.csv",
        "ü ß 漢.csv", "a;b\"c'd.csv", "a\0b.csv", "%2e%2e%2fa.csv", "CON.csv", "-rf *.csv", "$(id).csv", "  .csv", ".csv",
    ],
)  # fmt: skip
def test_odd_file_names_are_only_shown(web, things, name):
    before = kept_files()
    upload(web, BOOK.encode(), name)
    batch = ThingFileBatch.objects.get()
    (made,) = kept_files() - before
    assert re.fullmatch(r"batches/[0-9a-f]{2}/[0-9a-f]{32}", batch.file.name)
    assert made == Path(settings.MEDIA_ROOT) / batch.file.name
    assert made.stat().st_mode & 0o137 == 0  # no program, and not for everybody
    assert "/" not in batch.original_name
    assert "\\" not in batch.original_name
    assert batch.original_name.isprintable()
    answer = web.get(reverse("batches:file", args=[batch.pk]))
    assert answer["Content-Disposition"].startswith("attachment")
    assert "X-Evil" not in answer.headers
    assert b"".join(answer.streaming_content) == BOOK.encode()
    assert web.get(batch_url(batch)).status_code == 200


def test_two_uploads_of_one_name_are_two_files(web, things):
    upload(web, BOOK.encode())
    upload(web, b"Code\nT2\n")
    first, second = ThingFileBatch.objects.order_by("pk")
    assert first.file.name != second.file.name
    assert first.file.read() == BOOK.encode()


def test_a_file_is_sent_to_be_saved_whatever_it_holds(web, things):
    upload(web, b"Code,Name\nT1,<script>alert(1)</script>\n", "page.html.csv")
    answer = web.get(reverse("batches:file", args=[ThingFileBatch.objects.get().pk]))
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == 'attachment; filename="page.html.csv"'


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
def test_rows_are_sent_to_be_saved(web, book, kind, content_type):
    answer = web.get(reverse(f"batches:rows_{kind}", args=[book.pk]))
    assert answer["Content-Type"] == content_type
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch(rf'attachment; filename="[\w-]+\.{kind}"', answer["Content-Disposition"])


def test_formulas_are_guarded_in_downloads(web, boss, things):
    content = b"Code,Name\nT1,=cmd|' /C calc'!A0\n@SUM(1),b\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(content, name="formulas.csv"))
    answer = web.get(reverse("batches:rows_csv", args=[batch.pk]))
    cells = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert not re.search(r'(^|,|\n)"?[=@+]', cells)
    assert "'=cmd" in cells


@pytest.mark.parametrize("prefix", ["/media/", "/", "/static/", "/admin/"])
def test_no_address_leads_to_the_stored_file(web, book, prefix):
    assert web.get(prefix + book.file.name).status_code == 404
    assert not settings.MEDIA_URL.strip("/")


def test_strangers_and_people_without_the_right_store_nothing(
    things, places, client_of, user_with, django_user_model
):
    before = places()
    customer = client_of(django_user_model.objects.create_user("customer"))
    viewer = client_of(user_with("view_thingfilebatch", name="viewer"))
    large = b"Code\n" + b"T1\n" * 1_000_000
    for client, status in ((Client(), 302), (customer, 302), (viewer, 403)):
        answer = upload(client, large)
        assert answer.status_code == status
    assert not BatchNumber.objects.exists()
    assert places() == before


def test_a_strangers_file_is_not_even_stored_for_a_moment(things, settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "missing")  # whoever stores a file there fails
    large = b"Code\n" + b"T1\n" * 1_000_000
    assert upload(Client(), large).status_code == 302
    assert (
        Client().post(reverse("admin:login"), {"file": SimpleUploadedFile("a.csv", large)}).status_code == 200
    )


def test_a_file_over_the_limit_is_told_and_not_even_stored_for_a_moment(web, things, settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "missing")
    settings.BATCHES = {"MAX_FILE_BYTES": 1_000_000}
    answer = upload(web, b"Code\n" + b"T1\n" * 1_500_000)
    assert "has 4500005 bytes; at most 1000000 are read" in text(answer)
    assert not BatchNumber.objects.exists()


def test_a_file_just_over_the_limit_is_told_too(web, things, settings):
    settings.BATCHES = {"MAX_FILE_BYTES": 1000}
    assert "at most 1000 are read" in text(upload(web, b"Code\n" + b"T1\n" * 400))
    assert not BatchNumber.objects.exists()


def test_the_file_of_a_type_that_one_may_not_see_is_not_sent(book, client_of, user_with):
    client = client_of(user_with("view_pricebatch", "add_thingfilebatch", "change_thingfilebatch"))
    for name in ("file", "rows_csv", "rows_xlsx"):
        answer = client.get(reverse(f"batches:{name}", args=[book.pk]))
        assert answer.status_code == 403
        assert "thing nine" not in text(answer)


def test_who_sees_a_part_of_the_rows_does_not_get_the_whole_file(
    boss, things, monkeypatch, client_of, user_with
):
    user = user_with("view_thingfilebatch", "add_thingfilebatch", "change_thingfilebatch")
    batch = make_batch("toy_file", user=boss, file=ContentFile(BOOK.encode(), name="book.csv"))
    own = make_batch("toy_file", user=user, file=ContentFile(BOOK.encode(), name="own.csv"))
    client = client_of(user)
    assert client.get(reverse("batches:file", args=[batch.pk])).status_code == 200
    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q() if user == boss else Q(code="T1"))
    answer = client.get(reverse("batches:file", args=[batch.pk]))
    assert answer.status_code == 403
    assert "only a part of this batch" in text(answer)
    assert client.get(reverse("batches:file", args=[own.pk])).status_code == 200
    assert client_of(boss).get(reverse("batches:file", args=[own.pk])).status_code == 200


def test_who_sees_a_part_of_the_rows_sees_no_lines_of_the_file(
    boss, things, monkeypatch, client_of, user_with
):
    torn = b"Code,Name\nT1,one\nT2,secret,torn\n"
    batch = make_batch("toy_file", user=boss, file=ContentFile(torn, name="torn.csv"))
    draft = actions.make("toy_file", boss, file=ContentFile(torn, name="torn.csv"))
    monkeypatch.setattr(ThingFileHandler, "scope", lambda self, user: Q() if user == boss else Q(code="T1"))
    pages = [batch_url(batch), batch_url(draft), reverse("batches:unreadable", args=[batch.pk])]
    user = user_with("view_thingfilebatch", "add_thingfilebatch", "change_thingfilebatch")
    answers = [client_of(user).get(url) for url in pages]
    assert [answer.status_code for answer in answers] == [200, 200, 403]
    for answer in answers:
        assert "secret" not in text(answer)
        assert reverse("batches:file", args=[batch.pk]) not in text(answer)
    for url in pages:
        assert "secret" in text(client_of(boss).get(url))


def test_the_file_cannot_be_swapped_by_any_form(web, things, boss):
    upload(web, BOOK.encode())
    batch = ThingFileBatch.objects.get()
    name, digest = batch.file.name, batch.sha256
    before = kept_files()
    for page in ("options", "map"):
        other = SimpleUploadedFile("other.csv", b"Code\nEVIL\n")
        web.post(
            reverse(f"batches:{page}", args=[batch.pk]),
            {"file": other, "sha256": "0" * 64, "original_name": "x", "map-code": "0"},
        )
    batch.refresh_from_db()
    assert (batch.file.name, batch.sha256, batch.original_name) == (name, digest, "book.csv")
    assert batch.file.read() == BOOK.encode()
    assert kept_files() == before


@pytest.mark.parametrize(
    "other", [b"Name,Code,Color,Cost,Box\nT1,EVIL,red,1,First\n", BOOK.encode() + b"EVIL,x,red,1,First\n"]
)
def test_a_file_that_was_swapped_in_storage_after_mapping_makes_no_rows(web, things, boss, other):
    upload(web, BOOK.encode())
    batch = ThingFileBatch.objects.get()
    Path(batch.file.path).chmod(0o600)
    Path(batch.file.path).write_bytes(other)
    with pytest.raises(FileRefused, match="not the one that was uploaded"):
        actions.populate(batch, boss)
    batch.refresh_from_db()
    assert batch.status == Status.DRAFT
    assert not batch.rows.exists()


def test_script_in_sheet_names_headings_and_cells_of_a_workbook_is_escaped(web, boss, things):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "<b onclick=x>"
    sheet.append(["Code", "Name", SCRIPT])
    sheet.append(["T1", SCRIPT, SCRIPT])
    file = io.BytesIO()
    workbook.save(file)
    upload(web, file.getvalue(), "book.xlsx")
    batch = ThingFileBatch.objects.get()
    pages = [text(web.get(batch_url(batch)))]
    actions.populate(batch, boss)
    pages.append(text(web.get(batch_url(batch))))
    assert any("&lt;script&gt;" in html for html in pages)
    for html in pages:
        assert "<script>alert" not in html
        assert "<b onclick" not in html

"""The command that saves rows in a file."""

import pytest

from batches.models import Artifact, Run

from .test_commands import as_json, run

pytestmark = pytest.mark.django_db


def test_export_saves_the_rows_that_match_and_copies_them(boss, things, tmp_path, settings):
    path = tmp_path / "book.csv"
    path.write_text("code,name\nT1,one\nT2,two\nN1,new\n")
    settings.MEDIA_ROOT = str(tmp_path / "media")
    number = str(as_json("make_batch", "toy_file", "--file", str(path), "--user", "boss")["number"])
    export = ["export_batch", number, "--user", "boss"]
    out = tmp_path / "out.csv"
    out.write_text("old")
    done = as_json(*export, "--filter", "q=T", "--output", str(out))
    assert (done["rows"], done["output"], done["size"]) == (2, str(out), out.stat().st_size)
    assert [line.split(",")[0] for line in out.read_text("utf-8-sig").splitlines()] == ["Code", "T1", "T2"]
    assert "3 rows: toy_file-" in run(*export, "--format", "xlsx")[0]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith((".out", "out"))) == ["out.csv"]
    for words, sentence in [
        (["--filter", "q=nothing like it"], "No row matches this filter"),
        (["--filter", "status"], "is not understood"),
        (["--output", str(tmp_path)], "is a folder"),
        (["--output", str(tmp_path / "none" / "x.csv")], "No file can be put into the folder"),
        (["--output", str(out), "--background"], "made later"),
    ]:
        assert sentence in run(*export, *words, code=1)[1]
    assert Run.objects.filter(kind="export").count() == 2
    queued = as_json(*export, "--background")
    assert (queued["run"]["kind"], queued["run"]["state"]) == ("export", "queued")


def test_a_file_that_cannot_be_copied_is_told_and_the_rows_stay_saved(
    boss, things, tmp_path, settings, monkeypatch
):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    path = tmp_path / "book.csv"
    path.write_text("code,name\nT1,one\n")
    number = str(as_json("make_batch", "toy_file", "--file", str(path), "--user", "boss")["number"])
    name = tmp_path / ("x" * 255)
    said = run("export_batch", number, "--user", "boss", "--output", str(name), code=1)[1]
    assert said.startswith(f"The rows were saved, but not copied to {name}: File name too long.")
    assert Artifact.objects.get().rows == 1
    assert not [p for p in tmp_path.iterdir() if p.name.startswith((".x", "x"))]

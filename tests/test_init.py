"""What init promises: it finds out how files are read, and never touches what is there."""

from __future__ import annotations

import gzip
import json
import shutil
import tomllib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imprint.errors import RefusedError, UsageError
from imprint.init import Looked, look_at, suggest_name, write_schema
from tests.reading import SHARED

if TYPE_CHECKING:
    from pathlib import Path


def project(folder: Path, **files: bytes) -> Path:
    """Make a folder with raw files; `__` in a name is a dot, `_in_` a folder."""
    for name, data in files.items():
        path = folder / "raw" / name.replace("_in_", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def declared(root: Path) -> dict[str, Any]:
    """Look, write, and return what schema/dataset.toml says."""
    write_schema(root, "news", "cc0-1.0", ["id", "ms"], look_at(root / "raw"))
    return tomllib.loads((root / "schema" / "dataset.toml").read_text("utf-8"))


def test_a_plain_folder_needs_no_rule(tmp_path: Path) -> None:
    """What the defaults read is declared in five lines."""
    root = project(tmp_path, a__txt="Halo dunia é".encode(), b__jsonl=b'{"text": "x"}')
    assert declared(root) == {
        "name": "news",
        "version": "1.0.0",
        "license": "cc0-1.0",
        "languages": ["id", "ms"],
        "date": "",
    }


def test_what_was_written_is_a_project(tmp_path: Path) -> None:
    """Every file of the first schema/ is read back without a fault, and declares nothing more."""
    from imprint.project import Project

    root = project(tmp_path, a__txt=b"Halo", b__csv=b"isi;n\nsatu dua;1\ntiga empat;2\n")
    declared(root)
    opened = Project.open(root)
    assert opened.errata == ()
    assert opened.settings.read.options_for("b.csv").delimiter == ";"
    assert opened.settings.read.options_for("b.csv").text == "isi"
    assert opened.settings.read.options_for("a.txt").text == "text"


def test_the_longest_field_holds_the_text(tmp_path: Path) -> None:
    """Of the fields with strings the longest is taken, unless one is named text."""
    lines = b'{"id": "1", "judul": "pendek", "isi": "jauh lebih panjang", "n": 123456789012345678}'
    table = pa.table({"n": [10**15], "body": ["teks yang panjang"], "text": ["x"]})
    root = project(tmp_path, a__jsonl=lines, b__csv=b"isi,text\nmuch longer than that,y\n")
    pq.write_table(table.drop(["text"]), root / "raw" / "c.parquet")
    pq.write_table(table, root / "raw" / "d.parquet")
    found = {each.raw_file: each.text_field for each in look_at(root / "raw")}
    assert found == {"a.jsonl": "isi", "b.csv": "text", "c.parquet": "body", "d.parquet": "text"}


def test_files_alike_share_a_rule(tmp_path: Path) -> None:
    """One rule a folder where all of its files need it, else one a file."""
    line = b'{"isi": "teks"}'
    root = project(tmp_path, x_in_a__jsonl=line, x_in_b__jsonl=line, y_in_a__jsonl=line)
    project(tmp_path, **{"y_in_b[1]__jsonl": b'{"text": "teks"}', "y_in_c[2]__jsonl": line})
    rules = declared(root)["read"]["rule"]
    assert rules == [
        {"files": "x/*.jsonl", "text": "isi"},
        {"files": "y/a.jsonl", "text": "isi"},
        {"files": "y/c[[]2].jsonl", "text": "isi"},
    ]


def test_a_list_of_sentences_is_mentioned(tmp_path: Path) -> None:
    """It stays one record by default; a rule that would split it stands ready, not in force."""
    root = project(tmp_path, a__txt=b"Satu kalimat pendek.\n" * 60, b__txt=b"Paragraf.\n\n" * 60)
    assert [each.lines for each in look_at(root / "raw")] == [60, 0]
    assert "read" not in declared(root)
    text = (root / "schema" / "dataset.toml").read_text("utf-8")
    assert '# files = "a.txt"\n# unit = "paragraph"\n' in text
    uncommented = text.replace("# [[", "[[").replace("# files", "files").replace("# unit", "unit")
    assert tomllib.loads(uncommented)["read"]["rule"] == [{"files": "a.txt", "unit": "paragraph"}]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A file that gives no record has its reason, and a comment instead of a rule."""
    root = project(
        tmp_path, a__pdf=b"%PDF", b__txt=b"", c__txt=b"Harga 5 \x80", d__csv=b"a;b\n1;2\n3;4\n"
    )
    (root / "raw" / "e.txt.gz").write_bytes(gzip.compress(b"x" * 99)[:-9])
    looked = look_at(root / "raw")
    assert [each.reason for each in looked] == ["format", "empty", "encoding", None, "unreadable"]
    assert declared(root)["read"]["rule"] == [{"files": "d.csv", "text": "a", "delimiter": ";"}]
    text = (root / "schema" / "dataset.toml").read_text("utf-8")
    assert "# c.txt gives no record (encoding): not UTF-8" in text


def test_bad_lines_are_counted(tmp_path: Path) -> None:
    """Records that cannot be read are told beside the others."""
    root = project(tmp_path, a__jsonl=b'{"text": "a"}\n{"text": \n{"text": "b"}\n')
    (looked,) = look_at(root / "raw")
    assert (looked.records, looked.rejected, looked.first) == (3, 1, "a")


def test_nothing_that_is_there_is_touched(tmp_path: Path) -> None:
    """An existing dataset.toml is a refusal; other files are kept as they are."""
    root = project(tmp_path, a__txt=b"Halo")
    (root / "schema").mkdir()
    (root / "schema" / "errata.toml").write_text("# mine\n")
    written = write_schema(root, "news", "cc0-1.0", ["id"], look_at(root / "raw"))
    assert [path.name for path in written] == ["record.json", "sources.toml", "dataset.toml"]
    assert (root / "schema" / "errata.toml").read_text() == "# mine\n"
    before = {path: path.read_bytes() for path in (root / "schema").iterdir()}
    with pytest.raises(RefusedError, match="it is there already"):
        write_schema(root, "other", "cc0-1.0", ["id"], ())
    assert {path: path.read_bytes() for path in (root / "schema").iterdir()} == before


def test_no_raw_text_is_a_usage_error(tmp_path: Path) -> None:
    """Neither a missing nor an empty raw/ is a project."""
    with pytest.raises(UsageError, match="no such folder"):
        look_at(tmp_path / "raw")
    (tmp_path / "raw").mkdir()
    with pytest.raises(UsageError, match="no file"):
        look_at(tmp_path / "raw")


def test_names_that_need_quoting(tmp_path: Path) -> None:
    """Any file name and any text in it gives TOML that is read back."""
    name = 'quote"back\\slash\n\x7f é.jsonl'
    root = project(tmp_path)
    (root / "raw").mkdir()
    (root / "raw" / name).write_text(json.dumps({'b"\x7f': 'text "\x1b[31m\nred'}))
    (rule,) = declared(root)["read"]["rule"]
    assert rule == {"files": name.replace("\\", "\\\\"), "text": 'b"\x7f'}


@pytest.mark.parametrize(
    ("folder", "name"),
    [("Berita Jawa_2022", "berita-jawa-2022"), ("--", "dataset"), ("x" * 200, "x" * 96)],
)
def test_a_name_after_the_folder(tmp_path: Path, folder: str, name: str) -> None:
    """A suggested name is one that the declaration takes."""
    assert suggest_name(tmp_path / folder) == name


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpora are not there")
def test_a_folder_of_mixed_files(tmp_path: Path) -> None:
    """An article, a list of sentences and a legacy CSV are each found out unaided."""
    (tmp_path / "raw").mkdir()
    shutil.copy(SHARED.parent / "seed" / "article.txt", tmp_path / "raw")
    shutil.copy(SHARED / "news_id" / "ud_gsd_dev.txt", tmp_path / "raw")
    shutil.copy(SHARED / "news_id" / "hoax250_first110.csv", tmp_path / "raw")
    looked = look_at(tmp_path / "raw")
    assert all(isinstance(each, Looked) for each in looked)
    assert [each.records for each in looked] == [1, 108, 1]
    assert looked[2].lines == 559
    (rule,) = declared(tmp_path)["read"]["rule"]
    assert rule == {
        "files": "hoax250_first110.csv",
        "text": "berita",
        "encoding": "cp1252",
        "delimiter": ";",
    }

"""What stands beside a raw file holds for all of its records, and is told where it is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import imprint
from imprint.errors import ProjectError
from imprint.records import default_record_schema, parse_record_schema
from imprint.sidecars import read_sidecar
from tests.projects import make, rows

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "Pasukan itu meninggalkan kota pada hari Kamis bersama kendaraannya.\nSumber: Antara"


def schema(**extras: str) -> str:
    """Return a record.json with further columns, by their types."""
    document = json.loads(default_record_schema())
    document["properties"] |= {name: {"type": [kind, "null"]} for name, kind in extras.items()}
    return json.dumps(document)


RECORD = parse_record_schema(schema(year="integer", topic="string"), "schema/record.json")


def project(root: Path, raw: dict[str, str | bytes]) -> Path:
    """Make a project with the columns `year` and `topic`."""
    made = make(root, raw)
    (made / "schema" / "record.json").write_text(schema(year="integer", topic="string"))
    return made


def built(root: Path, sample: int | None = None) -> list[dict[str, Any]]:
    """Build a project, and return its rows."""
    imprint.build(root, workers=1, sample=sample)
    return rows(root)


def test_it_holds_for_all_records(tmp_path: Path) -> None:
    """It outranks the fields of records, rules by path and the text; others are left alone."""
    lines = [{"text": f"Baris {n}. {TEXT}", "source": "Tempo", "topic": "a"} for n in range(3)]
    raw: dict[str, str | bytes] = {
        "a.jsonl": "".join(json.dumps(line) + "\n" for line in lines),
        "a.jsonl.meta.toml": 'source = "Kompas"\nyear = 2016\nlanguage = "jv"\n',
        "b.txt": f"Dua. {TEXT}",
        "b.txt.meta.toml": 'id = "dua"\nsource = "al-hurra"\n',
        "c.txt": f"Tiga hal lain yang sama sekali berbeda. {TEXT}",
    }
    root = project(tmp_path, raw)
    toml = '[read]\nfields = { source = "source", topic = "topic" }\n[dedup]\nnear = 0\n'
    path = root / "schema" / "dataset.toml"
    path.write_text(path.read_text() + toml)
    rules = '[[source]]\nname = "Alhurra"\naliases = ["Al-Hurra"]\n'
    rules += '[[rule]]\nfiles = "**/*"\nsource = "Republika"\n'
    (root / "schema" / "sources.toml").write_text(rules)
    found = {
        (r["raw_file"], r["raw_index"]): (r["source"], r["year"], r["topic"], r["language"])
        for r in built(root)
    }
    assert found[("a.jsonl", 0)] == found[("a.jsonl", 2)] == ("Kompas", 2016, "a", "jv")
    assert found[("b.txt", 0)][:3] == ("Alhurra", None, None)
    assert found[("c.txt", 0)][0] == "Republika"
    assert next(r["id"] for r in rows(root) if r["raw_file"] == "b.txt") == "dua"
    assert all("Sumber" not in r["text"] for r in rows(root))


def test_it_counts_as_raw(tmp_path: Path) -> None:
    """A change in it is a change in raw/: the build is stale, and made anew."""
    root = project(tmp_path, {"a.txt": TEXT, "a.txt.meta.toml": 'source = "Kompas"\n'})
    assert [r["source"] for r in built(root)] == ["Kompas"]
    before = imprint.build(root).manifest
    assert (before.raw.files, before.records.read) == (1, 1)
    (root / "raw" / "a.txt.meta.toml").write_text('source = "Tempo"\n')
    with pytest.raises(imprint.ImprintError, match=r"raw/a\.txt\.meta\.toml: changed"):
        imprint.wheel(root)
    assert imprint.verify(root).differences[0] == "raw/a.txt.meta.toml: changed"
    assert [r["source"] for r in built(root)] == ["Tempo"]
    assert imprint.build(root).manifest.raw.digest != before.raw.digest
    assert imprint.verify(root).differences == ()
    (root / "raw" / "a.txt.meta.toml").unlink()
    assert [r["source"] for r in built(root)] == ["Antara"]


def test_paragraphs_and_samples(tmp_path: Path) -> None:
    """Its id is that of the document; a sample has what the whole build has."""
    raw: dict[str, str | bytes] = {"a.txt": "Satu hal.\n\nDua hal.", "a.txt.meta.toml": 'id = "x"'}
    root = project(tmp_path, raw)
    path = root / "schema" / "dataset.toml"
    path.write_text(path.read_text() + '[read]\nunit = "paragraph"\n')
    assert [r["id"] for r in built(root)] == ["x#1", "x#2"]
    assert [r["id"] for r in built(root, sample=1)] == ["x#1", "x#2"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sorce = 'X'", ':1: the key "sorce", wanted one of id, source, language, year, topic.'),
        ("id = 'a'\nyear = '2016'", ':2: year = "2016", wanted a value of type integer.'),
        ("year = true", ":1: year = true, wanted a value of type integer."),
        ("language = 'ind'", ':1: language = "ind", wanted its shortest form, "id".'),
        ("text = 'x'", ':1: the key "text", wanted one of'),
        ("source = ' '", ':1: source = " ", wanted a value.'),
        ("source = X", ":1: "),
        ("topic = 2016-01-01", ":1: topic, wanted a value of type string."),
    ],
)
def test_faults(text: str, told: str) -> None:
    """What is wrong is told with file and line, in one line."""
    with pytest.raises(ProjectError) as caught:
        read_sidecar(text.encode(), "a.txt.meta.toml", RECORD)
    (line,) = caught.value.lines()
    assert line.startswith(f"raw/a.txt.meta.toml{told}")

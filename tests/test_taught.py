"""Languages that are taught by example are told, and those that are not stay what they were."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import imprint
from imprint.lessons import LEAST
from imprint.partitions import Recipe
from imprint.project import Project
from imprint.rooms.language import language, teach
from imprint.rooms.language.consensus import Consensus
from imprint.rooms.language.profiles import built_in
from tests import projects

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = ("Amak", "Apak", "Uda", "Uni", "Mamak", "Kamanakan")
DEEDS = ("pai ka pasa", "manjua lado", "mambali bareh", "mananam padi", "mandanga carito")
ENDS = ("sabalun hari sanjo.", "sasudah makan tangah ari.", "jo kawan-kawannyo dari nagari lain.")
TAUGHT = [" ".join(each) for each in itertools.product(PEOPLE, DEEDS, ENDS)]
"""Sentences in Minangkabau, written for imprint."""

NEW = "Uni manjua bareh jo padi ka pasa sasudah mandanga carito kamanakan."
INDONESIAN = (
    "Pemerintah daerah akan membangun jembatan baru karena jembatan lama sudah rusak, kata bupati."
)
ENGLISH = "The defence ministry said on Thursday that the withdrawal would take ten days."
RUSSIAN = "Министерство обороны сообщило, что вывод войск начнётся в четверг."


def judged(*texts: str, lessons: dict[str, list[str]] | None = None) -> list[str]:
    """Return the language of each text."""
    taught = teach(lessons) if lessons else None
    return Consensus((), taught).judge(pl.Series(texts, dtype=pl.String)).names


def test_a_taught_language_is_told() -> None:
    """A sentence that was not taught is in the language; other languages stay what they are."""
    texts = (NEW, INDONESIAN, ENGLISH, RUSSIAN, "Ухожу.", "한국")
    assert judged(NEW) != ["min"]
    assert judged(*texts, lessons={"min": TAUGHT}) == ["min", *judged(*texts[1:])]


def test_what_is_taught_adds_to_what_is_built_in() -> None:
    """Indonesian stays Indonesian where a few sentences of it are taught."""
    lessons = {"min": TAUGHT, "id": [INDONESIAN.replace("lama", str(n)) for n in range(60)]}
    other = "Harga beras dan minyak goreng di sejumlah pasar turun menjelang akhir tahun ini."
    assert judged(other, NEW, lessons=lessons) == ["id", "min"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([NEW, INDONESIAN, ENGLISH, RUSSIAN, "", "Uda"]), max_size=5))
def test_neighbours_do_not_matter(texts: list[str]) -> None:
    """With taught languages, too, a text has the same answer in any batch."""
    consensus = Consensus((), teach({"min": TAUGHT}))
    together = consensus.judge(pl.Series(texts, dtype=pl.String))
    alone = [consensus.judge(pl.Series([text], dtype=pl.String)) for text in texts]
    assert together.names == [each.names[0] for each in alone]
    assert together.scores == [each.scores[0] for each in alone]


def test_long_texts_are_judged_in_three_places() -> None:
    """A head of another language does not decide; both languages are found, the main one first."""
    body = " ".join([INDONESIAN] * 30)
    consensus = Consensus()
    mixed = " ".join([ENGLISH] * 8) + " " + body
    found = consensus.judge(pl.Series([body, mixed, mixed[::-1][:0] + body + ENGLISH * 9]))
    assert found.names == ["id", "id", "id"]
    assert found.others == {1: ("id", "en"), 2: ("id", "en")}
    assert found.scores[0] > 900 > found.scores[1] > 500


def test_languages_found() -> None:
    """The column lists what was found, what the input told, and nothing of an uncertain text."""
    texts = [ENGLISH, "123", " ".join([ENGLISH] * 9 + [INDONESIAN] * 30), "Eins."]
    batch = pa.record_batch(
        {
            "text": texts,
            "language": pa.array([None, None, None, "deu"], pa.string()),
            "_reason": pa.nulls(4, pa.string()),
            "_detail": pa.nulls(4, pa.string()),
        }
    )
    found = language(batch, "consensus", (), found=True)
    assert found["languages_found"].to_pylist() == [["en"], [], ["id", "en"], ["de"]]
    assert "languages_found" not in language(batch, "consensus", ()).schema.names


@pytest.mark.parametrize(
    ("text", "name"),
    [("ไทย", "th"), ("한국", "ko"), ("Ελλάδα", "el"), ("ქართ", None), ("שלום", None)],
)
def test_scripts(text: str, name: str | None) -> None:
    """A word in a script of one language is in it; a script that several have decides nothing."""
    (found,) = judged(text)
    assert (found == name) is (name is not None)


def test_built_in_profiles_are_all_there() -> None:
    """Every profile of langdetect is read where it lies, both of Chinese as one."""
    from imprint.rooms.language.detectors import known

    assert built_in().keys() == known("langdetect")


def a_project(root: Path, more: str = "") -> Path:
    """Make a project with a text in Minangkabau and one in Indonesian, that teaches the first."""
    made = projects.make(root, {"a.txt": NEW, "b.txt": INDONESIAN}, more=more, errata="")
    (made / "schema" / "languages").mkdir()
    (made / "schema" / "languages" / "min.txt").write_text("\n".join(TAUGHT), "utf-8")
    return made


def test_a_build_learns(tmp_path: Path) -> None:
    """What is taught is told in a build, and is in the manifest and the cache's key."""
    root = a_project(tmp_path)
    record = json.loads((root / "schema" / "record.json").read_text())
    record["properties"]["languages_found"] = {"type": "array", "items": {"type": "string"}}
    (root / "schema" / "record.json").write_text(json.dumps(record))
    project = Project.open(root)
    built = imprint.build(project, workers=1)
    assert built.manifest.languages == {"id": 1, "min": 1}
    assert "schema/languages/min.txt" in built.manifest.declaration
    rows = [
        row
        for path in built.folder.rglob("*.parquet")
        for row in pq.read_table(path, columns=["language", "languages_found"]).to_pylist()
    ]
    assert all(row["languages_found"] == [row["language"]] for row in rows)
    before = Recipe.of(project).digest()
    (root / "schema" / "languages" / "min.txt").write_text("\n".join(TAUGHT[:LEAST]), "utf-8")
    again = Project.open(root)
    assert Recipe.of(again).digest() != before
    with pytest.raises(imprint.ProjectError, match="changed while it was read"):
        project.lessons[0].sentences()


def test_the_command_tells_how_well(tmp_path: Path) -> None:
    """It lists what is built in, and of what is taught how many of the sentences are told."""
    root = a_project(tmp_path)
    command = [sys.executable, "-m", "imprint", "languages", str(root)]
    said = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True).stdout
    known = json.loads(said)
    assert {"id", "ms", "jv"} <= set(known["detectors"]["cld2"])
    (told,) = known["taught"]
    assert (told["name"], told["sentences"], told["precision"]) == ("min", len(TAUGHT), 1.0)
    assert told["recall"] > 0.9
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "taught  sentences  precision  recall  taken for" in text
    built_in = subprocess.run(
        command[:-1], check=True, capture_output=True, text=True, cwd=tmp_path / "raw"
    )
    assert "none is taught" in built_in.stdout

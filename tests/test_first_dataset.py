"""What csto-news holds: texts of our own, with the damage that real files have."""

from __future__ import annotations

import csv
import filecmp
import gzip
import io
import itertools
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import imprint
from imprint.catalog import SHIPPED
from imprint.manifest import Manifest
from tests.projects import ledger, rows

ROOT = Path(__file__).parents[1]
RAW = ROOT / "raw"
SEED = Path(__file__).parents[2] / "shared" / "seed" / "article.txt"

LANGUAGES = {"id": 16, "ms": 3, "jv": 2, "en": 2, "ar": 2, "ru": 2}
"""Languages of the published texts, and the fewest texts in each."""

LEGACY = "cp1251"
"""The code page of the one file that is not UTF-8."""

SHINGLE = 8
"""Words in a row that count as copied from the article."""

NEAR, SIMILAR = 0.8, 0.5
"""From where texts are near-duplicates, and from where they are alike. Chosen: the coming
defaults of `dedup.near` and `splits.similar`, Jaccard of word 5-shingles."""

DAMAGE = {
    "CTSO for CSTO": "\\bCTSO\\b",
    "CRLF": "\r\n",
    "no-break space": "\u00a0",
    "another blank": "\u2009",
    "zero-width space": "\u200b",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "byte order mark": "\\A\ufeff",
    "decomposed accent": "[A-Za-z][\u0300\u0301]",
    "decomposed Cyrillic": "\u0438\u0306",
    "mojibake": "\u00e2\u20ac\u0153[^\n]+\u00e2\u20ac\u009d",
    "doubled blanks": "[^ \n]  +[^ \n]",
    "tab": "\t",
    "blanks at a line's end": "[^\n] +\r?\n",
    "several empty lines": "\n\n\n",
}
"""Damage, and the pattern that finds it in a file as it lies in raw/."""

CREDITS = (
    "Sumber: Antara",
    "Sumber: Alhurra.",
    "(Sumber: Antara)",
    "[Sumber: Alhurra]",
    "Sumber : BBC Indonesia",
    "Sumber: Al-Hurra",
    "Sumbere: Antara",
    "Source: Reuters",
    "Source: Reuters.",
    "(Sumber: Bernama)",
    "المصدر: الحرة",
    "Источник: ТАСС",
)
"""Forms in which texts name their publisher, each the last line of one."""


def content(path: Path) -> str:
    """Return a raw file as text, its line ends and its byte order mark kept."""
    given = path.read_bytes()
    given = gzip.decompress(given) if path.suffix == ".gz" else given
    try:
        return given.decode("utf-8")
    except UnicodeDecodeError:
        return given.decode(LEGACY)


def texts_of(path: Path) -> list[str]:
    """Return the texts of a raw file, as the standard library reads it."""
    given = content(path)
    if path.suffix == ".csv":
        table = csv.DictReader(io.StringIO(given, newline=""), delimiter=";", strict=True)
        return [row["isi"] for row in table]
    if path.suffix != ".jsonl":
        return [given] if given else []
    found = []
    for line in given.splitlines():
        try:
            found.append(json.loads(line)["text"])
        except json.JSONDecodeError:
            continue
    return found


def words(text: str) -> list[str]:
    """Return the words of a text, small, without punctuation."""
    return re.findall(r"\w+", text.lower())


def shingles(text: str, size: int) -> set[tuple[str, ...]]:
    """Return every run of that many words."""
    found = words(text)
    return {tuple(found[i : i + size]) for i in range(len(found) - size + 1)}


FILES = {p.relative_to(RAW).as_posix(): p for p in sorted(RAW.rglob("*")) if p.is_file()}
CONTENTS = {name: content(path) for name, path in FILES.items()}
TEXTS = {name: texts_of(path) for name, path in FILES.items()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project, pressed, as if nothing had been released."""
    root = tmp_path_factory.mktemp("first") / "csto-news"
    for name in ("raw", "schema"):
        shutil.copytree(ROOT / name, root / name)
    shutil.rmtree(root / "schema" / "releases", ignore_errors=True)
    (root / "schema" / "releases.toml").unlink(missing_ok=True)
    imprint.build(root, workers=1)
    return root


def test_there_are_enough_short_texts() -> None:
    """Two dozen texts and more, each of a few paragraphs."""
    lengths = [len(text.split()) for texts in TEXTS.values() for text in texts]
    assert len(lengths) >= 24
    assert min(lengths) >= 40
    assert max(lengths) <= 220


@pytest.mark.parametrize("pattern", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_there(pattern: str) -> None:
    """Each kind of damage stands in some raw file, and not in every one."""
    damaged = {name for name, text in CONTENTS.items() if re.search(pattern, text)}
    assert damaged
    assert damaged != set(CONTENTS)


def test_several_files_say_ctso() -> None:
    """The letters are transposed in many files and languages, and right in others."""
    wrong = {name for name, text in CONTENTS.items() if "CTSO" in text}
    assert len(wrong) >= 5
    assert {name.split("/")[0] for name in wrong} >= {"id", "ms", "en", "berita"}
    assert any("CSTO" in text for name, text in CONTENTS.items() if name not in wrong)


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".csv", ".gz"])
def test_formats(suffix: str) -> None:
    """Each format that raw/ is to show has a file."""
    assert any(name.endswith(suffix) for name in FILES)


def test_table_has_quoted_line_breaks() -> None:
    """The CSV divides by semicolons, and its cells hold line breaks and doubled quotes."""
    text = CONTENTS["berita/ringkasan.csv"]
    assert text.startswith("judul;tanggal;isi\n")
    assert '""' in text
    assert all("\n\n" in cell for cell in TEXTS["berita/ringkasan.csv"])


def test_one_file_is_in_a_legacy_encoding() -> None:
    """One file is no UTF-8, and the detector leads by enough to be believed."""
    import chardet

    legacy = [name for name, path in FILES.items() if path.suffix == ".txt" and not utf8(path)]
    assert legacy == ["ru/odkb.txt"]
    given = FILES[legacy[0]].read_bytes()
    found = chardet.detect_all(given)[:3]
    decoded = [given.decode(str(each["encoding"])) for each in found]
    first, second = found[0]["confidence"], found[1]["confidence"]
    assert len(set(decoded)) == 1 or first >= second * 1.02
    assert decoded[0] == given.decode(LEGACY)


def utf8(path: Path) -> bool:
    """Say whether a file is UTF-8."""
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("credit", CREDITS)
def test_attribution_forms(credit: str) -> None:
    """Texts end in attribution lines of several forms and languages."""
    last = {text.strip().splitlines()[-1] for texts in TEXTS.values() for text in texts}
    assert credit in last


def test_one_file_names_no_publisher(built: Path) -> None:
    """A text without attribution is published without a source, and no other is."""
    assert not re.search(r"(?i)sumber|source", CONTENTS["id/internet-padam.txt"])
    assert [row["raw_file"] for row in rows(built) if row["source"] is None] == [
        "id/internet-padam.txt"
    ]


def test_one_file_is_empty(built: Path) -> None:
    """A file of no bytes is in the ledger as a whole."""
    assert [name for name, path in FILES.items() if not path.stat().st_size] == ["id/kosong.txt"]
    assert [line["raw_file"] for line in ledger(built) if line["reason"] == "empty"] == [
        "id/kosong.txt"
    ]


def test_one_exact_duplicate(built: Path) -> None:
    """Two files whose bytes differ are published as one text."""
    pair = ("id/wni-aman.txt", "id/arsip/wni-aman-salinan.txt")
    assert FILES[pair[0]].read_bytes() != FILES[pair[1]].read_bytes()
    [line] = [line for line in ledger(built) if line["rule"] == "exact"]
    [kept] = [row for row in rows(built) if row["id"] == line["duplicate_of"]]
    assert {line["raw_file"], kept["raw_file"]} == set(pair)


def test_one_near_duplicate(built: Path) -> None:
    """One text is left out as nearly another, and no two that are published are even alike."""
    [line] = [line for line in ledger(built) if line["rule"] == "near"]
    [kept] = [row for row in rows(built) if row["id"] == line["duplicate_of"]]
    pair = ("id/bandara-almaty.txt", "id/arsip/bandara-almaty-ringkas.txt")
    assert {line["raw_file"], kept["raw_file"]} == set(pair)
    assert NEAR <= line["similarity"] < 1
    parts = [shingles(row["text"], 5) for row in rows(built)]
    for one, other in itertools.combinations(filter(None, parts), 2):
        assert len(one & other) / len(one | other) < SIMILAR


def test_article_on_the_withdrawal() -> None:
    """The text on the withdrawal has the damage of the article that it retells."""
    lines = CONTENTS["id/penarikan-pasukan.txt"].splitlines()
    assert "CTSO" in lines[0]
    assert "CSTO" not in lines[0]
    assert any("CSTO" in line for line in lines[1:])
    assert sum("\u201d" in line and "\u201c" not in line for line in lines) == 1
    assert lines[-1] == "Sumber: Alhurra."


@pytest.mark.skipif(not SEED.is_file(), reason="the article is not there")
def test_no_sentence_is_copied() -> None:
    """No raw text shares eight words in a row with the article."""
    copied = shingles(SEED.read_text("utf-8"), SHINGLE)
    assert len(copied) > 200
    assert not {n: c for n, text in CONTENTS.items() if (c := shingles(text, SHINGLE) & copied)}


def test_languages(built: Path) -> None:
    """Every declared language is found, Indonesian most, each in the folder of its name."""
    project = imprint.Project.open(built)
    assert set(project.settings.languages) == set(LANGUAGES)
    found = Counter(row["language"] for row in rows(built))
    assert set(found) == set(LANGUAGES)
    assert all(found[language] >= number for language, number in LANGUAGES.items())
    assert found["id"] > found.total() / 2
    for row in rows(built):
        assert row["language"] == row["raw_file"].split("/")[0].replace("berita", "id"), row["id"]


def test_every_record_is_accounted_for(built: Path) -> None:
    """What was read is published, or in the ledger as the cut line or a copy."""
    manifest = Manifest.open(built / "build" / "dataset")
    counts = manifest.records
    assert counts.read == sum(map(len, TEXTS.values())) + 1
    found = (counts.published, counts.rejected, counts.duplicate)
    assert (counts.read, found, manifest.files_rejected) == (32, (29, 1, 2), 1)
    assert Counter(line["reason"] for line in ledger(built)) == {
        "parse": 1,
        "empty": 1,
        "duplicate": 2,
    }
    assert all(erratum.count for erratum in manifest.errata)


def test_nothing_of_the_damage_is_published(built: Path) -> None:
    """No published text has damage, a misspelling or an attribution line left."""
    left = re.compile("|".join([*DAMAGE.values(), "Kazakstan", "Tokajev"]))
    credit = re.compile(r"(?im)^\W*(sumbere?|source|المصدر|источник)\s*:")
    for row in rows(built):
        assert not left.search(row["text"]), row["raw_file"]
        assert not credit.search(row["text"]), row["raw_file"]


def test_extra_fields_come_from_both_formats(built: Path) -> None:
    """Titles and dates are taken over from lines and from cells, and are null elsewhere."""
    for row in rows(built):
        given: dict[str, Any] = {"title": row["title"], "date": row["date"]}
        assert all(given.values()) == row["raw_file"].startswith("berita/"), given
        assert any(given.values()) == row["raw_file"].startswith("berita/"), given


def test_what_ships_is_what_raw_gives(built: Path) -> None:
    """The copy in the package has the rows of a build of today; with equal tools, its bytes."""
    shipped, today = SHIPPED / "csto-news", built / "build" / "dataset"
    old, new = Manifest.open(shipped), Manifest.open(today)
    assert old.digest == new.digest, "run scripts/ship"
    if old.tools == new.tools:
        names = sorted(p.relative_to(today).as_posix() for p in today.rglob("*") if p.is_file())
        assert names == sorted(
            p.relative_to(shipped).as_posix() for p in shipped.rglob("*") if p.is_file()
        )
        assert not [n for n in names if not filecmp.cmp(shipped / n, today / n, shallow=False)]

"""What diff tells of two releases, and what --since takes from one."""

from __future__ import annotations

import json
import random
import shutil
from typing import TYPE_CHECKING

import pytest

import imprint
from imprint import releases
from imprint.errors import RefusedError, UsageError
from tests import projects
from tests.projects import make, rows

if TYPE_CHECKING:
    from pathlib import Path

WORDS = tuple(f"kata{n}" for n in range(3000))

ERRATUM = '\n[[erratum]]\nwrong = "akhir"\nright = "ujung"\nwhy = "a test"\n'


def text(seed: int) -> str:
    """Return a text that is like no other."""
    draw = random.Random(seed)
    return " ".join(draw.choices(WORDS, k=40)) + " akhir.\nSumber: Alhurra.\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose release 1.0.0 was pressed as a wheel."""
    raw: dict[str, str | bytes] = {f"{n:03}.txt": text(n) for n in range(40)}
    root = make(tmp_path_factory.mktemp("first") / "p", raw)
    imprint.build(root, workers=1)
    imprint.wheel(root)
    return root


def clone(first: Path, root: Path, version: str = "1.0.0") -> Path:
    """Return a fresh clone that has no record of a release."""
    shutil.copytree(first, root, ignore=shutil.ignore_patterns("build", "releases*"))
    declared = root / "schema" / "dataset.toml"
    declared.write_text(declared.read_text().replace("1.0.0", version))
    return root


def changed(root: Path) -> Path:
    """Change a clone in every way that there is."""
    raw = root / "raw"
    (raw / "003.txt").unlink()
    (raw / "004.txt").rename(raw / "moved.txt")
    (raw / "005.txt").write_text(text(5).replace("akhir", "akhirnya"))
    (raw / "006.txt").write_text("")
    (raw / "100.txt").write_text(text(100))
    errata = root / "schema" / "errata.toml"
    errata.write_text(errata.read_text() + ERRATUM)
    return root


@pytest.mark.parametrize("kind", ["folder", "project", "wheel"])
def test_since_puts_a_release_on_record(first: Path, tmp_path: Path, kind: str) -> None:
    """A clone without a record keeps every split, whatever form the release is given in."""
    old = {
        "folder": first / "build" / "dataset",
        "project": first,
        "wheel": next((first / "build").glob("*.whl")),
    }[kind]
    if kind == "folder":  # away from its project: nothing beside it says more
        old = shutil.copytree(old, tmp_path / "copied")
    root = changed(clone(first, tmp_path / "p", "2.0.0"))
    imprint.build(root, workers=1, since=old)
    (release,) = releases.recorded(root / "schema")
    assert (release.version, release.draw) == ("1.0.0", "quota")
    record = releases.read_record(root / "schema", release)
    (own,) = releases.recorded(first / "schema")
    wanted = releases.read_record(first / "schema", own)
    if kind == "project":
        assert record.equals(wanted)
    assert record.drop("key").equals(wanted.drop("key"))
    before = {row["id"]: row["split"] for row in rows(first)}
    after = {row["id"]: row["split"] for row in rows(root)}
    assert all(after[name] == before[name] for name in after.keys() & before.keys())
    again = projects.imprint("build", root, "--since", old, "--json")
    assert (again.returncode, len(releases.recorded(root / "schema"))) == (0, 1)


def test_since_refuses_what_is_no_release_before(first: Path, tmp_path: Path) -> None:
    """A higher version, another dataset and a sample are refused, and nothing is put on record."""
    root = clone(first, tmp_path / "p", "0.9.0")
    with pytest.raises(RefusedError, match=r"small-news 1\.0\.0, which is above 0\.9\.0"):
        imprint.build(root, since=first)
    with pytest.raises(RefusedError, match="a release of csto-news, wanted one of small-news"):
        imprint.build(root, since="csto-news")
    imprint.build(root, workers=1, sample=5)
    shutil.copytree(root / "build" / "dataset", tmp_path / "sample")
    with pytest.raises(RefusedError, match="a sample"):
        imprint.build(root, since=tmp_path / "sample")
    with pytest.raises(UsageError, match="no such file"):
        imprint.build(root, since=tmp_path / "none.whl")
    (tmp_path / "bad.whl").write_bytes(b"no zip")
    with pytest.raises(imprint.DatasetError, match="a data wheel"):
        imprint.build(root, since=tmp_path / "bad.whl")
    assert releases.recorded(root / "schema") == ()


def test_diff_tells_what_became_of_each_record(first: Path, tmp_path: Path) -> None:
    """Added, gone, edited and moved records are told apart, with the reason of each."""
    root = changed(clone(first, tmp_path / "p", "2.0.0"))
    imprint.build(root, workers=1, since=first)
    found = imprint.diff(first, root)
    counts = found.counts
    # Every record but those that are gone has the word that the new erratum corrects.
    assert (counts.added, counts.gone, counts.moved, counts.resplit) == (1, 2, 0, 0)
    assert found.gone == {"now empty": 1, "raw file gone": 1}
    assert found.edited == {"erratum akhir -> ujung": 37, "raw text": 1}
    assert counts.edited == 38
    assert (found.change, found.wanted, found.fits) == ("major", "2.0.0", True)
    edited = next(each for each in found.examples if each.why == "erratum akhir -> ujung")
    assert edited.before.endswith("akhir.")
    assert edited.after.endswith("ujung.")
    card = (root / "build" / "dataset" / "README.md").read_text()
    assert "What changed since 1\\.0\\.0" in card
    assert "| edited | 38 |" in card
    manifest = json.loads((root / "build" / "dataset" / "imprint.json").read_text())
    assert manifest["since"]["counts"]["edited"] == 38


def test_diff_tells_moves_and_names_a_version_that_is_too_low(first: Path, tmp_path: Path) -> None:
    """A renamed file is a move, a PATCH; a record more asks for MINOR, and less is found wrong."""
    root = clone(first, tmp_path / "p", "1.0.1")
    (root / "raw" / "004.txt").rename(root / "raw" / "moved.txt")
    imprint.build(root, workers=1, since=first)
    found = imprint.diff(first, root)
    assert (found.change, found.wanted, found.fits) == ("patch", "1.0.1", True)
    assert [each.why for each in found.examples] == ["now moved.txt, record 0"]
    (root / "raw" / "100.txt").write_text(text(100))
    imprint.build(root, workers=1)
    told = projects.imprint("diff", first, root)
    assert told.returncode == 1
    assert "minor, which asks for 1.1.0 or higher: the version is too low" in told.stdout
    checked = projects.imprint("check", root)
    assert (checked.returncode, "wanted 1.1.0 or higher" in checked.stderr) == (1, True)


def test_diff_of_the_same_is_nothing(first: Path) -> None:
    """A release is no change of itself; without a ledger nothing is claimed."""
    project = imprint.Project.open(first)
    found = imprint.diff(project, next((first / "build").glob("*.whl")))
    assert (found.change, found.fits, found.examples) == ("nothing", True, ())


def test_added_column_is_minor(first: Path, tmp_path: Path) -> None:
    """Columns that came edit no record: they ask for MINOR, in diff and in check."""
    root = clone(first, tmp_path / "p", "1.1.0")
    record = json.loads((root / "schema" / "record.json").read_text())
    record["properties"]["topic"] = {"type": ["string", "null"]}
    (root / "schema" / "record.json").write_text(json.dumps(record))
    imprint.build(root, workers=1, since=first)
    found = imprint.diff(first, root)
    assert (found.change, found.columns_added, found.counts.edited) == ("minor", ("topic",), 0)
    assert imprint.check(root).problems == ()
    imprint.wheel(root)
    back = imprint.diff(root, first)
    assert (back.change, back.columns_gone) == ("major", ("topic",))


def test_gone_without_a_ledger_is_not_explained(first: Path, tmp_path: Path) -> None:
    """Where the build that left a record out is not at hand, diff does not guess."""
    root = changed(clone(first, tmp_path / "p", "2.0.0"))
    imprint.build(root, workers=1, since=first)
    shutil.copytree(root / "build" / "dataset", tmp_path / "alone")
    found = imprint.diff(first, tmp_path / "alone")
    assert list(found.gone) == ["not told: the ledger of the new release is not at hand"]

"""What croissant.json promises: valid, made from the manifest, and its records can be read."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imprint.catalog import SHIPPED
from imprint.croissant import croissant
from imprint.loader import digest_of
from imprint.manifest import File, Manifest, Split

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TEXT = {"dtype": "string", "_type": "Value"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the dataset that ships, which a test may spoil."""
    return shutil.copytree(SHIPPED / "csto-news", tmp_path / "d")


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    """Return its manifest as it is when the card is made: the Parquet files alone are listed."""
    whole = Manifest.open(folder)
    shards = tuple(file for file in whole.files if file.path.startswith("data/"))
    return msgspec.structs.replace(whole, files=shards)


def opened(folder: Path, manifest: Manifest) -> Any:
    """Write croissant.json and open it with mlcroissant, which raises where it is not valid."""
    import mlcroissant

    (folder / "croissant.json").write_text(croissant(manifest))
    return mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))


def test_valid_without_a_warning(folder: Path, manifest: Manifest) -> None:
    """Nothing is said against it by mlcroissant."""
    issues = opened(folder, manifest).metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())


def test_every_record_of_every_split(folder: Path, manifest: Manifest) -> None:
    """Read through it, each split has its rows: nulls, numbers, lists of structs."""
    found = opened(folder, manifest)
    for name, split in manifest.splits.items():
        rows = pq.read_table([folder / path for path in split.files]).to_pylist()
        records = list(found.records(name))
        assert [r[f"{name}/text"].decode() for r in records] == [r["text"] for r in rows]
        assert [r[f"{name}/raw_index"] for r in records] == [r["raw_index"] for r in rows]
    splits = [record["splits/name"] for record in found.records("splits")]
    assert splits == list(manifest.splits)


def test_corrections_keep_their_parts(folder: Path, manifest: Manifest) -> None:
    """A correction is read back with what was wrong, what is right, and how often."""
    rows = pq.read_table(folder / "data" / "train-1.parquet").to_pylist()
    records = opened(folder, manifest).records("train")
    found = [record["train/corrections"] for record in records]
    for got, row in zip(found, rows, strict=True):
        plain = [{key.rpartition("/")[2]: v for key, v in each.items()} for each in got or ()]
        text = [{k: v.decode() if isinstance(v, bytes) else v for k, v in e.items()} for e in plain]
        assert text == row["corrections"]
    assert any(row["corrections"] for row in rows)


def test_files_have_their_digests(folder: Path, manifest: Manifest) -> None:
    """Every data file is listed with the size and the SHA-256 that it has."""
    said = json.loads(croissant(manifest))
    listed = [(f["@id"], f["contentSize"], f["sha256"]) for f in said["distribution"]]
    paths = [path for split in manifest.splits.values() for path in split.files]
    contents = [(folder / path).read_bytes() for path in paths]
    assert listed == [
        (path, f"{len(content)} B", hashlib.sha256(content).hexdigest())
        for path, content in zip(paths, contents, strict=True)
    ]
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert said["license"] == "https://choosealicense.com/licenses/cc0-1.0/"


@pytest.mark.parametrize("version", ["0.0.1", "1.0.0-rc.1", "12.3.45"])
def test_versions(folder: Path, manifest: Manifest, version: str) -> None:
    """Every form of version that a project can declare is valid."""
    found = opened(folder, msgspec.structs.replace(manifest, version=version))
    assert not found.metadata.ctx.issues.warnings
    assert str(found.metadata.version) == version


def test_split_named_splits(folder: Path, manifest: Manifest) -> None:
    """A split may be named like the list of the splits."""
    splits = {"splits": manifest.splits["train"], "splits_": manifest.splits["test"]}
    found = opened(folder, msgspec.structs.replace(manifest, splits=splits))
    assert len(list(found.records("splits"))) == manifest.splits["train"].records
    assert [record["splits__/name"] for record in found.records("splits__")] == list(splits)


def test_lists_within_lists(folder: Path, manifest: Manifest) -> None:
    """A column of lists of lists is read as it is."""
    path = folder / "data" / "train-1.parquet"
    grid = [[["a", "b"], ["c"]], [["d"]]]
    pq.write_table(pa.table({"grid": grid}), path)
    feature = {"feature": {"feature": TEXT, "_type": "List"}, "_type": "List"}
    file = File("data/train-1.parquet", *digest_of(path))
    facts: dict[str, Any] = {
        "features": {"grid": feature},
        "files": (file,),
        "splits": {"train": Split(2, 4, (file.path,))},
    }
    found = opened(folder, msgspec.structs.replace(manifest, **facts))
    decoded = [
        [[cell.decode() for cell in row] for row in record["train/grid"]]
        for record in found.records("train")
    ]
    assert decoded == grid
    (field,) = json.loads((folder / "croissant.json").read_text())["recordSet"][1]["field"]
    assert (field["isArray"], field["arrayShape"]) == (True, "-1,-1")


def test_split_of_several_shards(folder: Path, manifest: Manifest) -> None:
    """Each shard of a split that has several can be read, and none is read twice."""
    for old, new in (("train-1", "train-2"), ("test-1", "train-3")):
        (folder / "data" / f"{old}.parquet").rename(folder / "data" / f"{new}.parquet")
    paths = ("data/train-2.parquet", "data/train-3.parquet")
    facts: dict[str, Any] = {
        "files": tuple(File(path, *digest_of(folder / path)) for path in paths),
        "splits": {"train": Split(26, 1, paths)},
    }
    found = opened(folder, msgspec.structs.replace(manifest, **facts))
    ids = [r[f"{key}/id"] for key in ("train-2", "train-3") for r in found.records(key)]
    assert len(ids) == len(set(ids)) == 26


def test_hostile_names_stay_values(folder: Path, manifest: Manifest) -> None:
    """Quotes, braces, line breaks and markup in what is declared change no structure."""
    said = 'a "b" {c} \\ </script>\n\u2028 é'
    facts: dict[str, Any] = {"title": said, "description": said, "authors": (said,)}
    found = opened(folder, msgspec.structs.replace(manifest, **facts)).metadata
    assert found.description == said
    assert [each.name for each in found.creators] == [said]
    braces = re.sub(r"\\[{}]", "", found.cite_as)
    assert braces.count("{") == braces.count("}")
    assert r"\{c\} \textbackslash{}" in found.cite_as

"""What finding and opening datasets promises."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import imprint
from imprint import catalog, loader
from tests.projects import make, sentences


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built project."""
    root = make(tmp_path_factory.mktemp("catalog"), sentences(12))
    imprint.build(root, workers=1)
    return root


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    """Return a copy of its dataset that a test may spoil."""
    return shutil.copytree(project / "build" / "dataset", tmp_path / "dataset")


def test_project_folder_means_its_dataset(project: Path) -> None:
    """A project's folder opens build/dataset."""
    assert catalog.resolve(str(project)) == project / "build" / "dataset"
    assert imprint.load(str(project))["train"].num_rows == 10


def test_shipped_dataset_is_found_by_name() -> None:
    """csto-news is there without a network."""
    assert set(imprint.load("csto-news")) == {"train", "validation", "test"}
    assert catalog.show("csto-news").name == "csto-news"


def test_unknown_name_offers_the_nearest() -> None:
    """A name that is nearly right is answered with the right one."""
    with pytest.raises(imprint.UsageError, match='To fix: say "csto-news"'):
        imprint.load("cto-news")


def test_parts_of_a_dataset(project: Path) -> None:
    """One split, some columns, streaming."""
    split = imprint.load(str(project), split="test", columns=["id", "text"])
    assert split.column_names == ["id", "text"]
    streamed = imprint.load(str(project), split="test", streaming=True)
    assert [row["id"] for row in streamed] == split["id"][:]


def test_split_that_is_not_there(project: Path) -> None:
    """A split that nobody declared is refused, and those that are there are named."""
    with pytest.raises(imprint.UsageError, match="there are train, validation, test"):
        imprint.load(str(project), split="dev")


@pytest.mark.parametrize("name", ["data/train-1.parquet", "croissant.json"])
def test_altered_file_is_refused(folder: Path, name: str) -> None:
    """A file that changed after it was checked once is refused, by name."""
    loader.verify_files(folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(imprint.DatasetError, match=f"{name}: changed"):
        imprint.load(str(folder))


def test_missing_and_added_files_are_refused(folder: Path) -> None:
    """Every file that is gone or was added is named at once."""
    (folder / "data" / "test-1.parquet").rename(folder / "data" / "other.parquet")
    with pytest.raises(imprint.DatasetError) as error:
        imprint.load(str(folder))
    assert "test-1.parquet: gone" in str(error.value)
    assert "other.parquet: new" in str(error.value)


def test_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    """A folder that imprint did not build is none of its datasets."""
    with pytest.raises(imprint.DatasetError, match=r"imprint\.json"):
        imprint.load(str(tmp_path))


def test_cache_that_cannot_be_written_is_harmless(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a check cannot be remembered it is made again, and nothing else happens."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    loader.verify_files(folder)
    loader.verify_files(folder)

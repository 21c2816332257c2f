"""What finding and opening datasets promises."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import imprint
from imprint import catalog, loader
from tests.projects import make, sentences

if TYPE_CHECKING:
    from pathlib import Path


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


def test_hidden_file_is_no_data(folder: Path) -> None:
    """What a file manager leaves in data/ is never read, and so is in nobody's way."""
    (folder / "data" / ".DS_Store").write_bytes(b"x")
    assert catalog.resolve(str(folder)) == folder


@pytest.mark.parametrize(
    ("columns", "told"), [(["text", "txt"], "column 'txt' is not there"), ([], "no column")]
)
def test_column_that_is_not_there(folder: Path, columns: list[str], told: str) -> None:
    """A column that no record has, or none at all, is refused with those that there are."""
    with pytest.raises(imprint.UsageError, match=f"{told}.*; there are id, text"):
        imprint.load(str(folder), columns=columns)


def test_revision_is_for_the_hub(project: Path) -> None:
    """A revision of a dataset that is here is refused, and not passed over."""
    for name in (str(project), "csto-news"):
        with pytest.raises(imprint.UsageError, match="revision 'v1'"):
            imprint.load(name, revision="v1")


def test_project_without_a_build_says_what_to_run(tmp_path: Path) -> None:
    """Before the first build the error holds the command that makes one."""
    root = make(tmp_path, sentences(1))
    with pytest.raises(imprint.DatasetError, match=f'To fix: run "imprint build {root}"'):
        imprint.load(str(root))


@pytest.mark.parametrize("name", ["./nothing", "../nothing", "/nothing", "a/b@", "no name"])
def test_what_is_no_name_is_not_asked_of_the_hub(name: str) -> None:
    """A path that leads nowhere is no name on the Hub."""
    with pytest.raises(imprint.UsageError, match="no folder and no installed dataset"):
        catalog.resolve(name)


def test_org_and_name_go_to_the_hub(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """org/name is fetched, its revision behind an @ or given apart."""
    from imprint import hub

    asked: list[tuple[str, str | None]] = []

    def fetch(repository: str, revision: str | None) -> Path:
        asked.append((repository, revision))
        return folder

    monkeypatch.setattr(hub, "fetch", fetch)
    assert catalog.resolve("org/a.b") == folder
    catalog.resolve("org/a-b@v1.0.0")
    catalog.resolve("org/a-b", "main")
    assert asked == [("org/a.b", None), ("org/a-b", "v1.0.0"), ("org/a-b", "main")]


@pytest.mark.parametrize("name", ["a*", "a[b]c", "a?", "a::b"])
def test_folder_that_datasets_takes_for_a_pattern(folder: Path, name: str) -> None:
    """A name that `datasets` could not open is refused with the reason."""
    moved = folder.rename(folder.with_name(name))
    with pytest.raises(imprint.UsageError, match="takes for a pattern"):
        imprint.load(str(moved))


@pytest.mark.parametrize(
    "name", ["a b", "a[b", "a{b,c}", "a%20#b", "\N{LATIN SMALL LETTER E WITH ACUTE}"]
)
def test_folder_of_another_odd_name(folder: Path, name: str) -> None:
    """Any other name is one like any."""
    moved = folder.rename(folder.with_name(name))
    assert imprint.load(str(moved), split="test").num_rows == 1


def test_first_look(project: Path) -> None:
    """Version, splits, columns and the first records are what the files hold."""
    shown = catalog.show(str(project))
    assert (shown.name, shown.version, shown.license) == ("small-news", "1.0.0", "cc-by-4.0")
    whole = imprint.load(str(project))
    assert shown.splits == {name: split.num_rows for name, split in whole.items()}
    assert list(shown.columns) == whole["train"].column_names
    assert list(shown.first) == whole["train"].select(range(3)).to_list()


def test_half_a_data_wheel_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A data wheel whose module is gone is named, with the command that mends it."""
    info = tmp_path / "imprint_data_x-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: imprint-data-x\nVersion: 1.0.0\n")
    (info / "entry_points.txt").write_text("[imprint.datasets]\nx = imprint_data_x:path\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(imprint.DatasetError, match="--force-reinstall imprint-data-x"):
        catalog.installed()

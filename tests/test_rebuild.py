"""What verify promises: a byte that changed anywhere is found and named."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

import imprint
from imprint.errors import RefusedError
from imprint.manifest import Manifest
from tests.projects import imprint as command
from tests.projects import make, sentences

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that was built; nobody changes it."""
    root = make(tmp_path_factory.mktemp("built") / "p", sentences(12))
    imprint.build(root, workers=1)
    return root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may change."""
    return shutil.copytree(built, tmp_path / "p")


def flip(path: Path) -> None:
    """Change one byte in the middle of a file; its size and its time stay."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_untouched_project_is_well(project: Path) -> None:
    """What was just built is rebuilt to the same bytes, exit 0."""
    verified = imprint.verify(project, workers=1)
    assert (verified.differences, verified.compared) == ((), "bytes")
    assert command("verify", project).returncode == 0


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ("raw/0005.txt", "raw/0005.txt: changed"),
        ("build/dataset/data/train-1.parquet", "dataset/data/train-1.parquet: changed"),
        ("build/dataset/README.md", "dataset/README.md: changed"),
        ("build/dataset/croissant.json", "dataset/croissant.json: changed"),
    ],
)
def test_one_byte_is_found_and_named(project: Path, changed: str, named: str) -> None:
    """One byte of a raw file or of a built one, size and time as they were: exit 1, by name."""
    flip(project / changed)
    done = command("verify", project)
    assert done.returncode == 1, done.stderr
    assert named in done.stderr


def test_changed_erratum_is_named(project: Path) -> None:
    """One byte of an erratum: the file of the errata is named, and the shards that follow."""
    errata = project / "schema" / "errata.toml"
    errata.write_text(errata.read_text().replace('right = "CSTO"', 'right = "CSTQ"'))
    differences = imprint.verify(project, workers=1).differences
    assert "schema/errata.toml: changed" in differences
    assert "build/dataset/data/train-1.parquet: changed by a rebuild" in differences


def test_files_that_come_and_go_are_named(project: Path) -> None:
    """A raw file that is gone, one that is new, and a data file that nobody made."""
    (project / "raw" / "0001.txt").unlink()
    (project / "raw" / "new.txt").write_text("Satu teks baru.")
    (project / "build" / "dataset" / "data" / "train-9.parquet").write_bytes(b"PAR1")
    found = "\n".join(imprint.verify(project, workers=1).differences)
    for line in ("raw/0001.txt: gone", "raw/new.txt: new", "data/train-9.parquet: new"):
        assert line in found


def test_other_tools_compare_rows(project: Path) -> None:
    """Where the tools differ the rows are compared, and the tools are named."""
    folder = project / "build" / "dataset"
    manifest = Manifest.open(folder)
    written = (folder / "imprint.json").read_text()
    other = written.replace(f'"pyarrow": "{manifest.tools["pyarrow"]}"', '"pyarrow": "0.1"')
    (folder / "imprint.json").write_text(other)
    verified = imprint.verify(project, workers=1)
    assert (verified.differences, verified.compared) == ((), "rows")
    assert verified.tools == (f"pyarrow: 0.1 then, {manifest.tools['pyarrow']} now",)


def test_verify_leaves_the_build_alone(project: Path) -> None:
    """A comparison changes nothing in build/ and leaves nothing there."""
    before = {p: p.stat().st_mtime_ns for p in (project / "build").rglob("*") if p.is_file()}
    imprint.verify(project, workers=1)
    after = {p: p.stat().st_mtime_ns for p in (project / "build").rglob("*") if p.is_file()}
    assert {p.name for p in before.keys() ^ after.keys()} <= {".lock"}
    assert all(after[p] == before[p] for p in before if p.name != ".lock")


def test_dataset_folder_is_compared_with_its_manifest(project: Path, tmp_path: Path) -> None:
    """A dataset without its project is held to its manifest."""
    folder = shutil.copytree(project / "build" / "dataset", tmp_path / "d")
    assert imprint.verify(folder).compared == "files"
    flip(folder / "data" / "test-1.parquet")
    (found,) = imprint.verify(folder).differences
    assert found.endswith("data/test-1.parquet: changed")


@pytest.mark.parametrize("changed", ["raw/0005.txt", "schema/errata.toml", "schema/dataset.toml"])
def test_stale_build_is_not_released(project: Path, changed: str) -> None:
    """A wheel of a build that raw/ or schema/ has left behind is refused, the file named."""
    with (project / changed).open("a") as file:
        file.write("\n# x\n")
    with pytest.raises(RefusedError, match=changed):
        imprint.wheel(project)
    assert not (project / "schema" / "releases.toml").exists()
    done = command("wheel", project)
    assert done.returncode == 1
    assert "imprint build" in done.stderr

"""What verify promises: a byte that changed anywhere is found and named."""

from __future__ import annotations

import json
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
    from collections.abc import Callable
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


def manifest_count(path: Path) -> None:
    """Change one digit of a number that only the manifest holds."""
    text = path.read_text()
    assert '"read": 12' in text
    path.write_text(text.replace('"read": 12', '"read": 13'))


@pytest.mark.parametrize(
    ("file", "change"),
    [("dataset/imprint.json", manifest_count), ("rejected.jsonl", None), ("release.parquet", None)],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_no_manifest_lists_is_compared_too(
    project: Path, file: str, change: Callable[[Path], None] | None
) -> None:
    """The manifest itself, the ledger and the record of the release, each by name and alone."""
    path = project / "build" / file
    if change:
        change(path)
    else:
        path.write_bytes(path.read_bytes() + b"x")
    found = imprint.verify(project, workers=1).differences
    assert found == (f"build/{file}: changed by a rebuild",)


def test_nothing_else_is_named(project: Path) -> None:
    """One byte of one raw file: that file, and of the build only what follows from it."""
    flip(project / "raw" / "0005.txt")
    found = imprint.verify(project, workers=1).differences
    assert [line for line in found if not line.startswith("build/")] == ["raw/0005.txt: changed"]


@pytest.mark.parametrize("file", ["raw.parquet", "release.parquet"])
def test_a_damaged_build_is_one_line(project: Path, file: str) -> None:
    """What the commands need of a build and cannot read is named: exit 1, and the way out."""
    (project / "build" / file).write_bytes(b"PAR1")
    done = command("verify" if file == "raw.parquet" else "wheel", project)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert f"build/{file}" in done.stderr
    assert 'run "imprint build" again' in done.stderr


def test_differences_are_json_too(project: Path) -> None:
    """`--json` gives the differences on standard output, and the status stays 1."""
    flip(project / "raw" / "0005.txt")
    done = command("verify", project, "--json")
    assert done.returncode == 1
    assert "raw/0005.txt: changed" in json.loads(done.stdout)["differences"]


def test_declaration_that_no_build_takes(project: Path) -> None:
    """A schema/ that cannot be read is an error of its own, exit 2, and nothing is left behind."""
    (project / "schema" / "dataset.toml").write_text("name = ")
    done = command("verify", project)
    assert (done.returncode, done.stdout) == (2, "")
    assert "schema/dataset.toml:1" in done.stderr
    assert not (project / "build" / "verify.new").exists()


def test_rebuild_that_fails_leaves_nothing(project: Path) -> None:
    """Raw text of which nothing can be published: all that is gone is named, nothing left over."""
    for path in (project / "raw").iterdir():
        path.write_bytes(b"")
    (project / "build" / "dataset" / "croissant.json").unlink()
    found = "\n".join(imprint.verify(project, workers=1).differences)
    assert "dataset/croissant.json: gone" in found
    assert "none can be published (empty 12; 0000.txt is the first" in found
    assert not list((project / "build").glob("*.new"))


def test_installed_dataset_is_compared_with_its_manifest() -> None:
    """A name that is no folder means an installed dataset."""
    done = command("verify", "csto-news")
    assert done.returncode == 0, done.stderr
    assert "its files are those of its manifest" in done.stdout


def test_without_a_build_there_is_nothing_to_compare(tmp_path: Path) -> None:
    """It says what to run: exit 1."""
    make(tmp_path, sentences(1))
    for call in (["verify"], ["wheel"], ["push", "org/x"]):
        done = command(call[0], tmp_path, *call[1:])
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "imprint build" in done.stderr

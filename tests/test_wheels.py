"""What the data wheel promises: pip install it alone, and it loads offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

import imprint
from tests.projects import make, rows, sentences

if TYPE_CHECKING:
    from pathlib import Path

ALONE = """
import importlib.abc, json, socket, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "imprint":
            raise ImportError("imprint is not here")
sys.meta_path.insert(0, Refuse())
def refuse(*_, **__):
    raise OSError("the network is off")
socket.socket.connect = refuse
sys.path.insert(0, sys.argv[1])
import imprint_data_small_news as data
print(json.dumps([row["text"] for split in data.load().values() for row in split]))
print(data.path)
"""


@pytest.fixture(scope="module")
def pressed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return a project, its wheel, and a folder where that is installed."""
    root = make(tmp_path_factory.mktemp("wheel") / "p", sentences(12))
    imprint.build(root, workers=1)
    wheel = imprint.wheel(root)
    site = root.parent / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    return root, wheel, site


def run(site: Path, code: str = ALONE) -> subprocess.CompletedProcess[str]:
    """Run code in a process that finds the installed wheel."""
    environment = os.environ | {"PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"}
    call = [sys.executable, "-c", code, str(site)]
    return subprocess.run(
        call, env=environment, cwd="/", capture_output=True, text=True, check=False
    )


def test_loads_alone_and_offline(pressed: tuple[Path, Path, Path]) -> None:
    """Without imprint and without a network, from another folder, the rows are there."""
    root, _, site = pressed
    done = run(site)
    assert done.returncode == 0, done.stderr
    import json

    texts, path = done.stdout.strip().split("\n")
    assert sorted(json.loads(texts)) == sorted(row["text"] for row in rows(root))
    assert path == str(site / "imprint_data_small_news" / "dataset")


def test_imprint_finds_it_by_its_name(pressed: tuple[Path, Path, Path]) -> None:
    """With imprint, `load` finds the installed wheel by entry point."""
    done = run(
        pressed[2], "import imprint; print(imprint.load('small-news', split='test').num_rows)"
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_altered_file_is_refused_by_name(pressed: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """A byte that changed in an installed file is noticed, and the file is named."""
    site = shutil.copytree(pressed[2], tmp_path / "site")
    assert run(site).returncode == 0
    file = site / "imprint_data_small_news" / "dataset" / "data" / "train-1.parquet"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    done = run(site)
    assert done.returncode != 0
    assert "train-1.parquet: changed" in done.stderr


def test_same_bytes_every_time(pressed: tuple[Path, Path, Path]) -> None:
    """Pressed again after a rebuild, the wheel is the same to the byte."""
    root, wheel, _ = pressed
    before = wheel.read_bytes()
    imprint.build(root, workers=1, fresh=True)
    assert imprint.wheel(root).read_bytes() == before


def test_form(pressed: tuple[Path, Path, Path]) -> None:
    """Its name, its entries stored, its one dependency, no path of this machine."""
    root, wheel, _ = pressed
    assert wheel.name == "imprint_data_small_news-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as file:
        assert {entry.compress_type for entry in file.infolist()} == {zipfile.ZIP_STORED}
        metadata = file.read("imprint_data_small_news-1.0.0.dist-info/METADATA").decode()
        assert [x for x in metadata.split("\n") if x.startswith("Requires-Dist")] == [
            "Requires-Dist: datasets"
        ]
        assert not any(str(root).encode() in file.read(entry) for entry in file.namelist())


def test_release_is_on_record(pressed: tuple[Path, Path, Path]) -> None:
    """The wheel is written down as a release, once."""
    text = (pressed[0] / "schema" / "releases.toml").read_text()
    assert text.count("[[release]]") == 1
    assert 'where = ["wheel"]' in text


def test_holds_what_the_manifest_lists(pressed: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """What else lies in the folder does not travel: the wheel's bytes are the same."""
    from imprint.manifest import Manifest
    from imprint.wheels import press_wheel

    root, wheel, _ = pressed
    folder = shutil.copytree(root / "build" / "dataset", tmp_path / "dataset")
    (folder / "notes.txt").write_text("mine")
    (folder / "data" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "out").mkdir()
    again = press_wheel(folder, Manifest.open(folder), tmp_path / "out")
    assert again.read_bytes() == wheel.read_bytes()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [wheel.name]


def test_loader_is_the_very_file(pressed: tuple[Path, Path, Path]) -> None:
    """The loader in the wheel is that of imprint, byte for byte."""
    from importlib.resources import files

    there = pressed[2] / "imprint_data_small_news" / "_loader.py"
    assert there.read_bytes() == files("imprint").joinpath("loader.py").read_bytes()

"""What putting files and folders in their place promises."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from imprint import swap
from imprint.errors import MachineError

if TYPE_CHECKING:
    from pathlib import Path


def folder(path: Path, content: str) -> Path:
    """Make a folder that holds one file."""
    path.mkdir(parents=True)
    (path / "file").write_text(content)
    return path


def test_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new content stands there, and nothing half-written beside it."""
    swap.write_file(tmp_path / "deep" / "f", b"one")
    swap.write_file(tmp_path / "deep" / "f", b"two")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["f"]
    assert (tmp_path / "deep" / "f").read_bytes() == b"two"


@pytest.mark.parametrize("exchanges", [True, False])
def test_folder_takes_its_place(
    tmp_path: Path, exchanges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new folder stands where the old one did, with and without an exchange in one step."""
    if not exchanges:
        monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    place = folder(tmp_path / "dataset", "old")
    swap.place_folder(folder(tmp_path / "dataset.new", "new"), place)
    assert (place / "file").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["dataset"]


def test_finish_completes_two_renames(tmp_path: Path) -> None:
    """A process that died between two renames left the old folder aside: it is put back."""
    folder(tmp_path / "dataset.old", "old")
    swap.finish(tmp_path / "dataset")
    assert (tmp_path / "dataset" / "file").read_text() == "old"


def test_finish_clears_away(tmp_path: Path) -> None:
    """Where the new folder is in place, what was moved aside goes."""
    folder(tmp_path / "dataset", "new")
    folder(tmp_path / "dataset.old", "old")
    swap.finish(tmp_path / "dataset")
    assert [p.name for p in tmp_path.iterdir()] == ["dataset"]


def test_sweep_takes_half_written_things_only(tmp_path: Path) -> None:
    """What a killed command left goes; everything else stays."""
    folder(tmp_path / "dataset.new", "half")
    (tmp_path / "f.new").write_text("half")
    folder(tmp_path / "dataset", "whole")
    swap.sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["dataset"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a full device stands in for a full disk")
def test_full_disk_is_one_line(tmp_path: Path) -> None:
    """A disk that is full is said in one line, with what to do."""
    with pytest.raises(MachineError) as error, swap.machine_faults(tmp_path):
        os.write(os.open("/dev/full", os.O_WRONLY), b"x")
    assert "no space left on device" in str(error.value)
    assert "free some space" in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_one_line(tmp_path: Path) -> None:
    """A folder that may not be written to is said in one line, with what to do."""
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(MachineError, match="give yourself the right"):
        swap.write_file(tmp_path / "f", b"x")

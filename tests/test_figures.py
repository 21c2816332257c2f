"""What scripts/evaluate promises: a line a figure, and a status that tells whether all hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from figures import Figure, cleaning

SCRIPT = Path(__file__).parents[1] / "scripts" / "evaluate"

CASES = [
    {"label": "a dash", "original": "satu â€” dua", "fixed": "satu — dua"},
    {"label": "as it should be", "original": "“satu” dua", "fixed": '"satu" dua'},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of labelled sets."""
    for name in ("encoding", "langid"):
        (tmp_path / name).mkdir()
    lines = "\n".join(map(json.dumps, CASES))
    (tmp_path / "encoding" / "mojibake.jsonl").write_text(lines)
    (tmp_path / "encoding" / "truth.tsv").write_text("file\tpython_codec\na.txt\tcp1252\n")
    text = "Der Bürgermeister hörte zu, während die Händler über die Preise klagten.\n"
    (tmp_path / "encoding" / "a.txt").write_bytes(text.encode("cp1252"))
    (tmp_path / "langid" / "few.tsv").write_text("id\tSatu kalimat.\nku\tنووسینی کوردی.\n")
    return tmp_path


def test_what_holds(folder: Path) -> None:
    """Damaged text that is repaired and clean text that stays are counted as such."""
    found = {each.name: (each.seen, each.of, each.met) for each in cleaning.figures(folder)}
    assert found == {
        "mojibake that ftfy repairs": (1, 2, True),
        "clean text that cleaning changes": (0, 2, True),
        "text that a second cleaning changes": (0, 2, True),
        "files in legacy encodings read right": (1, 1, None),
    }


def test_what_does_not_hold_is_told(folder: Path) -> None:
    """A text that cleaning changes is counted and shown, and the exit status is 1."""
    with (folder / "langid" / "few.tsv").open("a") as file:
        file.write("id\tSatu\u200b kalimat.\n")
    command = [sys.executable, str(SCRIPT), str(folder), "--only", "cleaning", "--errors"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "clean text that cleaning changes      at most 0  1.000 (not met)  3" in done.stdout
    assert r"'Satu\u200b kalimat.' -> 'Satu kalimat.'" in done.stdout


@pytest.mark.parametrize(
    ("seen", "wanted", "most", "met"),
    [(0.5, 0.5, False, True), (0.4, 0.5, False, False), (0.4, 0.5, True, True), (1, None, 0, None)],
)
def test_met(seen: float, wanted: float | None, most: bool, met: bool | None) -> None:
    """A figure is met from what is wanted on, or up to it; one that is only told is neither."""
    assert Figure("x", seen, 1, wanted, most).met is met

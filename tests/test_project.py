"""A project folder is read whole, and everything that is wrong with it is told at once."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from imprint.errors import ImprintError, ProjectError, UsageError
from imprint.project import Project, ReadOptions
from imprint.records import default_record_schema

GOLDENS = Path(__file__).parent / "goldens" / "project"
CASES = sorted(path.name for path in GOLDENS.iterdir())

HEAD = 'name = "seed-news"\nversion = "1.0.0"\nlicense = "cc-by-4.0"\nlanguages = ["id"]\n'


def make(root: Path, dataset: str = HEAD, **files: str) -> Path:
    """Make a project folder; a file of schema/ that is not named is the smallest there is."""
    (root / "raw").mkdir(parents=True, exist_ok=True)
    (root / "schema").mkdir(exist_ok=True)
    (root / "schema" / "dataset.toml").write_text(dataset, "utf-8")
    (root / "schema" / "record.json").write_text(default_record_schema(), "utf-8")
    for name, text in files.items():
        (root / "schema" / name.replace("_", ".")).write_text(text, "utf-8")
    return root


def faults(root: Path) -> str:
    """Return what opening a project says is wrong."""
    with pytest.raises(ProjectError) as caught:
        Project.open(root)
    return str(caught.value)


@pytest.mark.parametrize("case", CASES)
def test_golden_messages(case: str, tmp_path: Path) -> None:
    """Every broken declaration is told in the words that stand beside it."""
    root = make(tmp_path)
    shutil.copytree(GOLDENS / case, root / "schema", dirs_exist_ok=True)
    (root / "schema" / "expected.txt").unlink(missing_ok=True)
    expected = GOLDENS / case / "expected.txt"
    assert faults(root) + "\n" == expected.read_text("utf-8")

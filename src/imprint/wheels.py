"""Press a dataset into a wheel that installs with pip and needs nothing of imprint."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from imprint import loader
from imprint.swap import NEW, machine_faults

if TYPE_CHECKING:
    from imprint.manifest import Manifest

DATED = (1980, 1, 1, 0, 0, 0)
"""Of every entry: the earliest date that a zip file can hold."""

MODE = 0o100644 << 16
"""Rights of every entry: a plain file that all may read."""

PACKAGE = '''"""The dataset {name} {version}: `load()` opens it, `path` is its folder."""

from pathlib import Path

from {module}._loader import open_dataset

__version__ = "{python_version}"
path = Path(__file__).parent / "dataset"


def load(split=None, columns=None, streaming=False, config=None):
    """Open the dataset, its files checked first; all splits, or one; all records, or a subset."""
    return open_dataset(path, split, columns, streaming, config)
'''

PROJECT = """[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"

[project]
name = "imprint-data-{name}"
version = "{python_version}"
description = "The dataset {name} {version}"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["datasets"]

[project.entry-points."imprint.datasets"]
{name} = "{module}:path"

[tool.flit.module]
name = "{module}"
"""


def press_wheel(folder: Path, manifest: Manifest, out: Path) -> Path:
    """Press the dataset in `folder` into a wheel in `out`.

    The same dataset gives the same bytes. Entries are not compressed: Parquet is already, and the
    Hub's storage finds what two wheels share.

    Args:
        folder: a dataset that is what its manifest says.
        manifest: its manifest.
        out: where the wheel belongs.

    Returns:
        imprint_data_NAME-VERSION-py3-none-any.whl in `out`.

    Raises:
        MachineError: the disk is full or cannot be written to.
    """
    from flit_core import buildapi

    out = out.resolve()
    module = f"imprint_data_{manifest.name.replace('-', '_')}"
    facts = {
        "name": manifest.name,
        "version": manifest.version,
        "python_version": python_version(manifest.version),
        "module": module,
    }
    with machine_faults(out), tempfile.TemporaryDirectory(dir=out, suffix=NEW) as name:
        root = Path(name)
        package = root / module
        _copy(folder, manifest, package / "dataset")
        shutil.copyfile(loader.__file__, package / "_loader.py")
        (package / "__init__.py").write_text(PACKAGE.format(**facts), "utf-8")
        (root / "pyproject.toml").write_text(PROJECT.format(**facts), "utf-8")
        shutil.copyfile(folder / loader.CARD, root / "README.md")
        before = Path.cwd()
        os.chdir(root)  # the interface of a build backend is the current folder (PEP 517)
        try:
            wheel = buildapi.build_wheel(str(root))
        finally:
            os.chdir(before)
        plain = root / f"{wheel}.plain"
        _store(root / wheel, plain)
        return plain.replace(out / wheel)


def python_version(version: str) -> str:
    """Return a version in the form that Python packages have.

    Source: PEP 440.

    >>> python_version("1.0.0-rc.2")
    '1.0.0rc2'
    """
    return re.sub(r"-rc\.", "rc", version)


def _copy(folder: Path, manifest: Manifest, place: Path) -> None:
    """Copy the files that a manifest lists, and itself; whatever else lies there stays there."""
    for path in (*(file.path for file in manifest.files), loader.MANIFEST):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / path, place / path)


def _store(packed: Path, plain: Path) -> None:
    """Write a zip file anew: nothing compressed, dates and rights fixed, the order kept."""
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(plain, "w") as target:
        for entry in source.infolist():
            written = zipfile.ZipInfo(entry.filename, DATED)
            written.external_attr = MODE
            written.file_size = entry.file_size  # beyond 4 GB an entry has another form
            with source.open(entry) as content, target.open(written, "w") as file:
                shutil.copyfileobj(content, file)

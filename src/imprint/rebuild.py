"""Verify: rebuild from raw/ and compare with what was built."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from imprint import catalog, swap
from imprint.changes import differences
from imprint.engine import cores, engine
from imprint.errors import ImprintError, MachineError
from imprint.inputs import raw_inputs, read_raw_digests
from imprint.manifest import Manifest, altered
from imprint.press import locked, opened, press
from imprint.project import Project
from imprint.reuse import BESIDE
from imprint.store import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imprint.press import Progress

UNLISTED = ("dataset/imprint.json", *BESIDE)
"""Files of a build that no manifest lists."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verified:
    """What a comparison found."""

    folder: Path
    """The dataset that was compared."""
    compared: str
    """With the manifest: "files", or the "bytes" of a rebuild; its "rows" where other tools may
    have made other bytes of them."""
    differences: tuple[str, ...]
    """What differs, each by name; nothing where all is well."""
    tools: tuple[str, ...]
    """Tools whose version is another than that of the build."""
    files: int
    """How many files the manifest lists."""
    records: int


def verify(
    name: Project | str | Path, *, workers: int | None = None, progress: Progress | None = None
) -> Verified:
    """Compare a dataset with its manifest, and a project's with a rebuild from raw/.

    The rebuild reads every byte of raw/ and trusts no cache.

    Args:
        name: a project or its folder; or a dataset: a folder, an installed one, org/name@revision.
        workers: processes; by default one for each core.
        progress: is told how far it is.

    Raises:
        ImprintError: the project or the dataset cannot be opened.
    """
    if not isinstance(name, Project) and not _is_project(name):
        folder = catalog.find(str(name))
        manifest = Manifest.open(folder)
        found = altered(folder, manifest)
        return Verified(folder, "files", tuple(found), (), *_size(manifest))
    project = opened(name)
    manifest = Manifest.open(project.dataset)
    project = dataclasses.replace(project, sample=manifest.sample)
    found = altered(project.dataset, manifest)
    found += differences(manifest.declaration, project.declaration_digests())
    before = read_raw_digests(project.build / "raw.parquet")
    place = project.build / f"verify{swap.NEW}"
    with locked(project), _cleared(place), engine(workers or cores()) as processes:
        try:
            inputs = raw_inputs(project, processes, place / "cache", trust=False)
            built, pressed = press(project, inputs, place, processes, fresh=True, progress=progress)
        except ImprintError as error:
            if isinstance(error, MachineError) or not found:
                raise
            told = (*found, *error.lines())
            return Verified(project.dataset, "bytes", told, (), *_size(manifest))
        now = {f"raw/{each.raw_file}": each.sha256 for each in pressed.files}
        found += differences(before, now)
        tools = _other_tools(manifest.tools, built.manifest.tools)
        if not tools:
            found += _rebuilt_differently(project.build, place, manifest, built.manifest)
        elif manifest.digest != built.manifest.digest:
            found.append("rows: changed by a rebuild")
    compared = "rows" if tools else "bytes"
    return Verified(project.dataset, compared, tuple(found), tuple(tools), *_size(manifest))


@contextlib.contextmanager
def _cleared(place: Path) -> Iterator[None]:
    """Leave nothing of a folder behind, whatever happens."""
    try:
        yield
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _is_project(name: str | Path) -> bool:
    """Say whether a name is a project's: a URL, or a folder that has schema/ or raw/."""
    path = Path(name)
    return is_url(name) or (path / "schema").is_dir() or (path / "raw").is_dir()


def _size(manifest: Manifest) -> tuple[int, int]:
    """Return how many files and records a manifest lists."""
    return len(manifest.files), manifest.records.published


def _other_tools(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the tools whose versions differ, with both."""
    return [
        f"{name}: {before.get(name, 'none')} then, {now.get(name, 'none')} now"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]


def _rebuilt_differently(build: Path, again: Path, before: Manifest, now: Manifest) -> list[str]:
    """Say which files a rebuild has that the build has not; the listed ones by their manifests."""
    old = {f"build/dataset/{file.path}": file.sha256 for file in before.files}
    new = {f"build/dataset/{file.path}": file.sha256 for file in now.files}
    for name in UNLISTED:
        old[f"build/{name}"], new[f"build/{name}"] = _digest(build / name), _digest(again / name)
    return [f"{each} by a rebuild" for each in differences(old, new)]


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file; "" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

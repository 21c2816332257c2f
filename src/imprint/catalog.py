"""Find datasets by name: in a folder, installed, shipped with imprint, or on the Hub."""

from __future__ import annotations

import dataclasses
import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint import loader
from imprint.errors import DatasetError, Fault, UsageError, seen
from imprint.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import datasets

GROUP = "imprint.datasets"
"""Entry points under which data wheels name their folder."""

SHIPPED = Path(__file__).parent / "shipped"
"""Datasets that ship with imprint."""

ON_HUB = re.compile(r"(?P<repository>\w[\w.-]*/[\w.-]+)(?:@(?P<revision>.+))?")
"""ORG/NAME[@REVISION]."""

FIRST = 3
"""Records that a first look shows."""


MISSING: dict[type[Exception], str] = {
    loader.NoSuchConfigError: "config",
    loader.NoSuchSplitError: "split",
    loader.NoSuchColumnError: "column",
}
"""What a dataset can lack, by the error that says so."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """A first look at a dataset."""

    name: str
    version: str
    folder: Path
    license: str
    splits: dict[str, int]
    """Records by split."""
    subsets: dict[str, int]
    """Records by subset, beside the config that has all."""
    columns: tuple[str, ...]
    languages: dict[str, int]
    sources: dict[str, int]
    first: tuple[dict[str, Any], ...]
    """The first records of the first split."""


def load(
    name: str,
    *,
    split: str | None = None,
    revision: str | None = None,
    columns: Sequence[str] | None = None,
    streaming: bool = False,
    config: str | None = None,
) -> datasets.DatasetDict | datasets.Dataset:
    """Load a dataset, its files checked against its manifest first.

    Args:
        name: a folder (a project's means its build/dataset), an installed dataset, or org/name.
        split: one split; by default all, as a `datasets.DatasetDict`.
        revision: branch, tag or commit of one on the Hub.
        columns: the columns to read; by default all.
        streaming: read while iterating.
        config: one subset, where the dataset has any; by default all records.

    Raises:
        UsageError: there is no such dataset, subset, split or column.
        DatasetError: a file is missing, altered or was added.
        HubError: the Hub cannot be reached, or does not give the dataset out.
    """
    folder = resolve(name, revision)
    wanted = None
    if columns is not None:
        wanted = [columns] if isinstance(columns, str) else list(columns)
    try:
        return loader.open_dataset(folder, split, wanted, streaming, config)
    except tuple(MISSING) as error:
        wants = f"a {MISSING[type(error)]} that is there"
        fix = "name one of these, or none for all"
        raise UsageError(Fault(name, str(error), wants, fix)) from error
    except loader.FolderNameError as error:
        told, wants = "a name that datasets takes for a pattern", "one without *, ?, [...] and ::"
        raise UsageError(Fault(str(folder), told, wants, "rename the folder")) from error


def resolve(name: str, revision: str | None = None) -> Path:
    """Return the folder of a dataset, its files checked against its manifest.

    Args:
        name: as `load` takes it; org/name may carry @REVISION.
        revision: branch, tag or commit of one on the Hub.

    Raises:
        UsageError: there is no such dataset, or a revision was asked of one that is not on the Hub.
        DatasetError: a file is missing, altered or was added.
    """
    folder = find(name, revision)
    fix = "build, install or fetch the dataset again"
    if folder.name == "dataset" and not folder.exists():
        fix = f'run "imprint build {name}"'
    try:
        loader.verify_files(folder)
    except loader.DatasetAlteredError as error:
        raise DatasetError(
            Fault(path, what, "what the manifest lists", fix)
            for path, _, what in (each.rpartition(": ") for each in error.found)
        ) from error
    return folder


def installed() -> dict[str, Path]:
    """Return the datasets at hand and their folders; an installed wheel outranks what ships.

    Raises:
        DatasetError: a data wheel is only half there.
    """
    from importlib.metadata import entry_points

    found = {
        path.name: path for path in sorted(SHIPPED.glob("*")) if (path / loader.MANIFEST).exists()
    }
    for point in entry_points(group=GROUP):
        try:
            found[point.name] = Path(point.load())
        except (ImportError, AttributeError) as error:
            wheel = point.dist.name if point.dist else point.name
            told, fix = str(error), f'run "pip install --force-reinstall {wheel}"'
            raise DatasetError(Fault(wheel, told, "a data wheel that is whole", fix)) from error
    return found


def show(name: str) -> Shown:
    """Take a first look at a dataset.

    Args:
        name: as `load` takes it.
    """
    import pyarrow.parquet as pq

    folder = resolve(name)
    manifest = Manifest.open(folder)
    first = next(iter(manifest.splits.values())).files[0]
    with pq.ParquetFile(folder / first) as file:
        rows = next(file.iter_batches(batch_size=FIRST)).to_pylist()
    return Shown(
        manifest.name,
        manifest.version,
        folder,
        manifest.license,
        {split: facts.records for split, facts in manifest.splits.items()},
        {subset: facts.records for subset, facts in manifest.subsets.items()},
        tuple(manifest.features),
        manifest.languages,
        manifest.sources,
        tuple(rows),
    )


def find(name: str, revision: str | None = None) -> Path:
    """Return the folder that a name means, as yet unchecked."""
    path, at_hand = Path(name), dict[str, Path]()
    here: Path | None
    if path.is_dir():
        here = path / "build" / "dataset" if (path / "schema").is_dir() else path
    else:
        at_hand = installed()
        here = at_hand.get(name)
    if here is not None:
        if revision is None:
            return here
        wanted = "none, as a dataset that is here has but one"
        raise UsageError(Fault(name, f"revision {seen(revision)}", wanted, "leave it out"))
    on_hub = ON_HUB.fullmatch(name)
    if on_hub is None:
        near = difflib.get_close_matches(name, at_hand, n=1)
        hint = f'say "{near[0]}"' if near else 'run "imprint show" to list those that are installed'
        raise UsageError(
            Fault(
                seen(name), "no folder and no installed dataset", "one of these, or org/name", hint
            )
        )
    from imprint.hub import fetch

    return fetch(on_hub["repository"], revision or on_hub["revision"])

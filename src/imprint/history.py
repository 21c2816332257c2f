"""What an earlier release says: its record, made from the dataset itself.

A release that push and wheel put on record needs none of this. It is for one that was made
elsewhere, and for comparing two of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from imprint import catalog, releases
from imprint.digests import hash64, place_keys, said
from imprint.errors import DatasetError, Fault, RefusedError, UsageError
from imprint.loader import MANIFEST
from imprint.manifest import Manifest
from imprint.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl
    import pyarrow as pa

ROWS = 20_000
"""Rows that are read at once: some 50 MB of text."""


@dataclasses.dataclass(frozen=True, slots=True)
class Past:
    """A release at hand."""

    name: str
    """As it was asked for."""
    folder: Path
    """Its files, checked against its manifest."""
    manifest: Manifest

    def __str__(self) -> str:
        return f"{self.manifest.name} {self.manifest.version}"

    @property
    def beside(self) -> Path | None:
        """Return build/, where the ledger of the same build is there beside the dataset."""
        build = self.folder.parent
        left = (build / "rejected.jsonl").exists() and (build / "release.parquet").exists()
        return build if self.folder.name == "dataset" and left else None

    def record(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Return its record: `id`, `key`, `split`, `place`, `row`.

        The dataset does not say what the key of a paragraph's document was: `key` is null.

        Args:
            columns: the columns that count as what a row says; by default all.
        """
        import polars as pl
        import pyarrow.parquet as pq

        found = []
        for split, facts in self.manifest.splits.items():
            for path in facts.files:
                with pq.ParquetFile(self.folder / path) as file:
                    for batch in file.iter_batches(ROWS):
                        rows = pl.DataFrame(_said(batch, columns))
                        found.append(rows.with_columns(split=pl.lit(split)))
        key = pl.lit(None, pl.UInt64).alias("key")
        return pl.concat(found).select("id", key, "split", "place", "row")


@contextlib.contextmanager
def past(name: Project | str | Path) -> Iterator[Past]:
    """Give a release that is at hand, or online.

    Args:
        name: as `imprint.load` takes it (a folder, an installed dataset, org/name@revision), the
            file of a data wheel, or a project that was built.

    Raises:
        UsageError: there is no such dataset.
        DatasetError: a file is missing, altered or was added.
        HubError: the Hub cannot be reached, or does not give the dataset out.
    """
    with contextlib.ExitStack() as stack:
        where = asked = str(name.root if isinstance(name, Project) else name)
        if where.endswith(".whl"):
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="imprint-"))
            where = str(_unpacked(Path(where), Path(scratch)))
        folder = catalog.resolve(where)
        yield Past(asked, folder, Manifest.open(folder))


def record_since(project: Project, name: str | Path) -> None:
    """Put an earlier release on record in schema/, so that its records keep their splits.

    Args:
        project: whose schema/ it is.
        name: as `past` takes it.

    Raises:
        RefusedError: it is a sample, of another dataset, or of a higher version.
    """
    with past(name) as old:
        _refuse_unfit(old, project)
        where = old.name if catalog.ON_HUB.fullmatch(old.name) and not Path(name).exists() else ""
        release = releases.Release(
            old.manifest.version,
            old.manifest.digest,
            old.manifest.draw,
            tuple(old.manifest.features),
            (where,) if where else (),
        )
        beside = old.beside
        record = (
            (beside / "release.parquet").read_bytes()
            if beside
            else releases.record_bytes(old.record())
        )
    releases.add(project.schema, release, record)


def _said(batch: pa.RecordBatch, columns: Sequence[str] | None) -> pa.Table:
    """Return a row a record: its id, its place and what it says."""
    import pyarrow as pa

    place = hash64(place_keys(batch))
    return pa.table({"id": batch["id"], "place": place, "row": said(batch, columns)})


def _unpacked(wheel: Path, scratch: Path) -> Path:
    """Return the dataset of a data wheel, unpacked.

    Raises:
        UsageError: there is no such file.
        DatasetError: it is no data wheel.
    """
    if not wheel.is_file():
        fix = "name a file that is there"
        raise UsageError(Fault(str(wheel), "no such file", "a data wheel", fix))
    try:
        with zipfile.ZipFile(wheel) as file:
            file.extractall(scratch)
    except (zipfile.BadZipFile, OSError) as error:
        raise DatasetError(
            Fault(str(wheel), str(error), "a data wheel", "press or fetch it again")
        ) from error
    found = sorted(path for path in scratch.glob(f"*/**/{MANIFEST}") if path.is_file())
    if not found:
        told, fix = f"no {MANIFEST} in it", 'name one that "imprint wheel" pressed'
        raise DatasetError(Fault(str(wheel), told, "a data wheel", fix))
    return found[0].parent


def _refuse_unfit(old: Past, project: Project) -> None:
    """Refuse what is no earlier release of a project."""
    place = f"--since {old.name}"
    if old.manifest.sample is not None:
        seen, fix = "a sample, which is never released", "name a whole build"
        raise RefusedError(Fault(place, seen, "a release", fix))
    if old.manifest.name != project.settings.name:
        seen = f"a release of {old.manifest.name}"
        fix = "name a release of this dataset"
        raise RefusedError(Fault(place, seen, f"one of {project.settings.name}", fix))
    version = project.settings.version
    if releases.order(old.manifest.version) > releases.order(version):
        seen = f"{old}, which is above {version}"
        fix = f'set version = "{old.manifest.version}" or higher in schema/dataset.toml'
        raise RefusedError(Fault(place, seen, "a release before this one", fix))

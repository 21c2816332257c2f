"""The second pass: which records are published, in which split and in which order.

It sees no text: only the facts of each record (digests, sizes, place), of all records at once.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from imprint import releases
from imprint.digests import SAID_BYTES, dataset_digest, placed_digests
from imprint.errors import Fault, RawError
from imprint.facts import facts_of, files_ledger, numbered, numbered_files, refused, with_released
from imprint.manifest import Alike
from imprint.parts import PLACED, ROW
from imprint.rooms import dedup, split
from imprint.rooms.dedup import alike
from imprint.rows import digests_in, said_in
from imprint.sift import lines, sift
from imprint.subsets import subset_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from imprint.engine import Engine
    from imprint.parts import Part
    from imprint.project import Project
    from imprint.rooms.read import Reading
    from imprint.settings import Settings

TORN = "its group was released in more than one split"
"""Why a new record has no split."""

LEDGER = (
    "id",
    "raw_file",
    "raw_index",
    "reason",
    "detail",
    "duplicate_of",
    "similarity",
    "rule",
)
"""Columns of the ledger, as build/rejected.jsonl has them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """What is published, and what became of the rest."""

    kept: pl.DataFrame
    """The published records by split and in the order of their rows."""
    ledger: pl.DataFrame
    """Every record and file that is not published, with `LEDGER`; in path order."""
    read: int
    """Records that were read from raw/."""
    draw: split.Draw
    """How new records were drawn."""
    placed: Mapping[str, bytes]
    """Of each split, the digests of its rows with their places, one after the other."""
    digest: str
    """Of all published rows."""
    alike: Alike
    """What was left out because another record says it, and what was held together."""
    parts: tuple[Path, ...]
    """The part files, in path order of their raw files: where the records are."""
    fingerprints: Mapping[int, Sequence[str]]
    """Of texts that were taken out, by the number of the removal that does not have them yet."""
    subsets: Mapping[str | None, str] = dataclasses.field(default_factory=dict)
    """The name of the subset of each value, in the order of the names; nothing without subsets."""

    def record(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the release record of this build: id, key, split, place, row.

        Args:
            columns: those that count as what a row says; by default all.
        """
        import polars as pl
        import pyarrow as pa

        if columns is None:
            rows = digests_in(self.parts, self.kept, ROW)[:, :SAID_BYTES]
            whole = pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(SAID_BYTES), len(rows), [None, pa.py_buffer(rows.tobytes())]
            )
            said = pl.Series(pl.from_arrow(whole.cast(pa.binary())))
        else:
            said = said_in(self.parts, self.kept, columns)
        return self.kept.select(
            "id", pl.col("hash").alias("key"), "split", "place", said.alias("row")
        )


def settle(
    parts: Sequence[Part],
    files: Mapping[str, tuple[Reading, int]],
    folder: Path,
    project: Project,
    processes: Engine,
) -> Settled:
    """Decide what is published and where.

    Args:
        parts: what prepare left, in the order of the raw files' paths.
        files: how each raw file was read, and how many records it gave; in the same order.
        folder: where the parts are.
        project: what it declares on duplicates, splits and releases.
        processes: what runs the search for near-duplicates.

    Raises:
        ProjectError: the release record is damaged.
        RawError: nothing can be published, or the field of `read.id` or `subsets.by` will not do.
    """
    settings = project.settings
    whole_files = numbered_files(files)
    ledger = [files_ledger(whole_files), refused(parts, folder, whole_files)]
    facts = facts_of(parts, folder, whole_files, project)
    _refuse_nothing(facts, files, _whole(ledger))
    facts, groups = numbered(facts, settings.splits.group)
    recorded = releases.recorded(project.schema)
    release = releases.highest(recorded, settings.version)
    known = [with_released(facts, project, release, recorded)]
    del facts  # sift is to have the only one: there are as many rows as records
    sifted = sift(known.pop(), parts, folder, project, processes)
    ledger += sifted.ledger
    facts = dedup.number_copies(sifted.facts, declared=bool(settings.read.id))
    draw = release.draw if release else split.mode(facts["document"].n_unique())
    kept, torn = _divided(facts, groups, settings, draw)
    whole = _whole([*ledger, torn])
    _refuse_nothing(kept, files, whole)
    paths = tuple(part.accepted(folder) for part in parts)
    placed = _placed(kept, paths)
    digest = dataset_digest(project.record.arrow, iter(placed.items()))
    told = _counted(whole, kept, settings, sifted.cut)
    prints, named = sifted.fingerprints, _named(kept, settings.subsets.by)
    read = sum(count for _, count in files.values())
    return Settled(kept, whole, read, draw, placed, digest, told, paths, prints, named)


def _divided(
    facts: pl.DataFrame, groups: pl.Series, settings: Settings, draw: split.Draw
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the records in the order of their rows, and the ledger's lines on the undivided."""
    import polars as pl

    facts = split.assign(facts, groups, settings.splits.shares, settings.splits.salt, draw)
    torn = lines(facts.filter(pl.col("split").is_null()), "held-back", TORN)
    kept = facts.filter(pl.col("split").is_not_null())
    return _in_order(kept, list(settings.splits.shares)), torn


def _counted(
    ledger: pl.DataFrame, kept: pl.DataFrame, settings: Settings, cut: tuple[str, ...]
) -> Alike:
    """Return how many records were left out by which rule, and how many groups there are."""
    repeated = ledger.filter(ledger["reason"] == "duplicate")
    found: dict[str, int] = dict(repeated["rule"].value_counts().iter_rows())
    grouped = settings.dedup.near_action == "group"
    return Alike(
        exact=found.get(dedup.EXACT, 0),
        near=found.get(alike.NEAR, 0),
        near_from=0 if grouped else settings.dedup.near,
        similar_from=settings.splits.similar,
        groups=kept["group"].n_unique(),
        cut=cut,
    )


def _whole(lines: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the ledger: all its lines in path order, with `LEDGER`."""
    import polars as pl

    whole = pl.concat(lines, how="diagonal_relaxed").sort("file", "raw_index", nulls_last=False)
    return whole.select(LEDGER)


def _in_order(facts: pl.DataFrame, splits: Sequence[str]) -> pl.DataFrame:
    """Return the records by split, the declared ones first, and in the order of their rows."""
    import polars as pl

    order = {name: place for place, name in enumerate(splits)}
    rank = pl.col("split").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    return facts.sort(rank, "split", "hash", "file", "raw_index")


def _placed(kept: pl.DataFrame, parts: Sequence[Path]) -> dict[str, bytes]:
    """Return the digests of the rows of each split with their places, one after the other.

    The first pass made them; a copy that got an id of its own has them made anew.
    """
    import numpy as np
    import polars as pl

    digests = digests_in(parts, kept, PLACED)
    renamed = kept["renamed"].arg_true()
    if len(renamed):
        rows = kept[renamed]
        placed = rows.select("id", pl.col("raw_file").cast(pl.String), "raw_index").to_arrow()
        said = [row.tobytes() for row in digests_in(parts, rows, ROW)]
        anew = np.frombuffer(b"".join(placed_digests(said, placed)), np.uint8)
        digests[renamed.to_numpy()] = anew.reshape(len(rows), -1)
    found, end = {}, 0
    for (name,), rows in kept.select("split").group_by("split", maintain_order=True):
        start, end = end, end + rows.height
        found[str(name)] = digests[start:end].tobytes()
    return found


def _named(kept: pl.DataFrame, by: str) -> dict[str | None, str]:
    """Return the name of the subset of each value, if there are subsets."""
    return subset_names(kept["subset"], by) if by else {}


def _refuse_nothing(
    kept: pl.DataFrame, files: Mapping[str, tuple[Reading, int]], ledger: pl.DataFrame
) -> None:
    """Refuse to make a dataset without a record; say what became of them, and of the first."""
    if not kept.is_empty():
        return
    reasons = ledger["reason"].value_counts().sort("reason").iter_rows()
    told = ", ".join(f"{reason} {count}" for reason, count in reasons) or "all empty"
    for name, detail in ledger.select("raw_file", "detail").head(1).iter_rows():
        told += f"; {name} is the first: {detail}"
    records = sum(count for _, count in files.values())
    fix = "mend the files, or what schema/ asks of them"
    seen = f"files {len(files)}, records {records}, and none can be published ({told})"
    raise RawError(Fault("raw/", seen, "a record that can be published", fix))

"""The second pass: which records are published, in which split and in which order.

It sees no text: only the facts of each record (digests, sizes, place), of all records at once.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from imprint import releases
from imprint.digests import SAID_BYTES, dataset_digest, placed_digests
from imprint.errors import Fault, RawError
from imprint.manifest import Alike
from imprint.parts import BEFORE, PLACED, ROW, SKETCH
from imprint.rooms import dedup, split
from imprint.rooms.dedup import alike
from imprint.rows import digests_in, said_in
from imprint.sift import lines, sift
from imprint.subsets import subset_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

    from imprint.engine import Engine
    from imprint.parts import Part
    from imprint.project import Project
    from imprint.rooms.read import Reading
    from imprint.settings import Settings

PUBLISHED = ("id", "language", "source", "corrections", "raw_file", "raw_index")
"""Published columns that settle reads. Of the text it knows the digest."""

LEFT = {BEFORE, SKETCH, ROW, PLACED}
"""Columns of a part that settle does not hold for all records at once."""

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
    numbered = _files(files)
    ledger = [_files_ledger(numbered), _refused(parts, folder, numbered)]
    facts = _facts(parts, folder, numbered, project)
    _refuse_nothing(facts, files, _whole(ledger))
    facts, groups = _numbered(facts, settings.splits.group)
    release = releases.highest(releases.recorded(project.schema), settings.version)
    facts = _with_released(facts, project, release)
    sifted = sift(facts, parts, folder, project, processes)
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


def _files(files: Mapping[str, tuple[Reading, int]]) -> pl.DataFrame:
    """Return a row a raw file: its number in path order, and why it gives no record."""
    import polars as pl

    readings = [reading for reading, _ in files.values()]
    paths = [reading.raw_file for reading in readings]
    return pl.DataFrame(
        {
            "file": range(len(readings)),
            "raw_file": paths,
            "reason": [reading.reason for reading in readings],
            "detail": [reading.detail for reading in readings],
        },
        {"file": pl.Int64, "raw_file": pl.Enum(paths), "reason": pl.String, "detail": pl.String},
    )


def _files_ledger(files: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger's lines on files that give no record."""
    import polars as pl

    return files.filter(pl.col("reason").is_not_null()).with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in ("id", "duplicate_of", "rule")),
        raw_index=pl.lit(None, pl.Int64),
        similarity=pl.lit(None, pl.Float64),
    )


def _whole(lines: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the ledger: all its lines in path order, with `LEDGER`."""
    import polars as pl

    whole = pl.concat(lines, how="diagonal_relaxed").sort("file", "raw_index", nulls_last=False)
    return whole.select(LEDGER)


def _refused(parts: Sequence[Part], folder: Path, files: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger's lines on records that a room rejected."""
    import polars as pl

    tables = [_open(part.rejected(folder)) for part in parts]
    frames = [
        pl.DataFrame(pl.from_arrow(table.drop_columns(BEFORE)))
        for table in tables
        if table is not None
    ]
    if not frames:
        return files.select("file").clear()
    return _of_whole_files(pl.concat(frames), files)


def _of_whole_files(records: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """Return the records of files that gave some, with the number of their file.

    The path of each becomes one of all paths: a few bytes where many records are of one file.
    """
    import polars as pl

    records = records.with_columns(pl.col("raw_file").cast(files["raw_file"].dtype))
    whole_files = files.filter(pl.col("reason").is_null()).select("file", "raw_file")
    return records.join(whole_files, on="raw_file", how="inner", maintain_order="left")


def _facts(
    parts: Sequence[Part], folder: Path, files: pl.DataFrame, project: Project
) -> pl.DataFrame:
    """Return a row a record that was accepted, with its part and its row in there."""
    import polars as pl

    group, by = project.settings.splits.group, project.settings.subsets.by
    more = ["raw_sha256"] if any(each.sha256 for each in project.removals) else []
    frames, first = [], 0
    for number, part in enumerate(parts):
        table = _open(part.accepted(folder))
        if table is not None:
            names = {name for name in table.schema.names if name.startswith("_")} - LEFT
            wanted = [*dict.fromkeys((*PUBLISHED, *more, *sorted(names), *_column(group)))]
            frame = pl.DataFrame(pl.from_arrow(table.select(wanted))).with_row_index("part_row")
            if by:
                value = pl.Series(pl.from_arrow(table[by]))
                frame = frame.with_columns(_subset=value.cast(pl.String))
            record = pl.col("part_row").cast(pl.Int64) + first
            frames.append(frame.with_columns(record=record, part=pl.lit(number, pl.Int64)))
        first += part.accepted_records
    if not frames:
        return files.clear()
    facts = pl.concat(frames)
    private = {name: name[1:] for name in facts.columns if name.startswith("_")}
    facts = facts.rename(private | {"_text": "text_digest"})
    return _of_whole_files(facts, files)


def _numbered(facts: pl.DataFrame, group: str) -> tuple[pl.DataFrame, pl.Series]:
    """Return the facts with numbers in place of the names of documents, and with their groups.

    Args:
        facts: n rows with `document`, and the column of the groups.
        group: "document" or that column.

    Returns:
        The n rows in the same order, `document` and `group` numbers; and the names of the groups in
        ascending order, which are what these numbers count.
    """
    import polars as pl

    facts, names = _ranked(facts, pl.col("document"), "document")
    if group == "document":
        return facts.with_columns(group="document"), names
    own = pl.format("document {}", pl.lit(names).gather("document"))
    named = pl.format("{} {}", pl.lit(group), pl.col(group).cast(pl.String))
    return _ranked(facts, pl.coalesce(named, own), "group")


def _ranked(facts: pl.DataFrame, name: pl.Expr, column: str) -> tuple[pl.DataFrame, pl.Series]:
    """Return rows with the rank of their name in a column, and the names in ascending order."""
    import polars as pl

    facts = facts.with_columns(name.alias(column))
    names = facts[column].unique().sort()
    ranks = pl.DataFrame({column: names}).with_row_index("rank")
    facts = facts.join(ranks, on=column, how="left", maintain_order="left")
    return facts.drop(column).rename({"rank": column}), names


def _column(group: str) -> list[str]:
    """Return the published column that `splits.group` names, if it names one."""
    return [] if group == "document" else [group]


def _open(path: Path) -> pa.Table | None:
    """Return the rows of a part file, mapped and not read; None where it has none."""
    import pyarrow as pa

    if path.stat().st_size == 0:
        return None
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def _with_released(
    facts: pl.DataFrame, project: Project, release: releases.Release | None
) -> pl.DataFrame:
    """Say of each record in which split it was released: matched by id, then by place.

    A released record that is found by its id gives its place up to nobody: whatever stands there
    now is new. Of copies with one id the one that stands where it stood is the released one.
    """
    import polars as pl

    if release is None:
        return facts.with_columns(
            released_split=pl.lit(None, pl.String), released=pl.lit(value=False)
        )
    old = releases.read_record(project.schema, release)
    by_id = old.select("id", by_id="split", home="place")
    gone = old.join(facts, on="id", how="anti").unique("place", keep="first", maintain_order=True)
    by_place = gone.select("place", pl.col("split").alias("by_place"))
    facts = facts.join(by_id, on="id", how="left", maintain_order="left")
    facts = facts.join(by_place, on="place", how="left", maintain_order="left")
    at_home = (pl.col("place") == pl.col("home")).fill_null(value=False)
    known = pl.coalesce("by_id", "by_place").is_not_null()
    return facts.with_columns(
        released_split=pl.coalesce("by_id", "by_place"),
        released=known & (at_home | ~at_home.any().over("id")),
    ).drop("home")


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

"""What settle knows of each record: a row of digests, sizes and places, and no text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint import releases
from imprint.parts import BEFORE, PLACED, ROW, SKETCH, TEXT
from imprint.rooms.dedup import beside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

    from imprint.parts import Part
    from imprint.project import Project
    from imprint.rooms.read import Reading

PUBLISHED = ("id", "language", "source", "corrections", "raw_file", "raw_index")
"""Published columns that settle reads. Of the text it knows the digest."""

LEFT = {BEFORE, SKETCH, ROW, PLACED}
"""Columns of a part that settle does not hold for all records at once."""


def numbered_files(files: Mapping[str, tuple[Reading, int]]) -> pl.DataFrame:
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
        {"file": pl.Int32, "raw_file": pl.Enum(paths), "reason": pl.String, "detail": pl.String},
    )


def files_ledger(files: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger's lines on files that give no record."""
    import polars as pl

    return files.filter(pl.col("reason").is_not_null()).with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in ("id", "duplicate_of", "rule")),
        raw_index=pl.lit(None, pl.Int64),
        similarity=pl.lit(None, pl.Float64),
    )


def refused(parts: Sequence[Part], folder: Path, files: pl.DataFrame) -> pl.DataFrame:
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


def facts_of(
    parts: Sequence[Part], folder: Path, files: pl.DataFrame, project: Project
) -> pl.DataFrame:
    """Return a row a record that was accepted, with its part and its row in there."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    group, by = project.settings.splits.group, project.settings.subsets.by
    more = ["raw_sha256"] if any(each.sha256 for each in project.removals) else []
    tables = [_open(part.accepted(folder)) for part in parts]
    some = [table for table in tables if table is not None]
    if not some:
        return files.clear()
    names = {name for name in some[0].schema.names if name.startswith("_")} - LEFT
    wanted = [*dict.fromkeys((*PUBLISHED, *more, *sorted(names), *_column(group)))]
    # Copied, as the pages around these columns would stay mapped, too.
    whole = pa.concat_tables(table.select(wanted) for table in some).combine_chunks()
    counts = [part.accepted_records for part in parts]
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    number = np.arange(len(whole))
    facts = pl.DataFrame(pl.from_arrow(whole)).with_columns(
        part_row=(number - starts).astype(np.uint32),
        record=number,
        part=np.repeat(np.arange(len(parts), dtype=np.int32), counts),
    )
    if by:
        value = pl.Series(pl.from_arrow(pa.concat_tables(table.select([by]) for table in some)[by]))
        facts = facts.with_columns(_subset=value.cast(pl.String))
    private = {name: name[1:] for name in facts.columns if name.startswith("_")}
    facts = facts.rename(private | {TEXT: "text_digest"})
    return _of_whole_files(facts, files)


def numbered(facts: pl.DataFrame, group: str) -> tuple[pl.DataFrame, pl.Series]:
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


def with_released(
    facts: pl.DataFrame,
    project: Project,
    release: releases.Release | None,
    recorded: Sequence[releases.Release],
) -> pl.DataFrame:
    """Say of each record in which split it was released, and whether it was.

    Where the version itself is on record, those that it added rank below those that were released
    before it, as they did when it was built: `released` is 1 for them, 2 or more for the others.
    """
    import polars as pl

    if release is None:
        return facts.with_columns(
            released_split=pl.lit(None, pl.String), released=pl.lit(0, pl.Int8)
        )
    facts = _matched(facts, releases.read_record(project.schema, release))
    facts = facts.with_columns(pl.col("released").cast(pl.Int8))
    others = [each for each in recorded if each is not release]
    before = releases.highest(others, release.version)
    if release.version != project.settings.version or before is None:
        return facts
    place = facts.select("id", "place")
    older = _matched(place, releases.read_record(project.schema, before))["released"]
    return facts.with_columns(pl.col("released") + 2 * older.cast(pl.Int8))


def _of_whole_files(records: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """Return the records of files that gave some, with the number of their file.

    The path of each becomes one of all paths: a few bytes where many records are of one file.
    """
    import polars as pl

    named = pl.col("raw_file").cast(files["raw_file"].dtype)
    number = named.to_physical().cast(files["file"].dtype)
    records = records.with_columns(raw_file=named, file=number)
    whole = files["reason"].is_null()
    return records if whole.all() else records.filter(whole.gather(records["file"]))


def _ranked(facts: pl.DataFrame, name: pl.Expr, column: str) -> tuple[pl.DataFrame, pl.Series]:
    """Return rows with the rank of their name in a column, and the names in ascending order."""
    import polars as pl

    facts = facts.with_columns(name.alias(column))
    names = facts[column].unique().sort()
    ranks = pl.DataFrame({column: names}).with_row_index("rank")
    ranked = beside(facts, ranks, column)
    return ranked.drop(column).rename({"rank": column}), names


def _matched(facts: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """Say of each record in which split a release has it: matched by id, then by place.

    A released record that is found by its id gives its place up to nobody: whatever stands there
    now is new. Of copies with one id the one that stands where it stood is the released one.
    """
    import polars as pl

    by_id = old.select("id", by_id="split", home="place")
    gone = old.join(facts, on="id", how="anti").unique("place", keep="first", maintain_order=True)
    by_place = gone.select("place", pl.col("split").alias("by_place"))
    facts = beside(beside(facts, by_id, "id"), by_place, "place")
    at_home = (pl.col("place") == pl.col("home")).fill_null(value=False)
    known = pl.coalesce("by_id", "by_place").is_not_null()
    return facts.with_columns(
        released_split=pl.coalesce("by_id", "by_place"),
        released=known & (at_home | ~at_home.any().over("id")),
    ).drop("home")


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

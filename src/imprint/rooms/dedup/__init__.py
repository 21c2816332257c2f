"""Find the records that say what another one says already.

Works on the facts of all records at once (a row a record, digests in place of texts), so nothing
depends on which file or worker a record came through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.errors import Fault, RawError, seen

if TYPE_CHECKING:
    import polars as pl

EXACT = "exact"
"""The rule by which a duplicate was found, as the ledger names it: equal published text."""

PATH_ORDER = ("file", "raw_index")
"""Position: the files in order of their path's bytes, then the place in the file."""


def exact(facts: pl.DataFrame) -> pl.DataFrame:
    """Say of each record which other one it repeats.

    Of records with equal published text one is kept: the one that was released, else the one with
    the longest raw text, else the lowest id; among copies with one id, the first by path.

    Args:
        facts: n rows with `record`, `id`, `text_digest`, `released`, `raw_bytes`, `file`,
            `raw_index`.

    Returns:
        The n rows in the same order with `duplicate_of`: the id of the kept one, null on it.
    """
    import polars as pl

    needed = facts.select("record", "id", "text_digest", "released", "raw_bytes", *PATH_ORDER)
    kept = firsts(needed).select("text_digest", kept_id="id", kept_record="record")
    told = beside(facts, kept, "text_digest")
    repeats = pl.col("record") != pl.col("kept_record")
    told = told.with_columns(duplicate_of=pl.when(repeats).then("kept_id"))
    return told.drop("kept_id", "kept_record")


def beside(facts: pl.DataFrame, told: pl.DataFrame, on: str) -> pl.DataFrame:
    """Return rows with what is told of the value that they have in a column; else null.

    A left join would copy every column of the rows, and there are as many rows as records.

    Args:
        facts: n rows with the column.
        told: a row for each value of the column that something is told of.
        on: the column.
    """
    found = facts.select(on).join(told, on=on, how="left", maintain_order="left")
    return facts.hstack(found.drop(on))


def preference() -> list[pl.Expr | str]:
    """Return what records are sorted by, the one that is kept first among those that are alike."""
    import polars as pl

    return [-pl.col("released").cast(pl.Int8), -pl.col("raw_bytes"), "id", *PATH_ORDER]


def firsts(facts: pl.DataFrame) -> pl.DataFrame:
    """Return of the records that share a published text the one that would be kept."""
    return facts.sort(preference()).unique("text_digest", keep="first", maintain_order=True)


def tie(facts: pl.DataFrame, column: str) -> pl.DataFrame:
    """Bind the groups whose records have the same value, so that none is on both sides of a split.

    A group that has several records can tie many others together; the smallest key of all that are
    tied becomes the group of each.

    Args:
        facts: n rows with `group` and the column.
        column: by which they are tied, without nulls: `text_digest` for a dataset that keeps its
            exact duplicates.

    Returns:
        The n rows in the same order, `group` replaced.
    """
    import polars as pl

    while True:
        tied = facts.with_columns(pl.col("group").min().over(column).alias("tied"))
        tied = tied.with_columns(pl.col("tied").min().over("group"))
        if tied["tied"].equals(tied["group"]):
            return facts
        facts = tied.drop("group").rename({"tied": "group"})


def number_copies(facts: pl.DataFrame, *, declared: bool) -> pl.DataFrame:
    """Give every record an id of its own.

    Records that came from equal raw text have equal ids: the second in path order gets `-2`, the
    third `-3`, and so on.

    Args:
        facts: the n records that are kept, with `id`, `raw_file`, `file`, `raw_index`.
        declared: whether the ids come from the field that `read.id` names.

    Returns:
        The n rows in the same order, `id` unique; `renamed` says which ids are not those that the
        records came with.

    Raises:
        RawError: a declared id stands on two records whose text differs.
    """
    import polars as pl

    if facts["id"].n_unique() == facts.height:
        return facts.with_columns(renamed=pl.lit(value=False))
    if declared:
        _refuse_repeated(facts)
    rank = pl.struct(PATH_ORDER).rank("ordinal").over("id")
    suffix = pl.when(rank > 1).then(pl.format("-{}", rank)).otherwise(pl.lit(""))
    return facts.with_columns(renamed=rank > 1, id=pl.concat_str("id", suffix))


def _refuse_repeated(facts: pl.DataFrame) -> None:
    """Refuse declared ids that name two different texts; equal ones are copies of one record."""
    import polars as pl

    texts = pl.col("text_digest").n_unique().over("id")
    repeated = facts.filter(texts > 1).sort("id", *PATH_ORDER)
    if repeated.is_empty():
        return
    raise RawError(
        Fault(
            f"raw/{raw_file}, record {raw_index}",
            f"id {seen(name)}, which other records have too",
            "an id for each record",
            "correct the ids in raw/, or name a unique field in read.id of schema/dataset.toml",
        )
        for name, raw_file, raw_index in repeated.select("id", "raw_file", "raw_index").iter_rows()
    )

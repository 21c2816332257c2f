"""From the words of all parts to pairs of which one may be wrong, with what is known of each.

Words are merged a range of their hashes at a time, so that memory holds one range, and the words
that are frequent. Of each that is rare those are found that are one edit away and frequent; the
likeliest of these pairs alone are looked at in the texts.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from imprint.typos.look import (
    BESIDE,
    COUNTS,
    FORMS,
    PLACED,
    SPELLED,
    TOGETHER,
    Look,
    beside,
    count,
    place,
)
from imprint.typos.pairs import one_edit_apart
from imprint.typos.words import ACRONYM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import polars as pl

    from imprint.engine import Engine

RANGE = 4_000_000
"""Counted words that are merged at a time. Chosen: some 300 MB."""

RIGHTS = 1_000_000
"""Words of all languages that may be right: the most frequent. Chosen: some 2 GB of keys."""

PAIRS = 100_000
"""Pairs that are looked at in the texts: the likeliest. Chosen: more is decided by nobody."""

LEAST = {"right": 2, "times": 2, "letters": 4}
"""How often a right word stands, how many times as often as the wrong one, and the letters of that.
Chosen: with less it cannot be told which of the two is wrong."""

KEYS = ("language", "wrong", "right")


@dataclasses.dataclass(frozen=True, slots=True)
class Gathered:
    """Pairs, and what is known of them."""

    pairs: pl.DataFrame
    """`KEYS`; `edit` and `at`; `n`, `records`, `inside` and `titled` of both (`right_n`, ...);
    `elsewhere`, how often the wrong one stands in texts of another language; `spelled`, in how many
    texts only a swap of the acronym fits, and the `title` that it fits; `together`, in how many
    both stand."""
    forms: pl.DataFrame
    """How wrong words are written: `language`, `wrong`, `word`, `n`, `records`."""
    places: pl.DataFrame
    """Where wrong words stand: `language`, `wrong`, `word` as it is written, its neighbours `left`
    and `behind`, and of some the context `before`, `piece`, `after`."""
    beside: pl.DataFrame
    """How often right words stand beside neighbours of wrong ones: `language`, `right`, `side`,
    `neighbour`, `n`."""
    frequent: pl.DataFrame
    """The words that may be right: `language`, `fold`, `n`."""


def gather(looks: Sequence[Look], scratch: Path, processes: Engine) -> Gathered:
    """Look into all parts, three times.

    Args:
        looks: one for each part that has published records.
        scratch: a folder for what is wanted of the second and third look.
        processes: what runs them.
    """
    import polars as pl

    size = sum(look.part.stat().st_size for look in looks)
    _run(processes, count, looks, size)
    frequent = _frequent(looks)
    pairs = _pairs(looks, frequent)
    wanted = scratch / "pairs"
    pairs.select(KEYS).write_ipc(wanted)
    looks = [dataclasses.replace(look, wanted=wanted) for look in looks]
    _run(processes, place, looks, size)
    places = _tables(looks, PLACED)
    both = _tables(looks, TOGETHER).group_by(KEYS).agg(together=pl.len().cast(pl.Int64))
    pairs = pairs.join(both, on=KEYS, how="left").with_columns(pl.col("together").fill_null(0))
    wanted = scratch / "neighbours"
    _neighbours(pairs, places).write_ipc(wanted)
    looks = [dataclasses.replace(look, wanted=wanted) for look in looks]
    _run(processes, beside, looks, size)
    keys = ("language", "right", "side", "neighbour")
    stand = _tables(looks, BESIDE).group_by(keys).agg(pl.col("n").sum())
    written = ("language", "wrong", "word")
    forms = _tables(looks, FORMS).group_by(written).agg(pl.col("n").sum(), pl.col("records").sum())
    return Gathered(pairs, forms, places, stand, frequent.select("language", "fold", "n"))


def _run(processes: Engine, task: object, looks: Sequence[Look], size: int) -> None:
    """Run a task for each look."""
    for _ in processes.run(task, looks, size):  # type: ignore[arg-type]
        pass


def _tables(looks: Sequence[Look], name: str) -> pl.DataFrame:
    """Return a table of all looks."""
    import polars as pl

    paths = [look.table(name) for look in looks]
    return pl.concat([pl.read_ipc(path) for path in paths if path.exists()])


def _merged(looks: Sequence[Look]) -> Iterator[pl.DataFrame]:
    """Yield the words of all parts with their counts, a range of hashes at a time."""
    import polars as pl

    paths = [look.table(COUNTS) for look in looks if look.table(COUNTS).exists()]
    rows = pl.scan_ipc(paths).select(pl.len()).collect().item()
    ranges = rows // RANGE + 1
    for number in range(ranges):
        mine = pl.col("fold").hash() % ranges == number
        yield pl.scan_ipc(paths).filter(mine).group_by("language", "fold").sum().collect()


def _frequent(looks: Sequence[Look]) -> pl.DataFrame:
    """Return the words that may be right, the most frequent."""
    import polars as pl

    found = [words.filter(pl.col("n") >= LEAST["right"]) for words in _merged(looks)]
    return (
        pl.concat(found)
        .sort(["n", "language", "fold"], descending=[True, False, False])
        .head(RIGHTS)
    )


def _pairs(looks: Sequence[Look], frequent: pl.DataFrame) -> pl.DataFrame:
    """Return the likeliest pairs with their counts."""
    import polars as pl

    spelled = (
        _tables(looks, SPELLED)
        .group_by(KEYS)
        .agg(spelled=pl.len().cast(pl.Int64), title=pl.col("title").min())
    )
    acronym = pl.col("fold").str.contains(ACRONYM)
    letters = pl.col("fold").str.len_chars() >= LEAST["letters"]
    all_found = []
    facts = ("n", "records", "inside", "titled")
    rights = frequent.select(
        pl.col("language"),
        right=pl.col("fold"),
        **{f"right_{each}": pl.col(each) for each in facts},
    )
    for words in _merged(looks):
        total = words.group_by("fold").agg(everywhere=pl.col("n").sum())
        wrongs = words.join(total, on="fold").with_columns(
            elsewhere=pl.col("everywhere") - pl.col("n")
        )
        wrongs = wrongs.drop("everywhere").rename({"fold": "wrong"})
        edits = one_edit_apart(words.filter(letters | acronym), frequent)
        edits = edits.join(spelled, on=KEYS, how="full", coalesce=True)
        edits = edits.join(wrongs, on=("language", "wrong")).join(
            rights, on=("language", "right"), how="left"
        )
        edits = edits.with_columns(
            pl.col("spelled", *rights.columns[2:]).fill_null(0),
            pl.col("edit").fill_null("swapped"),
            pl.col("at").fill_null(1),
        )
        enough = pl.col("right_n") >= LEAST["times"] * pl.col("n")
        all_found.append(edits.filter(enough | (pl.col("spelled") > 0)))
    found = pl.concat(all_found)
    order = ["spelled", pl.col("right_n") // pl.col("n"), "n", *KEYS]
    return found.sort(order, descending=[True, True, True, False, False, False]).head(PAIRS)


def _neighbours(pairs: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """Return what stands beside wrong words, of each word that may be right instead."""
    stand = places.select("language", "wrong", "left", "behind").unpivot(
        ["left", "behind"],
        index=["language", "wrong"],
        variable_name="side",
        value_name="neighbour",
    )
    found = stand.drop_nulls("neighbour").join(pairs.select(KEYS), on=("language", "wrong"))
    return found.select("language", "right", "side", "neighbour").unique()

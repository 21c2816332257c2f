"""What is looked up in the texts of a part: words, where some stand, and what stands beside others.

Each look is a task: it reads the published texts of one part and writes tables, which are joined
afterwards. Nothing of a text is kept but words with their counts, and two places of each that may
be wrong.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from imprint.typos.words import counted, spelled, words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

AROUND = 6
"""Pieces of text that are shown on each side of a word. Chosen: the two fit a terminal's line."""

SHOWN = 2
"""Places that are shown of each proposal."""

PLACES = 20
"""Places in one part whose neighbours are looked at. Chosen: what is wrong is rare."""

COUNTS, SPELLED, FORMS = "counts", "spelled", "forms"
PLACED, TOGETHER, BESIDE = "placed", "together", "beside"
"""The tables: a file each, PREFIX.NAME."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One look into one part."""

    part: Path
    """The Arrow file of its accepted records."""
    rows: bytes
    """Which of these are published: a bit each, the lowest first."""
    prefix: Path
    """What the names of the tables begin with."""
    wanted: Path | None = None
    """A table of what is looked for."""

    def table(self, name: str) -> Path:
        """Return the file of a table."""
        return self.prefix.with_name(f"{self.prefix.name}.{name}")


def count(look: Look) -> None:
    """Count the words of a part, and note acronyms that fit nothing in their text but a swap."""
    import polars as pl

    counts, fits = [], []
    for texts in _texts(look):
        found = words(texts)
        counts.append(counted(found))
        fits.append(spelled(texts, found))
    keys = ("language", "fold")
    if counts:
        pl.concat(counts).group_by(keys).sum().write_ipc(look.table(COUNTS))
        pl.concat(fits).write_ipc(look.table(SPELLED))


def place(look: Look) -> None:
    """Note where words that may be wrong stand, how they are written, and beside what."""
    import polars as pl

    pairs = _wanted(look)
    wrongs = pairs.select("language", fold="wrong").unique()
    placed, forms, together = [], [], []
    for texts in _texts(look):
        found = words(texts).with_row_index("position")
        found = found.with_columns(left=_beside(1), behind=_beside(-1))
        each = found.filter("plain").join(wrongs, on=["language", "fold"], how="semi")
        each = each.sort("position")
        counts = each.group_by("language", "fold", "word")
        forms.append(
            counts.agg(n=pl.len().cast(pl.Int64), records=pl.col("row").n_unique().cast(pl.Int64))
        )
        held = each.select("row", "language", wrong="fold").unique()
        held = held.join(pairs, on=["language", "wrong"])
        rights = found.select("row", "language", right="fold")
        together.append(held.join(rights, on=["row", "language", "right"], how="semi"))
        first = each.group_by("language", "fold", maintain_order=True).head(PLACES)
        placed.append(_with_context(first, found))
    if placed:
        pl.concat(placed).write_ipc(look.table(PLACED))
        pl.concat(forms).write_ipc(look.table(FORMS))
        pl.concat(together).write_ipc(look.table(TOGETHER))


def beside(look: Look) -> None:
    """Count how often words that may be right stand beside what stands beside a wrong one."""
    import polars as pl

    wanted, counts = _wanted(look), []
    keys = ("language", "right", "side", "neighbour")
    for texts in _texts(look):
        found = words(texts)
        for side, step in (("left", 1), ("behind", -1)):
            pairs = found.select(
                "language", right="fold", side=pl.lit(side), neighbour=_beside(step)
            ).join(wanted, on=keys, how="semi")
            counts.append(pairs.group_by(keys).agg(n=pl.len().cast(pl.Int64)))
    if counts:
        pl.concat(counts).write_ipc(look.table(BESIDE))


def _beside(step: int) -> pl.Expr:
    """Return the word so many words before, in the same text."""
    import polars as pl

    same = pl.col("row") == pl.col("row").shift(step)
    return pl.when(same).then(pl.col("fold").shift(step))


def _wanted(look: Look) -> pl.DataFrame:
    """Return what is looked for."""
    import polars as pl

    assert look.wanted is not None  # noqa: S101 - these looks are given one
    return pl.read_ipc(look.wanted)


def _texts(look: Look) -> Iterator[pl.DataFrame]:
    """Yield the published texts of a part with their rows and languages, a batch at a time."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    published = np.unpackbits(np.frombuffer(look.rows, np.uint8), bitorder="little").astype(bool)
    with pa.memory_map(str(look.part)) as file:
        reader, start = pa.ipc.open_file(file), 0
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            rows = np.flatnonzero(published[start : start + len(batch)])
            start += len(batch)
            if len(rows):
                taken = batch.select(["language", "text"]).take(pa.array(rows))
                texts = pl.DataFrame(pl.from_arrow(taken))
                yield texts.with_columns(row=pl.Series(rows + start - len(batch), dtype=pl.Int64))


def _with_context(each: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Return places with what stands before and behind, of the first of each word."""
    import polars as pl

    nth = pl.int_range(pl.len()).over("language", "fold", "word")
    each = each.with_columns(shown=nth < SHOWN)
    rows, pieces = found["row"], found["piece"]
    before, after = [], []
    for position, row in each.filter("shown").select("position", "row").iter_rows():
        low = max(position - AROUND, int(rows.search_sorted(row, "left")))
        high = min(position + 1 + AROUND, int(rows.search_sorted(row, "right")))
        before.append(" ".join(pieces[low:position]))
        after.append(" ".join(pieces[position + 1 : high]))
    shown = each.filter("shown").select("position")
    shown = shown.with_columns(
        before=pl.Series(before, dtype=pl.String), after=pl.Series(after, dtype=pl.String)
    )
    columns = ("language", "fold", "row", "word", "piece", "left", "behind", "before", "after")
    return each.join(shown, on="position", how="left", maintain_order="left").select(columns)

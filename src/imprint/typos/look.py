"""What is looked up in the texts of a part: words, where some stand, and what stands beside others.

Each look is a task: it reads the published texts of one part and writes tables, which are joined
afterwards. Nothing of a text is kept but words with their counts, and two places of each that may
be wrong.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from imprint.typos.words import Words, counted, spelled, words

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
        fits.append(spelled(found))
    if counts:
        pl.concat(counts).group_by("language", "fold").sum().write_ipc(look.table(COUNTS))
        pl.concat(fits).write_ipc(look.table(SPELLED))


def place(look: Look) -> None:
    """Note where words that may be wrong stand, how they are written, and beside what."""
    import polars as pl

    pairs = _wanted(look)
    placed, forms, together = [], [], []
    for texts in _texts(look):
        found = words(texts)
        mine = found.coded(pairs, key="wrong")
        tokens = found.tokens.with_row_index("position")
        wrongs = mine.select("key", "language", "wrong").unique()
        each = tokens.filter(found.of("plain")).join(wrongs, on="key").sort("position")
        each = each.with_columns(word=found.pieces["word"].gather(each["code"]))
        forms.append(_forms(each))
        held = each.select("text", "language", "wrong").unique()
        rights = found.coded(mine.drop("key"), key="right")
        held = held.join(rights, on=["language", "wrong"])
        held = held.join(tokens.select("text", "key"), on=["text", "key"], how="semi")
        together.append(held.select("language", "wrong", "right"))
        first = each.group_by("language", "wrong", maintain_order=True).head(PLACES)
        placed.append(_with_context(first, found))
    if placed:
        pl.concat(placed).write_ipc(look.table(PLACED))
        pl.concat(forms).write_ipc(look.table(FORMS))
        pl.concat(together).write_ipc(look.table(TOGETHER))


def _forms(each: pl.DataFrame) -> pl.DataFrame:
    """Count how wrong words are written: `language`, `wrong`, `word`, `n`, `records`."""
    import polars as pl

    counts = each.group_by("language", "wrong", "word")
    records = pl.col("text").n_unique().cast(pl.Int64)
    return counts.agg(n=pl.len().cast(pl.Int64), records=records)


def beside(look: Look) -> None:
    """Count how often words that may be right stand beside what stands beside a wrong one."""
    import polars as pl

    wanted, counts = _wanted(look), []
    for texts in _texts(look):
        found = words(texts)
        mine = found.coded(wanted, key="right", fold="neighbour").with_row_index("number")
        tokens = found.tokens.select("text", "key", "fold")
        tokens = tokens.with_columns(left=_beside(1), behind=_beside(-1))
        tokens = tokens.join(mine.select("key").unique(), on="key", how="semi")
        for side in ("left", "behind"):
            here = mine.filter(pl.col("side") == side)
            stand = tokens.select("key", fold=side).join(here, on=["key", "fold"])
            stand = stand.group_by("number").agg(n=pl.len().cast(pl.Int64))
            stand = stand.join(here, on="number")
            counts.append(stand.select("language", "right", "side", "neighbour", "n"))
    if counts:
        pl.concat(counts).write_ipc(look.table(BESIDE))


def _beside(step: int) -> pl.Expr:
    """Return the word so many words before, in the same text."""
    import polars as pl

    same = pl.col("text") == pl.col("text").shift(step)
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


def _with_context(each: pl.DataFrame, found: Words) -> pl.DataFrame:
    """Return places with their neighbours, and what stands around the first of each."""
    import numpy as np
    import polars as pl

    text, code = found.tokens["text"].to_numpy(), found.tokens["code"].to_numpy()
    position = each["position"].to_numpy().astype(np.int64)
    nth = pl.int_range(pl.len()).over("language", "wrong", "word")
    shown = each.select(shown=nth < SHOWN)["shown"]

    nothing = pl.Series([None], dtype=pl.String)

    def near(step: int, name: str) -> pl.Series:
        """Return what stands so many pieces further in the same text, or null."""
        there = np.clip(position + step, 0, len(text) - 1)
        same = (there == position + step) & (text[there] == text[position])
        rows = pl.Series(np.where(same, code[there], 0)).cast(pl.UInt32)
        return found.pieces[name].gather(rows).zip_with(pl.Series(same), nothing)

    def joined(steps: range) -> pl.Series:
        """Return the pieces around the places that are shown."""
        pieces = pl.DataFrame([near(step, "piece").alias(str(step)) for step in steps])
        line = pieces.select(pl.concat_str(pl.all(), separator=" ", ignore_nulls=True)).to_series()
        return line.zip_with(shown, nothing)

    return each.select("language", "wrong", "word").with_columns(
        left=near(-1, "fold"),
        behind=near(1, "fold"),
        before=joined(range(-AROUND, 0)),
        piece=near(0, "piece"),
        after=joined(range(1, AROUND + 1)),
    )

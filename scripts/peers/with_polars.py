"""The work of a build as a user of polars writes it who wants speed: lazy, streamed, in kernels.

Patterns match only what has to change, Python is called for the language and for lines that
could have mojibake, and duplicates are told by a hash.

    python -m peers.with_polars corpus.jsonl out 2
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from peers import tally

if TYPE_CHECKING:
    import polars as pl

LABEL = r"\n\(?(?:Sumber|Source) ?: ?([^\n)]+?)[.)]*$"
SUSPECTS = r"â€|[ÃÂÐÑØÙ]"
SMALL = {"\r\n": "\n", "\r": "\n", "\u200b": "", "\u2060": "", "\ufeff": "", "\u00ad": ""}
BLANKS = r"[^\S\n ][^\S\n]*| [^\S\n]+"
HEAD = 512


def mended(text: str) -> str:
    """Repair the lines of a text that could have mojibake: ftfy is slow."""
    import ftfy

    lines = text.split("\n")
    return "\n".join(
        ftfy.fix_encoding(line) if re.search(SUSPECTS, line) else line for line in lines
    )


def mend(text: pl.Series) -> pl.Series:
    """Repair mojibake in the texts that could have it."""
    import polars as pl

    rows = text.str.contains(SUSPECTS).arg_true()
    if rows.is_empty():
        return text
    return text.scatter(rows, pl.Series(map(mended, text.gather(rows)), dtype=pl.String))


def detect(heads: pl.Series) -> pl.Series:
    """Ask pycld2 about each text."""
    import polars as pl
    import pycld2

    codes, scores = [], []
    for head in heads:
        try:
            _, _, ((_, code, percent, _), *_) = pycld2.detect(head, isPlainText=True)
        except pycld2.error:
            code, percent = "un", 0
        codes.append(code)
        scores.append(percent / 100)
    return pl.DataFrame({"language": codes, "language_score": scores}).to_struct()


def plan(source: pl.LazyFrame) -> pl.LazyFrame:
    """Return all steps up to the writing."""
    import polars as pl

    text, train, test = pl.col("text"), pl.lit("train"), pl.lit("test")
    told = pl.Struct({"language": pl.String, "language_score": pl.Float64})
    cleaned = (
        text.map_batches(mend, pl.String, is_elementwise=True)
        .str.replace_many(list(SMALL), list(SMALL.values()), leftmost=True)
        .str.replace_all(BLANKS, " ")
        .str.replace_all(r" \n ?|\n ", "\n")
        .str.replace_all(r"\n{3,}", "\n\n")
        .str.strip_chars()
    )
    return (
        source.with_columns(cleaned)
        .filter(text != "")
        .with_columns(
            text.str.head(HEAD).map_batches(detect, told, is_elementwise=True).alias("told"),
            corrected=text.str.contains(r"\bCTSO\b"),
            source=text.str.tail(120).str.extract(LABEL),
        )
        .with_columns(text.str.replace_all(r"\bCTSO\b", "CSTO").str.replace(LABEL, ""))
        .unnest("told")
        .with_columns(key=text.hash(0))
        .unique("key", keep="any")
        .with_columns(split=pl.when(pl.col("key") % 5 == 0).then(test).otherwise(train))
        .drop("key")
    )


def main() -> None:
    """Run the plan in the streaming engine."""
    given = tally.arguments()
    os.environ["POLARS_MAX_THREADS"] = str(given.workers)
    import polars as pl

    source = pl.scan_ndjson(given.input, schema={"text": pl.String})
    target = pl.PartitionBy(given.output, key="split", include_key=False)
    plan(source).sink_parquet(
        target, compression="zstd", compression_level=1, maintain_order=False, engine="streaming"
    )
    tally.tell(given.output)


if __name__ == "__main__":
    main()

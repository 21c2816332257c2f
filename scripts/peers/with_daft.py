"""The work of a build as a user of Daft writes it who wants speed: lazy, streamed, in kernels.

The same steps as with_polars.py. With --near also Daft's MinHash: its signatures are cut into
bands, and a text that shares a band with an earlier one goes.

    python -m peers.with_daft corpus.jsonl out 2 --near
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from peers import tally
from peers.with_polars import HEAD, LABEL, SUSPECTS, mended

if TYPE_CHECKING:
    import daft

STEPS = (
    (r"\r\n?", "\n"),
    ("[\u200b\u2060\ufeff\u00ad]", ""),
    (r"[^\S\n ][^\S\n]*| [^\S\n]+", " "),
    (r" \n ?|\n ", "\n"),
    (r"\n{3,}", "\n\n"),
)
BANDS, ROWS = 14, 8
"""Texts that are 0.72 alike share one of so many bands as often as not."""

WORDS = 5


def mend(text: daft.Series) -> Any:
    """Repair mojibake in the texts that could have it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = text.to_arrow()
    suspect = pc.match_substring_regex(texts, SUSPECTS)
    if not pc.any(suspect).as_py():
        return texts
    repaired = [mended(each) for each in texts.filter(suspect).to_pylist()]
    return pc.replace_with_mask(texts, suspect, pa.array(repaired, texts.type))


def detect(heads: daft.Series) -> Any:
    """Ask pycld2 about each text."""
    import pyarrow as pa
    import pycld2

    codes, scores = [], []
    for head in heads.to_arrow().to_pylist():
        try:
            _, _, ((_, code, percent, _), *_) = pycld2.detect(head, isPlainText=True)
        except pycld2.error:
            code, percent = "un", 0
        codes.append(code)
        scores.append(percent / 100)
    return pa.StructArray.from_arrays(
        [pa.array(codes, pa.large_string()), pa.array(scores, pa.float64())],
        ["language", "language_score"],
    )


def plan(source: daft.DataFrame) -> daft.DataFrame:
    """Return all steps up to the writing, near-duplicates left aside."""
    import daft
    from daft import DataType, col
    from daft import functions as fn

    told = DataType.struct({"language": DataType.string(), "language_score": DataType.float64()})
    text = daft.func.batch(return_dtype=DataType.string())(mend)(col("text"))
    for pattern, right in STEPS:
        text = fn.regexp_replace(text, pattern, right)
    source = source.with_column("text", fn.strip(text)).where(col("text") != "")
    source = source.with_columns(
        {
            "told": daft.func.batch(return_dtype=told)(detect)(fn.left(col("text"), HEAD)),
            "corrected": fn.regexp(col("text"), r"\bCTSO\b"),
            "source": fn.regexp_extract(fn.right(col("text"), 120), LABEL, 1),
        }
    )
    text = fn.regexp_replace(col("text"), r"\bCTSO\b", "CSTO")
    source = source.with_columns(
        {
            "text": fn.regexp_replace(text, LABEL, ""),
            "language": fn.get(col("told"), "language"),
            "language_score": fn.get(col("told"), "language_score"),
        }
    ).exclude("told")
    source = source.with_column("key", fn.hash(col("text"))).drop_duplicates("key")
    test = fn.when(col("key") % 5 == 0, daft.lit("test")).otherwise(daft.lit("train"))
    return source.with_column("split", test)


def without_near(data: daft.DataFrame) -> daft.DataFrame:
    """Leave out the texts that share a band of their MinHash with an earlier one."""
    import daft
    import numpy as np
    from daft import col
    from daft import functions as fn

    data = data.collect()  # its texts are needed twice
    hashes = fn.minhash(fn.lower(col("text")), num_hashes=BANDS * ROWS, ngram_size=WORDS)
    told = data.select("key", hashes.alias("hashes")).to_arrow()
    flat = told["hashes"].combine_chunks().flatten().to_numpy()
    bands = flat.reshape(len(told), BANDS, ROWS)
    twice = np.zeros(len(told), bool)
    for number in range(BANDS):
        band = np.ascontiguousarray(bands[:, number]).view(f"V{ROWS * flat.itemsize}").ravel()
        _, first, same = np.unique(band, return_index=True, return_inverse=True)
        twice |= first[same] != np.arange(len(told))
    gone = daft.from_arrow(told.select(["key"]).filter(twice))
    return data.join(gone, on="key", how="anti")


def main() -> None:
    """Run the plan in Daft's own runner."""
    given = tally.arguments("near")
    if hasattr(os, "sched_setaffinity"):  # Daft takes as many threads as it finds processors
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.workers])
    import daft

    daft.set_runner_native()
    data = plan(daft.read_json(str(given.input), schema={"text": daft.DataType.string()}))
    if given.near:
        data = without_near(data)
    data.exclude("key").write_parquet(
        str(given.output), compression="zstd", partition_cols=["split"]
    )
    tally.tell(given.output)


if __name__ == "__main__":
    main()

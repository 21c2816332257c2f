"""Tell the language of each record, and how certain that is.

`consensus.py` says how the consensus comes about, `weighing.py` how voices are combined; the voices
are `detectors.py`, `profiles.py` and `taught.py`, and `words.py` has the last say among relatives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.rooms.language.consensus import HEAD, LEAST, Consensus, Found, heads
from imprint.rooms.language.detectors import (
    UNDETERMINED,
    Opinion,
    ask_fasttext,
    ask_langdetect,
    shortest,
)
from imprint.rooms.language.taught import Taught, teach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl
    import pyarrow as pa

__all__ = ["Taught", "expect", "language", "shortest", "teach"]


def language(
    batch: pa.RecordBatch,
    detector: str,
    declared: Sequence[str],
    taught: Taught | None = None,
    *,
    found: bool = False,
) -> pa.RecordBatch:
    """Fill `language` where it is null or empty, and add `language_score`.

    A language that the input gives is brought to its shortest form and has the score 1; a value
    that is no BCP 47 tag rejects the record. Records that are rejected already are passed over.

    Args:
        batch: n records. Reads `text`, `language`, `_reason`.
        detector: "consensus", "langdetect" or "fasttext".
        declared: what the curator expects: decides what is nearly even, and no more than that.
        taught: languages that were taught by example; the consensus alone asks them.
        found: whether to add `languages_found`, all languages of each text, the main one first.

    Returns:
        n records in the same order. A null text keeps its language, with a null score.
    """
    import numpy as np
    import polars as pl
    import pyarrow as pa

    text = pl.Series(pl.from_arrow(batch["text"]))
    given = pl.Series(pl.from_arrow(batch["language"]))
    judged = text.is_not_null() & pl.Series(pl.from_arrow(batch["_reason"])).is_null()
    blank = given.fill_null("").str.strip_chars() == ""
    asked, told = (judged & blank).arg_true(), (judged & ~blank).arg_true()
    if detector == "consensus":
        judgement = Consensus(declared, taught).judge(text.gather(asked))
    else:
        judgement = _alone(ONE[detector], text.gather(asked))
    names = given.scatter(asked, pl.Series(judgement.names, dtype=pl.String))
    score = pl.Series(np.full(len(text), np.nan)).scatter(asked, np.array(judgement.scores) / 1000)
    score = score.scatter(told, 1.0).fill_nan(None).cast(pl.Float32)
    batch = _standardised(batch, names, told)
    batch = _replaced(batch, "language_score", score.to_arrow().cast(pa.float32()))
    if not found:
        return batch
    others = {int(asked[row]): each for row, each in judgement.others.items()}
    return _replaced(batch, "languages_found", _listed(batch["language"], others))


def expect(batch: pa.RecordBatch, declared: Sequence[str]) -> pa.RecordBatch:
    """Reject the records whose language is not declared.

    Script and region do not count (`zh-TW` is `zh` here), and `no` is `nb`, as detectors say it.

    Args:
        batch: n records that have their language.
        declared: BCP 47 tags.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = {tag.split("-")[0] for tag in declared}
    plain |= {"no"} if "nb" in plain else set()
    primary = pc.replace_substring_regex(batch["language"], "-.*", "")
    known = pc.is_in(primary, pa.array(sorted(plain), pa.string()))
    stranger = pc.and_(pc.invert(known), pc.is_valid(primary))
    stranger = pc.and_(stranger, pc.is_null(batch["_reason"]))
    said = pc.binary_join_element_wise("language ", batch["language"], " is not declared", "")
    batch = _replaced(batch, "_detail", pc.if_else(stranger, said, batch["_detail"]))
    return _replaced(batch, "_reason", pc.if_else(stranger, "language", batch["_reason"]))


def _alone(ask: Callable[[str], Opinion], text: pl.Series) -> Found:
    """Take one detector's word, and its own score."""
    names, scores = [], []
    for head in heads(text, HEAD):
        found = ask(head).scores if head else {}
        best = min(found, key=lambda name: (-found[name], name), default=UNDETERMINED)
        scores.append(found.get(best, 0))
        names.append(best if scores[-1] >= LEAST else UNDETERMINED)
    return Found(names, scores, {})


ONE: dict[str, Callable[[str], Opinion]] = {
    "fasttext": ask_fasttext,
    "langdetect": ask_langdetect,
}
"""The detectors that can be asked alone."""


def _listed(names: pa.Array, others: dict[int, tuple[str, ...]]) -> pa.Array:
    """Return the languages of each text as lists: the one that it has, none, or those told."""
    import pyarrow as pa

    lists = [[name] if name and name != UNDETERMINED else [] for name in names.to_pylist()]
    for row, each in others.items():
        lists[row] = list(each)
    return pa.array(lists, pa.list_(pa.string()))


def _standardised(batch: pa.RecordBatch, found: pl.Series, told: pl.Series) -> pa.RecordBatch:
    """Return the batch with its languages; what the input told in shortest form, or rejected."""
    import polars as pl
    import pyarrow as pa

    values = found.gather(told).str.strip_chars().to_list()
    tags = [shortest(value) for value in values]
    found = found.scatter(told, pl.Series([tag or UNDETERMINED for tag in tags], dtype=pl.String))
    batch = _replaced(batch, "language", found.to_arrow().cast(pa.string()))
    wrong = [n for n, tag in enumerate(tags) if tag is None]
    if not wrong:
        return batch
    rows = told.gather(wrong)
    details = [f"language {values[n][:60]!r} is no BCP 47 tag" for n in wrong]
    for name, new in (("_reason", ["language"] * len(wrong)), ("_detail", details)):
        column = pl.Series(pl.from_arrow(batch[name])).cast(pl.String).scatter(rows, new)
        batch = _replaced(batch, name, column.to_arrow().cast(pa.string()))
    return batch


def _replaced(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    """Return the batch with another column of that name, or one more."""
    place = batch.schema.get_field_index(name)
    if place < 0:
        return batch.append_column(name, column)
    return batch.set_column(place, name, column)

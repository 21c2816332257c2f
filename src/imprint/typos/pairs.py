"""Pairs of words that are one edit apart, found by joining what is left when a letter is taken out.

Two words are one edit apart (optimal string alignment) where one is the other without a letter,
where both are the same with one place blanked, or where two neighbouring letters changed places.
Each case is one join of exact keys, so nothing is compared that is not a pair, and nothing is left
to verify.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

EDITS = ("missing", "extra", "other", "swapped")
"""What happened to the right word: a letter is missing, there is one more, another, or two are
swapped."""

BLANKED = "\0"
"""Stands for the letter that is another."""


def one_edit_apart(wrong: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Return every pair of a word of `wrong` and one of `right` that are one edit apart.

    Args:
        wrong: rows with `language` and `fold`, each once.
        right: likewise.

    Returns:
        `language`, `wrong`, `right`, `edit` (one of `EDITS`) and `at`: the place in the longer of
        the two, from 0; of swapped letters that of the second. Each pair once, in no order.

    >>> import polars as pl
    >>> some = pl.DataFrame({"language": ["id"] * 4, "fold": ["dengna", "dengn", "dengat", "x"]})
    >>> found = one_edit_apart(some, pl.DataFrame({"language": ["id"], "fold": ["dengan"]}))
    >>> found.sort("wrong").select("wrong", "edit", "at").rows()
    [('dengat', 'other', 5), ('dengn', 'missing', 4), ('dengna', 'swapped', 5)]
    """
    import polars as pl

    wrong = wrong.select("language", wrong="fold")
    right = right.select("language", right="fold")
    wrongs, rights = _places(wrong, "wrong"), _places(right, "right")
    blanked = _with(wrongs, "wrong", BLANKED).join(
        _with(rights, "right", BLANKED), on=["language", "key", "at"]
    )
    found = [
        _with(rights, "right", "").rename({"key": "wrong"}).join(wrong, on=["language", "wrong"]),
        _with(wrongs, "wrong", "").rename({"key": "right"}).join(right, on=["language", "right"]),
        blanked.filter(pl.col("wrong") != pl.col("right")),
        swapped(wrongs.filter(pl.col("at") > 0)).join(right, on=["language", "right"]),
    ]
    columns = ("language", "wrong", "right", "edit", "at")
    named = [
        each.with_columns(edit=pl.lit(edit)).select(columns)
        for edit, each in zip(EDITS, found, strict=True)
    ]
    # A letter that is gone from a run of equal ones is gone from each place of it: the last counts.
    last = pl.col("at").max()
    return pl.concat(named).group_by("language", "wrong", "right", "edit").agg(last)


def _places(words: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return a row for each letter of each word, with its place `at`."""
    import polars as pl

    length = pl.col(name).str.len_chars().cast(pl.Int64)
    return words.with_columns(at=pl.int_ranges(0, length)).explode("at")


def _with(places: pl.DataFrame, name: str, instead: str) -> pl.DataFrame:
    """Return words with something instead of the letter at the place: `key`."""
    import polars as pl

    word, at = pl.col(name), pl.col("at")
    key = pl.concat_str(word.str.slice(0, at), pl.lit(instead), word.str.slice(at + 1))
    return places.with_columns(key=key)


def swapped(places: pl.DataFrame) -> pl.DataFrame:
    """Return `wrong` with the letter `at` a place and the one before it swapped: `right`."""
    import polars as pl

    word, at = pl.col("wrong"), pl.col("at")
    pieces = (
        word.str.slice(0, at - 1),
        word.str.slice(at, 1),
        word.str.slice(at - 1, 1),
        word.str.slice(at + 1),
    )
    found = places.with_columns(right=pl.concat_str(pieces))
    return found.filter(pl.col("wrong") != pl.col("right"))

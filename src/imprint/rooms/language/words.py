"""What the words of a text say of its language, for a whole column at once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from imprint.rooms.language.detectors import tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np


def vouched(heads: list[str], name: str, typical: np.ndarray) -> np.ndarray:
    """Tell which texts have no word of the languages that are taken for that one.

    Where they are not typical of it, they have to have a word of its own as well: a detector that
    is not sure of Indonesian may look at Indonesian with many names, or at one of ten languages
    that share its stems; these are hardly ever written without their own particles.
    """
    import polars as pl

    text = pl.Series(heads, dtype=pl.String)
    clean = ~text.str.contains(_against(name)).to_numpy()
    rows = (clean & ~typical).nonzero()[0]
    if len(rows):
        clean[rows] = text.gather(rows).str.contains(_any_of(tables().own[name])).to_numpy()
    return clean


def relatives(heads: list[str]) -> list[dict[str, int]]:
    """Return how many words of each of two relatives a text has; the same word counts once."""
    import polars as pl

    if not heads:
        return []
    text = pl.Series(heads, dtype=pl.String)
    lower = pl.element().str.to_lowercase()
    counts = [
        text.str.extract_all(_any_of(own)).list.eval(lower).list.n_unique().to_list()
        for own in tables().words.values()
    ]
    return [dict(zip(tables().words, row, strict=True)) for row in zip(*counts, strict=True)]


@functools.cache
def _against(name: str) -> str:
    """Return a pattern of the words that speak against a language."""
    others = (own for relative, own in tables().words.items() if relative != name)
    return _any_of(tables().strange[name].union(*others))


@functools.cache
def _any_of(words: Iterable[str]) -> str:
    """Return a pattern of whole words, in one order whatever the hash seed.

    Case and bounds are told in ASCII: these words have no other letters, and by Unicode's rules
    the same pattern takes fifty times as long.
    """
    return rf"(?i-u:\b(?:{'|'.join(sorted(words))})\b)"

"""How often words are used: an optional help, where the library wordfreq is installed."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    Lists = Mapping[str, Mapping[str, int]]
    """Language -> word -> how often it is used: a logarithm of how many times in a billion. A
    language without a list is not there; `OTHERS` always is."""

OTHERS = ""
"""Stands for the languages beside a word's own: English and those that the project declares."""


def lists(wanted: Mapping[str, Collection[str]], declared: Collection[str]) -> Lists:
    """Return what lists have of words.

    Args:
        wanted: language -> the words that are asked for.
        declared: languages that the project expects.
    """
    found: dict[str, dict[str, int]] = {}
    others: dict[str, int] = {}
    for language, words in wanted.items():
        mine = _list(language)
        if mine:
            found[language] = _of(mine, words)
        for other in sorted({"en", *declared} - {language}):
            for word, often in _of(_list(other), words).items():
                others[word] = max(often, others.get(word, 0))
    return {**found, OTHERS: others}


def _of(known: Mapping[str, float], words: Collection[str]) -> dict[str, int]:
    """Return what a list has of words."""
    return {word: log2(int(known[word] * 1e9)) for word in words if word in known}


def log2(number: int) -> int:
    """Return the logarithm of a number, rounded down; of 0 and less it is 0.

    >>> log2(0), log2(1), log2(7), log2(8)
    (0, 0, 2, 3)
    """
    return max(0, number.bit_length() - 1) if number > 0 else 0


@functools.cache
def _list(language: str) -> Mapping[str, float]:
    """Return the list of a language: word -> share of all words; nothing where there is none."""
    if importlib.util.find_spec("wordfreq") is None:
        return {}
    import wordfreq

    if language not in wordfreq.available_languages("best"):
        return {}
    found: dict[str, float] = wordfreq.get_frequency_dict(language, "best")
    return found

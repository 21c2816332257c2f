"""What the words of a text say of its language, for a whole column at once."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from imprint.rooms.language.detectors import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import polars as pl

    from imprint.rooms.language.profiles import Whole

OTHER = "other"
"""Stands in the lists for the languages nearby that no detector knows."""


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


@functools.cache
def family() -> tuple[str, ...]:
    """Return the relatives that words tell apart; the last stands for those nobody knows."""
    return tuple(
        sorted({name for spoken in tables().words for name in spoken.split()} - {OTHER})
    ) + (OTHER,)


def strange(heads: list[str]) -> Whole:
    """Count the words of each text that each relative does not have; each word counts once.

    Returns:
        A row a text, a column a language of `family`.
    """
    import numpy as np
    import polars as pl

    text = pl.Series("word", heads, dtype=pl.String).str.to_lowercase()
    said = pl.DataFrame(text.str.extract_all(r"(?-u:\b[a-z]+\b)")).with_row_index("row")
    said = said.explode("word").unique()
    evidence = _evidence()
    distinct = said["word"].unique()
    formed = [
        (word, number)
        for word in distinct.filter(distinct.str.contains(evidence.formed)).to_list()
        for number, form in evidence.forms
        if form.fullmatch(word)
    ]
    listed = pl.concat([evidence.words, pl.DataFrame(formed, evidence.words.schema, orient="row")])
    found = said.join(listed.unique(), on="word")
    counts = np.zeros((len(heads), len(evidence.foreign)), np.int64)
    np.add.at(counts, (found["row"].to_numpy(), found["list"].to_numpy()), 1)
    return counts @ evidence.foreign


def own_words(middle: pl.Series, end: pl.Series, names: Sequence[str]) -> list[bool]:
    """Tell of texts whether two parts of them both have a frequent word of their language.

    A language of which no words are listed has none.
    """
    import numpy as np
    import polars as pl

    found = np.zeros(len(names), bool)
    told = pl.Series(names, dtype=pl.String)
    for name in sorted(set(names) & tables().own.keys()):
        rows = (told == name).arg_true()
        pattern = _any_of(tables().own[name])
        both = middle.gather(rows).str.contains(pattern) & end.gather(rows).str.contains(pattern)
        found[rows.to_numpy()] = both.to_numpy()
    return found.tolist()


def one_script(heads: list[str]) -> list[str]:
    """Return the language of texts of which most letters are of a script that it alone has, or "".

    Two letters tell enough. They are few: pyarrow counts, whose patterns take no place from those
    that polars remembers.
    """
    import polars as pl
    import pyarrow.compute as pc

    text = pl.Series(heads, dtype=pl.String)
    names = [""] * len(heads)
    rows = text.str.contains("|".join(tables().scripts.values())).arg_true()
    if not len(rows):
        return names
    some = text.gather(rows).to_arrow()
    letters = pl.Series(pl.from_arrow(pc.count_substring_regex(some, r"\p{L}")))
    for name, script in tables().scripts.items():
        own = pl.Series(pl.from_arrow(pc.count_substring_regex(some, script)))
        for row in rows.filter((own >= 2) & (2 * own > letters)).to_list():
            names[row] = name
    return names


class Evidence(NamedTuple):
    """The lists of words that tell relatives apart, by their numbers."""

    words: pl.DataFrame
    """`word`, and the `list` it stands in."""
    forms: list[tuple[int, re.Pattern[str]]]
    """The number of a list, and a pattern of words that belong to it as well."""
    formed: str
    """A pattern of all of these: one, as polars remembers no more than 32 that it compiled."""
    foreign: Whole
    """A row a list, a column a language of `family`: what a word counts against it."""


@functools.cache
def _evidence() -> Evidence:
    """Return who has which words, and what each of them counts."""
    import numpy as np
    import polars as pl

    known = tables()
    whole = dict.fromkeys([*known.words, *known.forms])  # a list and its forms count a word once
    lists = [(2, spoken, known.words.get(spoken, frozenset())) for spoken in whole]
    lists += [(1, spoken, words) for spoken, words in known.leaning.items()]
    rows = [(word, n) for n, (_, _, words) in enumerate(lists) for word in sorted(words)]
    patterns = {
        n: "|".join(sorted(known.forms[spoken]))
        for n, spoken in enumerate(whole)
        if spoken in known.forms
    }
    foreign = [
        [points * (name not in spoken.split()) for name in family()] for points, spoken, _ in lists
    ]
    return Evidence(
        pl.DataFrame(rows, {"word": pl.String, "list": pl.Int32}, orient="row"),
        [(n, re.compile(pattern)) for n, pattern in patterns.items()],
        f"^(?:{'|'.join(patterns.values())})$",
        np.array(foreign, np.int64),
    )


@functools.cache
def _against(name: str) -> str:
    """Return a pattern of the words that speak against a language."""
    others = (own for spoken, own in tables().words.items() if name not in spoken.split())
    return _any_of(frozenset().union(*others))


@functools.cache
def _any_of(words: Iterable[str]) -> str:
    """Return a pattern of whole words, in one order whatever the hash seed.

    Case and bounds are told in ASCII: these words have no other letters, and by Unicode's rules
    the same pattern takes fifty times as long.
    """
    return rf"(?i-u:\b(?:{'|'.join(sorted(words))})\b)"

"""The words of texts: where each stands, what stands beside it, and how it is written.

A word is what stands between blanks, without the marks around it. One that holds anything but
letters (a compound with a hyphen, an address, a number, what a line's end cut in two) is no word to
correct; it still stands beside others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.typos.pairs import swapped

if TYPE_CHECKING:
    import polars as pl

CORE = r"^[^\p{L}\p{M}\p{N}]*(.*?)[^\p{L}\p{M}\p{N}]*$"
"""What is left of a piece of text without the marks around it."""

PLAIN = r"^[\p{L}\p{M}]+$"
"""A word of letters alone."""

BOUND = r"[@#&/\\_~=-]\p{L}|\p{L}\p{M}*[@#&/\\_~=-]"
"""Marks that make more of a word than a word: a tag, part of an address, one that a line cut."""

ENDS = r"[.!?:;…\"”»)]$"
"""What may end a sentence: the capital letter of the word behind it says nothing."""

OPENS = r"^[\"“„«(‘'\[-]"
"""What may begin one."""

LONGEST = 40
"""Letters of a word that is looked at. Chosen: what is longer is no word, or is known by nobody."""

ACRONYM = r"^\p{Lu}{3,8}$"
"""An acronym. Chosen: shorter ones are one edit from too many, longer ones words in capitals."""

ANY = ""
"""The language of acronyms, which are the same in all."""

TITLE = r"\p{Lu}[\p{L}\p{M}'’-]+(?:\s+(?:\p{Ll}{1,5}\s+)?\p{Lu}[\p{L}\p{M}'’-]+){2,9}"
"""Capitalised words in a row, a short one in small letters here and there: what an acronym may be
short for."""


def words(texts: pl.DataFrame) -> pl.DataFrame:
    """Cut texts into words.

    Args:
        texts: n rows with `row`, `language`, `text`.

    Returns:
        A row for each word, in the order of the texts: `row`, `language` (`ANY` of acronyms),
        `piece` as it stands between blanks, `word` without marks, `fold` by which it is counted (in
        small letters, but for acronyms), `plain` whether it is of letters alone, `inside` whether
        it stands inside a sentence.
    """
    import polars as pl

    pieces = texts.select("row", "language", piece=pl.col("text").str.extract_all(r"\S+"))
    pieces = pieces.explode("piece").drop_nulls("piece")
    pieces = pieces.with_columns(word=pl.col("piece").str.extract(CORE, 1))
    word, before = pl.col("word"), pl.col("piece").shift(1)
    inside = (
        (pl.col("row") == pl.col("row").shift(1))
        & ~before.str.contains(ENDS)
        & ~pl.col("piece").str.contains(OPENS)
    ).fill_null(value=False)
    acronym = word.str.contains(ACRONYM)
    plain = word.str.contains(PLAIN) & ~pl.col("piece").str.contains(BOUND)
    return pieces.with_columns(
        fold=pl.when(acronym).then(word).otherwise(word.str.to_lowercase()),
        language=pl.when(acronym).then(pl.lit(ANY)).otherwise(pl.col("language")),
        plain=plain & (word.str.len_chars() <= LONGEST),
        inside=inside,
    )


def counted(found: pl.DataFrame) -> pl.DataFrame:
    """Count the plain words that `words` gave, by their language.

    Returns:
        A row for each, in no order: `language`, `fold`, `n` times in `records`, `inside` sentences,
        and there `titled`, with a capital letter.
    """
    import polars as pl

    titled = pl.col("inside") & pl.col("word").str.contains(r"^\p{Lu}")
    return (
        found.filter("plain")
        .group_by("language", "fold")
        .agg(
            n=pl.len().cast(pl.Int64),
            records=pl.col("row").n_unique().cast(pl.Int64),
            inside=pl.col("inside").sum().cast(pl.Int64),
            titled=titled.sum().cast(pl.Int64),
        )
    )


def initials(texts: pl.DataFrame) -> pl.DataFrame:
    """Return what the capitalised words in a row begin with: `row`, `title`, `initials`.

    >>> import polars as pl
    >>> text = "di Collective Security Treaty Organization, kata Badan Pengawas Obat dan Makanan"
    >>> initials(pl.DataFrame({"row": [0], "text": [text]}))["initials"].to_list()
    ['CSTO', 'BPOM']
    """
    import polars as pl

    titles = texts.select("row", title=pl.col("text").str.extract_all(TITLE)).explode("title")
    first = pl.col("title").str.extract_all(r"(?:^|[\s-])\p{Lu}").list.join("")
    return titles.drop_nulls("title").select(
        "row", "title", initials=first.str.replace_all(r"[\s-]", "")
    )


def spelled(texts: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Return acronyms of which only a swap of two letters fits words in the same text.

    Args:
        texts: n rows with `row`, `text`.
        found: their words.

    Returns:
        `row`, `language`, `wrong`, `right`, each once, and the `title` that fits.
    """
    import polars as pl

    held = found.filter(pl.col("fold").str.contains(ACRONYM)).select("row", "language", "fold")
    held = held.unique().rename({"fold": "wrong"})
    first = initials(texts.join(held.select("row").unique(), on="row", how="semi"))
    both = held.join(first, on="row")
    fits = both.filter(pl.col("initials").str.contains(pl.col("wrong"), literal=True))
    rest = both.join(fits.select("row", "wrong"), on=["row", "wrong"], how="anti")
    length = pl.col("wrong").str.len_chars().cast(pl.Int64)
    swaps = swapped(rest.with_columns(at=pl.int_ranges(1, length)).explode("at"))
    swaps = swaps.filter(pl.col("initials").str.contains(pl.col("right"), literal=True))
    return swaps.group_by("row", "language", "wrong", "right").agg(pl.col("title").min())

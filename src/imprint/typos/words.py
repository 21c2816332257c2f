"""The words of texts: where each stands, what stands beside it, and how it is written.

A word is what stands between blanks, without the marks around it. One that holds anything but
letters (a compound with a hyphen, an address, a number, what a line's end cut in two) is no word to
correct; it still stands beside others.
"""

from __future__ import annotations

import dataclasses
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

UNKNOWN = "und"
"""The language of a text that has none."""

ANY = ""
"""The language of acronyms, which are the same in all."""

TITLE = r"\p{Lu}[\p{L}\p{M}'’-]+(?:\s+(?:\p{Ll}{1,5}\s+)?\p{Lu}[\p{L}\p{M}'’-]+){2,9}"
"""Capitalised words in a row, a short one in small letters here and there: what an acronym may be
short for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """The words of some texts, each written down once, and the order in which they stand."""

    texts: pl.DataFrame
    """`row`, `language`, `text` of n texts."""
    tokens: pl.DataFrame
    """A row for each piece of text between blanks, in order: `text`, the number of its text;
    `code`, the number of what is written; `fold`, of what it is counted by; `key`, of that in its
    language; `inside`, whether it stands inside a sentence."""
    pieces: pl.DataFrame
    """By `code`: `piece` as it stands, `word` without the marks around it, `plain` whether it is a
    word of letters alone, `titled` whether it begins with a capital letter, `acronym`."""
    folds: pl.Series
    """By `fold`: the word in small letters, but for acronyms."""
    languages: pl.Series
    """By `language`: its tag; the first is `ANY`."""

    def of(self, name: str) -> pl.Series:
        """Return of each token what is known of what is written there."""
        return self.pieces[name].gather(self.tokens["code"])

    def coded(self, table: pl.DataFrame, **columns: str) -> pl.DataFrame:
        """Return a table with numbers of words, without the rows of which one is not in the texts.

        Args:
            table: with `language` and columns of words.
            columns: the new column -> that of which it holds the keys; of one whose name begins
                with `fold` the folds, which know no language.
        """
        import polars as pl

        tongues = pl.DataFrame({"language": self.languages}).with_row_index("tongue")
        table = table.join(tongues, on="language", maintain_order="left")
        for new, old in columns.items():
            numbers = pl.DataFrame({old: self.folds}).with_row_index(new)
            table = table.join(numbers, on=old, maintain_order="left")
            number = pl.col(new).cast(pl.Int64)
            if not new.startswith("fold"):
                number += pl.col("tongue").cast(pl.Int64) * len(self.folds)
            table = table.with_columns(number.alias(new))
        return table.drop("tongue")


def words(texts: pl.DataFrame) -> Words:
    """Cut texts into words.

    Args:
        texts: n rows with `row`, `language`, `text`.
    """
    import numpy as np
    import polars as pl
    import pyarrow as pa

    # A clean text has no other blanks. pyarrow's own splitting leaves some at the end (26.0).
    cut = texts.select(
        piece=pl.col("text").str.replace_all("\n", " ", literal=True).str.split(" "),
        text=pl.int_range(pl.len()),
    )
    cut = cut.explode("piece").filter(pl.col("piece").str.len_bytes() > 0)
    text = cut["text"].to_numpy()
    coded = cut["piece"].to_arrow().cast(pa.large_string()).dictionary_encode()
    code = coded.indices.to_numpy()
    pieces = _pieces(pl.Series("piece", pl.from_arrow(coded.dictionary)))
    folds = pieces["fold"].unique(maintain_order=True)
    numbers = pl.DataFrame({"fold": folds}).with_row_index("number")
    fold = pieces.join(numbers, on="fold", maintain_order="left")["number"].to_numpy()[code]
    languages = pl.concat([pl.Series([ANY]), texts["language"].fill_null(UNKNOWN)]).unique(
        maintain_order=True
    )
    tongues = pl.DataFrame({"language": languages}).with_row_index("tongue")
    named = texts.select(pl.col("language").fill_null(UNKNOWN)).join(
        tongues, on="language", maintain_order="left"
    )
    ends, opens = pieces["ends"].to_numpy()[code], pieces["opens"].to_numpy()[code]
    inside = ~opens
    inside[:1] = False
    inside[1:] &= (text[1:] == text[:-1]) & ~ends[:-1]
    tongue = np.where(pieces["acronym"].to_numpy()[code], 0, named["tongue"].to_numpy()[text])
    key = tongue.astype(np.int64) * len(folds) + fold
    columns = {"text": text, "code": code, "fold": fold, "key": key, "inside": inside}
    tokens = pl.DataFrame(columns).with_columns(pl.col("text", "code", "fold").cast(pl.Int64))
    return Words(texts, tokens, pieces, folds, languages)


def _pieces(pieces: pl.Series) -> pl.DataFrame:
    """Return what is known of each piece of text by itself."""
    import polars as pl

    frame = pl.DataFrame({"piece": pieces.cast(pl.String)})
    frame = frame.with_columns(word=pl.col("piece").str.extract(CORE, 1))
    piece, word = pl.col("piece"), pl.col("word")
    acronym = word.str.contains(ACRONYM)
    plain = word.str.contains(PLAIN) & (word.str.len_chars() <= LONGEST)
    return frame.with_columns(
        fold=pl.when(acronym).then(word).otherwise(word.str.to_lowercase()),
        plain=plain & ~piece.str.contains(BOUND),
        acronym=acronym,
        titled=word.str.contains(r"^\p{Lu}"),
        ends=piece.str.contains(ENDS),
        opens=piece.str.contains(OPENS),
    )


def counted(found: Words) -> pl.DataFrame:
    """Count the plain words by their language.

    Returns:
        A row for each, in no order: `language`, `fold`, `n` times in `records`, `inside` sentences,
        and there `titled`, with a capital letter.
    """
    import polars as pl

    titled = found.of("titled") & found.tokens["inside"]
    tokens = found.tokens.with_columns(titled=titled).filter(found.of("plain"))
    size, folds = len(found.texts), len(found.folds)
    sums = {name: pl.col(name).sum().cast(pl.Int64) for name in ("inside", "titled")}
    # One number for word and text: to group by two columns takes longer.
    pair = pl.col("key") * size + pl.col("text")
    each = tokens.group_by(both=pair).agg(n=pl.len().cast(pl.Int64), **sums)
    sums = {name: pl.col(name).sum() for name in ("n", "inside", "titled")}
    once = each.group_by(key=pl.col("both") // size).agg(records=pl.len().cast(pl.Int64), **sums)
    return once.select(
        found.languages.gather(once["key"] // folds).alias("language"),
        found.folds.gather(once["key"] % folds).alias("fold"),
        *("n", "records", "inside", "titled"),
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


def spelled(found: Words) -> pl.DataFrame:
    """Return acronyms of which only a swap of two letters fits words in the same text.

    Returns:
        `row`, `language` (`ANY`), `wrong`, `right`, each once, and the `title` that fits.
    """
    import polars as pl

    held = found.tokens.filter(found.of("acronym")).select("text", "fold").unique()
    held = held.select("text", wrong=found.folds.gather(held["fold"]))
    texts = (
        found.texts.select("text").with_row_index("at").select(pl.col("at").alias("row"), "text")
    )
    first = initials(texts.filter(pl.col("row").is_in(held["text"].implode()))).rename(
        {"row": "text"}
    )
    both = held.join(first, on="text")
    fits = both.filter(pl.col("initials").str.contains(pl.col("wrong"), literal=True))
    rest = both.join(fits.select("text", "wrong"), on=["text", "wrong"], how="anti")
    length = pl.col("wrong").str.len_chars().cast(pl.Int64)
    swaps = swapped(rest.with_columns(at=pl.int_ranges(1, length)).explode("at"))
    swaps = swaps.filter(pl.col("initials").str.contains(pl.col("right"), literal=True))
    swaps = swaps.group_by("text", "wrong", "right").agg(pl.col("title").min())
    return swaps.with_columns(language=pl.lit(ANY)).drop("text")

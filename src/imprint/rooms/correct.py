"""Correct declared typos, and write on each record what was corrected.

All errata apply in one pass over the text as it was before any of them: leftmost first, at one
place the one declared earlier, never to what another put there. Compiled searches over the whole
column pick the rows; only they are walked in Python.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from imprint.characters import BLANKLESS
from imprint.settings import glob_matches
from imprint.timing import slow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl
    import pyarrow as pa

    from imprint.settings import Erratum

MARKS = ("\x01", "\x02", "\x03")
"""What brackets a match while it is located; a clean text holds no control characters."""

EVERYWHERE = ("**/*",)
"""The scope of an erratum that is for every file."""


class Match(NamedTuple):
    """One place of one text where one erratum applies."""

    start: int
    """Offset of the first character."""
    order: int
    """Position of the erratum in schema/errata.toml."""
    end: int
    """Offset behind the last character."""
    right: str
    """What comes in its place."""


def correct(batch: pa.RecordBatch, errata: Sequence[Erratum]) -> pa.RecordBatch:
    """Apply the declared errata, and add the column `corrections`.

    No record is added, dropped or moved. A null text stays null.

    Args:
        batch: n records with a clean `text`. Reads `text`, `language` and `raw_file`.
        errata: in the order of their declaration.

    Returns:
        n records in the same order, with `text` corrected and `corrections` saying which errata
        changed it and how often, in the order of their declaration.
    """
    import polars as pl

    text = pl.Series(pl.from_arrow(batch["text"]))
    found: dict[int, list[Match]] = {}
    for row, match in _matches(text, errata):
        found.setdefault(row, []).append(match)
    scope = _Scope(batch, errata)
    corrections: dict[int, list[dict[str, object]]] = {}
    rewritten: dict[int, str] = {}
    rows = sorted(found)
    slow(len(rows))
    for row, whole in zip(rows, text.gather(rows).to_list(), strict=True):
        matches = sorted(match for match in found[row] if scope.holds(row, match.order))
        whole, counts = _apply(whole, matches)
        if counts:
            rewritten[row] = whole
            corrections[row] = [
                {"wrong": errata[order].wrong, "right": errata[order].right, "count": counts[order]}
                for order in sorted(counts)
            ]
    return _with_corrections(batch, rewritten, corrections)


def _matches(text: pl.Series, errata: Sequence[Erratum]) -> Iterator[tuple[int, Match]]:
    """Yield every place where an erratum could apply, with its row; literals may overlap."""
    by_wrong: dict[str, list[int]] = {}
    for order, each in enumerate(errata):
        if each.match != "regex" and not each.ignore_case:
            by_wrong.setdefault(each.wrong, []).append(order)
            continue
        rows = text.str.contains(pattern(each)).fill_null(value=False).arg_true()
        if each.match == "regex":
            yield from _expressions(text, rows, order, each)
        else:
            for row, whole in zip(rows, text.gather(rows).to_list(), strict=True):
                yield from _located(row, _literal(whole, order, each))
    if not by_wrong:
        return
    wrongs = list(by_wrong)
    rows = text.str.contains_any(wrongs).fill_null(value=False).arg_true()
    picked = text.gather(rows)
    standing = picked.str.extract_many(wrongs, overlapping=True).list.unique()
    for row, whole, words in zip(rows, picked.to_list(), standing.to_list(), strict=True):
        for order in sorted(order for word in words for order in by_wrong[word]):
            yield from _located(row, _literal(whole, order, errata[order]))


def _located(row: int, matches: Iterable[Match]) -> Iterator[tuple[int, Match]]:
    """Yield each match with its row."""
    return ((row, match) for match in matches)


def pattern(erratum: Erratum) -> str:
    """Return what finds every place where an erratum could apply, in Rust's syntax."""
    found = erratum.wrong if erratum.match == "regex" else re.escape(erratum.wrong)
    return f"(?i){found}" if erratum.ignore_case else found


def _literal(whole: str, order: int, erratum: Erratum) -> Iterator[Match]:
    """Yield every place where a literal erratum stands, overlapping ones too."""
    places = _any_case if erratum.ignore_case else _as_written
    for start, end in places(whole, erratum.wrong):
        if erratum.match == "text" or (_border(whole, start) and _border(whole, end)):
            yield Match(start, order, end, erratum.right)


def _any_case(whole: str, wrong: str) -> Iterator[tuple[int, int]]:
    """Yield where a literal stands in upper or lower case."""
    for found in re.finditer(f"(?=({re.escape(wrong)}))", whole, re.IGNORECASE):
        yield found.span(1)


def _as_written(whole: str, wrong: str) -> Iterator[tuple[int, int]]:
    """Yield where a literal stands; ten times as fast as an expression (measured)."""
    start = whole.find(wrong)
    while start >= 0:
        yield start, start + len(wrong)
        start = whole.find(wrong, start + 1)


def _expressions(
    text: pl.Series, rows: pl.Series, order: int, erratum: Erratum
) -> Iterator[tuple[int, Match]]:
    """Yield every place where a regular expression matches, found by the compiled engine."""
    begin, middle, end = MARKS
    template = f"{begin}${{0}}{middle}{erratum.right}{end}"
    marked = text.gather(rows).str.replace_all(pattern(erratum), template)
    for row, each in zip(rows, marked, strict=True):
        head, *pieces = each.split(begin)
        position = len(head)
        for piece in pieces:
            wrong, rest = piece.split(middle, 1)
            right, after = rest.split(end, 1)
            yield row, Match(position, order, position + len(wrong), right)
            position += len(wrong) + len(after)


def _border(whole: str, offset: int) -> bool:
    """Say whether a word may begin or end at this offset."""
    if offset in {0, len(whole)}:
        return True
    return not (_joins(whole[offset - 1]) and _joins(whole[offset]))


@functools.lru_cache(maxsize=4096)
def _joins(character: str) -> bool:
    """Say whether a character grows into a word with its neighbour, in its script."""
    if BLANKLESS.match(character):
        return False
    if character in "_\u200c\u200d":
        return True
    return unicodedata.category(character)[0] in "LMN"


def _apply(whole: str, matches: Sequence[Match]) -> tuple[str, dict[int, int]]:
    """Replace the matches, leftmost first; return the text and how often each erratum did."""
    out: list[str] = []
    counts: dict[int, int] = {}
    position = 0
    for match in matches:
        if match.start < position:
            continue
        out += (whole[position : match.start], match.right)
        position = match.end
        counts[match.order] = counts.get(match.order, 0) + 1
    return "".join((*out, whole[position:])), counts


class _Scope:
    """Which records an erratum is for, by raw file and language."""

    def __init__(self, batch: pa.RecordBatch, errata: Sequence[Erratum]) -> None:
        self._errata = errata
        self._raw_file = batch["raw_file"]
        self._language = batch["language"]
        self._by_file: dict[tuple[int, str], bool] = {}

    def holds(self, row: int, order: int) -> bool:
        """Say whether the erratum is for this record."""
        erratum = self._errata[order]
        if erratum.files == EVERYWHERE and not erratum.languages:
            return True
        if erratum.languages and self._language[row].as_py() not in erratum.languages:
            return False
        raw_file: str = self._raw_file[row].as_py()
        known = self._by_file.get((order, raw_file))
        if known is None:
            known = any(glob_matches(pattern, raw_file) for pattern in erratum.files)
            self._by_file[order, raw_file] = known
        return known


def _with_corrections(
    batch: pa.RecordBatch,
    rewritten: dict[int, str],
    corrections: dict[int, list[dict[str, object]]],
) -> pa.RecordBatch:
    """Return the batch with the rewritten texts (in the order of their rows) and corrections."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from imprint.records import CORRECTIONS

    if rewritten:
        mask = np.zeros(len(batch), dtype=bool)
        mask[list(rewritten)] = True
        texts = pa.array(rewritten.values(), pa.string())
        column = pc.replace_with_mask(batch["text"], mask, texts)
        batch = batch.set_column(batch.schema.get_field_index("text"), "text", column)
    lengths = np.zeros(len(batch) + 1, dtype=np.int32)
    for row, each in corrections.items():
        lengths[row + 1] = len(each)
    flat = [each for row in sorted(corrections) for each in corrections[row]]
    values = pa.array(flat, CORRECTIONS.value_type)
    column = pa.ListArray.from_arrays(np.cumsum(lengths, dtype=np.int32), values, CORRECTIONS)
    return batch.append_column("corrections", column)

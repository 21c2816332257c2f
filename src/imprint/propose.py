"""Propose pairs of records that could be alike, from the sketches of their texts.

The sketches of all records are sorted by hash, a range of hashes at a time, so that memory does not
grow with the corpus. Of the records that share a hash few pairs are proposed, in proportion to
their number and not to its square: the longest with each, the shortest with each, and each with
those that are next in length. The bands of the sketches propose as well, where a sentence is in
thousands of texts.

Two long texts that share n shingles, of which no other text has one, have none in their sketches in
(7/8)^n of all cases: of quotations of 30 words, 26 shingles, 0.97 are found, of 60 words 0.9994.
Measured on 1,500 pairs of made texts for each of 30, 60 and 120 words, and 500 of 400, found of
those with a similarity just above

    0.5     0.6     0.7     0.8     0.9
    0.998   1.000   1.000   1.000   1.000
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import shutil
from typing import TYPE_CHECKING

from imprint.digests import ascending
from imprint.parts import Part
from imprint.rooms.dedup.alike import CONTAINED
from imprint.rooms.shingles import WIDTH
from imprint.rooms.sketch import HASH_BITS, ROW_BITS, limits
from imprint.rows import numbered
from imprint.swap import NEW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from imprint.engine import Engine
    from imprint.rooms.shingles import Hashes, Numbers

    Floats = npt.NDArray[np.float64]

ENTRIES = 500_000
"""Entries of sketches, or proposals, that are sorted at once: some 100 MB. Measured: with fewer
more time goes into reading, with more a core is left without work."""

SAMPLED = 64
"""One entry, or proposal, in so many is looked at to deal them out evenly."""

NEXT = 7
"""Records next in length with which one is paired, of those that share a hash. Chosen: of up to
eight all are paired with all."""

FAR = 2.0
"""Standard deviations below the mean at which a pair is given up. Chosen: one in 40 is missed of
the pairs that are only just alike enough, and next to none of those that are more."""

OFTEN = 0.75
"""Share of the hashes of two texts that are alike which propose them, at the least; other texts
may come between with the rest. Chosen: texts that share a sentence are seldom looked at."""

ENTRY_BYTES = 8

RECORD_BITS = 32
"""Of one record's number in the number of a pair."""

WORD_BITS = 64

NOT_TAKING = 2**32 - 1
"""The rank of a record that takes no part."""

RANKS, ORDER, SIZES = "ranks.npy", "order.npy", "sizes.npy"
"""Of all records, as the tasks open them: the rank of each by length, the longest first; which
record has each rank; the words of each, and the hashes of its sketch."""


@dataclasses.dataclass(frozen=True, slots=True)
class Propose:
    """A range of hashes, for whose records pairs are proposed."""

    entries: tuple[Path, ...]
    """Sketches, or bands, of each part."""
    firsts: tuple[int, ...]
    """The number of the first record of each part."""
    scratch: Path
    """Where `RANKS` and `ORDER` are."""
    low: int
    high: int
    """Hashes from low to below high."""
    path: Path
    """Where the proposals belong."""


@dataclasses.dataclass(frozen=True, slots=True)
class Gather:
    """What all ranges of hashes proposed for a range of records, to be counted."""

    by_sketches: tuple[Path, ...]
    by_bands: tuple[Path, ...]
    scratch: Path
    """Where `SIZES` are."""
    low: int
    high: int
    """Pairs whose first record is from low to below high."""
    least: float
    """The similarity that matters."""


def propose(argument: Propose) -> int:
    """Write the pairs that a range of hashes proposes, in order; return how many there are."""
    import numpy as np

    order = np.load(argument.scratch / ORDER, mmap_mode="r")
    bits = np.uint64(len(order).bit_length())
    keys = ascending(_entries(argument, bits))
    hashes = keys >> bits
    same = hashes[1:] == hashes[:-1]
    shared = np.zeros(len(keys), bool)
    shared[1:] = same
    shared[:-1] |= same
    records = order[keys[shared] & ((np.uint64(1) << bits) - np.uint64(1))]
    pairs = ascending(_pairs(hashes[shared], records.astype(np.uint64)))
    np.save(argument.path, pairs)
    return len(pairs)


def expected(held: Numbers, longer: Floats, least: float, known: Floats | float = 1.0) -> Floats:
    """Return how many hashes of their sketches two texts share at the least that are alike.

    Texts with a similarity of J share J times all that they have together: the longer the one is,
    the more of the other. From `CONTAINED` of the shorter one on they are alike in any case.

    Args:
        held: hashes in the sketch of the shorter text, of those that both would hold.
        longer: times that the other text is longer.
        least: the similarity that matters.
        known: share of its hashes from which it was reckoned how many both would hold; 1: counted.
    """
    import numpy as np

    share = np.minimum(least * (1 + longer) / (1 + least), float(CONTAINED))
    variance = held * share * (1 - share + share * (1 - known))
    expected: Floats = held * share - FAR * np.sqrt(variance)
    return expected


def proposed(
    parts: Sequence[Part], folder: Path, facts: pl.DataFrame, least: float, processes: Engine
) -> Hashes:
    """Return the pairs of records that could be alike, each as one number, in ascending order.

    Args:
        parts: what prepare left.
        folder: where they are, and the proposals for the time being.
        facts: as `near.find` takes them.
        least: the similarity that matters.
        processes: what runs the tasks.
    """
    import numpy as np

    scratch = folder / f"pairs{NEW}"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        _rank(facts, numbered(parts)[1], scratch)
        sketches, bands = (
            list(_ranges(kind, parts, folder, scratch)) for kind in (Part.sketches, Part.bands)
        )
        size = sum(path.stat().st_size for each in (sketches[0], bands[0]) for path in each.entries)
        counts = list(processes.run(propose, [*sketches, *bands], size))
        whole = Gather(
            tuple(each.path for each in sketches),
            tuple(each.path for each in bands),
            scratch,
            0,
            1 << RECORD_BITS,
            least,
        )
        pieces = list(_pieces(whole, sum(counts)))
        return np.concatenate(list(processes.run(gather, pieces, sum(counts) * ENTRY_BYTES)))
    finally:
        shutil.rmtree(scratch)


def gather(argument: Gather) -> Hashes:
    """Return the pairs that were proposed often enough, in ascending order.

    The hashes of sketches propose often what is alike, and bands more than once.
    """
    import numpy as np

    sizes = np.load(argument.scratch / SIZES, mmap_mode="r")
    pairs, counts = _tally(argument, argument.by_sketches)
    often = pairs[_often(pairs, counts, sizes, argument.least)]
    pairs, counts = _tally(argument, argument.by_bands)
    return np.asarray(np.union1d(often, pairs[counts > 1]))


def together(left: Hashes | Numbers, right: Hashes | Numbers) -> Hashes:
    """Return pairs of numbers below 2 ** `RECORD_BITS`, each pair as one number."""
    import numpy as np

    high = left.astype(np.uint64, copy=False) << np.uint64(RECORD_BITS)
    return np.asarray(high | right.astype(np.uint64, copy=False))


def apart(pairs: Hashes) -> tuple[Numbers, Numbers]:
    """Return the numbers of the one and the other record of each pair, the lower first."""
    import numpy as np

    left = (pairs >> np.uint64(RECORD_BITS)).astype(np.int64)
    return left, (pairs & np.uint64((1 << RECORD_BITS) - 1)).astype(np.int64)


def _rank(facts: pl.DataFrame, records: int, scratch: Path) -> None:
    """Write what the tasks have to know of all records."""
    import numpy as np

    taking = facts["record"].to_numpy()
    sizes = np.zeros((2, records), np.uint32)
    sizes[:, taking] = facts["words"], facts["hashes"]
    order = taking[np.lexsort((taking, ~sizes[0, taking]))].astype(np.uint32)
    ranks = np.full(records, NOT_TAKING, np.uint32)
    ranks[order] = np.arange(len(order))
    for name, values in ((RANKS, ranks), (ORDER, order), (SIZES, sizes)):
        np.save(scratch / name, values)


def _ranges(
    kind: Callable[[Part, Path], Path], parts: Sequence[Part], folder: Path, scratch: Path
) -> Iterator[Propose]:
    """Yield the ranges of hashes in which the entries of a kind are sorted.

    They are even: sketches are of low hashes. None is wider than that a hash, counted from where
    it begins, and a rank fit one word.
    """
    import numpy as np

    firsts, records = numbered(parts)
    paths = tuple(kind(part, folder) for part in parts)
    some = [np.zeros(0, np.uint64)]
    some += (np.memmap(path, "<u8", mode="r")[::SAMPLED] for path in paths if path.stat().st_size)
    hashes = np.sort(np.concatenate(some)) >> np.uint64(ROW_BITS)
    ranges = math.ceil(sum(path.stat().st_size for path in paths) / ENTRY_BYTES / ENTRIES)
    cuts = {int(hashes[len(hashes) * n // ranges]) for n in range(1, ranges)}
    widest = 1 << min(HASH_BITS, WORD_BITS - records.bit_length())
    borders = sorted({*cuts, *range(0, (1 << HASH_BITS) + 1, widest)})
    for low, high in itertools.pairwise(borders):
        path = scratch / f"{kind.__name__}-{low}.npy"
        yield Propose(paths, firsts, scratch, low, high, path)


def _entries(argument: Propose, bits: np.uint64) -> Hashes:
    """Return of each entry of a range the hash, beginning with the range, and its record's rank."""
    import numpy as np

    ranks = np.load(argument.scratch / RANKS, mmap_mode="r")
    keys = [np.zeros(0, np.uint64)]
    for path, first in zip(argument.entries, argument.firsts, strict=True):
        if not path.stat().st_size:
            continue
        entries = np.memmap(path, "<u8", mode="r")
        low, high = (
            np.searchsorted(entries, np.uint64(border << ROW_BITS))
            if border < 1 << HASH_BITS
            else len(entries)
            for border in (argument.low, argument.high)
        )
        found = np.array(entries[low:high])
        rank = ranks[(found & np.uint64((1 << ROW_BITS) - 1)) + np.uint64(first)]
        hashes = (found >> np.uint64(ROW_BITS)) - np.uint64(argument.low)
        keys.append((hashes << bits | rank)[rank != NOT_TAKING])
    return np.concatenate(keys)


def _pairs(hashes: Hashes, records: Hashes) -> Hashes:
    """Return the pairs of the records that share a hash, which stand by length.

    None is proposed twice by one hash.
    """
    import numpy as np

    place = np.arange(len(hashes))
    starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
    sizes = np.diff(np.append(starts, len(hashes)))
    start = np.repeat(starts, sizes)
    end = start + np.repeat(sizes, sizes) - 1
    far = place > start + NEXT
    between = far & (end > place + NEXT)
    sides = [(start[far], place[far]), (place[between], end[between])]
    for step in range(1, NEXT + 1):
        within = np.flatnonzero(place + step <= end)
        sides.append((within, within + step))
    left, right = (records[np.concatenate(each)] for each in zip(*sides, strict=True))
    return together(np.minimum(left, right), np.maximum(left, right))


def _pieces(whole: Gather, proposals: int) -> Iterator[Gather]:
    """Deal proposals out by their first records, evenly: a sample of them tells where to cut."""
    import numpy as np

    some = [np.zeros(0, np.uint64)]
    some += (
        np.load(path, mmap_mode="r")[::SAMPLED] for path in (*whole.by_sketches, *whole.by_bands)
    )
    firsts = np.sort(np.concatenate(some)) >> np.uint64(RECORD_BITS)
    pieces = math.ceil(proposals / ENTRIES)
    cuts = {int(firsts[len(firsts) * n // pieces]) for n in range(1, pieces)}
    for low, high in itertools.pairwise(sorted({whole.low, *cuts, whole.high})):
        yield dataclasses.replace(whole, low=low, high=high)


def _tally(argument: Gather, paths: Sequence[Path]) -> tuple[Hashes, Numbers]:
    """Return the pairs that were proposed for a range of records, and how often each was."""
    import numpy as np

    found = [np.zeros(0, np.uint64)]
    last = (argument.high << RECORD_BITS) - 1
    for path in paths:
        run = np.load(path, mmap_mode="r")
        low = np.searchsorted(run, np.uint64(argument.low << RECORD_BITS))
        found.append(np.array(run[low : np.searchsorted(run, np.uint64(last), "right")]))
    every = ascending(np.concatenate(found))
    starts = np.flatnonzero(np.append(True, every[1:] != every[:-1])[: len(every)])
    return every[starts], np.diff(np.append(starts, len(every)))


def _often(
    pairs: Hashes, counts: Numbers, sizes: npt.NDArray[np.uint32], least: float
) -> npt.NDArray[np.bool_]:
    """Say of each pair whether it was proposed as often as its sketches should, were it alike.

    Args:
        pairs: each as one number.
        counts: how often each was proposed.
        sizes: the words of each record, and the hashes of its sketch.
        least: the similarity that matters.
    """
    import numpy as np

    left, right = apart(pairs)
    words, hashes = sizes
    shingled = np.maximum(words.astype(np.int64) - (WIDTH - 1), 1)
    rates = limits(np.arange(shingled.max(initial=0) + 1)).astype(np.float64)
    shorter = np.where(words[left] <= words[right], left, right)
    one, other = shingled[shorter], shingled[left ^ right ^ shorter]
    known = rates[other] / rates[one]
    enough = expected(hashes[shorter] * known, other / one, least, known)
    often: npt.NDArray[np.bool_] = counts >= OFTEN * enough
    return often

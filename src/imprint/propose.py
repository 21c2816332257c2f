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

and of texts of 1,100, 2,000 and 7,000 words all of 1,520 pairs with similarities from 0.5 to 0.8.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import shutil
from typing import TYPE_CHECKING, NamedTuple

from imprint.digests import ascending
from imprint.pairs import RECORD_BITS, apart, compared, floor, likely, together
from imprint.parts import Part
from imprint.rooms.sketch import HASH_BITS, ROW_BITS
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

    Proposals = tuple[Hashes, Numbers]

ENTRIES = 500_000
"""Entries of sketches, or proposals, that are sorted at once: some 100 MB. Measured: with fewer
more time goes into reading, with more a core is left without work."""

SAMPLED = 64
"""One entry, or proposal, in so many is looked at to deal them out evenly."""

NEXT = 7
"""Records next in length with which one is paired, of those that share a hash. Chosen: of up to
eight all are paired with all."""

ENTRY_BYTES = 8

WORD_BITS = 64

NOT_TAKING = 2**32 - 1
"""The rank of a record that takes no part."""

RANKS, ORDER, SIZES = "ranks.npy", "order.npy", "sizes.npy"
"""Of all records, as the tasks open them: the rank of each by length, the longest first; which
record has each rank; the words of each, the hashes of its sketch, and their `pairs.floor`."""


class Piece(NamedTuple):
    """Entries of a part: sketches, or bands."""

    path: Path
    first: int
    """The number of the part's first record."""
    start: int
    entries: int
    """How many there are from the one at `start` on."""


@dataclasses.dataclass(frozen=True, slots=True)
class Propose:
    """A range of hashes, for whose records pairs are proposed."""

    pieces: tuple[Piece, ...]
    """All entries with these hashes."""
    scratch: Path
    """Where `RANKS` and `ORDER` are."""
    low: int
    """The lowest hash that the range may have."""
    sampled: bool
    """Whether they are hashes of shingles: with those of bands every text is compared."""
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
    some = in_several(hashes)
    records = order[keys[some] & ((np.uint64(1) << bits) - np.uint64(1))]
    hashes = hashes[some] + np.uint64(argument.low)
    due = np.ones(len(hashes), bool)
    if argument.sampled:
        words = np.load(argument.scratch / SIZES, mmap_mode="r")[0][records]
        due = compared(hashes, words)
    pairs = pairs_of(hashes, records, due)
    np.save(argument.path, pairs)
    return len(pairs)


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
        _rank(facts, numbered(parts)[1], least, scratch)
        sketches, bands = (
            list(_ranges(kind, parts, folder, scratch)) for kind in (Part.sketches, Part.bands)
        )
        tasks = [*sketches, *bands]
        entries = sum(piece.entries for each in tasks for piece in each.pieces)
        counts = list(processes.run(propose, tasks, entries * ENTRY_BYTES))
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
    """Return the pairs of a range of records that were proposed often enough, in order."""
    import numpy as np

    sizes = np.load(argument.scratch / SIZES, mmap_mode="r")
    by_sketches = _tally(argument, argument.by_sketches)
    return often_enough(by_sketches, _tally(argument, argument.by_bands), sizes, argument.least)


def often_enough(
    by_sketches: Proposals, by_bands: Proposals, sizes: npt.NDArray[np.uint32], least: float
) -> Hashes:
    """Return the pairs that were proposed often enough, in ascending order.

    The hashes of sketches propose often what is alike, and bands more than once.

    Args:
        by_sketches: pairs, each as one number, and how often each was proposed.
        by_bands: the same.
        sizes: of all records, as `sizes_of` gives them.
        least: the similarity that matters.
    """
    import numpy as np

    pairs, counts = by_sketches
    left, right = apart(pairs)
    hopeful = np.flatnonzero(counts >= np.minimum(sizes[2][left], sizes[2][right]))
    pairs, counts = pairs[hopeful], counts[hopeful]
    often = pairs[likely(pairs, counts, sizes, least)]
    pairs, counts = by_bands
    return np.asarray(np.union1d(often, pairs[counts > 1]))


def _rank(facts: pl.DataFrame, records: int, least: float, scratch: Path) -> None:
    """Write what the tasks have to know of all records."""
    import numpy as np

    sizes, order = sizes_of(facts, records, least), ranked(facts)
    ranks = np.full(records, NOT_TAKING, np.uint32)
    ranks[order] = np.arange(len(order))
    for name, values in ((RANKS, ranks), (ORDER, order), (SIZES, sizes)):
        np.save(scratch / name, values)


def ranked(facts: pl.DataFrame) -> npt.NDArray[np.uint32]:
    """Return the records that take part by length, the longest first."""
    import numpy as np

    taking, words = facts["record"].to_numpy(), facts["words"].to_numpy().astype(np.int64)
    return taking[np.lexsort((taking, -words))].astype(np.uint32)


def sizes_of(facts: pl.DataFrame, records: int, least: float) -> npt.NDArray[np.uint32]:
    """Return of all records their words, the hashes of their sketches, and their `pairs.floor`."""
    import numpy as np

    words, hashes = facts["words"].to_numpy(), facts["hashes"].to_numpy()
    sizes = np.zeros((3, records), np.uint32)
    sizes[:, facts["record"].to_numpy()] = words, hashes, floor(words, hashes, least)
    return sizes


def _ranges(
    kind: Callable[[Part, Path], Path], parts: Sequence[Part], folder: Path, scratch: Path
) -> Iterator[Propose]:
    """Yield the ranges of hashes in which the entries of a kind are sorted.

    They are even: sketches are of low hashes. None is wider than that a hash, counted from where
    it begins, and a rank fit one word.
    """
    import numpy as np

    firsts, records = numbered(parts)
    paths = [kind(part, folder) for part in parts]
    held = [(path, at) for path, at in zip(paths, firsts, strict=True) if path.stat().st_size]
    some = [np.memmap(path, "<u8", mode="r")[::SAMPLED].copy() for path, _ in held]
    hashes = ascending(np.concatenate([np.zeros(0, np.uint64), *some])) >> np.uint64(ROW_BITS)
    ranges = math.ceil(sum(path.stat().st_size for path, _ in held) / ENTRY_BYTES / ENTRIES)
    cuts = {int(hashes[len(hashes) * n // ranges]) for n in range(1, ranges)}
    widest = 1 << min(HASH_BITS, WORD_BITS - records.bit_length())
    lows = sorted({*cuts, *range(0, 1 << HASH_BITS, widest)})
    borders = np.array(lows, np.uint64) << np.uint64(ROW_BITS)
    pieces: list[list[Piece]] = [[] for _ in lows]
    for path, at in held:
        entries = np.memmap(path, "<u8", mode="r")
        places = np.append(np.searchsorted(entries, borders), len(entries))
        for number, count in enumerate(np.diff(places).tolist()):
            if count:
                pieces[number].append(Piece(path, at, int(places[number]), count))
    for low, each in zip(lows, pieces, strict=True):
        path = scratch / f"{kind.__name__}-{low}.npy"
        yield Propose(tuple(each), scratch, low, kind is Part.sketches, path)


def _entries(argument: Propose, bits: np.uint64) -> Hashes:
    """Return of each entry of a range the hash, beginning with the range, and its record's rank."""
    import numpy as np

    ranks = np.load(argument.scratch / RANKS, mmap_mode="r")
    keys = [np.zeros(0, np.uint64)]
    for path, first, start, count in argument.pieces:
        found = np.fromfile(path, "<u8", count, offset=start * ENTRY_BYTES)
        rank = ranks[(found & np.uint64((1 << ROW_BITS) - 1)) + np.uint64(first)]
        hashes = (found >> np.uint64(ROW_BITS)) - np.uint64(argument.low)
        keys.append((hashes << bits | rank)[rank != NOT_TAKING])
    return np.concatenate(keys)


def in_several(hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Say which of some ascending hashes there are more than once."""
    import numpy as np

    same = hashes[1:] == hashes[:-1]
    several = np.zeros(len(hashes), bool)
    several[1:] = same
    several[:-1] |= same
    return several


def pairs_of(hashes: Hashes, records: npt.NDArray[np.uint32], due: npt.NDArray[np.bool_]) -> Hashes:
    """Return the pairs of the records that share a hash, in ascending order.

    None is proposed twice by one hash.

    Args:
        hashes: in ascending order.
        records: that have them, of each hash the longest first.
        due: which of them are compared with longer ones.
    """
    import numpy as np

    starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
    sizes = np.diff(np.append(starts, len(hashes)))
    some = due[starts + sizes - 1]  # the shortest are due, or none is
    kept, sizes = np.repeat(some, sizes), sizes[some]
    records, due = records[kept], due[kept]
    place = np.arange(len(records))
    end = np.repeat(np.cumsum(sizes), sizes) - 1
    start = end + 1 - np.repeat(sizes, sizes)
    far = due & (place > start + NEXT)
    between = (place > start) & (end > place + NEXT)
    sides = [(start[far], place[far]), (place[between], end[between])]
    for step in range(1, NEXT + 1):
        within = np.flatnonzero((place[step:] <= end[:-step]) & due[step:])
        sides.append((within, within + step))
    left, right = (records[np.concatenate(each)] for each in zip(*sides, strict=True))
    return ascending(together(np.minimum(left, right), np.maximum(left, right)))


def _pieces(whole: Gather, proposals: int) -> Iterator[Gather]:
    """Deal proposals out by their first records, evenly: a sample of them tells where to cut."""
    import numpy as np

    some = [np.zeros(0, np.uint64)]
    some += (
        np.load(path, mmap_mode="r")[::SAMPLED].copy()  # a view would keep all of the file mapped
        for path in (*whole.by_sketches, *whole.by_bands)
    )
    firsts = ascending(np.concatenate(some)) >> np.uint64(RECORD_BITS)
    pieces = math.ceil(proposals / ENTRIES)
    cuts = {int(firsts[len(firsts) * n // pieces]) for n in range(1, pieces)}
    for low, high in itertools.pairwise(sorted({whole.low, *cuts, whole.high})):
        yield dataclasses.replace(whole, low=low, high=high)


def _tally(argument: Gather, paths: Sequence[Path]) -> Proposals:
    """Return the pairs that were proposed for a range of records, and how often each was."""
    import numpy as np

    found = [np.zeros(0, np.uint64)]
    last = (argument.high << RECORD_BITS) - 1
    for path in paths:
        run = np.load(path, mmap_mode="r")
        low = np.searchsorted(run, np.uint64(argument.low << RECORD_BITS))
        found.append(np.array(run[low : np.searchsorted(run, np.uint64(last), "right")]))
    return tallied(ascending(np.concatenate(found)))


def tallied(pairs: Hashes) -> Proposals:
    """Return pairs in ascending order each once, and how often each was there."""
    import numpy as np

    starts = np.flatnonzero(np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)])
    return pairs[starts], np.diff(np.append(starts, len(pairs)))

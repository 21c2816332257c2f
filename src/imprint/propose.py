"""Propose pairs of records that could be alike, from the sketches of their texts.

The sketches of all records are sorted by hash, a range of hashes at a time, so that memory does not
grow with the corpus. Of the records that share a hash few pairs are proposed, in proportion to
their number and not to its square: the longest with each, the shortest with each, and neighbours
in length. The bands of the sketches propose as well, where a sentence is in thousands of texts.

Two long texts that share n shingles, of which no other text has one, have none in their sketches in
(7/8)^n of all cases: of quotations of 30 words, 26 shingles, 0.97 are found, of 60 words 0.9994.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import shutil
from typing import TYPE_CHECKING

from imprint.parts import Part
from imprint.rooms.dedup.alike import CONTAINED
from imprint.rooms.shingles import HASH_BITS, ROW_BITS, WIDTH, limits
from imprint.swap import NEW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from imprint.engine import Engine
    from imprint.rooms.shingles import Hashes, Numbers

    Floats = npt.NDArray[np.float64]

ENTRIES = 4_000_000
"""Entries of sketches, and proposed pairs, that are sorted at once: some 200 MB. Chosen."""

FAR = 2.0
"""Standard deviations below the mean at which a pair is given up. Chosen: one in 40 is missed of
the pairs that are only just alike enough, and next to none of those that are more."""

OFTEN = 0.75
"""Share of the hashes of two texts that are alike which propose them, at the least; other texts
may come between with the rest. Chosen: texts that share a sentence are seldom looked at."""

ENTRY_BYTES = 8

RECORD_BITS = 32
"""Of one record's number in the number of a pair."""


@dataclasses.dataclass(frozen=True, slots=True)
class Propose:
    """A range of hashes, for whose records pairs are proposed."""

    sketches: tuple[Path, ...]
    """Of each part."""
    firsts: tuple[int, ...]
    """The number of the first record of each part."""
    words: Path
    """The words of every record; 0 where it takes no part."""
    low: int
    high: int
    """Hashes from low to below high."""
    path: Path
    """Where the pairs belong."""


def propose(argument: Propose) -> Path | None:
    """Write the pairs that a range of hashes proposes, and how often each; None: there is none."""
    import numpy as np

    words = np.load(argument.words, mmap_mode="r")
    hashes, records = _entries(argument)
    taking = words[records] > 0
    hashes, records = hashes[taking], records[taking]
    order = np.argsort(hashes, kind="stable")
    hashes, records = hashes[order], records[order]
    same = hashes[1:] == hashes[:-1]
    shared = np.zeros(len(hashes), bool)
    shared[1:] = same
    shared[:-1] |= same
    records, hashes = records[shared], hashes[shared]
    new = np.ones(len(hashes), bool)
    new[1:] = hashes[1:] != hashes[:-1]
    group = np.cumsum(new) - 1
    longest_first = group << RECORD_BITS | ~words[records]
    order = np.argsort(longest_first, kind="stable")
    pairs = _pairs(group, records[order])
    if not len(pairs):
        return None
    keys, counts = np.unique(pairs, return_counts=True)
    np.save(argument.path, np.stack([keys, counts.astype(np.uint64)]))
    return argument.path


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
) -> tuple[Numbers, Numbers]:
    """Return the pairs of records that could be alike.

    Args:
        parts: what prepare left.
        folder: where they are.
        facts: as `near.find` takes them.
        least: the similarity that matters.
        processes: what runs the tasks.

    Returns:
        Numbers of the one and the other of each pair, the lower first, in ascending order.
    """
    scratch = folder / f"pairs{NEW}"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        return _sorted_out(parts, folder, facts, scratch, least, processes)
    finally:
        shutil.rmtree(scratch)


def _sorted_out(
    parts: Sequence[Part],
    folder: Path,
    facts: pl.DataFrame,
    scratch: Path,
    least: float,
    processes: Engine,
) -> tuple[Numbers, Numbers]:
    """Return the pairs of records that could be alike; what is sorted lies in `scratch`."""
    import numpy as np

    firsts, records = numbered(parts)
    sizes = np.zeros((2, records), np.uint32)
    sizes[:, facts["record"].to_numpy()] = facts["words"], facts["hashes"]
    np.save(scratch / "words.npy", sizes[0])
    tasks: list[Propose] = []
    of_sketches = size = 0
    for kind in (Part.sketches, Part.bands):
        of_sketches = len(tasks)
        paths = tuple(kind(part, folder) for part in parts)
        entries = sum(path.stat().st_size for path in paths) // ENTRY_BYTES
        ranges = math.ceil(entries / ENTRIES) or 1
        size += entries * ENTRY_BYTES
        for low, high in itertools.pairwise((n << HASH_BITS) // ranges for n in range(ranges + 1)):
            path = scratch / f"{len(tasks)}.npy"
            tasks.append(Propose(paths, firsts, scratch / "words.npy", low, high, path))
    runs = list(processes.run(propose, tasks, size))
    often = _proposals(runs[:of_sketches], sizes, least)
    pairs = np.unique(np.concatenate([*often, *_proposals(runs[of_sketches:], None, least)]))
    left = (pairs >> np.uint64(RECORD_BITS)).astype(np.int64)
    return left, (pairs & np.uint64((1 << RECORD_BITS) - 1)).astype(np.int64)


def numbered(parts: Sequence[Part]) -> tuple[tuple[int, ...], int]:
    """Return the number of the first accepted record of each part, and how many there are."""
    ends = list(itertools.accumulate((part.accepted_records for part in parts), initial=0))
    return tuple(ends[:-1]), ends[-1]


def _entries(argument: Propose) -> tuple[Hashes, Hashes]:
    """Return the hashes of a range, and of each its record, part by part."""
    import numpy as np

    hashes, records = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
    for path, first in zip(argument.sketches, argument.firsts, strict=True):
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
        hashes.append(found >> np.uint64(ROW_BITS))
        records.append((found & np.uint64((1 << ROW_BITS) - 1)) + np.uint64(first))
    return np.concatenate(hashes), np.concatenate(records)


def _pairs(group: Numbers, records: Hashes) -> Hashes:
    """Return the pairs of each group of records, which stand by length: none twice in a group."""
    import numpy as np

    if not len(group):
        return np.zeros(0, np.uint64)
    place = np.arange(len(group))
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    sizes = np.diff(np.append(starts, len(group)))
    start = np.repeat(starts, sizes)
    end = start + np.repeat(sizes, sizes) - 1
    after = place > start
    between = after & (place < end)
    beside = after & (place < end - 1)
    left = np.concatenate([records[start[after]], records[end[between]], records[:-1][beside[:-1]]])
    right = np.concatenate([records[after], records[between], records[1:][beside[:-1]]])
    pairs = np.minimum(left, right) << np.uint64(RECORD_BITS) | np.maximum(left, right)
    return np.asarray(pairs)


def _proposals(
    runs: Sequence[Path | None], sizes: npt.NDArray[np.uint32] | None, least: float
) -> Iterator[Hashes]:
    """Yield the proposed pairs, a piece at a time; with `sizes`, those proposed often enough."""
    import numpy as np

    opened = [np.load(path, mmap_mode="r") for path in runs if path is not None]
    pieces = math.ceil(sum(run.shape[1] for run in opened) / ENTRIES) or 1
    yield np.zeros(0, np.uint64)
    last = max((int(run[0, -1]) >> RECORD_BITS for run in opened), default=0) + 1
    for low, high in itertools.pairwise(
        (last * n // pieces) << RECORD_BITS for n in range(pieces + 1)
    ):
        borders = np.array([low, high], np.uint64)
        cuts = [np.searchsorted(run[0], borders) for run in opened]
        piece = [np.array(run[:, a:b]) for run, (a, b) in zip(opened, cuts, strict=True)]
        if sum(each.shape[1] for each in piece):
            yield _enough(np.concatenate(piece, axis=1), sizes, least)


def _enough(piece: Hashes, sizes: npt.NDArray[np.uint32] | None, least: float) -> Hashes:
    """Return the pairs of a piece that were proposed often enough: for `sizes`, or more than once.

    Args:
        piece: pairs, and how often each was proposed.
        sizes: the words of each record, and the hashes of its sketch.
        least: the similarity that matters.
    """
    import numpy as np

    order = np.argsort(piece[0], kind="stable")
    keys, counts = piece[0][order], piece[1][order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    keys, counts = keys[starts], np.add.reduceat(counts, starts)
    if sizes is None:
        return np.asarray(keys[counts > 1])
    left, right = keys >> np.uint64(RECORD_BITS), keys & np.uint64((1 << RECORD_BITS) - 1)
    shorter = np.where(sizes[0][left] <= sizes[0][right], left, right)
    longer = left ^ right ^ shorter
    shingled = np.maximum(sizes[0].astype(np.int64) - (WIDTH - 1), 1)
    rates = limits(np.arange(shingled.max() + 1)).astype(np.float64)
    one, other = shingled[shorter], shingled[longer]
    known = rates[other] / rates[one]
    enough = expected(sizes[1][shorter] * known, other / one, least, known)
    often: Hashes = keys[counts >= OFTEN * enough]
    return often

"""Find the records whose texts are alike: proposed from sketches, verified on all their shingles.

The sketches of all records are sorted by hash, a range of hashes at a time, so that memory does not
grow with the corpus. Of the records that share a hash few pairs are proposed, in proportion to
their number and not to its square: the longest with each, the shortest with each, and neighbours
in length. A pair that was proposed often enough is verified: its texts are read back, and what they
share is counted. So nothing is taken for alike by chance, and little is missed (`recall`).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import shutil
from typing import TYPE_CHECKING, Any

from imprint.parts import SKETCH, WORDS, Part
from imprint.rooms.dedup.alike import CONTAINED
from imprint.rooms.shingles import (
    HASH_BITS,
    RATE,
    ROW_BITS,
    WIDTH,
    distinct,
    keyed,
    limits,
    shingles,
)
from imprint.swap import NEW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from imprint.engine import Engine

    Numbers = npt.NDArray[np.int64]

ENTRIES = 4_000_000
"""Entries of sketches, and proposed pairs, that are sorted at once: some 200 MB. Chosen."""

PAIRS, TOGETHER = 50_000, 5_000
"""Pairs that one task verifies, and whose texts it reads at once: some 25 MB. Chosen."""

PAIR_BYTES = 1_000
"""What verifying a pair is worth in bytes of work: most are told by their sketches. Measured."""

OFTEN = 0.6
"""Pairs are looked at that were proposed for so much of what the sketch of the shorter text holds,
less some deviations. Chosen: of a quotation, 0.8 and more of its hashes propose it; and texts that
share a sentence of many are seldom looked at."""

FAR, FARTHER = 1.6, 3.0
"""Standard deviations below the mean at which a pair is given up, proposed or by its sketches.
Chosen: the one is about how often, the other drops one pair in a thousand."""

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


@dataclasses.dataclass(frozen=True, slots=True)
class Verify:
    """Pairs of records that could be alike."""

    parts: tuple[Path, ...]
    """The accepted records of each part."""
    firsts: tuple[int, ...]
    """The number of the first record of each part."""
    left: Any
    right: Any
    """Numbers of n records, of the one and the other of each pair."""
    share: float
    """Of the shingles of the shorter text that are in the longer one, where the two are alike."""


def find(
    parts: Sequence[Part], folder: Path, facts: pl.DataFrame, least: Fraction, processes: Engine
) -> pl.DataFrame:
    """Return the pairs of records that are alike, or nearly so, and what they share.

    Args:
        parts: what prepare left.
        folder: where they are.
        facts: a row for each record that takes part, with `record`, its number over all parts,
            `words`, and `hashes`, how many its sketch has.
        least: the similarity that matters.
        processes: what runs the tasks.

    Returns:
        A row a pair: `left` and `right`, numbers of records, the lower first; `shared`, the
        shingles that both have; `left_has`, `right_has`, the shingles that each has.
    """
    import polars as pl

    scratch = folder / f"pairs{NEW}"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        left, right = _proposed(parts, folder, facts, scratch, processes)
    finally:
        shutil.rmtree(scratch)
    share = min(2 * least / (1 + least), CONTAINED)
    firsts, _ = _numbered(parts)
    paths = tuple(part.accepted(folder) for part in parts)
    tasks = [
        Verify(paths, firsts, left[n : n + PAIRS], right[n : n + PAIRS], float(share))
        for n in range(0, len(left), PAIRS)
    ]
    size = len(left) * PAIR_BYTES
    found = [pl.DataFrame(each) for each in processes.run(verify, tasks, size)]
    kinds = dict.fromkeys(("left", "right", "shared", "left_has", "right_has"), pl.Int64)
    return pl.concat([pl.DataFrame(schema=kinds), *found])


def recall(shared: int) -> float:
    """Return how probable it is that two long texts are proposed that share so many shingles.

    Each shared shingle is in both sketches or in neither; one that is suffices where no other
    record has it.

    >>> round(recall(26), 3)
    0.969
    """
    return 1 - (1 - 1 / RATE) ** shared


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


def verify(argument: Verify) -> dict[str, Numbers]:
    """Count what the records of each pair share; pairs that cannot be alike are left out.

    Those whose sketches share too little are not looked at further.
    """
    import numpy as np

    likely = _likely(argument)
    left, right = argument.left[likely], argument.right[likely]
    names = ("left", "right", "shared", "left_has", "right_has")
    some = (slice(n, n + TOGETHER) for n in range(0, len(left), TOGETHER))
    found = [np.zeros((len(names), 0), np.int64)]
    found += (_counted(argument, left[each], right[each]) for each in some)
    return dict(zip(names, np.concatenate(found, axis=1), strict=True))


def _likely(argument: Verify) -> npt.NDArray[np.bool_]:
    """Say of each pair whether its sketches share about as much as those of texts that are alike.

    Of the hashes that both would hold, the shorter text has n; that it shares fewer than three
    standard deviations below the mean happens to one pair in a thousand.
    """
    import numpy as np

    needed, places = np.unique(np.concatenate([argument.left, argument.right]), return_inverse=True)
    sides = places[: len(argument.left)], places[len(argument.left) :]
    sketches = _column(argument, needed, SKETCH)
    words = _column(argument, needed, WORDS).to_numpy().astype(np.int64)
    hashes, starts = sketches.flatten().to_numpy(), sketches.offsets.to_numpy()
    sizes = np.diff(starts)
    limit = limits(np.maximum(words - (WIDTH - 1), 0)) >> np.uint64(64 - HASH_BITS)
    common = np.minimum(limit[sides[0]], limit[sides[1]])
    keys, counts = [], []
    for side in sides:
        pair = np.repeat(np.arange(len(side)), sizes[side])
        held = hashes[_ranges(starts[side], sizes[side])]
        low = held < common[pair]
        keys.append(pair[low].astype(np.uint64) << np.uint64(HASH_BITS) | held[low])
        counts.append(np.bincount(pair[low], minlength=len(side)))
    every = np.sort(np.concatenate(keys))
    twice = every[1:][every[1:] == every[:-1]] >> np.uint64(HASH_BITS)
    shared = np.bincount(twice.astype(np.int64), minlength=len(sides[0]))
    mean = argument.share * np.minimum(*counts)
    least = mean - FARTHER * np.sqrt(mean * (1 - argument.share))
    likely: npt.NDArray[np.bool_] = (shared > 0) & (shared >= least)
    return likely


def _counted(argument: Verify, left: Numbers, right: Numbers) -> Numbers:
    """Return of each pair its records, what their texts share, and what each has."""
    import numpy as np

    needed, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    found = distinct(shingles(_column(argument, needed, "text")))
    one, other = places[: len(left)], places[len(left) :]
    shorter = np.where(found.counts[one] <= found.counts[other], one, other)
    longer = one + other - shorter
    sizes = found.counts[shorter]
    at = _ranges((np.cumsum(found.counts) - found.counts)[shorter], sizes)
    keys = np.sort(keyed(found.hashes, np.repeat(np.arange(len(needed)), found.counts)))
    probes = keyed(found.hashes[at], np.repeat(longer, sizes))
    hits = keys[np.minimum(np.searchsorted(keys, probes), len(keys) - 1)] == probes
    pair = np.repeat(np.arange(len(left)), sizes)
    shared = np.bincount(pair[hits], minlength=len(left))
    return np.stack([left, right, shared, found.counts[one], found.counts[other]])


def _ranges(starts: Numbers, sizes: Numbers) -> Numbers:
    """Return the numbers from each start on, so many of each."""
    import numpy as np

    skipped = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return np.asarray(skipped + np.arange(len(skipped)))


def _proposed(
    parts: Sequence[Part], folder: Path, facts: pl.DataFrame, scratch: Path, processes: Engine
) -> tuple[Numbers, Numbers]:
    """Return the pairs that were proposed often enough."""
    import numpy as np

    firsts, records = _numbered(parts)
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
    often = _proposals(runs[:of_sketches], sizes)
    pairs = np.unique(np.concatenate([*often, *_proposals(runs[of_sketches:], None)]))
    left = (pairs >> np.uint64(RECORD_BITS)).astype(np.int64)
    return left, (pairs & np.uint64((1 << RECORD_BITS) - 1)).astype(np.int64)


def _numbered(parts: Sequence[Part]) -> tuple[tuple[int, ...], int]:
    """Return the number of the first accepted record of each part, and how many there are."""
    ends = list(itertools.accumulate((part.accepted_records for part in parts), initial=0))
    return tuple(ends[:-1]), ends[-1]


def _entries(argument: Propose) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
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


def _pairs(group: Numbers, records: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
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
    runs: Sequence[Path | None], sizes: npt.NDArray[np.uint32] | None
) -> Iterator[npt.NDArray[np.uint64]]:
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
            yield _enough(np.concatenate(piece, axis=1), sizes)


def _enough(
    piece: npt.NDArray[np.uint64], sizes: npt.NDArray[np.uint32] | None
) -> npt.NDArray[np.uint64]:
    """Return the pairs of a piece; with `sizes`, those proposed often enough for them.

    Args:
        piece: pairs, and how often each was proposed.
        sizes: the words of each record, and the hashes of its sketch.
    """
    import numpy as np

    order = np.argsort(piece[0], kind="stable")
    keys, counts = piece[0][order], piece[1][order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    keys, counts = keys[starts], np.add.reduceat(counts, starts)
    if sizes is None:
        return np.asarray(keys)
    left, right = keys >> np.uint64(RECORD_BITS), keys & np.uint64((1 << RECORD_BITS) - 1)
    shorter = np.where(sizes[0][left] <= sizes[0][right], left, right)
    longer = left ^ right ^ shorter
    rates = limits(np.arange(int(sizes[0].max()) + 1)).astype(np.float64)
    one, other = (
        rates[np.maximum(sizes[0][each], WIDTH) - (WIDTH - 1)] for each in (shorter, longer)
    )
    mean = sizes[1][shorter] * (other / one)  # of its hashes, those that the longer one would hold
    often: npt.NDArray[np.uint64] = keys[counts >= OFTEN * (mean - FAR * np.sqrt(mean))]
    return often


def _column(argument: Verify, needed: Numbers, name: str) -> Any:
    """Return a column of records, in ascending order of their numbers, read from their parts."""
    import numpy as np
    import pyarrow as pa

    found = []
    borders = np.searchsorted(needed, [*argument.firsts, np.iinfo(np.int64).max])
    for path, first, (low, high) in zip(
        argument.parts, argument.firsts, itertools.pairwise(borders), strict=True
    ):
        if low == high:
            continue
        rows = needed[low:high] - first
        with pa.memory_map(str(path)) as file:
            reader, start = pa.ipc.open_file(file), 0
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                within = rows[(rows >= start) & (rows < start + len(batch))] - start
                found.append(batch[name].take(pa.array(within)))
                start += len(batch)
    return pa.concat_arrays(found)

"""Find the records whose texts are alike: proposed from sketches, verified on all their shingles.

A pair is told by its sketches, where these are far apart; of the others the texts are read, and
what they share is counted. So nothing is taken for alike by chance, and little is missed.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from imprint.digests import ascending
from imprint.pairs import apart, expected
from imprint.parts import SKETCH, WORDS, Part
from imprint.propose import proposed
from imprint.rooms.shingles import EXACT_BITS, WIDTH, distinct, shingles
from imprint.rooms.sketch import HASH_BITS, limits
from imprint.rows import column, numbered, runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction
    from pathlib import Path

    import polars as pl

    from imprint.engine import Engine
    from imprint.rooms.shingles import Hashes, Numbers

PAIRS, TOGETHER = 8_000, 2_000
"""Pairs of one task, whose sketches are read at once, and those whose texts are: some 10 MB.
Chosen; 14 bits have to be enough to number them."""

PAIRS_LEAST, SHARED = 500, 4
"""Pairs that are worth a task, and tasks into which even few are divided, so that no core waits."""

PAIR_BYTES = 1_000
"""What verifying a pair is worth in bytes of work: most are told by their sketches. Measured."""

NAMES = ("left", "right", "shared", "left_has", "right_has")
"""Of a pair that was verified, as `find` returns them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verify:
    """Pairs of records that could be alike."""

    pairs: Any
    """Each as one number, in ascending order: n of 64 bits, at most `PAIRS`."""
    parts: tuple[Path, ...]
    """The accepted records of each part."""
    firsts: tuple[int, ...]
    """The number of the first record of each part."""
    least: float
    """The similarity that matters."""


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
    pairs = proposed(parts, folder, facts, float(least), processes)
    return count(parts, folder, pairs, least, processes)


def count(
    parts: Sequence[Part], folder: Path, pairs: Hashes, least: Fraction, processes: Engine
) -> pl.DataFrame:
    """Return of some pairs those that are alike, or nearly so, as `find` does.

    Args:
        parts: what prepare left.
        folder: where they are.
        pairs: each as one number, in ascending order.
        least: the similarity that matters.
        processes: what runs the tasks.
    """
    import numpy as np
    import polars as pl

    if not len(pairs):
        return none()
    firsts, _ = numbered(parts)
    paths = tuple(part.accepted(folder) for part in parts)
    number = max(math.ceil(len(pairs) / PAIRS), min(SHARED, len(pairs) // PAIRS_LEAST))
    tasks = [Verify(each, paths, firsts, float(least)) for each in np.array_split(pairs, number)]
    found = [pl.DataFrame(each) for each in processes.run(verify, tasks, len(pairs) * PAIR_BYTES)]
    return pl.concat(found)


def none() -> pl.DataFrame:
    """Return no pair, as `find` would."""
    import polars as pl

    return pl.DataFrame(schema=dict.fromkeys(NAMES, pl.Int64))


def verify(argument: Verify) -> dict[str, Numbers]:
    """Count what the records of each pair share; pairs that cannot be alike are left out.

    Those whose sketches share too little are not looked at further.
    """
    import numpy as np

    found = [np.zeros((len(NAMES), 0), np.int64)]
    pairs = _likely(argument)
    found += (_counted(argument, pairs[n : n + TOGETHER]) for n in range(0, len(pairs), TOGETHER))
    return dict(zip(NAMES, np.concatenate(found, axis=1), strict=True))


def _likely(argument: Verify) -> Hashes:
    """Return the pairs whose sketches share about as much as those of texts that are alike.

    Looked at are the hashes that both would hold.
    """
    import numpy as np

    needed, sides = _places(*apart(argument.pairs))
    sketches = column(argument.parts, argument.firsts, needed, SKETCH)
    words = column(argument.parts, argument.firsts, needed, WORDS).to_numpy().astype(np.int64)
    shingled = np.maximum(words - (WIDTH - 1), 0)
    limit = limits(shingled) >> np.uint64(64 - HASH_BITS)
    common = np.minimum(limit[sides[0]], limit[sides[1]])
    hashes, starts = sketches.flatten().to_numpy(), sketches.offsets.to_numpy()
    shared, counts = _shared(hashes, starts, sides, common)
    one, other = (np.maximum(shingled[side], 1) for side in sides)
    longer = np.maximum(one, other) / np.minimum(one, other)
    enough = shared >= expected(np.minimum(*counts), longer, argument.least)
    return np.asarray(argument.pairs[(shared > 0) & enough])


def _counted(argument: Verify, pairs: Hashes) -> Numbers:
    """Return of each pair its records, what their texts share, and what each has: `NAMES`."""
    import numpy as np

    left, right = apart(pairs)
    needed, sides = _places(left, right)
    found = distinct(shingles(column(argument.parts, argument.firsts, needed, "text")))
    starts = np.append(0, np.cumsum(found.counts))
    shared, _ = _shared(found.hashes, starts, sides, None)
    return np.stack([left, right, shared, *(found.counts[side] for side in sides)])


def _places(left: Numbers, right: Numbers) -> tuple[Numbers, tuple[Numbers, Numbers]]:
    """Return the records of pairs, each once, and which of them the two of each pair are."""
    import numpy as np

    needed, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    return needed, (places[: len(left)], places[len(left) :])


def _shared(
    hashes: Hashes, starts: Numbers, sides: tuple[Numbers, Numbers], below: Hashes | None
) -> tuple[Numbers, list[Numbers]]:
    """Count the hashes that the two of each pair share, and those that each of them has.

    Args:
        hashes: of all texts, one after the other; of a text none twice.
        starts: where those of each text begin.
        sides: the two texts of each pair.
        below: of each pair, the hash below which they are counted; all, if None.
    """
    import numpy as np

    keys, counts = [], []
    for side in sides:
        sizes = np.diff(starts)[side]
        pair = np.repeat(np.arange(len(side)), sizes)
        held = hashes[runs(starts[side], sizes)]
        if below is not None:
            low = held < below[pair]
            pair, held = pair[low], held[low]
        keys.append(pair.astype(np.uint64) << np.uint64(EXACT_BITS) | held)
        counts.append(np.bincount(pair, minlength=len(side)))
    every = ascending(np.concatenate(keys))
    twice = every[1:][every[1:] == every[:-1]] >> np.uint64(EXACT_BITS)
    return np.bincount(twice.astype(np.int64), minlength=len(sides[0])), counts

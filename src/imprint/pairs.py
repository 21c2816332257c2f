"""Pairs of records, and how often their sketches propose them if their texts are alike.

What is known of two sketches is how many hashes they share; from that it is told, on the safe side,
whether two texts could be alike. Of the shorter text those hashes count that the longer one would
hold as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint.rooms.dedup.alike import CONTAINED
from imprint.rooms.shingles import WIDTH
from imprint.rooms.sketch import FULL, HASH_BITS, RATE, limits

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from imprint.rooms.shingles import Hashes, Numbers

    Floats = npt.NDArray[np.float64]

COMPARED, SPARSE = 128, 64
"""Hashes by which a text of 1,024 words or more is compared with longer ones: so many, of one
shingle in `SPARSE` at the least. It has one in `RATE` for the short texts that it may quote.
Chosen: that many tell as much of long texts as of those that have no more."""

FAR = 2.0
"""Standard deviations below the mean at which a pair is given up. Chosen: one in 40 is missed of
the pairs that are only just alike enough, and next to none of those that are more."""

OFTEN = 0.75
"""Share of the hashes of two texts that are alike which propose them, at the least; other texts
may come between with the rest. Chosen: texts that share a sentence are seldom looked at."""

RECORD_BITS = 32
"""Of one record's number in the number of a pair."""


def together(left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]) -> Hashes:
    """Return pairs of numbers below 2 ** `RECORD_BITS`, each pair as one number."""
    import numpy as np

    high = left.astype(np.uint64, copy=False) << np.uint64(RECORD_BITS)
    return np.asarray(high | right.astype(np.uint64, copy=False))


def apart(pairs: Hashes) -> tuple[Numbers, Numbers]:
    """Return the numbers of the one and the other record of each pair, the lower first."""
    import numpy as np

    left = (pairs >> np.uint64(RECORD_BITS)).astype(np.int64)
    return left, (pairs & np.uint64((1 << RECORD_BITS) - 1)).astype(np.int64)


def compared(hashes: Hashes, words: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Say which hashes compare the texts that have them, of so many words, with longer ones."""
    import numpy as np

    few = hashes < np.uint64((1 << HASH_BITS) // SPARSE)
    return np.asarray(few | (hashes * words < np.uint64(COMPARED << HASH_BITS)))


def expected(
    held: Numbers | Floats, longer: Floats, least: float, known: Floats | float = 1.0
) -> Floats:
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


def likely(
    pairs: Hashes, counts: Numbers, sizes: npt.NDArray[np.uint32], least: float
) -> npt.NDArray[np.bool_]:
    """Say of each pair whether it was proposed as often as its sketches should, were it alike.

    Args:
        pairs: each as one number.
        counts: how often each was proposed.
        sizes: of each record its words, the hashes of its sketch, and their `floor`.
        least: the similarity that matters.
    """
    import numpy as np

    left, right = apart(pairs)
    words, hashes, _ = sizes
    shingled = np.maximum(words.astype(np.int64) - (WIDTH - 1), 1)
    rates = limits(np.arange(shingled.max(initial=0) + 1)).astype(np.float64)
    shorter = np.where(words[left] <= words[right], left, right)
    one, other = shingled[shorter], shingled[left ^ right ^ shorter]
    known = rates[other] / rates[one]
    known = np.where(words[shorter] > COMPARED * RATE, _share(words[shorter]) * RATE, known)
    enough = expected(hashes[shorter] * known, other / one, least, known)
    return np.asarray(counts >= OFTEN * enough)


def floor(words: Numbers, hashes: Numbers, least: float) -> Numbers:
    """Return how many hashes of a sketch another one shares at the least, whatever text it is of.

    A bound below what `likely` asks for, and quickly compared. A text of which one shingle in
    `RATE` is in the sketch holds all that a longer one would of the same: then what is expected
    grows with the length of the other, where half of the hashes are shared at the least.
    """
    import numpy as np

    known = _share(words) * RATE
    enough = OFTEN * expected(hashes * known, np.ones(len(hashes)), least, known)
    sparse = (words >= RATE * FULL * 2) & (2 * least >= (1 + least) / 2)
    return np.where(sparse, np.maximum(enough, 0), 0).astype(np.int64)


def _share(words: Numbers) -> Floats:
    """Return which share of their shingles compares texts with longer ones, `RATE` at the most."""
    import numpy as np

    share: Floats = np.clip(COMPARED / np.maximum(words, 1), 1 / SPARSE, 1 / RATE)
    return share

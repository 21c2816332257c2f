"""Sketch texts: what stands for a text where all texts have to be compared with all others.

A *sketch* is the hashes of a text's shingles that are small enough: what two texts share, their
sketches share in proportion, however long either is (Broder 1997, "On the resemblance and
containment of documents", where it is V_m; today's FracMinHash).

On disk a record takes 16 bytes for each hash of its sketch, one shingle in eight, at least some 16,
and 8 for each of 16 bands: 384 bytes for a text of up to 130 words, 920 for one of 400.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imprint.digests import each_once
from imprint.rooms.shingles import (
    EXACT_BITS,
    FIRST,
    WIDTH,
    blocks,
    distinct,
    empty,
    mixed,
    shingles,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from imprint.rooms.shingles import Hashes, Numbers

RATE = 8
"""One shingle in so many is in the sketch. A quotation of 30 words has 26 shingles: that none of
them is in it happens in 1 - 0.969 of all cases (7/8 to the 26th)."""

FULL = 16
"""Shingles that the sketch of a short text has on average; one with fewer has all of them. Two of
one length with a similarity of 0.5 share two thirds of them: none in 2 of 100,000 cases."""

BINS, IN_BAND = 16, 3
"""A sketch is dealt to so many bins by its hashes, and the lowest of each is taken: two texts have
it in common with the probability of their similarity (Li, Owen, Zhang 2012, "One Permutation
Hashing"). A band is so many neighbouring bins, in a ring: 0.999 of texts with a similarity of 0.8
share one, 0.8 of those with 0.5, and of those with 0.03 three in 10,000."""

HASH_BITS, ROW_BITS = 40, 24
"""Of an entry of a sketch: the hash, and in which row of the part it is. Of a billion entries one
in a thousand meets another by chance, which costs time and no more: what is found is verified."""

AGAIN = 8_000
"""Texts that are sketched anew at once. Chosen: fewer than `EXACT_BITS` leave room for."""


class Sketched(NamedTuple):
    """What stands for n texts."""

    words: Numbers
    """How many words each text has: n. One that repeats itself: four more than it has different
    shingles."""
    counts: Numbers
    """How many hashes the sketch of each text has: n."""
    hashes: Hashes
    """`HASH_BITS` of each, text by text, in ascending order."""
    sketches: Hashes
    """The same as entries, in no order: the hash, then `ROW_BITS` of the row."""
    bands: Hashes
    """An entry for each band, likewise."""


def sketch(text: pa.Array, first: int) -> Sketched:
    """Return the sketches of texts, and the bands that are made of them.

    Args:
        text: n strings.
        first: the number of the first row.
    """
    import numpy as np

    words, entries, totals = [empty().words], [empty().hashes], [empty().words]
    for start, found in blocks(text):
        below = limits(found.counts)
        low = np.flatnonzero(found.hashes < np.repeat(below, found.counts))
        place = np.searchsorted(np.cumsum(found.counts), low, "right")
        rows = (place + start).astype(np.uint64) << np.uint64(HASH_BITS)
        entries.append(rows | found.hashes[low] >> np.uint64(64 - HASH_BITS))
        totals.append(np.bincount(place, minlength=len(found.counts)))
        words.append(found.words)
    every = each_once(np.concatenate(entries))
    every, size = _without_repeats(text, every, np.concatenate(totals), np.concatenate(words))
    rows, hashes = every >> np.uint64(HASH_BITS), every & np.uint64((1 << HASH_BITS) - 1)
    number, places = np.uint64(first), rows.astype(np.int64)
    counts = np.bincount(places, minlength=len(text))
    bands = _bands(places, hashes, len(text)) + number
    return Sketched(size, counts, hashes, hashes << np.uint64(ROW_BITS) | rows + number, bands)


def _without_repeats(
    text: pa.Array, entries: Hashes, totals: Numbers, words: Numbers
) -> tuple[Hashes, Numbers]:
    """Make the sketches of texts that repeat themselves anew, from their different shingles.

    By all their shingles they would be sketched too thinly. That a text repeats itself is seen in
    what would be its sketch: a hash is there several times, or there are few.

    Args:
        text: n strings.
        entries: the row and the hash of all that would be in a sketch, in ascending order.
        totals: how many there were of each text before each was taken once: n.
        words: of each text: n.

    Returns:
        The entries, and the words: where a text repeats itself, those that its different shingles
        would have in a row.
    """
    import numpy as np
    import pyarrow as pa

    row = (entries >> np.uint64(HASH_BITS)).astype(np.int64)
    shingled = np.maximum(words - (WIDTH - 1), 0)
    due = np.minimum(np.maximum(FULL, shingled // RATE), shingled)
    once = np.bincount(row, minlength=len(text))
    again = np.flatnonzero((totals * 4 > once * 5) | (totals * 2 < due))
    if not len(again):
        return entries, words
    picked = np.zeros(len(text), bool)
    picked[again] = True
    found, words = [entries[~picked[row]]], words.copy()
    for rows in np.array_split(again, len(again) // AGAIN + 1):
        each = distinct(shingles(text.take(pa.array(rows))))
        below = limits(each.counts) >> np.uint64(64 - EXACT_BITS)
        low = each.hashes < np.repeat(below, each.counts)
        high = np.repeat(rows, each.counts)[low].astype(np.uint64) << np.uint64(HASH_BITS)
        found.append(high | each.hashes[low] >> np.uint64(EXACT_BITS - HASH_BITS))
        words[rows] = np.minimum(words[rows], each.counts + WIDTH - 1)
    return each_once(np.concatenate(found)), words


def _bands(rows: Numbers, hashes: Hashes, count: int) -> Hashes:
    """Return the bands of sketches: a hash of the lowest hashes of neighbouring bins."""
    import numpy as np

    lowest = np.zeros((count, BINS), np.uint64)
    # The lowest of each text is written last, and stays.
    lowest[rows[::-1], (hashes % np.uint64(BINS)).astype(np.int64)[::-1]] = hashes[::-1]
    whole = np.zeros((count, BINS), np.uint64)
    filled = np.zeros((count, BINS), np.int64)
    for near in range(IN_BAND):
        rolled = np.roll(lowest, -near, axis=1)
        whole = mixed((whole + rolled + np.uint64(1)) * np.uint64(FIRST))
        filled += rolled > 0
    some = np.flatnonzero(filled.ravel() > 1)
    keys = whole.ravel()[some] >> np.uint64(64 - HASH_BITS) << np.uint64(ROW_BITS)
    return keys | (some // BINS).astype(np.uint64)


def limits(counts: Numbers) -> Hashes:
    """Return the hash below which a shingle is in the sketch, for texts of so many shingles."""
    import numpy as np

    most = 2**64 - 1
    share = np.maximum(counts, 1).astype(np.uint64)
    low = np.uint64(most) // share * np.uint64(FULL)
    return np.where(counts <= FULL, most, np.maximum(low, most // RATE)).astype(np.uint64)

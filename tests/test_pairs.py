"""Few pairs are proposed and fewer are reckoned with, and none is lost that could be alike."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imprint import pairs, propose
from imprint.rooms.sketch import HASH_BITS

SIZES = st.tuples(st.integers(0, 40_000), st.integers(0, 6_000))
"""The words of a text, and the hashes of its sketch."""

GROUPS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), max_size=4)
"""How many texts have a hash, and how many of them, the shortest, are compared by it."""


@given(st.lists(SIZES, min_size=2, max_size=12), st.floats(0.1, 1.0), st.data())
def test_the_bound_is_below_what_is_asked_for(
    texts: list[tuple[int, int]], least: float, data: st.DataObject
) -> None:
    """A pair that was proposed as often as it should be was so as often as the bound says."""
    words, hashes = np.array(texts, np.int64).T
    bound = pairs.floor(words, hashes, least)
    sizes = np.stack([words, hashes, bound]).astype(np.uint32)
    left, right = np.triu_indices(len(texts), 1)
    most = int(hashes.max()) + 2
    counts = np.array(data.draw(st.lists(st.integers(1, most), min_size=len(left))))[: len(left)]
    likely = pairs.likely(pairs.together(left, right), counts, sizes, least)
    assert not np.any(likely & (counts < np.minimum(bound[left], bound[right])))


def test_long_texts_are_compared_by_some_of_their_hashes() -> None:
    """Of all hashes as many as are wanted, or one in so many; of a short text all in its sketch."""
    hashes = (np.arange(1 << 20, dtype=np.uint64) << np.uint64(HASH_BITS)) >> np.uint64(20)
    for words, share in ((100, 1.0), (1_024, 1 / 8), (2_048, 1 / 16), (50_000, 1 / pairs.SPARSE)):
        found = pairs.compared(hashes, np.full(len(hashes), words, np.uint32)).mean()
        assert abs(found - share) < 1e-5, words


@given(GROUPS)
def test_pairs_of_those_that_are_compared(groups: list[tuple[int, int]]) -> None:
    """With the longest, the shortest and the next in length, once, if the shorter is compared."""
    hashes: list[int] = []
    due: list[bool] = []
    slow: set[tuple[int, int]] = set()
    for number, (size, some) in enumerate(groups):
        first = len(due)
        hashes += [number] * size
        due += [place >= size - some for place in range(size)]
        slow |= {
            (first + one, first + other)
            for other in range(size)
            for one in range(other)
            if due[first + other] and (one == 0 or other == size - 1 or other - one <= propose.NEXT)
        }
    records = np.arange(len(due), dtype=np.uint32)
    found = propose.pairs_of(np.array(hashes, np.uint64), records, np.array(due, bool))
    told = list(zip(*(each.tolist() for each in pairs.apart(found)), strict=True))
    assert len(told) == len(set(told))
    assert set(told) == slow

"""Profiles of languages: how often each has which runs of letters, weighed in whole numbers.

A profile is of the kind that langdetect has: counts of n-grams inside words, with the blank before
and after a word as a letter. A text is as likely in a language as its n-grams are, each taken for
itself (naive Bayes). All n-grams of all texts of a batch are hashed, looked up and added up at
once. Weights are logarithms in 1/256 bit, made and added as whole numbers, so that no order of
addition, no processor and no batch border changes a sum.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from imprint.rooms.language.detectors import Opinion, of_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    Whole = npt.NDArray[np.int64]
    Hashes = npt.NDArray[np.uint64]

BIT = 256
"""Steps of one bit in a weight."""

RATE = 30
"""Bits of a frequency: 2**30 is every n-gram of that length."""

PRIOR = 500
"""N-grams of all languages together that are added to what was seen of one, for each length: what
was never seen in it weighs little, unless it is frequent in the others. Measured on NusaX (train),
in folds: from 100 to 2,000 hardly a difference."""

BUILT_IN = 5000
"""N-grams of each length that a profile of langdetect stands for. Measured: with more of them what
it lacks tells more against it, and Indonesian is called Banjar in other texts than those taught."""

SLOT = 20
"""Bits of a row in a slot; the others hold a part of the hash, so that strangers are known."""

CHUNK = 1 << 16
"""Characters that are hashed at once. Measured: more leave the cache, fewer pay for each call."""


class Counted(NamedTuple):
    """The n-grams of one language."""

    hashes: Hashes
    """Each once, sorted."""
    orders: Whole
    """The length of each."""
    rates: Whole
    """How frequent each is among those of its length, in 2**-30."""
    mass: Whole
    """How many there were of each length, from 0 on."""


class Profiles(NamedTuple):
    """Weights of n-grams in some languages."""

    names: tuple[str, ...]
    orders: int
    """Letters of the longest n-gram."""
    slots: npt.NDArray[np.uint32]
    """By the hash: a part of it, and the row of `weights`; 0: no n-gram."""
    weights: npt.NDArray[np.int16]
    """A row an n-gram, the first of zeros; a column a language: how much more frequent it is in
    it than in all of them, in 1/256 bit."""


def count(texts: Sequence[str], orders: int) -> Counted:
    """Count the n-grams of texts in one language.

    Args:
        texts: any number.
        orders: letters of the longest n-gram.
    """
    import numpy as np

    found = [
        np.concatenate(hashes)
        for hashes in zip(
            *([h for h, _ in grams] for _, grams in _hashed(texts, orders)), strict=True
        )
    ]
    return tally(found)


def tally(found: Sequence[Hashes], times: Sequence[Whole] | None = None) -> Counted:
    """Count hashes of n-grams of each length, from 1 on.

    Args:
        found: the hashes of a length.
        times: how often each of them was seen; None: once.
    """
    import numpy as np

    hashes, orders, rates, mass = [], [], [], [0]
    for number, seen in enumerate(found):
        each, which = np.unique(seen, return_inverse=True)
        counts = np.zeros(len(each), np.int64)
        np.add.at(counts, which, 1 if times is None else times[number])
        total = int(counts.sum())
        hashes.append(each)
        orders.append(np.full(len(each), number + 1, np.int64))
        rates.append((counts << RATE) // max(1, total))
        mass.append(total)
    together = np.concatenate(hashes)
    order = np.argsort(together)
    return Counted(
        together[order],
        np.concatenate(orders)[order],
        np.concatenate(rates)[order],
        np.array(mass, np.int64),
    )


def weigh(counted: Mapping[str, Counted]) -> Profiles:
    """Make profiles of what was counted in each language.

    What is as frequent in one language as in all together weighs nothing there: so does what has
    a length of which nothing is known of it.
    """
    import numpy as np

    names = tuple(sorted(counted))
    hashes = np.unique(np.concatenate([counted[name].hashes for name in names]))
    orders = np.zeros(len(hashes), np.int64)
    rates = np.zeros((len(hashes), len(names)), np.int64)
    longest = max(len(counted[name].mass) for name in names)
    mass = np.zeros((longest, len(names)), np.int64)
    for column, name in enumerate(names):
        at = np.searchsorted(hashes, counted[name].hashes)
        orders[at], rates[at, column] = counted[name].orders, counted[name].rates
        mass[: len(counted[name].mass), column] = counted[name].mass
    known = (mass > 0).sum(axis=1)[orders]
    usual = np.maximum(1, rates.sum(axis=1) // np.maximum(1, known))[:, None]
    seen = np.minimum(mass, 1 << 20)[orders]
    share = (rates * seen + PRIOR * usual) // (seen + PRIOR)
    weights = np.where(seen > 0, log2(np.maximum(1, share)) - log2(usual), 0)
    total = (rates * seen).sum(axis=1)
    return _stored(names, longest - 1, hashes, weights, total)


def _stored(
    names: tuple[str, ...], orders: int, hashes: Hashes, weights: Whole, total: Whole
) -> Profiles:
    """Put weights where their hashes are looked up; of two in one place the more frequent stays."""
    import numpy as np

    size = 1 << max(12, int(8 * len(hashes)).bit_length())
    order = np.lexsort((hashes, total))[-(1 << SLOT) + 1 :]
    place = (hashes[order] & np.uint64(size - 1)).astype(np.int64)
    slots = np.zeros(size, np.uint32)
    rows = np.arange(1, len(order) + 1, dtype=np.uint32)
    slots[place] = _part(hashes[order]) | rows
    first = np.zeros((1, len(names)), np.int64)
    table = np.concatenate([first, weights[order]]).clip(-(1 << 15), (1 << 15) - 1)
    return Profiles(names, orders, slots, table.astype(np.int16))


class Sums(NamedTuple):
    """What the n-grams of some texts weigh."""

    weights: Whole
    """A row a text and a column a language, in 1/256 bit."""
    known: Whole
    """How many n-grams of each text stand in the profiles."""
    grams: Whole
    """How many n-grams each has."""


def score(profiles: Profiles, texts: Sequence[str]) -> Sums:
    """Add up what the n-grams of each text weigh in each language."""
    import numpy as np

    sums = np.zeros((len(texts), len(profiles.names)), np.int64)
    known, total = np.zeros((2, len(texts)), np.int64)
    mask = np.uint64(len(profiles.slots) - 1)
    for start, grams in _hashed(texts, profiles.orders):
        for hashes, owners in grams:
            counts = np.bincount(owners)
            total[start : start + len(counts)] += counts
            slots = profiles.slots.take((hashes & mask).astype(np.int64))
            rows = slots & np.uint32((1 << SLOT) - 1)
            kept = ((slots ^ _part(hashes)) >> np.uint32(SLOT) == 0) & (rows > 0)
            kept_owners = owners[kept]
            if not len(kept_owners):
                continue
            firsts = np.flatnonzero(np.diff(kept_owners, prepend=-1))
            weights = profiles.weights.take(rows[kept].astype(np.int64), axis=0)
            sums[start + kept_owners[firsts]] += np.add.reduceat(
                weights, firsts, axis=0, dtype=np.int64
            )
            known[start + kept_owners[firsts]] += np.diff(firsts, append=len(kept_owners))
    return Sums(sums, known, total)


def _part(hashes: Hashes) -> npt.NDArray[np.uint32]:
    """Return the part of hashes that a slot holds."""
    import numpy as np

    return (hashes >> np.uint64(64 - 32 + SLOT) << np.uint64(SLOT)).astype(np.uint32)


def _hashed(texts: Sequence[str], orders: int) -> Iterator[tuple[int, list[tuple[Hashes, Whole]]]]:
    """Yield the hashes of the n-grams of some texts at a time, and whose they are, by length.

    Each with the number of its first text.
    """
    words = _words(texts)
    start = size = 0
    for number, text in enumerate(words):
        if size and size + len(text) > CHUNK:
            yield start, hashed(words[start:number], orders)
            start, size = number, 0
        size += len(text)
    yield start, hashed(words[start:], orders)


def _words(texts: Sequence[str]) -> list[str]:
    """Return the words of texts, in small letters, with one blank around each; "" where is none."""
    import polars as pl

    text = pl.Series(texts, dtype=pl.String).str.to_lowercase()
    text = text.str.replace_all(r"[^\p{L}\p{M}]+", " ").str.strip_chars(" ")
    return [f" {each} " if each else "" for each in text.to_list()]


def hashed(words: Sequence[str], orders: int) -> list[tuple[Hashes, Whole]]:
    """Return the hashes of all n-grams of texts, and whose they are, for each length.

    Args:
        words: texts with one blank around each word.
        orders: letters of the longest n-gram.
    """
    import numpy as np

    lengths = np.array([len(each) for each in words], np.int64)
    letters = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), np.uint32)
    owners = np.repeat(np.arange(len(words), dtype=np.int64), lengths)
    blank = letters == ord(" ")
    place = np.arange(len(letters))
    ends = np.where(blank, place, len(letters) - 1)[1:]  # the blank behind each place
    room = np.minimum.accumulate(ends[::-1])[::-1] - place[:-1] + 1
    found, hashes = [], np.zeros(len(letters), np.uint64)
    for order in range(1, orders + 1):
        size = max(0, len(letters) - order + 1)
        hashes = _mixed(hashes[:size], letters[order - 1 :], order)
        whole = room[:size] >= order if order > 1 else ~blank
        whole &= owners[:size] == owners[order - 1 :]
        found.append((hashes[whole], owners[:size][whole]))
    return found


def _mixed(before: Hashes, letters: npt.NDArray[np.uint32], order: int) -> Hashes:
    """Return the hashes of n-grams that are one letter longer than those before.

    Source: the constants are those of SplitMix64.
    """
    import numpy as np

    hashes = (before + letters + np.uint64(order)) * np.uint64(0x9E3779B97F4A7C15)
    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    return hashes


def log2(numbers: Whole) -> Whole:
    """Return logarithms in 1/256 bit, rounded down, of numbers from 1 to 2**52.

    >>> import numpy as np
    >>> log2(np.array([1, 2, 3, 1 << 40])).tolist()
    [0, 256, 405, 10240]
    """
    import numpy as np

    bits = np.frexp(numbers.astype(np.float64))[1].astype(np.int64) - 1  # exact: below 2**53
    mantissa = np.where(
        bits > 10, numbers >> np.maximum(0, bits - 10), numbers << (10 - bits.clip(0, 10))
    )
    logarithms: Whole = bits * BIT + _mantissas()[mantissa - 1024]
    return logarithms


@functools.cache
def _mantissas() -> Whole:
    """Return the logarithms of 1024/1024 to 2047/1024, counted in whole powers."""
    import numpy as np

    return np.array(
        [((1024 + n) ** BIT).bit_length() - 1 - 10 * BIT for n in range(1024)], np.int64
    )


def hash_of(grams: Sequence[str]) -> Hashes:
    """Return the hashes of n-grams of one length, as those of texts are."""
    import numpy as np

    length = len(grams[0])
    letters = np.frombuffer("".join(grams).encode("utf-32-le"), np.uint32).reshape(-1, length)
    hashes = np.zeros(len(grams), np.uint64)
    for order in range(1, length + 1):
        hashes = _mixed(hashes, letters[:, order - 1], order)
    return hashes


def limited(counted: Counted, most: int) -> Counted:
    """Return the same frequencies, as if no more n-grams of each length had been seen."""
    import numpy as np

    return counted._replace(mass=np.minimum(counted.mass, most))


def added(one: Counted, other: Counted) -> Counted:
    """Return what was counted in both together."""
    import numpy as np

    hashes = np.unique(np.concatenate([one.hashes, other.hashes]))
    mass = np.zeros(max(len(one.mass), len(other.mass)), np.int64)
    orders, times = np.zeros((2, len(hashes)), np.int64)
    for each in (one, other):
        mass[: len(each.mass)] += each.mass
        at = np.searchsorted(hashes, each.hashes)
        orders[at] = each.orders
        times[at] += each.rates * each.mass[each.orders]
    return Counted(hashes, orders, times // np.maximum(1, mass[orders]), mass)


@functools.cache
def built_in() -> dict[str, Counted]:
    """Return what langdetect's profiles hold, read where they lie, once a process."""
    import json
    from importlib import resources

    import numpy as np

    found: dict[str, Counted] = {}
    for path in resources.files("langdetect").joinpath("profiles").iterdir():
        name = of_code(path.name)
        if "." in path.name or name is None:
            continue
        by_length: tuple[dict[str, int], ...] = ({}, {}, {})
        for gram, times in json.loads(path.read_text("utf-8"))["freq"].items():
            lower = gram.lower()
            if 0 < len(lower) <= len(by_length):
                counts = by_length[len(lower) - 1]
                counts[lower] = counts.get(lower, 0) + times
        counted = tally(
            [hash_of(list(each)) for each in by_length],
            [np.array(list(each.values()), np.int64) for each in by_length],
        )
        found[name] = added(found[name], counted) if name in found else counted
    return found


def ask_profiles(heads: Sequence[str]) -> list[Opinion]:
    """Ask langdetect's profiles about texts: all n-grams of each, where it draws some by chance."""
    if not heads:
        return []
    profiles = _all_built_in()
    sums, known, _ = score(profiles, heads)
    odds = halved(sums.max(axis=1)[:, None] - sums, BIT)
    shares = odds * 1000 // odds.sum(axis=1)[:, None]
    return [
        Opinion(
            "langdetect",
            {name: each for name, each in zip(profiles.names, row, strict=True) if each},
        )
        if n
        else Opinion("langdetect", {})
        for row, n in zip(shares.tolist(), known.tolist(), strict=True)
    ]


@functools.cache
def _all_built_in() -> Profiles:
    """Return the profiles of langdetect, once a process."""
    return weigh({name: limited(each, BUILT_IN) for name, each in built_in().items()})


def halved(behind: Whole, even: int) -> Whole:
    """Return 2**20, halved as often as something is behind by `even`, in steps of a sixteenth."""
    import numpy as np

    steps = (behind * 16 // even).clip(0, 16 * 20)
    sixteenths = np.array([int(2 ** (20 - n / 16)) for n in range(16)], np.int64)
    parts: Whole = sixteenths[steps % 16] >> (steps // 16)
    return parts

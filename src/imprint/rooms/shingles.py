"""Hash the shingles of texts, every run of five words, over the bytes of a whole column.

A word is a run of letters, marks and digits, in lower case; in a script that writes no blanks each
character is one. What two texts have in common is counted on these hashes.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from imprint.characters import BLANKLESS
from imprint.digests import each_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Numbers = npt.NDArray[np.int64]
    Hashes = npt.NDArray[np.uint64]

WIDTH = 5
"""Words in a shingle; a text of fewer has none. Source: Lee et al. 2022, "Deduplicating Training
Data Makes Language Models Better" (NearDup), and the field since."""

EXACT_BITS = 50
"""Of a hash, where what two texts share is counted: beside it, 14 bits number texts or pairs."""

BLOCK_BYTES = 262_144
"""Text that is hashed at once. Measured: with a twentieth of a batch all stays in the cache."""

LOAD = 8
"""Bytes of a word that are taken at once."""

APART, ALONE, WITHIN = 0, 1, 2
"""What a character is: between words, a word by itself, or part of one."""

FIRST, SECOND, THIRD = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Odd factors that mix 64 bits. Source: SplitMix64 (Steele, Lea, Flood 2014)."""


class Shingles(NamedTuple):
    """The shingles of n texts, one after the other as they stand."""

    words: Numbers
    """How many words each text has: n."""
    counts: Numbers
    """How many shingles: four less, or none."""
    hashes: Hashes
    """64 bits of each."""


def shingles(text: pa.Array) -> Shingles:
    """Return the hashes of the shingles of each text.

    Args:
        text: n strings; a null has no words.

    >>> import pyarrow as pa
    >>> one, two = "Satu dua tiga, empat lima", "(satu dua tiga empat LIMA) enam"
    >>> found = shingles(pa.array([one, two, "satu"]))
    >>> found.counts.tolist(), bool(found.hashes[0] == found.hashes[1])
    ([1, 2, 0], True)
    """
    import numpy as np

    found = [empty(), *(each for _, each in blocks(text))]
    return Shingles(*map(np.concatenate, zip(*found, strict=True)))


def distinct(found: Shingles) -> Shingles:
    """Return the shingles of each text, each once and in ascending order: `EXACT_BITS` of each.

    Args:
        found: of no more texts than the other bits of a word can number.
    """
    import numpy as np

    texts = len(found.counts)
    keys = np.repeat(np.arange(texts, dtype=np.uint64) << np.uint64(EXACT_BITS), found.counts)
    keys |= found.hashes >> np.uint64(64 - EXACT_BITS)
    keys = each_once(keys)
    counts = np.bincount((keys >> np.uint64(EXACT_BITS)).astype(np.int64), minlength=texts)
    return Shingles(found.words, counts, keys & np.uint64((1 << EXACT_BITS) - 1))


def blocks(text: pa.Array) -> Iterator[tuple[int, Shingles]]:
    """Yield the shingles of a few texts at a time, with the row of the first."""
    import numpy as np

    offsets, data = _buffers(text)
    row = 0
    while row < len(text):
        end = int(np.searchsorted(offsets, offsets[row] + BLOCK_BYTES, "right")) - 1
        end = max(end, row + 1)
        start, stop = int(offsets[row]), int(offsets[end])
        yield row, _of_block(offsets[row : end + 1] - start, data[start:stop])
        row = end


def empty() -> Shingles:
    """Return the shingles of no text."""
    import numpy as np

    none = np.zeros(0, np.int64)
    return Shingles(none, none, np.zeros(0, np.uint64))


def _buffers(text: pa.Array) -> tuple[Numbers, npt.NDArray[np.uint8]]:
    """Return where each text begins, and the bytes of all of them."""
    import numpy as np
    import pyarrow.compute as pc

    text = pc.fill_null(text, "") if text.null_count else text
    _, starts, data = text.buffers()
    if not len(text) or starts is None:
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    offsets = np.frombuffer(starts, np.int32)[text.offset : text.offset + len(text) + 1]
    return offsets.astype(np.int64), np.frombuffer(data or b"", np.uint8)


def _of_block(offsets: Numbers, raw: npt.NDArray[np.uint8]) -> Shingles:
    """Return the shingles of a few texts that lie one after the other."""
    import numpy as np

    folded = np.frombuffer(bytearray(raw.tobytes().translate(_folds()) + bytes(LOAD)), np.uint8)
    starts, ends = _words(offsets, raw, folded)
    hashes = _hashed(starts, ends, folded)
    at = np.searchsorted(starts, offsets)
    words = np.diff(at)
    counts = np.maximum(words - (WIDTH - 1), 0)
    if len(hashes) < WIDTH:
        return Shingles(words, counts, hashes[:0])
    pairs = hashes[:-1] * np.uint64(FIRST)
    pairs += hashes[1:]
    fours = pairs[:-2] * np.uint64(THIRD)
    fours += pairs[2:]
    found = fours[:-1] * np.uint64(FIRST)
    found += hashes[4:]
    found = mixed(found)
    whole = np.ones(len(hashes), bool)  # false where the text ends within the shingle
    for back in range(1, WIDTH):
        last = at[1:] - back
        whole[last[last >= at[:-1]]] = False
    return Shingles(words, counts, found[whole[: len(found)]])


def _words(
    offsets: Numbers, raw: npt.NDArray[np.uint8], folded: npt.NDArray[np.uint8]
) -> tuple[Numbers, Numbers]:
    """Return where each word begins and ends; fold in `folded` what is beyond ASCII."""
    import numpy as np

    size = len(raw)
    word = folded[:size] != 0
    borders = [offsets[:-1]]
    if len(raw) and raw.max() >= 0x80:
        borders += _beyond_ascii(raw, word, folded)
    start = word.copy()
    start[1:] &= ~word[:-1]
    for each in borders:
        inside = each[each < size]
        start[inside] = word[inside]
    last = word.copy()
    last[:-1] &= ~word[1:] | start[1:]
    return np.flatnonzero(start), np.flatnonzero(last) + 1


def _beyond_ascii(
    raw: npt.NDArray[np.uint8], word: npt.NDArray[np.bool_], folded: npt.NDArray[np.uint8]
) -> list[Numbers]:
    """Say of every character beyond ASCII what it is, and fold it; return where words are parted.

    Lower case that is written in as many bytes is taken: Unicode has a dozen that are not.
    """
    import numpy as np

    kinds, lower = _characters()
    borders = []
    for size, low, high in ((2, 0xC0, 0xE0), (3, 0xE0, 0xF0), (4, 0xF0, 0xF8)):
        at = np.flatnonzero((raw >= low) & (raw < high))
        if not len(at):
            continue
        code = (raw[at] & (0xFF >> (size + 1))).astype(np.int64)
        for n in range(1, size):
            code = code << 6 | raw[at + n] & 0x3F
        kind = kinds[code] if size < 4 else _kind_of_rare(code)
        apart = at[kind == APART]
        for n in range(size):
            word[apart + n] = False
        alone = at[kind == ALONE]
        borders += [alone, alone + size]
        if size == 4:
            continue
        changed = np.flatnonzero(lower[code] != code)
        small = lower[code[changed]]
        for n in range(size - 1, 0, -1):
            folded[at[changed] + n] = small & 0x3F | 0x80
            small = small >> 6
        folded[at[changed]] = small | (0xFF << (7 - size) & 0xFF) - (1 << (7 - size))
    return borders


def _hashed(starts: Numbers, ends: Numbers, folded: npt.NDArray[np.uint8]) -> Hashes:
    """Return a hash of each word, eight bytes at a time."""
    import numpy as np

    loads = np.ndarray((len(folded) - LOAD + 1,), np.dtype("<u8"), folded.data, 0, (1,))
    masks = np.array([(1 << 8 * n) - 1 for n in range(LOAD + 1)], np.uint64)
    length = ends - starts
    hashes = loads[starts] & masks[np.minimum(length, LOAD)]
    hashes ^= length.astype(np.uint64) << np.uint64(57)
    hashes *= np.uint64(FIRST)
    rest, at = np.flatnonzero(length > LOAD), LOAD
    while len(rest):
        left = length[rest] - at
        more = hashes[rest]
        more ^= more >> np.uint64(29)
        more *= np.uint64(SECOND)
        more += loads[starts[rest] + at] & masks[np.minimum(left, LOAD)]
        hashes[rest] = more * np.uint64(FIRST)
        at += LOAD
        rest = rest[left > LOAD]
    return mixed(hashes)


def mixed(hashes: Hashes) -> Hashes:
    """Mix the bits of hashes, in place."""
    import numpy as np

    hashes ^= hashes >> np.uint64(33)
    hashes *= np.uint64(SECOND)
    hashes ^= hashes >> np.uint64(29)
    return hashes


@functools.cache
def _folds() -> bytes:
    """Return each byte in lower case, where it is ASCII; 0 where it parts words."""
    return bytes(n if n >= 0x80 or chr(n).isalnum() else 0 for n in bytes(range(256)).lower())


@functools.cache
def _characters() -> tuple[npt.NDArray[np.uint8], Numbers]:
    """Return of each character of the first plane what it is, and its lower case.

    Source: Unicode, as the version of polars that is installed has it.
    """
    import numpy as np
    import polars as pl

    codes = [n for n in range(0x80, 0x10000) if not 0xD800 <= n < 0xE000]
    characters = pl.Series(map(chr, codes))
    kinds = np.full(0x10000, APART, np.uint8)
    kinds[codes] = np.where(characters.str.contains(r"[\p{L}\p{M}\p{N}]"), WITHIN, APART)
    alone = characters.str.contains(BLANKLESS.pattern).to_numpy() & (kinds[codes] != APART)
    kinds[np.array(codes)[alone]] = ALONE
    lower = np.arange(0x10000)
    small = characters.str.to_lowercase()
    same = (small.str.len_chars() == 1) & (small.str.len_bytes() == characters.str.len_bytes())
    for n in (small.ne(characters) & same).arg_true():
        lower[codes[n]] = ord(small[n])
    return kinds, lower


def _kind_of_rare(codes: Numbers) -> npt.NDArray[np.uint8]:
    """Return what characters beyond the first plane are.

    Planes 2 and 3 hold Han; the blocks from U+1F000 to U+1FAFF pictures and signs.
    """
    import numpy as np

    pictures = (codes >= 0x1F000) & (codes < 0x1FB00)
    return np.where(codes >= 0x20000, ALONE, np.where(pictures, APART, WITHIN)).astype(np.uint8)

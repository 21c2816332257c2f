"""What the hashes of shingles promise: the same as words compared one by one."""

from __future__ import annotations

import itertools
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.characters import BLANKLESS
from imprint.rooms import shingles as room
from imprint.rooms import sketch

LETTERS = "abcXYZéÉßñçÖøŁşƯếẾжЖя٣عرﻻहि中文字ひカ한글ไทย𝒜𠀀"
SIGNS = " \n\t.,;:-_'’“”«»…—()/\u200d\U0001f600"
TEXT = st.text(st.sampled_from(LETTERS + SIGNS + "abcde  "), max_size=80)


def words(text: str) -> list[str]:
    """Return the words of a text, found one character at a time."""
    found, inside = [], False
    for character in text:
        kind = unicodedata.category(character)[0]
        if kind not in "LMN":
            inside = False
        elif BLANKLESS.match(character):
            found.append(character)
            inside = False
        else:
            found[-1:] = (
                [found[-1] + folded(character)] if inside else [*found[-1:], folded(character)]
            )
            inside = True
    return found


def folded(character: str) -> str:
    """Return a character of the first plane in lower case, if that takes as many bytes."""
    lower = character.lower()
    same = len(lower) == 1 and len(lower.encode()) == len(character.encode())
    return lower if same and ord(character) < 0x10000 else character


def of_words(text: str) -> list[tuple[str, ...]]:
    """Return the shingles of a text as tuples of words."""
    found = words(text)
    return [tuple(found[n : n + room.WIDTH]) for n in range(len(found) - room.WIDTH + 1)]


@given(st.lists(TEXT, max_size=8))
def test_hashes_are_those_of_words(texts: list[str]) -> None:
    """Texts have as many words and shingles as a reader finds, and equal ones the same hash."""
    found = room.shingles(pa.array(texts, pa.string()))
    assert found.words.tolist() == [len(words(text)) for text in texts]
    slow = [shingle for text in texts for shingle in of_words(text)]
    assert found.counts.tolist() == [len(of_words(text)) for text in texts]
    assert len(slow) == len(found.hashes)
    pairs = set(zip(slow, found.hashes.tolist(), strict=True))
    assert len(pairs) == len(set(slow)) == len(set(found.hashes.tolist()))


@pytest.mark.parametrize("text", ["x" * 7, "x" * 8, "x" * 9, "x" * 16, "x" * 17, "é" * 40])
def test_long_words_differ_by_their_last_letter(text: str) -> None:
    """Every byte of a word counts, however long it is."""
    texts = [f"{end} b c d e" for end in (text, text[:-1], f"{text[:-1]}y", f"y{text[1:]}")]
    assert len(set(room.shingles(pa.array(texts)).hashes.tolist())) == len(texts)


@given(st.lists(TEXT | st.none(), min_size=1, max_size=8), st.integers(1, 60))
def test_blocks_do_not_matter(texts: list[str | None], size: int) -> None:
    """However many texts are hashed at once, they have the same hashes; a slice too."""
    whole = room.shingles(pa.array(["first", *texts], pa.string())[1:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "BLOCK_BYTES", size)
        for one, other in zip(whole, room.shingles(pa.array(texts, pa.string())), strict=True):
            assert np.array_equal(one, other)


def test_case_and_signs_do_not_count() -> None:
    """The same words in another case, between other signs, are the same shingles."""
    one, other = "Élan, ПРИВЕТ (world) of words", "élan привет «WORLD» of — words!"
    found = room.shingles(pa.array([one, other]))
    assert found.hashes[0] == found.hashes[1]


def test_sketches_are_nested() -> None:
    """What two texts share and the longer one's sketch holds, the shorter one's holds too."""
    draw = np.random.default_rng(0)
    long = " ".join(f"w{n}" for n in draw.integers(0, 10_000, 3000))
    short = " ".join(long.split()[100:160])
    found = sketch.sketch(pa.array([long, short]), first=5)
    mask = (1 << sketch.ROW_BITS) - 1
    one, other = (
        {entry >> sketch.ROW_BITS for entry in found.sketches.tolist() if entry & mask == row}
        for row in (5, 6)
    )
    every = {h >> 64 - sketch.HASH_BITS for h in room.shingles(pa.array([short])).hashes.tolist()}
    assert one & every <= other <= every
    assert 2996 / sketch.RATE * 0.8 < len(one) < 2996 / sketch.RATE * 1.2
    assert sketch.FULL / 2 < len(other) < sketch.FULL * 2


@given(st.lists(TEXT, max_size=8), st.integers(0, 100))
def test_sketch_of_a_short_text_is_whole(texts: list[str], first: int) -> None:
    """A text of few shingles has all of them in its sketch, each once."""
    found = sketch.sketch(pa.array(texts, pa.string()), first)
    each = room.distinct(room.shingles(pa.array(texts, pa.string())))
    rows = np.repeat(np.arange(len(texts)), each.counts)
    few = each.counts[rows] <= sketch.FULL
    short = each.hashes >> np.uint64(room.EXACT_BITS - sketch.HASH_BITS)
    entries = (short << np.uint64(sketch.ROW_BITS)) + (rows + first).astype(np.uint64)
    sketched = found.sketches.tolist()
    assert set(entries[few].tolist()) <= set(sketched)
    assert len(set(sketched)) == len(sketched) == found.counts.sum()
    begins = np.concatenate([[0], np.cumsum(found.counts)])
    for row, (low, high) in enumerate(itertools.pairwise(begins)):
        hashes = found.hashes[low:high]
        assert (hashes[1:] > hashes[:-1]).all()
        assert (
            found.sketches[low:high]
            == (hashes << np.uint64(sketch.ROW_BITS)) + np.uint64(row + first)
        ).all()


def test_near_equal_texts_share_a_band() -> None:
    """Texts that differ in a word of a hundred have most bands in common, others none."""
    draw = np.random.default_rng(1)
    text = [f"w{n}" for n in draw.integers(0, 10_000, 400)]
    edited = [*text[:200], "other", *text[201:]]
    strange = [f"w{n}" for n in draw.integers(0, 10_000, 400)]
    rows = sketch.sketch(pa.array([" ".join(each) for each in (text, edited, strange)]), 0).bands
    mask = (1 << sketch.ROW_BITS) - 1
    one, two, three = (
        {entry >> sketch.ROW_BITS for entry in rows.tolist() if entry & mask == row}
        for row in range(3)
    )
    assert len(one & two) > len(one) / 2
    assert not one & three

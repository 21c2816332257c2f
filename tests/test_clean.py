"""What cleaning promises: its list of defects and nothing else."""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import ftfy
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.rooms.clean import (
    PLAIN,
    _look,
    _mojibake,
    _odd_characters,
    _repaired,
    clean,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "cases" / "clean.jsonl")
    .read_text("utf-8")
    .strip()
    .split("\n")
]
SHARED = Path(__file__).parents[2] / "shared" / "corpora"

# Letters and marks, blanks and breaks, what is taken out, mojibake, and letters that look like it.
PIECES = st.one_of(
    st.sampled_from(
        [
            "a",
            "é",
            "e",
            "́",
            "̣",
            "中",
            "한",
            "ไทย",
            "“",
            "”",
            "–",
            "ﬁ",
            "क़",
            "ᅡ",
            "ᆨ",
            "ᄀ",
            "½",
            "²",
            "œ",
            "×",
            "â€œ",
            "Ã©",
            "Ã",
        ]
        + [
            "â€\x9d",
            "Â ",
            " ",
            "  ",
            "\t",
            "\n",
            "\r",
            "\r\n",
            "\n\n\n",
            "\u00a0",
            "\u2028",
            "\u3000",
        ]
        + ["\u200b", "\u200c", "\u00ad", "\ufeff", "\x00", "\x85"]
    ),
    st.characters(exclude_categories=["Cs"]),
)
TEXTS = st.lists(st.lists(PIECES, max_size=24).map("".join), min_size=1, max_size=6)

# Mostly ASCII, as most texts are: spacing, plain characters, and few that matter.
LONG = "Satu dua, tiga. " * 20
FEW = st.one_of(
    st.sampled_from(["a", "b", " ", "\n", "\n\n", "”", "–", "e", "中", LONG]),
    st.sampled_from(
        ["a", " ", "\n", "e", LONG, "\u0301", "\u05bc\u05b0", "\u212b", "\x7f", "Ã©", "é"]
    ),
    st.sampled_from(
        ["Ã quilo ", "Ã quel", "Ã s ", "Â ", "œ", "â€œ", "\ufffd", "ï¿½", "??", "\t", "\r"]
    ),
)


@pytest.fixture(scope="module", autouse=True)
def small_columns() -> Iterator[None]:
    """Look at the bytes of small columns too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imprint.rooms.clean.LEAST", 0)
        yield


def cleaned(*texts: str | None) -> list[str | None]:
    """Return what cleaning makes of the texts."""
    batch = clean(pa.record_batch({"text": pa.array(texts, pa.string())}))
    result: list[str | None] = batch["text"].to_pylist()
    return result


def slow_twin(text: str) -> str:
    """Do to one text what cleaning lists, in the plainest way, until nothing changes."""
    while True:
        before = text
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        text = "\n".join(ftfy.fix_encoding(line) for line in text.split("\n"))
        kept = (c for c in text if c in "\t\n" or unicodedata.category(c) != "Cc")
        text = "".join(c for c in kept if c not in "\u200b\u2060\ufeff\u00ad")
        blank = ("Zs", "Zl", "Zp")
        text = "".join(" " if c == "\t" or unicodedata.category(c) in blank else c for c in text)
        text = "\n".join(re.sub(" +", " ", line).strip(" ") for line in text.split("\n"))
        text = re.sub("\n{3,}", "\n\n", text).strip("\n")
        text = str(pc.utf8_normalize(pa.scalar(text), form="NFC"))
        if text == before:
            return text


@pytest.mark.parametrize("case", CASES, ids=[case["label"] for case in CASES])
def test_case(case: dict[str, str]) -> None:
    """Each case comes out as it says; where it has no `after`, unchanged."""
    assert cleaned(case["before"]) == [case.get("after", case["before"])]


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_fast_path_equals_slow_path(texts: list[str]) -> None:
    """Whole columns give what the plain function gives on each text."""
    assert cleaned(*texts) == [slow_twin(text) for text in texts]


@settings(deadline=None, max_examples=600)
@given(st.lists(st.lists(FEW, max_size=7).map("".join), min_size=1, max_size=4))
def test_fast_path_equals_slow_path_where_most_is_ascii(texts: list[str]) -> None:
    """What is among much ASCII is found by the look at the bytes, beside rows without a text."""
    long = LONG.strip() * 9
    assert cleaned(*texts, None, long) == [*map(slow_twin, texts), None, long]


def test_spacing() -> None:
    """Every way to set blanks and line breaks comes out right, among few others and many."""
    texts = ["".join(each) for n in range(7) for each in itertools.product("a \n", repeat=n)]
    wanted, much = [slow_twin(text) for text in texts], LONG.strip() * 300
    assert cleaned(*texts) == wanted
    assert cleaned(*texts, much) == [*wanted, much]


@pytest.mark.parametrize(
    "odd",
    ["\x00", "\x1f", "\x7f", "\x80", "\u00a0", "\u0301", "Ã", "œ", "é”", "“é", "€‚", "😀\ufffd"],
)
def test_odd_rows(odd: str) -> None:
    """A row with characters that matter is told from its neighbours, in a slice as well."""
    texts = [None, "“b”–a", "é", f"a{odd}b", "", "a“", "aé😀 a", "x" * 2000]
    wanted = [False, False, False, True, False, False, True, False]
    column = pa.array(texts, pa.string())
    for first in range(4):
        looked = _look(column[first:])
        assert looked is not None
        assert looked.odd.to_list() == wanted[first:]
        assert not looked.spaced.any()
    assert _look(pa.array(["é" * 100])) is None


def strings(pieces: str, n: int) -> pl.Series:
    """Return all strings of n of the pieces."""
    frame = pl.DataFrame({"0": list(pieces)})
    for number in range(1, n):
        frame = frame.join(pl.DataFrame({str(number): list(pieces)}), how="cross")
    return frame.select(pl.concat_str(pl.all()).alias("all"))["all"]


def test_plain_characters_are_no_mojibake() -> None:
    """However they follow each other and ASCII, ftfy's pattern finds nothing in them."""
    joined = strings(f"{PLAIN}aA1 .\n中", 4)
    assert not joined.str.contains(_mojibake()).any()


def test_most_characters_are_no_mojibake_among_ascii() -> None:
    """Two that are not plain must be beside each other, but for the few that are listed."""
    alone, beside = _odd_characters()
    every = pl.Series(
        [chr(point) for point in range(0x80, 0x10000) if not 0xD800 <= point < 0xE000]
    )
    some = every.filter(every.str.contains(beside) & ~every.str.contains(alone))
    assert len(some) > 200
    around = strings("aA1 .?", 2)
    pairs = pl.DataFrame({"one": some}).join(pl.DataFrame({"before": around}), how="cross")
    pairs = pairs.join(pl.DataFrame({"behind": around}), how="cross")
    texts = pairs.select(text=pl.concat_str("before", "one", "behind", "one", "before"))["text"]
    ends = pairs.select(text=pl.concat_str("one", "before", "one"))["text"].unique()
    found = pl.concat([texts, ends]).str.contains(_mojibake())
    assert not found.any()


@settings(deadline=None, max_examples=400)
@given(st.lists(st.one_of(PIECES, FEW), max_size=9))
def test_ftfy_need_not_see_the_whole_line(pieces: list[str]) -> None:
    """What is left out of a line before ftfy looks at it changes nothing."""
    line = "".join(pieces).replace("\n", "")
    assert _repaired(line) == ftfy.fix_encoding(line)


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_idempotent(texts: list[str]) -> None:
    """Cleaning what is clean changes nothing more."""
    once = cleaned(*texts)
    assert cleaned(*once) == once


def test_null_stays_null() -> None:
    """A record that could not be read passes through."""
    assert cleaned(None, "a  b", None) == [None, "a b", None]


def test_other_columns_are_untouched() -> None:
    """Only `text` differs, and rows keep their order."""
    batch = pa.record_batch({"id": ["1", "2"], "text": ["a\r\n", "b"], "n": [1, 2]})
    after = clean(batch)
    assert after.schema.names == batch.schema.names
    assert after.select(["id", "n"]).equals(batch.select(["id", "n"]))


@pytest.mark.skipif(not SHARED.exists(), reason="the corpora are not here")
def test_clean_sentences_stay() -> None:
    """Sentences that linguists have edited come out byte-identical, in thirteen languages."""
    table = (SHARED / "langid" / "pud_13_parallel.tsv").read_text("utf-8").strip().split("\n")
    sentences = [line.split("\t", 1)[1] for line in table]
    composed = [unicodedata.normalize("NFC", " ".join(each.split())) for each in sentences]
    changed = [
        pair for pair in zip(composed, cleaned(*composed), strict=True) if pair[0] != pair[1]
    ]
    assert changed == []


@pytest.mark.skipif(not SHARED.exists(), reason="the corpora are not here")
def test_ftfy_cases() -> None:
    """What ftfy itself repairs is repaired, both sides with their quotes straightened."""
    lines = (
        (SHARED / "encoding" / "mojibake_ftfy_even.jsonl").read_text("utf-8").strip().split("\n")
    )
    for case in map(json.loads, lines):
        wanted = slow_twin(ftfy.fix_encoding(case["original"]))
        assert cleaned(case["original"]) == [wanted], case["label"]

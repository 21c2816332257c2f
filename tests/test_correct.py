"""What correcting promises: one pass, leftmost first, with a record of every change."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.rooms.correct import correct
from imprint.settings import Erratum

CTSO = Erratum(wrong="CTSO", right="CSTO")


def corrected(
    text: str | None, *errata: Erratum, language: str = "id", raw_file: str = "a.txt"
) -> tuple[str | None, list[tuple[str, str, int]]]:
    """Return a text as it is corrected, and its corrections."""
    columns: dict[str, Any] = {"text": [text], "language": [language], "raw_file": [raw_file]}
    batch = correct(
        pa.record_batch({k: pa.array(v, pa.string()) for k, v in columns.items()}), errata
    )
    (found,) = batch["corrections"].to_pylist()
    return batch["text"][0].as_py(), [
        (each["wrong"], each["right"], each["count"]) for each in found
    ]


def test_correction_is_recorded() -> None:
    """The text is corrected, and the record says by which erratum and how often."""
    assert corrected("CTSO dan CTSO.", CTSO) == ("CSTO dan CSTO.", [("CTSO", "CSTO", 2)])


@pytest.mark.parametrize("text", ["CTSOs", "xCTSO", "CTSO\u0301", "CTSO9", "CTSO_x", "ctso", ""])
def test_word_wants_borders(text: str) -> None:
    """A word is corrected where it stands alone, in the case that was declared."""
    assert corrected(text, CTSO) == (text, [])


@pytest.mark.parametrize(
    ("text", "wrong", "right", "after"),
    [
        ("สวัสดีครบท่าน", "ครบ", "ครับ", "สวัสดีครับท่าน"),
        ("他在北京士学", "士学", "大学", "他在北京大学"),
        ("東京CTSO会議", "CTSO", "CSTO", "東京CSTO会議"),
        ("организация ОДКБ", "ДКБ", "X", "организация ОДКБ"),
        ("می‌خواهم", "خواهم", "X", "می‌خواهم"),
        ("हिन्दी", "हिन्", "X", "हिन्दी"),
        ("“CTSO”–CTSO", "CTSO", "CSTO", "“CSTO”–CSTO"),
        ("a.b.c", ".b.", "-", "a-c"),
    ],
    ids=[
        "Thai",
        "Han",
        "Latin in Han",
        "Cyrillic inside a word",
        "ZWNJ",
        "mark",
        "quotes",
        "no word",
    ],
)
def test_borders_in_every_script(text: str, wrong: str, right: str, after: str) -> None:
    """A border is asked for only beside scripts that write blanks between words."""
    assert corrected(text, Erratum(wrong=wrong, right=right))[0] == after


def test_text_matches_anywhere() -> None:
    """`match = "text"` corrects inside words too."""
    assert corrected("xCTSOx", Erratum(wrong="CTSO", right="CSTO", match="text"))[0] == "xCSTOx"


def test_case_can_be_ignored() -> None:
    """`ignore_case` finds every case, and `corrections` holds what was declared."""
    erratum = Erratum(wrong="ctso", right="CSTO", ignore_case=True)
    assert corrected("CTSO Ctso", erratum) == ("CSTO CSTO", [("ctso", "CSTO", 2)])


def test_regex_takes_groups() -> None:
    """`right` of a regular expression may use what was matched."""
    erratum = Erratum(wrong=r"(\d+)\s*km2\b", right="$1 km²", match="regex")
    assert corrected("luas 25km2, 7 km2.", erratum)[0] == "luas 25 km², 7 km²."


def test_leftmost_first_then_declared_first() -> None:
    """At one place the erratum declared earlier applies; a later one that overlaps does not."""
    longer = Erratum(wrong="CTSO itu", right="1", match="text")
    shorter = Erratum(wrong="CTSO", right="2", match="text")
    assert corrected("CTSO itu", longer, shorter) == ("1", [("CTSO itu", "1", 1)])
    assert corrected("CTSO itu", shorter, longer) == ("2 itu", [("CTSO", "2", 1)])
    inner = Erratum(wrong="itu", right="3", match="text")
    assert corrected("CTSO itu", inner, longer) == ("1", [("CTSO itu", "1", 1)])


def test_never_on_what_another_put_there() -> None:
    """All errata see the text as it was."""
    swap = [Erratum(wrong="a", right="b"), Erratum(wrong="b", right="a")]
    assert corrected("a b", *swap) == ("b a", [("a", "b", 1), ("b", "a", 1)])


@pytest.mark.parametrize(
    ("scope", "hit"),
    [
        ({"languages": ("id",)}, True),
        ({"languages": ("ms",)}, False),
        ({"files": ("*.txt",)}, True),
        ({"files": ("b/**",)}, False),
    ],
)
def test_scopes(scope: dict[str, Any], hit: bool) -> None:
    """An erratum stays inside the files and languages that it is for."""
    after, found = corrected("CTSO", Erratum(wrong="CTSO", right="CSTO", **scope))
    assert (after == "CSTO", bool(found)) == (hit, hit)


def test_null_text_passes() -> None:
    """A record that could not be read passes through."""
    assert corrected(None, CTSO) == (None, [])


WORDS = st.lists(st.sampled_from(["ab", "abc", "b", "bc", "c", "x", " ", "-"]), max_size=14)
ERRATA = st.lists(
    st.builds(
        Erratum,
        wrong=st.sampled_from(["ab", "b", "bc", "abc", "c-", "x"]),
        right=st.sampled_from(["", "ab", "Q"]),
        match=st.sampled_from(["word", "text"]),
        ignore_case=st.booleans(),
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=300)
@given(WORDS, ERRATA)
def test_fast_path_equals_slow_path(words: list[str], errata: list[Erratum]) -> None:
    """One pass of compiled searches gives what one alternation in Python gives."""
    text = "".join(words)

    def bounded(erratum: Erratum) -> str:
        word = re.escape(erratum.wrong)
        before, after = erratum.wrong[0].isalnum(), erratum.wrong[-1].isalnum()
        if erratum.match == "word":
            word = (r"(?<!\w)" if before else "") + word + (r"(?!\w)" if after else "")
        return f"(?i:{word})" if erratum.ignore_case else word

    if errata:
        alternation = "|".join(f"({bounded(erratum)})" for erratum in errata)
        wanted = re.sub(alternation, lambda m: errata[(m.lastindex or 1) - 1].right, text)
    else:
        wanted = text
    after, found = corrected(text, *errata)
    assert after == wanted
    assert (after != text) <= bool(found)

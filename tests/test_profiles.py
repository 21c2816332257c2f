"""Profiles weigh n-grams in whole numbers, as a slow reading of one text after the other does."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.rooms.language import profiles
from imprint.rooms.language.profiles import count, log2, score, weigh

TEXTS = st.lists(st.text(st.sampled_from("abc é中 .,A"), max_size=30), max_size=6)


def grams(text: str, order: int) -> Counter[str]:
    """Return the n-grams of one length inside words, one by one."""
    words = "".join(letter if letter.isalpha() else " " for letter in text.lower()).split()
    line = " " + " ".join(words) + " "
    found = (line[n : n + order] for n in range(len(line) - order + 1))
    return Counter(each for each in found if " " not in each[1:-1] and each.strip())


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_counts_are_those_of_a_slow_reading(texts: list[str]) -> None:
    """Every n-gram inside a word is counted, the blanks around it with it, and no other."""
    counted = count(texts, 3)
    for order in (1, 2, 3):
        slow = sum((grams(text, order) for text in texts), Counter[str]())
        assert counted.mass[order] == slow.total()
        mine = counted.orders == order
        rates = sorted((times << 30) // slow.total() for times in slow.values())
        assert sorted(counted.rates[mine].tolist()) == rates


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.randoms(use_true_random=False))
def test_borders_do_not_matter(texts: list[str], random: object) -> None:
    """A text has the same sums alone, in any batch and in any order."""
    made = weigh({"a": count(["abc abca cab"], 3), "b": count(["aab bba ccb é中"], 3)})
    together = score(made, texts)
    for n, text in enumerate(texts):
        alone = score(made, [text])
        assert alone.weights[0].tolist() == together.weights[n].tolist()
        assert (alone.known[0], alone.grams[0]) == (together.known[n], together.grams[n])
    turned = score(made, texts[::-1])
    assert turned.weights.tolist() == together.weights.tolist()[::-1]


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many texts are hashed at once, the sums are the same."""
    made = weigh({"a": count(["abc abca cab"], 3), "b": count(["aab bba ccb"], 3)})
    texts = ["abc cab", "", "bba", "abc" * 40]
    whole = score(made, texts)
    monkeypatch.setattr(profiles, "CHUNK", 4)
    cut = score(made, texts)
    assert [each.tolist() for each in cut] == [each.tolist() for each in whole]


@given(st.integers(1, (1 << 52) - 1))
def test_logarithms(number: int) -> None:
    """They are whole, never too high, and less than a step of the table too low."""
    found = int(log2(np.array([number]))[0])
    exact = math.log2(number) * profiles.BIT
    assert exact - 1.5 <= found <= exact + 1e-6


def test_what_nobody_has_weighs_nothing() -> None:
    """An n-gram that stands in no profile changes no sum; one that all have alike neither."""
    made = weigh({"a": count(["same words"], 3), "b": count(["same words"], 3)})
    assert score(made, ["xyz", "same"]).weights.tolist() == [[0, 0], [0, 0]]
    assert score(made, ["xyz"]).known.tolist() == [0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "it",
            "Il ministero della difesa ha annunciato il ritiro delle truppe entro dieci giorni.",
        ),
        ("hr", "Ministarstvo obrane objavilo je da će se vojska povući iz zemlje u deset dana."),
        ("ja", "国防省は木曜日、部隊が十日以内に国を離れると発表した。"),
        ("ko", "국방부는 목요일 부대가 열흘 안에 그 나라를 떠날 것이라고 발표했다."),
    ],
)
def test_built_in_profiles(name: str, text: str) -> None:
    """The profiles of langdetect tell a plain sentence, without drawing n-grams by chance."""
    (opinion,) = profiles.ask_profiles([text])
    assert opinion.name == name
    assert opinion.scores[name] > 900

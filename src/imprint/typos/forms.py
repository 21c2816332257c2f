"""What two words one edit apart may be to each other but a word and a slip in it.

They may be forms of one word, in a language whose affixes are known; the same word as it is spoken;
or what a hand on a keyboard does not confuse.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STEM = 3
"""Letters of a stem, at least. Chosen: with fewer everything is made of something."""

SAME_AFFIXES = {"ms": "id"}
"""Languages whose affixes are those of another."""

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
"""A keyboard, on which what is typed is off by one key. Source: ISO/IEC 9995, as most have it."""

SPOKEN = (
    (re.compile(r"a([^aeiou]{1,2})$"), r"e\1"),  # malam: malem
    (re.compile(r"^h"), ""),  # hilang: ilang
    (re.compile(r"(?<=[aeiou])h(?=[aeiou])"), ""),  # lihat: liat
    (re.compile(r"ai$"), "e"),
    (re.compile(r"u([^aeiou]{1,2})$"), r"o\1"),  # telur: telor
    (re.compile(r"i([^aeiou]{1,2})$"), r"e\1"),  # adik: adek
    (re.compile(r"^se(?=[^aeiou])"), "s"),  # sebentar: sbentar
)
"""How Indonesian and Malay words are written as they are spoken. Source: chosen, from the list of
informal words of NLP_bahasa_resources (a few hundred)."""


@functools.cache
def _affixes() -> dict[str, tuple[list[tuple[str, list[str]]], dict[str, str], list[str]]]:
    """Return what is known of the affixes of each language."""
    import toml_rs

    data = importlib.resources.files("imprint").joinpath("data/affixes.toml")
    found = {}
    for language, told in toml_rs.loads(data.read_text("utf-8")).items():
        families = [(form, each["suffixes"]) for each in told["prefix"] for form in each["forms"]]
        found[language] = (families, told["lost"], told["behind"])
    return found


@functools.lru_cache(maxsize=65_536)
def stems(word: str, language: str) -> frozenset[str]:
    """Return what a word may be made of, itself included.

    >>> {"perintah", "merintah"} <= stems("memerintah", "id"), stems("pekan", "la")
    (True, frozenset({'pekan'}))
    """
    return frozenset({word, *_stems(word, SAME_AFFIXES.get(language, language))})


def _stems(word: str, language: str) -> Iterator[str]:
    """Yield the stems of a word that is longer than they."""
    if language not in _affixes():
        return
    families, lost, behind = _affixes()[language]
    for after in behind:
        if not word.endswith(after):
            continue
        base = word[: len(word) - len(after)]
        for prefix, suffixes in families:
            if not base.startswith(prefix):
                continue
            for suffix in suffixes:
                end = len(base) - len(suffix)
                if base.endswith(suffix) and end - len(prefix) >= STEM:
                    stem = base[len(prefix) : end]
                    yield stem
                    yield from (letter + stem for letter in lost.get(prefix, ""))
                    yield from (stem + letter for letter in lost.get(suffix, ""))


def without_particle(word: str, language: str) -> list[str]:
    """Return what a word is without what may stand behind any.

    >>> without_particle("masaklah", "id"), without_particle("masak", "id")
    (['masak'], [])
    """
    behind = _affixes().get(SAME_AFFIXES.get(language, language), ([], {}, []))[2]
    return [word.removesuffix(each) for each in behind if each and word.endswith(each)]


def is_prefix(letters: str, language: str) -> bool:
    """Say whether a word may begin with these letters and then with a word of its own.

    >>> is_prefix("di", "id"), is_prefix("da", "id")
    (True, False)
    """
    families = _affixes().get(SAME_AFFIXES.get(language, language), ([], {}, []))[0]
    return any(prefix == letters != "" for prefix, _ in families)


def related(wrong: str, right: str, language: str) -> bool:
    """Say whether two words are forms of one.

    >>> related("memerintah", "pemerintah", "id"), related("mengadung", "mengandung", "id")
    (True, False)
    """
    return not stems(wrong, language).isdisjoint(stems(right, language))


def spoken(wrong: str, right: str, language: str) -> bool:
    """Say whether one word is the other as it is spoken.

    >>> spoken("liat", "lihat", "id"), spoken("dengat", "dengan", "id")
    (True, False)
    """
    if SAME_AFFIXES.get(language, language) != "id":
        return False
    return any(pattern.sub(to, right) == wrong for pattern, to in SPOKEN)


LOOK_ALIKE = dict(
    zip(
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u03bf\u03bd\u03b1\u03c1",
        "aeopcyxijsovap",
        strict=True,
    )
)
"""Letters of Cyrillic and Greek that look like Latin ones, and these. Source: Unicode Technical
Standard 39, confusables."""


def look_alike(one: str, other: str) -> bool:
    r"""Say whether a letter looks like another, of another alphabet.

    >>> look_alike("\u043e", "o"), look_alike("o", "o")
    (True, False)
    """
    return LOOK_ALIKE.get(one) == other or LOOK_ALIKE.get(other) == one


def near_keys(one: str, other: str) -> bool:
    """Say whether two letters are next to each other on a keyboard.

    >>> near_keys("i", "o"), near_keys("a", "z"), near_keys("a", "p")
    (True, True, False)
    """
    places = {letter: (x, y) for y, row in enumerate(ROWS) for x, letter in enumerate(row)}
    if one not in places or other not in places:
        return False
    (x, y), (u, v) = places[one], places[other]
    return abs(y - v) <= 1 and abs(x - u) <= 1


SOUNDS = frozenset(
    map(frozenset, "jy iy vf vw kc kq sz dt bp ei ou ae cs gk xk uw ts ao zj dz gh pf".split())  # noqa: SIM905
)
"""Letters that one sound is written with, in names of other scripts and languages. Chosen."""


def sound_alike(one: str, other: str) -> bool:
    """Say whether two letters may stand for one sound: Tokajev, Tokayev.

    >>> sound_alike("j", "y"), sound_alike("n", "b")
    (True, False)
    """
    return frozenset((one, other)) in SOUNDS

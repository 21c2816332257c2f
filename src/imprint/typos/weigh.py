"""How likely one word of a pair is a slip for the other, from what is known of both.

What speaks for a pair and against it is counted in whole points, a hundredth of log-odds each, so
that the same pairs get the same score on any machine and a proposal can be argued with.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from typing import TYPE_CHECKING

from imprint.typos.forms import (
    is_prefix,
    look_alike,
    near_keys,
    related,
    sound_alike,
    spoken,
    stems,
    without_particle,
)
from imprint.typos.known import OTHERS, log2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl

    from imprint.typos.gather import Gathered
    from imprint.typos.known import Lists

WORD = {
    "": -560,
    "swapped": 440,
    "missing": 270,
    "near": 210,
    "double": 300,
    "first": -60,
    "last": -20,
    "usual": -80,
    "letters": 55,
    "ratio": 40,
    "odd": 55,
    "agreed": 130,
    "alone": -30,
    "together": 70,
    "made": -220,
    "particle": -300,
    "often": -90,
    "titled": -250,
    "related": -600,
    "spoken": -300,
    "look_alike": 400,
    "elsewhere": -300,
    "foreign": -60,
}
"""Points of a word in a language without a list of words. Source: measured, a logistic regression
(with a penalty of 3) on 17,700 pairs: 780 slips planted into sentences of NusaX (train), PUD and
every other article of Wikinews, 3,800 right words put among them, the rest pairs that stand there;
rounded. Chosen: `usual`, `particle`, `related`, `spoken`, `look_alike`, `elsewhere`, `foreign` and
`titled`, of which there were few."""

LISTED = WORD | {
    "": -390,
    "swapped": 400,
    "missing": 330,
    "near": 220,
    "double": 250,
    "first": -40,
    "last": -50,
    "usual": -30,
    "letters": 30,
    "ratio": 25,
    "odd": 35,
    "agreed": 90,
    "alone": -55,
    "together": 100,
    "made": -80,
    "often": -20,
    "wrong_list": -50,
    "right_list": 5,
    "dwarfed": 300,
    "unknown": -100,
}
"""Points of a word in a language with a list of words. Source: as above; `often`, `dwarfed` and
`unknown` are chosen, and the first is 90 less than measured, for right words that no list has."""

NAME = {
    "": -350,
    "swapped": 250,
    "missing": 150,
    "extra": 150,
    "double": 100,
    "sound": 200,
    "first": -300,
    "last": -60,
    "usual": -60,
    "letters": 20,
    "alone": -40,
    "ratio": 40,
    "agreed": 300,
    "together": 150,
    "often": -100,
    "related": -200,
    "elsewhere": -300,
    "foreign": -60,
    "unlisted": 150,
    "unknown": -150,
    "wrong_list": -40,
}
"""Points of a name. Chosen: that both stand in one text, in the same places, speaks for one person;
that a list knows the name, for two."""

ACRONYM = {
    "": -100,
    "swapped": 150,
    "missing": -300,
    "extra": -300,
    "other": -500,
    "spelled": 350,
    "together": 100,
    "ratio": 40,
    "short": -250,
    "nowhere": -100,
    "elsewhere": -300,
}
"""Points of an acronym. Chosen: most that are one edit apart are two."""

SELDOM, DWARFED = 12, 8
"""Logarithms: a list that has a word up to so often has slips, too, where another word is so much
more frequent. Chosen."""

FOREIGN = 5
"""A logarithm: what a list of another language has up to so often may be a slip there. Chosen."""

ALWAYS = 5
"""Times that a word has a capital letter inside sentences before it is taken to have one always.
Chosen."""

HALFWAY = 150
"""Points that make half of what is certain. Chosen."""

LIFT = (2, 10)
"""How many times as often as by chance two words stand beside each other, for it to say something,
and to say much. Chosen."""


@dataclasses.dataclass(frozen=True, slots=True)
class Weighed:
    """A pair, and how likely it is a slip."""

    kind: str
    """"acronym", "name" or "word"."""
    language: str
    wrong: str
    right: str
    score: int
    """In thousandths."""
    counts: dict[str, int]
    """How often both stand, and in how many records."""
    facts: dict[str, int]
    """What was counted for and against it."""
    title: str = ""
    """Words that the right acronym is short for."""


def weigh(gathered: Gathered, lists: Lists) -> Iterator[Weighed]:
    """Weigh every pair.

    Args:
        gathered: the pairs, and what is known of them.
        lists: of the words of languages.
    """
    if gathered.pairs.is_empty():
        return
    facts = _Facts(gathered, lists)
    for row in gathered.pairs.iter_rows(named=True):
        kind, points, found = facts.of(row)
        total = points[""] + sum(points.get(name, 0) * value for name, value in found.items())
        total += points.get("agreed", 0) * found.get("agree", 0) // 1000
        score = 500 + 500 * total // (abs(total) + HALFWAY)
        counts = {
            "wrong": row["n"],
            "wrong_records": row["records"],
            "right": row["right_n"],
            "right_records": row["right_records"],
        }
        pair = row["language"], row["wrong"], row["right"]
        yield Weighed(kind, *pair, score, counts, found, _spelled_out(row["title"], row["right"]))


def _spelled_out(title: str | None, acronym: str) -> str:
    """Return the words of a title that an acronym is short for; "" without a title.

    >>> _spelled_out("Presiden Collective Security Treaty Organization", "CSTO")
    'Collective Security Treaty Organization'
    """
    pieces = (title or "").split()
    for low, high in itertools.combinations(range(len(pieces) + 1), 2):
        first = "".join(part[0] for piece in pieces[low:high] for part in piece.split("-") if part)
        if pieces[low][0].isupper() and "".join(filter(str.isupper, first)) == acronym:
            return " ".join(pieces[low:high])
    return ""


class _Facts:
    """Says what speaks for a pair and against it."""

    def __init__(self, gathered: Gathered, lists: Lists) -> None:
        self._lists = lists
        self._trigrams = _trigrams(gathered.frequent)
        self._agree = _agreements(gathered)
        self._attested = _attested(gathered)
        rows = gathered.pairs.select("language", "edit", "at", "wrong", "right").iter_rows()
        self._ends = Counter((row[0], _at_an_end(*row[1:])) for row in rows)

    def of(self, row: Mapping[str, object]) -> tuple[str, Mapping[str, int], dict[str, int]]:
        """Return the kind of a pair, what is given for what, and what there is."""
        language, wrong, right = str(row["language"]), str(row["wrong"]), str(row["right"])
        n: dict[str, int] = {key: value for key, value in row.items() if isinstance(value, int)}
        found = _edit(str(row["edit"]), n["at"], wrong, right)
        found["ratio"] = min(10, log2(n["right_n"] // n["n"]))
        found["elsewhere"] = int(n["elsewhere"] > n["n"])
        found["together"] = int(n["together"] > 0)
        found["spelled"] = int(n["spelled"] > 0)
        if wrong.isupper():
            found["short"] = int(len(wrong) == 3)
            found["nowhere"] = int(n["right_n"] < 2) * (3 if len(wrong) == 3 else 1)
            return "acronym", ACRONYM, found
        found["letters"] = min(10, len(wrong)) - 6
        found["often"] = log2(n["n"])
        found["agree"] = self._agree.get((language, wrong, right), 0)
        found["alone"] = 0 if found["agree"] else max(0, 7 - len(wrong))
        found["related"] = int(related(wrong, right, language))
        end = _at_an_end(str(row["edit"]), n["at"], wrong, right)
        found["usual"] = log2(self._ends[language, end]) if end else 0
        found |= self._listed(language, wrong, right)
        found["unknown"] &= int(not found["agree"])
        titled = n["inside"] > 0 and n["titled"] == n["inside"]
        found["always"] = int(n["right_titled"] == n["right_inside"] >= ALWAYS)
        if titled and 10 * n["right_titled"] >= 9 * n["right_inside"] > 0:
            return "name", NAME, found
        found["titled"] = int(titled)
        found["first"] |= int(bool(found["other"]) and is_prefix(wrong[: n["at"]], language))
        found |= self._made(language, wrong, right)
        return "word", LISTED if language in self._lists else WORD, found

    def _listed(self, language: str, wrong: str, right: str) -> dict[str, int]:
        """Say what lists of words have of two words."""
        known, others = self._lists.get(language, {}), self._lists[OTHERS]
        found = {"wrong_list": known.get(wrong, 0), "right_list": known.get(right, 0)}
        found["unlisted"] = int(bool(known) and not found["wrong_list"])
        found["unknown"] = int(found["unlisted"] and not found["right_list"])
        found["foreign"] = 0 if language == "en" else max(0, others.get(wrong, 0) - FOREIGN)
        gap = found["right_list"] - found["wrong_list"]
        found["dwarfed"] = int(0 < found["wrong_list"] <= SELDOM and gap >= DWARFED)
        return found

    def _made(self, language: str, wrong: str, right: str) -> dict[str, int]:
        """Say of what the wrong word may be made, and how it looks beside the right one."""
        mine = stems(wrong, language) - stems(right, language) - {wrong}
        bare = without_particle(wrong, language)
        return {
            "made": int(any((language, each) in self._attested for each in mine)),
            "particle": int(any((language, each) in self._attested for each in bare)),
            "spoken": int(spoken(wrong, right, language)),
            "odd": _odd(wrong, right, self._trigrams.get(language, {})),
        }


def _edit(edit: str, at: int, wrong: str, right: str) -> dict[str, int]:
    """Say what kind of slip it is."""
    longer = right if edit == "missing" else wrong
    letter, before, after = longer[at], longer[at - 1 : at], longer[at + 1 : at + 2]
    found = dict.fromkeys(("swapped", "missing", "extra", "other", "near", "double", "sound"), 0)
    found[edit] = 1
    if edit == "other":
        found["near"] = int(near_keys(letter, right[at]))
        found["look_alike"] = int(look_alike(letter, right[at]))
        found["sound"] = int(sound_alike(letter, right[at]))
    elif edit != "swapped":
        found["double"] = int(letter in (before, after))
    if edit == "extra" and not found["double"]:
        found["near"] = int(any(near_keys(letter, each) for each in (before, after)))
    found["first"] = int(at == (1 if edit == "swapped" else 0))
    found["last"] = int(at == len(longer) - 1)
    return found


def _at_an_end(edit: str, at: int, wrong: str, right: str) -> str:
    """Return what differs at the end or the beginning of two words; "" where it is inside.

    What many pairs differ in is an ending of the language, not a slip.

    >>> _at_an_end("missing", 5, "rumah", "rumahs"), _at_an_end("other", 2, "dengat", "dengan")
    ('-s', '')
    """
    longer = max(wrong, right, key=len)
    if edit == "swapped" or at not in (0, len(longer) - 1):
        return ""
    letters = "".join(sorted({longer[at], right[at]} if edit == "other" else longer[at]))
    return f"{letters}-" if at == 0 else f"-{letters}"


def _trigrams(frequent: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return in how many frequent words of a language three letters stand; ends are ^ and $."""
    import polars as pl

    three = frequent.with_columns(marked=pl.concat_str(pl.lit("^"), "fold", pl.lit("$")))
    length = pl.col("marked").str.len_chars().cast(pl.Int64)
    three = three.with_columns(at=pl.int_ranges(0, length - 2)).explode("at")
    three = three.with_columns(three=pl.col("marked").str.slice(pl.col("at"), 3))
    found: dict[str, dict[str, int]] = {}
    counted = three.group_by("language", "three").agg(pl.col("fold").n_unique())
    for language, letters, n in counted.iter_rows():
        found.setdefault(language, {})[letters] = n
    return found


def _odd(wrong: str, right: str, trigrams: Mapping[str, int]) -> int:
    """Return how much rarer the letters of the wrong word are, where it is another: a logarithm."""
    mine, other = (
        {marked[at : at + 3] for at in range(len(marked) - 2)}
        for marked in (f"^{wrong}$", f"^{right}$")
    )
    low = min((trigrams.get(three, 0) for three in mine - other), default=0)
    high = min((trigrams.get(three, 0) for three in other - mine), default=0)
    return max(-4, min(8, log2(high + 1) - log2(low + 1)))


def _attested(gathered: Gathered) -> set[tuple[str, str]]:
    """Return the words, with their languages, that wrong ones may be made of."""
    import polars as pl

    words = gathered.pairs.select("language", "wrong").unique()
    found = [(each, stem) for each, wrong in words.iter_rows() for stem in stems(wrong, each)]
    wanted = pl.DataFrame(found, {"language": pl.String, "fold": pl.String}, orient="row").unique()
    there = gathered.frequent.join(wanted, on=["language", "fold"], how="semi")
    return set(there.filter(pl.col("fold").str.len_chars() > 3).select("language", "fold").rows())


def _agreements(gathered: Gathered) -> dict[tuple[str, str, str], int]:
    """Return how well the places of wrong words are places of the right ones, in thousandths."""
    import polars as pl

    keys = ("language", "wrong", "right")
    stand = gathered.places.with_row_index("place")
    stand = stand.unpivot(
        ["left", "behind"],
        index=["place", "language", "wrong"],
        variable_name="side",
        value_name="neighbour",
    )
    words = gathered.frequent
    found = (
        stand.join(gathered.pairs.select(*keys, "right_n"), on=["language", "wrong"])
        .join(gathered.beside, on=["language", "right", "side", "neighbour"], how="left")
        .join(
            words.select("language", neighbour="fold", often="n"),
            on=["language", "neighbour"],
            how="left",
        )
        .join(words.group_by("language").agg(total=pl.col("n").sum()), on="language")
    )
    chance = pl.col("often").fill_null(2) * pl.col("right_n")
    beside = pl.col("n").fill_null(0) * pl.col("total")
    points = sum((beside >= lift * chance) & (beside > 0) for lift in LIFT)
    found = found.with_columns(points=points)
    each = found.group_by(*keys, "place").agg(pl.col("points").max())
    mean = each.group_by(keys).agg(agree=pl.col("points").cast(pl.Int64).sum() * 500 // pl.len())
    return {(one, wrong, right): agree for one, wrong, right, agree in mean.iter_rows()}

"""Combine what several voices say of a text, and say how certain that is."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

from imprint.rooms.language.detectors import (
    TOLD,
    UNDETERMINED,
    Answer,
    Opinion,
    known,
    tables,
)
from imprint.rooms.language.words import OTHER, family

if TYPE_CHECKING:
    from collections.abc import Sequence

PRIOR = (21, 20)
"""What the score of a declared language is multiplied by: it decides what is nearly even."""

FLOOR = 100
"""Thousandths that every relative has before words divide what they got: words may speak for one
that no detector named. This and the next were fitted on NusaX (train) and on Malay news."""

STRANGERS = 60
"""Thousandths that the relatives have which nobody knows."""

RARER = {"ms": 2}
"""What a relative's part is divided by where nothing else speaks: how much rarer it is."""

WORD = 250
"""Thousandths that a word speaks for a relative where detectors are silent."""

MOST_TAUGHT = 2
"""Halvings that words can cost a taught language behind the nearest taught one: its own profile
says more. Measured on NusaX (valid): 3 is the same, with 4 one more is wrong."""

WORDS_MOST = 900
"""Thousandths that words alone can reach."""


def opinion_of(name: str, answer: Answer) -> Opinion:
    """Return pycld2's word for what it is worth: less where the text is not typical."""
    _, reliable, percent, points, *_ = answer
    if name == UNDETERMINED:
        return Opinion("cld2", {})
    if not reliable:
        return Opinion("cld2", {name: 5 * percent})
    low, high = tables().typical.get(name, (0, 1))
    typical = max(0, min(1000, (points - low) * 1000 // (high - low)))
    scores = {name: percent * typical // 100}
    if name in tables().neighbour:
        scores[tables().neighbour[name]] = percent * (1000 - typical) // 100
    return Opinion("cld2", scores)


def by_words(totals: dict[str, int], seen: list[int], taught: frozenset[str]) -> dict[str, int]:
    """Divide what relatives got between them, as their own words do.

    Args:
        totals: language -> thousandths.
        seen: the words that each relative does not have, in halves; the last of those nobody knows.
        taught: languages that were taught: the words of "other" speak for them.
    """
    *relatives, _ = family()
    strangers = {name: totals[name] for name in taught & totals.keys() if name not in relatives}
    both = sum(totals.get(name, 0) for name in relatives) + sum(strangers.values())
    least, second = sorted(seen)[:2]
    if seen[-1] > least:
        rest = 1000 - max((n for name, n in totals.items() if name not in family()), default=0)
        both = max(both, min(WORDS_MOST, WORD * (second - least), rest))
    if both < TOLD:
        return totals
    parts = {
        name: totals.get(name, 0)
        if name in taught
        else (totals.get(name, 0) + FLOOR) // RARER.get(name, 1)
        for name in relatives
    }
    counts = dict(zip(relatives, seen, strict=False))
    parts |= strangers or {OTHER: STRANGERS}
    counts = {name: counts.get(name, seen[-1]) for name in parts}
    nearest = min((counts[name] for name in parts if name in taught), default=least)
    halves = {
        name: 2 * (nearest - least) + min(MOST_TAUGHT, 2 * (number - nearest))
        if name in taught
        else 2 * (number - least)
        for name, number in counts.items()
    }
    shares = {name: (part << 20) >> min(40, halves[name]) for name, part in parts.items()}
    whole = sum(shares.values())
    both = min(1000, both)
    divided = {name: both * share // whole for name, share in shares.items() if name != OTHER}
    return {**totals, **divided}


def combined(opinions: Sequence[Opinion]) -> dict[str, int]:
    """Return the mean score of each language among the voices that know it.

    What only one of several knows, none of the others could have said: their silence counts then.
    """
    totals: dict[str, int] = {}
    for name in sorted({name for opinion in opinions for name in opinion.scores}):
        weight = points = 0
        knowing = [each for each in opinions if name in (each.knows or known(each.detector))]
        if len(knowing) == 1 and knowing[0].knows is None:
            knowing = [each for each in opinions if each.knows is None]
        for opinion in knowing:
            voices = tables().weights[opinion.detector]
            weight += voices.get(name, voices[""])
            points += voices.get(name, voices[""]) * opinion.scores.get(name, 0)
        totals[name] = points // weight if weight else 0
    return totals


def best(
    totals: dict[str, int], declared: frozenset[str], taught: frozenset[str] = frozenset()
) -> tuple[str, int]:
    """Return the most certain language; a declared one wins where two are nearly even.

    Of relatives only the one that got the most counts.
    """
    totals = {
        name: min(1000, score * PRIOR[0] // PRIOR[1]) if name in declared else score
        for name, score in totals.items()
    }
    relatives = sorted(totals.keys() & set(family()), key=lambda name: (-totals[name], name))
    certain = {
        name: _calibrated(name, score, taught)
        for name, score in totals.items()
        if name not in relatives[1:]
    }
    order = sorted(certain, key=lambda name: (-certain[name], -totals[name], name))
    return (order[0], certain[order[0]]) if order else (UNDETERMINED, 0)


def _calibrated(name: str, score: int, taught: frozenset[str]) -> int:
    """Return how many of a thousand answers with this language and score are right."""
    usual = tables().calibration["taught" if name in taught else ""]
    curve = tables().calibration.get(name, usual)
    at = bisect.bisect(curve[1:-1], (score, 1000))
    (left, low), (right, high) = curve[at : at + 2]
    return low + (score - left) * (high - low) // (right - left)

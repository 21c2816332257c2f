"""Languages taught by example: profiles of the given sentences, beside those that are built in.

A taught language is held against the other taught ones, and against those of langdetect that
pycld2 takes its sentences for. What is taught of a language that langdetect has a profile of adds
to that. A text that is like none of them is not typical of the nearest either: how typical it has
to be is measured on sentences that were held out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from imprint.rooms.language.detectors import UNDETERMINED, Opinion, ask_cld2, of_code
from imprint.rooms.language.profiles import (
    BIT,
    BUILT_IN,
    Counted,
    Profiles,
    added,
    built_in,
    count,
    halved,
    limited,
    score,
    weigh,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imprint.rooms.language.profiles import Whole

ORDERS = 5
"""Letters of the longest n-gram. Measured on NusaX (train), in folds: 3 gave 0.98 right, 4 0.992,
5 0.996, 6 the same; on paragraphs of the Universal Declaration 0.95, 0.965, 0.986, 0.986."""

HELD_OUT = 5
"""One sentence in so many is held out, to see what is typical. Chosen."""

OFTEN = 250
"""pycld2 takes a language for another if it does so with one in so many of its sentences."""

EVEN = 12 * BIT
"""By so many bits a language has to lead for odds of two to one: n-grams of a text depend on each
other. Measured on other texts than those taught: 24 bits are 0.75 to 0.8 right, 48 are 0.9."""


class Taught(NamedTuple):
    """What was learnt from the given sentences."""

    profiles: Profiles
    names: frozenset[str]
    """The languages that were taught; the others in the profiles are built in."""
    taken_for: frozenset[str]
    """What pycld2 takes them for."""
    typical: Whole
    """How much an n-gram weighs in the middle text of each, in 1/256 bit, when it was held out."""
    covered: Whole
    """How many of a thousand n-grams of the middle text stood in the profiles then."""


def teach(lessons: Mapping[str, Sequence[str]]) -> Taught:
    """Learn languages from sentences.

    Args:
        lessons: language -> its sentences.
    """
    import numpy as np

    taken_for = _taken_for(lessons)
    later = {name: each[::HELD_OUT] for name, each in lessons.items()}
    first = {
        name: count([text for n, text in enumerate(each) if n % HELD_OUT], ORDERS)
        for name, each in lessons.items()
    }
    both = {name: added(counted, count(later[name], ORDERS)) for name, counted in first.items()}
    trial, profiles = (_weighed(each, taken_for) for each in (first, both))
    typical = np.full(len(profiles.names), BIT, np.int64)
    covered = np.full(len(profiles.names), 1000, np.int64)
    for name, texts in later.items():
        column, place = trial.names.index(name), profiles.names.index(name)
        weights, known, grams = score(trial, texts)
        typical[place] = max(1, _middle(weights[:, column] // np.maximum(1, known)))
        covered[place] = max(1, _middle(known * 1000 // np.maximum(1, grams)))
    return Taught(profiles, frozenset(lessons), taken_for, typical, covered)


def _middle(numbers: Whole) -> int:
    """Return the number in the middle."""
    return int(sorted(numbers.tolist())[len(numbers) // 2])


def _weighed(counted: Mapping[str, Counted], taken_for: frozenset[str]) -> Profiles:
    """Return profiles of what was counted, and of the built-in ones that it has to be told from."""
    known = built_in()
    told = {name: limited(known[name], BUILT_IN) for name in taken_for & known.keys()}
    for name, own in counted.items():
        told[name] = added(own, limited(known[name], BUILT_IN)) if name in known else own
    return weigh(told)


def _taken_for(lessons: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return what pycld2 takes the languages for: themselves, and others."""
    found = set(lessons)
    for texts in lessons.values():
        answers = Counter(of_code(code) or UNDETERMINED for code, *_ in ask_cld2(list(texts)))
        found |= {name for name, times in answers.items() if times * OFTEN >= len(texts)}
    return frozenset(found)


def ask_taught(taught: Taught, heads: Sequence[str]) -> list[Opinion | None]:
    """Ask about texts; None where they are like no language that was taught."""
    import numpy as np

    if not heads:
        return []
    names = taught.profiles.names
    weights, known, grams = score(taught.profiles, heads)
    best = weights.argmax(axis=1)
    most = weights[np.arange(len(heads)), best]
    usual, covered = taught.typical[best], taught.covered[best]
    typical = ((most // np.maximum(1, known) + usual) * 1000 // usual).clip(0, 1000)
    seen = known * 1000 // np.maximum(1, grams)
    typical = typical * (3 * seen * 1000 // covered - 1500).clip(0, 1000) // 1000
    odds = halved(most[:, None] - weights, EVEN)
    scores = odds * typical[:, None] // odds.sum(axis=1)[:, None]
    told = np.array([name in taught.names for name in names])[best] & (scores.max(axis=1) > 0)
    opinions: list[Opinion | None] = [None] * len(heads)
    knows = frozenset(names)
    for row in told.nonzero()[0].tolist():
        given = zip(names, scores[row].tolist(), strict=True)
        opinions[row] = Opinion("taught", {name: each for name, each in given if each}, knows)
    return opinions

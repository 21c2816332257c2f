"""The consensus: pycld2 about every text, and other voices where it may be wrong.

pycld2 is compiled, fast, and knows Malay, Javanese and Sundanese. Where it is not sure, or names a
language with relatives and the words of the text do not vouch for it, it looks at more of the text;
where that does not settle it, fasttext's lid.176 is asked too, langdetect's profiles where they
know all that were named, and what was taught by example. Scores are combined, each only over the
languages that its voice knows: fasttext knows no Balinese, and asking it to agree would make all of
it "und". Among the relatives of Indonesian words have the last say. Codes are without script.

A long text is in the language of its head where its middle and its end have words of it; else each
of the three is judged, and the most certain language wins.

Measured on sentences: see scripts/evaluate. All arithmetic of ours is in whole thousandths: the
same on any machine. An answer depends on nothing but the text, the detectors, the declared
languages and the taught ones.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imprint.rooms.language.detectors import (
    TOLD,
    UNDETERMINED,
    Answer,
    Opinion,
    ask_cld2,
    ask_fasttext,
    known,
    of_code,
    tables,
)
from imprint.rooms.language.profiles import ask_profiles
from imprint.rooms.language.taught import ask_taught
from imprint.rooms.language.weighing import best, by_words, combined, opinion_of
from imprint.rooms.language.words import one_script, own_words, strange, vouched
from imprint.timing import slow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl

    from imprint.rooms.language.taught import Taught

HEAD = 512
"""Characters of a text that are looked at. Source: measured, more tells no more on news."""

FIRST = 192
"""Characters at which pycld2 looks first; where it is sure, it does not look at the whole head.
Measured: 192 cost 10 us, 512 cost 22; at 160 a tenth more news had to be looked at twice."""

LONG = 3 * HEAD
"""Characters from which middle and end of a text are looked at, too. Chosen: a third for each."""

LOOK = 320
"""Characters of the middle and of the end that have to have a frequent word of the language of the
head. Measured: of Indonesian news 1 in 500 has none in one of the two; with 192, 1 in 50."""

SURE = 90
"""Percent of a text that pycld2 has to give to one language, reliably, to be taken at its word."""

SHORT = 192
"""Characters below which a language of `CLOSE` gets second opinions: the first look saw it all."""

WORDS = re.compile(r"[^\W\d_]{3}|[ぁ-ヿ가-힣]")
"""What a text has that says anything."""

NEVER = 1 << 30
"""More points than pycld2 gives to any text."""

CLOSE = frozenset({"bs", "da", "es", "gl", "hr", "id", "jv", "ms", "nn", "no", "pt", "sr", "su"})
"""Languages that pycld2 takes for each other in short texts. Source: PUD, and the families."""

NEAR_UNKNOWN = frozenset({"id", "ms", "jv", "su", "min"})
"""Languages about which langdetect is not asked: it knows Indonesian, and calls all of them so."""

OPEN = range(300, 800)
"""Thousandths between which a third opinion can decide. Chosen: below it has little to confirm."""

LEAST = 500
"""Thousandths below which a text is "und": as likely wrong as right."""

SHARE = 20
"""Percent of a text from which pycld2's second language is one that was found in it. Chosen."""


class Found(NamedTuple):
    """What is known of some texts."""

    names: list[str]
    scores: list[int]
    """Thousandths."""
    others: dict[int, tuple[str, ...]]
    """Row -> all languages that were found in it, where it is not the one alone."""


class Looks(NamedTuple):
    """What pycld2 said of some texts."""

    heads: list[str]
    """What it looked at, of each."""
    answers: list[Answer]
    names: list[str]
    doubtful: list[int]
    """Rows for which its word is not enough."""


class Consensus:
    """Judges texts.

    Args:
        declared: what the curator expects: decides what is nearly even, and no more than that.
        taught: what was learnt from examples; None: nothing.
    """

    def __init__(self, declared: Sequence[str] = (), taught: Taught | None = None) -> None:
        self._declared = frozenset(declared)
        self._taught = taught

    def judge(self, text: pl.Series) -> Found:
        """Judge texts, and the middle and end of long ones that may be in another language."""
        import polars as pl

        lengths = text.str.len_chars()
        found = self._judge_heads(text, lengths)
        rows = _changing(text, lengths, found.names)
        slow(len(rows))
        if not rows:
            return found
        picked = text.gather(rows)
        middle = picked.str.slice(lengths.gather(rows) // 2, HEAD)
        both = pl.concat([middle, picked.str.tail(HEAD)])
        windows = self._judge_heads(both, both.str.len_chars())
        for n, row in enumerate(rows):
            at = (n, n + len(rows))
            seen = [(found.names[row], found.scores[row])]
            seen += [(windows.names[each], windows.scores[each]) for each in at]
            found.names[row], found.scores[row], others = _agreed(seen)
            found.others.pop(row, None)
            if others != (found.names[row],):
                found.others[row] = others
        return found

    def _judge_heads(self, text: pl.Series, lengths: pl.Series) -> Found:
        """Judge the beginnings of texts."""
        looks = _looks(text, lengths)
        found = Found(looks.names, [10 * answer[2] for answer in looks.answers], {})
        heard = self._heard(looks)
        rows = sorted({*looks.doubtful, *heard})
        slow(len(rows))
        looked = [looks.heads[row] for row in rows]
        scripts, voices = one_script(looked), []
        for n, row in enumerate(rows):
            first = opinion_of(looks.names[row], looks.answers[row])
            voices.append([] if scripts[n] else _voices(looked[n], first, heard.get(row)))
        seen, totals = strange(looked).tolist(), _totals(looked, voices)
        for n, row in enumerate(rows):
            name, score = scripts[n], tables().script_score
            if not name:
                taught = self._taught.names if self._taught and row in heard else frozenset()
                name, score = best(by_words(totals[n], seen[n], taught), self._declared, taught)
            certain = score >= LEAST
            found.names[row], found.scores[row] = (name if certain else UNDETERMINED), score
            *_, code, percent = looks.answers[row]
            second = of_code(code)
            if certain and second and percent >= SHARE:
                found.others[row] = tuple(dict.fromkeys((name, second)))
        return found

    def _heard(self, looks: Looks) -> dict[int, Opinion]:
        """Return what was taught of the texts that may be in a taught language.

        Where that is what pycld2 is sure of, nothing more has to be asked.
        """
        if self._taught is None:
            return {}
        doubtful = frozenset(looks.doubtful)
        near = [n for n, name in enumerate(looks.names) if name in self._taught.taken_for]
        rows = sorted({*near, *doubtful})
        told = ask_taught(self._taught, [looks.heads[row] for row in rows])
        return {
            row: opinion
            for row, opinion in zip(rows, told, strict=True)
            if opinion is not None and (row in doubtful or opinion.name != looks.names[row])
        }


def _voices(head: str, first: Opinion, heard: Opinion | None) -> list[Opinion]:
    """Return what pycld2, fasttext and what was taught say of a text; nothing if it has no word."""
    if not first.scores and not WORDS.search(head):
        return []
    voices = [first] if first.scores or len(head) >= SHORT else []
    voices.append(ask_fasttext(head))
    return [*voices, heard] if heard else voices


def _totals(looked: list[str], voices: list[list[Opinion]]) -> list[dict[str, int]]:
    """Combine the voices about each text; langdetect's profiles are asked where they can decide."""
    totals = [combined(each) for each in voices]
    unsettled = []
    for n, each in enumerate(voices):
        named = {name for one in each for name, points in one.scores.items() if points >= TOLD}
        leader = max(totals[n].values(), default=0)
        if leader in OPEN and not named & NEAR_UNKNOWN and named <= known("langdetect"):
            unsettled.append(n)
    for n, third in zip(unsettled, ask_profiles([looked[n] for n in unsettled]), strict=True):
        totals[n] = combined([*voices[n], third])
    return totals


def heads(text: pl.Series, size: int) -> list[str]:
    """Return what of each text is looked at: whole words, where it has blanks."""
    half = size // 2
    return [
        head[:cut] if len(head) == size and (cut := head.rfind(" ", half)) > 0 else head
        for head in text.str.head(size).to_list()
    ]


def _looks(text: pl.Series, lengths: pl.Series) -> Looks:
    """Ask pycld2 about the first look of each text, and about more of it where it is not sure."""
    first = heads(text, FIRST)
    short = (lengths < SHORT).to_numpy()
    answers = _asked_once(first)
    names = [of_code(answer[0]) or UNDETERMINED for answer in answers]
    again = _unsure(first, names, answers, short, first=True)
    whole = heads(text.gather(again), HEAD)
    longer = [n for n, row in enumerate(again) if whole[n] != first[row]]
    for n, answer in zip(longer, ask_cld2([whole[n] for n in longer]), strict=True):
        answers[again[n]] = answer
    for n, row in enumerate(again):
        first[row] = whole[n]
        names[row] = of_code(answers[row][0]) or UNDETERMINED
    wide = [answers[row] for row in again]
    found = [names[row] for row in again]
    doubtful = _unsure(whole, found, wide, short[again], first=False)
    return Looks(first, answers, names, [again[n] for n in doubtful])


def _floor(name: str, first: bool) -> int:
    """Return the points from which pycld2 is believed about a language, at the first look or later.

    Of languages that are taken for each other only some are at the first: Indonesian reaches 1,400
    points as Malay.
    """
    if not first:
        return tables().typical.get(name, (0, 0))[1]
    return tables().first.get(name, NEVER if name in CLOSE else tables().first[""])


def _doubted(name: str) -> bool:
    """Tell whether a short text needs more than pycld2's word to be in that language.

    It takes short texts for Zulu or Maori, which no other voice could deny.
    """
    return name in CLOSE or name not in known("fasttext")


def _asked_once(first: list[str]) -> list[Answer]:
    """Ask pycld2 about every text, but about those that begin alike only once."""
    distinct = list(dict.fromkeys(first))
    told = dict(zip(distinct, ask_cld2(distinct), strict=True))
    return list(map(told.__getitem__, first))


def _unsure(
    looked: list[str], names: list[str], answers: list[Answer], short: np.ndarray, *, first: bool
) -> list[int]:
    """Return the rows for which pycld2's word is not enough, at the first look or at the whole."""
    import numpy as np

    if not looked:
        return []
    reliable, percent, points = (np.array(part) for part in list(zip(*answers, strict=True))[1:4])
    about = {name: (_doubted(name), _floor(name, first)) for name in set(names)}
    close, least = np.array([about[name] for name in names]).T
    sure = reliable & (percent >= SURE) & ~(close.astype(bool) & short)
    typical = points >= least
    for name, enough in tables().vouched.items():
        near = sure & (points >= enough)
        rows = [row for row in near.nonzero()[0].tolist() if names[row] == name]
        if rows:
            typical[rows] = vouched([looked[row] for row in rows], name, typical[rows])
    doubtful: list[int] = (~(sure & typical)).nonzero()[0].tolist()
    return doubtful


def _changing(text: pl.Series, lengths: pl.Series, names: list[str]) -> list[int]:
    """Return the long texts whose middle or end has no word of the language of their head."""
    import numpy as np

    rows = (lengths >= LONG).arg_true()
    if not len(rows):
        return []
    picked = text.gather(rows)
    middle = picked.str.slice(lengths.gather(rows) // 2, LOOK)
    same = own_words(middle, picked.str.tail(LOOK), [names[row] for row in rows.to_list()])
    changing: list[int] = rows.to_numpy()[~np.array(same, bool)].tolist()
    return changing


def _agreed(seen: Sequence[tuple[str, int]]) -> tuple[str, int, tuple[str, ...]]:
    """Return the language of a text, its score, and all that were found, from those of its parts.

    >>> _agreed([("en", 980), ("id", 960), ("id", 990)])
    ('id', 650, ('id', 'en'))
    """
    totals: dict[str, int] = {}
    for name, score in seen:
        if name != UNDETERMINED:
            totals[name] = totals.get(name, 0) + score
    order = sorted(totals, key=lambda name: (-totals[name], name))
    if not order:
        return UNDETERMINED, max(score for _, score in seen), ()
    score = totals[order[0]] // len(seen)
    return (order[0] if score >= LEAST else UNDETERMINED), score, tuple(order)

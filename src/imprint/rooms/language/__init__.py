"""Tell the language of each record, and how certain that is.

`consensus` asks pycld2 about every text: it is compiled, fast, and knows Malay, Javanese and
Sundanese. Where it is not sure, or names a language with relatives and the words of the text do not
vouch for it, it looks at more of the text; where that does not settle it, fasttext's lid.176 is
asked too, and langdetect where it knows all that were named. Scores are combined, each
only over the languages that its detector knows: langdetect knows neither Javanese nor Malay, and
asking it to agree would make all of these "und". Codes are without script: `zh` for both of them.

Measured on nusax_valid, single sentences: Indonesian 0.96 right, English 1.00, Sundanese 0.93,
Javanese 0.81 (four together: 1.00, 1.00, 0.96, 0.96), most of the rest "und"; of eight languages
that no detector knows 0.84 are "und" (four together: 0.90). PUD, 13 languages: Indonesian 0.93,
others 0.99 to 1.00.

All arithmetic of ours is in whole thousandths: the same on any machine. An answer depends on
nothing but the text, the detector and the declared languages.
"""

from __future__ import annotations

import bisect
import functools
import re
from typing import TYPE_CHECKING

from imprint.rooms.language.detectors import (
    UNDETERMINED,
    Answer,
    Opinion,
    ask_cld2,
    ask_fasttext,
    ask_langdetect,
    known,
    of_code,
    shortest,
    tables,
)
from imprint.rooms.language.words import relatives, vouched
from imprint.timing import slow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import polars as pl
    import pyarrow as pa

HEAD = 512
"""Characters of a text that are looked at. Source: measured, more tells no more on news."""

FIRST = 192
"""Characters at which pycld2 looks first; where it is sure, it does not look at the whole head.
Measured: 192 cost 10 us, 512 cost 22; at 160 a tenth more news had to be looked at twice."""

SURE = 90
"""Percent of a text that pycld2 has to give to one language, reliably, to be taken at its word."""

SHORT = 192
"""Characters below which a language of `CLOSE` gets second opinions: the first look saw it all."""

NEVER = 1 << 30
"""More points than pycld2 gives to any text."""

CLOSE = frozenset({"bs", "da", "es", "gl", "hr", "id", "jv", "ms", "nn", "no", "pt", "sr", "su"})
"""Languages that pycld2 takes for each other in short texts. Source: PUD, and the families."""

NEAR_UNKNOWN = frozenset({"id", "ms", "jv", "su", "min"})
"""Languages about which langdetect is not asked: it knows Indonesian, and calls all of them so."""

TOLD = 100
"""Thousandths from which a detector has named a language. Chosen."""

OPEN = range(300, 800)
"""Thousandths between which a third opinion can decide. Chosen: below it has little to confirm."""

LEAST = 500
"""Thousandths below which a text is "und": as likely wrong as right."""

PRIOR = (21, 20)
"""What the score of a declared language is multiplied by: it decides what is nearly even."""


def language(batch: pa.RecordBatch, detector: str, declared: Sequence[str]) -> pa.RecordBatch:
    """Fill `language` where it is null or empty, and add `language_score`.

    A language that the input gives is brought to its shortest form and has the score 1; a value
    that is no BCP 47 tag rejects the record. Records that are rejected already are passed over.

    Args:
        batch: n records. Reads `text`, `language`, `_reason`.
        detector: "consensus", "langdetect" or "fasttext".
        declared: what the curator expects: decides what is nearly even, and no more than that.

    Returns:
        n records in the same order. A null text keeps its language, with a null score.
    """
    import numpy as np
    import polars as pl
    import pyarrow as pa

    text = pl.Series(pl.from_arrow(batch["text"]))
    given = pl.Series(pl.from_arrow(batch["language"]))
    judged = text.is_not_null() & pl.Series(pl.from_arrow(batch["_reason"])).is_null()
    blank = given.fill_null("").str.strip_chars() == ""
    asked, told = (judged & blank).arg_true(), (judged & ~blank).arg_true()
    judge = {
        "consensus": functools.partial(_consensus, frozenset(declared)),
        "fasttext": functools.partial(_alone, ask_fasttext),
        "langdetect": functools.partial(_alone, ask_langdetect),
    }[detector]
    names, scores = judge(text.gather(asked))
    found = given.scatter(asked, pl.Series(names, dtype=pl.String))
    score = pl.Series(np.full(len(text), np.nan)).scatter(asked, np.array(scores) / 1000)
    score = score.scatter(told, 1.0).fill_nan(None).cast(pl.Float32)
    batch = _standardised(batch, found, told)
    return _replaced(batch, "language_score", score.to_arrow().cast(pa.float32()))


def expect(batch: pa.RecordBatch, declared: Sequence[str]) -> pa.RecordBatch:
    """Reject the records whose language is not declared.

    Script and region do not count (`zh-TW` is `zh` here), and `no` is `nb`, as detectors say it.

    Args:
        batch: n records that have their language.
        declared: BCP 47 tags.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = {tag.split("-")[0] for tag in declared}
    plain |= {"no"} if "nb" in plain else set()
    primary = pc.replace_substring_regex(batch["language"], "-.*", "")
    known = pc.is_in(primary, pa.array(sorted(plain), pa.string()))
    stranger = pc.and_(pc.invert(known), pc.is_valid(primary))
    stranger = pc.and_(stranger, pc.is_null(batch["_reason"]))
    said = pc.binary_join_element_wise("language ", batch["language"], " is not declared", "")
    batch = _replaced(batch, "_detail", pc.if_else(stranger, said, batch["_detail"]))
    return _replaced(batch, "_reason", pc.if_else(stranger, "language", batch["_reason"]))


def _heads(text: pl.Series, size: int) -> list[str]:
    """Return what of each text is looked at: whole words, where it has blanks."""
    half = size // 2
    return [
        head[:cut] if len(head) == size and (cut := head.rfind(" ", half)) > 0 else head
        for head in text.str.head(size).to_list()
    ]


def _consensus(declared: frozenset[str], text: pl.Series) -> tuple[list[str], list[int]]:
    """Ask one detector about all texts, and the others about those on which it is not sure."""
    short = (text.str.head(SHORT).str.len_chars() < SHORT).to_numpy()
    heads = _heads(text, FIRST)
    answers = _asked_once(heads)
    names = [of_code(code) or UNDETERMINED for code, *_ in answers]
    scores = [10 * answer[2] for answer in answers]
    again = _unsure(heads, names, answers, short, first=True)
    whole = _heads(text.gather(again), HEAD)
    wide = [answers[row] for row in again]
    longer = [n for n, row in enumerate(again) if whole[n] != heads[row]]
    for n, answer in zip(longer, ask_cld2([whole[n] for n in longer]), strict=True):
        wide[n] = answer
    found = [of_code(code) or UNDETERMINED for code, *_ in wide]
    for n, row in enumerate(again):
        names[row], scores[row] = found[n], 10 * wide[n][2]
    doubtful = _unsure(whole, found, wide, short[again], first=False)
    slow(len(doubtful))
    for n, seen in zip(doubtful, relatives([whole[n] for n in doubtful]), strict=True):
        opinion = _opinion(found[n], wide[n])
        names[again[n]], scores[again[n]] = _weigh(whole[n], opinion, seen, declared)
    return names, scores


def _floor(name: str, first: bool) -> int:
    """Return the points from which pycld2 is believed about a language, at the first look or later.

    Of languages that are taken for each other only some are at the first: Indonesian reaches 1,400
    points as Malay.
    """
    if not first:
        return tables().typical.get(name, (0, 0))[1]
    return tables().first.get(name, NEVER if name in CLOSE else tables().first[""])


def _asked_once(heads: list[str]) -> list[Answer]:
    """Ask pycld2 about every text, but about those that begin alike only once."""
    distinct = list(dict.fromkeys(heads))
    told = dict(zip(distinct, ask_cld2(distinct), strict=True))
    return list(map(told.__getitem__, heads))


def _unsure(
    heads: list[str], names: list[str], answers: list[Answer], short: np.ndarray, *, first: bool
) -> list[int]:
    """Return the rows for which pycld2's word is not enough, at the first look or at the whole."""
    import numpy as np

    if not heads:
        return []
    reliable, percent, points = (np.array(part) for part in list(zip(*answers, strict=True))[1:])
    about = {name: (name in CLOSE, _floor(name, first)) for name in set(names)}
    close, least = np.array([about[name] for name in names]).T
    sure = reliable & (percent >= SURE) & ~(close.astype(bool) & short)
    typical = points >= least
    for name, enough in tables().vouched.items():
        near = sure & (points >= enough) & (~typical | first)
        rows = [row for row in near.nonzero()[0].tolist() if names[row] == name]
        if rows:
            typical[rows] = vouched([heads[row] for row in rows], name, typical[rows])
    doubtful: list[int] = (~(sure & typical)).nonzero()[0].tolist()
    return doubtful


def _opinion(name: str, answer: Answer) -> Opinion:
    """Return pycld2's word for what it is worth: less where the text is not typical."""
    _, reliable, percent, points = answer
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


def _weigh(
    head: str, first: Opinion, seen: dict[str, int], declared: frozenset[str]
) -> tuple[str, int]:
    """Ask the other detectors about a text, and combine what they say."""
    if not first.scores and not re.search(r"[^\W\d_]{3}|[ぁ-ヿ가-힣]", head):  # no word
        return UNDETERMINED, 0
    opinions = [first] if first.scores or len(head) >= SHORT else []
    opinions = [_by_words(seen, opinion) for opinion in (*opinions, ask_fasttext(head))]
    name, score = _combine(opinions, declared)
    named = {name for each in opinions for name, points in each.scores.items() if points >= TOLD}
    if score in OPEN and not named & NEAR_UNKNOWN and named <= known("langdetect"):
        opinions.append(ask_langdetect(head))
        name, score = _combine(opinions, declared)
    score = _calibrated(name, score)
    return (name if score >= LEAST else UNDETERMINED), score


def _by_words(seen: dict[str, int], opinion: Opinion) -> Opinion:
    """Divide what a detector gave to two relatives between them, as their own words do."""
    both = sum(opinion.scores.get(name, 0) for name in seen)
    if not both:
        return opinion
    scores = dict(opinion.scores)
    for name, count in seen.items():
        scores[name] = (scores.get(name, 0) + both * count) // (sum(seen.values()) + 1)
    return Opinion(opinion.detector, scores)


def _combine(opinions: Sequence[Opinion], declared: frozenset[str]) -> tuple[str, int]:
    """Return the language whose mean score, among the detectors that know it, is the highest."""
    totals: dict[str, int] = {}
    for name in sorted({name for opinion in opinions for name in opinion.scores}):
        weight = points = 0
        for opinion in opinions:
            if name in known(opinion.detector):
                voices = tables().weights[opinion.detector]
                weight += voices.get(name, voices[""])
                points += voices.get(name, voices[""]) * opinion.scores.get(name, 0)
        score = points // weight if weight else 0
        totals[name] = min(1000, score * PRIOR[0] // PRIOR[1]) if name in declared else score
    best = min(totals, key=lambda name: (-totals[name], name), default=UNDETERMINED)
    return best, totals.get(best, 0)


def _calibrated(name: str, score: int) -> int:
    """Return how many of a thousand answers with this language and score are right."""
    curve = tables().calibration.get(name, tables().calibration[""])
    at = bisect.bisect(curve[1:-1], (score, 1000))
    (left, low), (right, high) = curve[at : at + 2]
    return low + (score - left) * (high - low) // (right - left)


def _alone(ask: Callable[[str], Opinion], text: pl.Series) -> tuple[list[str], list[int]]:
    """Take one detector's word, and its own score."""
    names, scores = [], []
    for head in _heads(text, HEAD):
        found = ask(head).scores if head else {}
        best = min(found, key=lambda name: (-found[name], name), default=UNDETERMINED)
        scores.append(found.get(best, 0))
        names.append(best if scores[-1] >= LEAST else UNDETERMINED)
    return names, scores


def _standardised(batch: pa.RecordBatch, found: pl.Series, told: pl.Series) -> pa.RecordBatch:
    """Return the batch with its languages; what the input told in shortest form, or rejected."""
    import polars as pl
    import pyarrow as pa

    values = found.gather(told).str.strip_chars().to_list()
    tags = [shortest(value) for value in values]
    found = found.scatter(told, pl.Series([tag or UNDETERMINED for tag in tags], dtype=pl.String))
    batch = _replaced(batch, "language", found.to_arrow().cast(pa.string()))
    wrong = [n for n, tag in enumerate(tags) if tag is None]
    if not wrong:
        return batch
    rows = told.gather(wrong)
    details = [f"language {values[n][:60]!r} is no BCP 47 tag" for n in wrong]
    for name, new in (("_reason", ["language"] * len(wrong)), ("_detail", details)):
        column = pl.Series(pl.from_arrow(batch[name])).cast(pl.String).scatter(rows, new)
        batch = _replaced(batch, name, column.to_arrow().cast(pa.string()))
    return batch


def _replaced(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    """Return the batch with another column of that name, or one more."""
    place = batch.schema.get_field_index(name)
    if place < 0:
        return batch.append_column(name, column)
    return batch.set_column(place, name, column)

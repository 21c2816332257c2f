"""How right the tags are, with and without languages taught by example, and how fast they are told.

Taught is langid/nusax_train.tsv; it and Malay and Javanese texts that are not in the folder were
tuned on, in folds, and so was the weight of a taught voice on sentences of news_id/*.csv. All
figures are of other sets; but some words of the Malay Declaration and of Javanese were listed after
what was wrong in these sets was seen, and Indonesian text was looked at as a whole when Malay was
weighed against it.
"""

from __future__ import annotations

import csv
import io
import random
import re
import time
from typing import TYPE_CHECKING

import polars as pl

from figures import Figure, lines_of
from imprint.rooms.language import teach
from imprint.rooms.language.consensus import HEAD, Consensus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from imprint.rooms.language import Taught

Labelled = list[tuple[str, str]]
"""Language and text."""

LOCAL = frozenset({"ace", "ban", "bbc", "bjn", "bug", "jv", "mad", "min", "nij", "su"})
"""Languages of Indonesia that are taken for Indonesian."""

DECLARATIONS = {"ind": "id", "jav": "jv", "sun": "su", "min": "min", "mly_latn": "ms", "eng": "en"}
"""Files of langid/udhr, and their languages."""

BINS = ((0.5, 0.7), (0.7, 0.9), (0.9, 1.01))
"""Scores between which answers are counted together."""

CERTAIN = 0.9

NEWS = 2000
"""Characters of a document of news. Chosen: about the middle of Indonesian news."""

DOCUMENTS = 4000
"""About as many as a batch of a build holds: a batch has costs of its own."""

ROUNDS = 5

SENTENCE = re.compile(r"(?<=[.!?]) ")
"""What stands between sentences."""


def figures(folder: Path) -> Iterator[Figure]:
    """Yield the figures of the sets that are in a folder."""
    train = _labelled(folder, "nusax_train.tsv")
    lessons: dict[str, list[str]] = {}
    for name, text in train:
        lessons.setdefault(name, []).append(text)
    taught = teach(lessons) if lessons else None
    valid, parallel = _labelled(folder, "nusax_valid.tsv"), _labelled(folder, "pud_13_parallel.tsv")
    if valid and taught:
        yield _right("12 languages of Indonesia, taught", valid, 0.98, taught)
    local = [each for each in valid if each[0] in LOCAL]
    if local:
        yield _called_indonesian(local)
    for name, rows in _near(folder, parallel).items():
        for how, lesson in (("untaught", None), *([("taught", taught)] if taught else [])):
            yield _right(f"{name}, {how}", rows, 0.97, lesson)
    if parallel:
        yield _right("13 parallel languages", parallel, 0.99)
        if taught:
            yield _right("13 parallel languages, others taught", parallel, None, taught)
    yield from _calibration(valid + parallel + _labelled(folder, "jv_csui.tsv"), taught)
    yield from _speed(_news(folder), taught)


def _labelled(folder: Path, name: str) -> Labelled:
    """Return the rows of a file of labelled texts; none where it is missing."""
    path = folder / "langid" / name
    rows = (line.partition("\t") for line in (lines_of(path) if path.exists() else ()))
    return [(name, text) for name, _, text in rows if text]


def _near(folder: Path, parallel: Labelled) -> dict[str, Labelled]:
    """Return texts in Javanese, Malay, Indonesian, Sundanese and Minangkabau, by what they are."""
    found: dict[str, Labelled] = {"Javanese sentences": _labelled(folder, "jv_csui.tsv")}
    told = {
        "ms": "Malay text",
        "id": "Indonesian text",
        "jv": "Javanese text",
        "su": "Sundanese text",
    }
    for file, name in DECLARATIONS.items():
        path = folder / "langid" / "udhr" / f"{file}.txt"
        if name in told and path.exists():
            rows = [(name, line) for line in lines_of(path) if line.strip()]
            found.setdefault(told[name], []).extend(rows)
    indonesian = [each for each in parallel if each[0] == "id"]
    for path in sorted((folder / "news_id").glob("*.txt")):
        indonesian += [("id", line) for line in lines_of(path) if line.strip()]
    found.setdefault("Indonesian text", []).extend(indonesian)
    return {name: rows for name, rows in found.items() if rows}


def _answers(rows: Labelled, taught: Taught | None = None) -> list[tuple[str, float]]:
    """Return the language and the score of each text, where nothing is declared."""
    found = Consensus((), taught).judge(pl.Series([text for _, text in rows], dtype=pl.String))
    return [(name, n / 1000) for name, n in zip(found.names, found.scores, strict=True)]


def _right(name: str, rows: Labelled, wanted: float | None, taught: Taught | None = None) -> Figure:
    """Return the share of texts whose language is told; "und" is wrong."""
    wrong = [
        (score, f"{true} taken for {found} ({score:.2f}): {text[:100]!r}")
        for (true, text), (found, score) in zip(rows, _answers(rows, taught), strict=True)
        if found != true
    ]
    errors = tuple(line for _, line in sorted(wrong, reverse=True))
    return Figure(name, 1 - len(wrong) / len(rows), len(rows), wanted, errors=errors)


def _called_indonesian(rows: Labelled) -> Figure:
    """Return the share of sentences of ten local languages that are called Indonesian, untaught."""
    answers = zip(rows, _answers(rows), strict=True)
    wrong = [
        (score, f"{true} ({score:.2f}): {text[:100]!r}")
        for (true, text), (name, score) in answers
        if name == "id"
    ]
    errors = tuple(line for _, line in sorted(wrong, reverse=True))
    name = "ten local languages called Indonesian, untaught"
    return Figure(name, len(wrong) / len(rows), len(rows), 0.1, most=True, errors=errors)


def _calibration(rows: Labelled, taught: Taught | None) -> Iterator[Figure]:
    """Yield the share of answers that are right, by their scores."""
    if not rows:
        return
    for how, lesson in (("untaught", None), *([("taught", taught)] if taught else [])):
        answers = _answers(rows, lesson)
        for low, high in BINS:
            inside = [
                name == true
                for (true, _), (name, score) in zip(rows, answers, strict=True)
                if low <= score < high and name != "und"
            ]
            if inside:
                wanted = CERTAIN if low >= CERTAIN else None
                told = (
                    f"right of answers scored {low} or more"
                    if wanted
                    else f"scored {low} to {high}"
                )
                yield Figure(f"{told}, {how}", sum(inside) / len(inside), len(inside), wanted)


def _news(folder: Path) -> list[str]:
    """Return documents of sentences of Indonesian news in the folder, none of them twice."""
    texts: list[str] = []
    for path in sorted((folder / "news_id").glob("*.csv")):
        rows = csv.reader(io.StringIO(path.read_bytes().decode("cp1252")), delimiter=";")
        texts += [" ".join(row[0].split()) for row in rows if row]
    sentences = [each for text in texts for each in SENTENCE.split(text)]
    for path in sorted((folder / "news_id").glob("*.txt")):
        sentences += lines_of(path)
    if not sentences:
        return []
    draw = random.Random(0)  # noqa: S311
    drawn = (draw.sample(sentences, min(32, len(sentences))) for _ in range(DOCUMENTS))
    return list(dict.fromkeys(" ".join(each)[:NEWS] for each in drawn))


def _speed(texts: Sequence[str], taught: Taught | None) -> Iterator[Figure]:
    """Yield how many documents a second are told, in those that bare pycld2 tells.

    Both look at the same documents in turn, pycld2 at their first 512 characters.
    """
    if not texts:
        return
    import pycld2

    series = pl.Series(texts, dtype=pl.String)
    plain, learned = Consensus(("id",)), Consensus(("id",), taught)
    bare: list[float] = []
    ours: list[float] = []
    slower: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for text in texts:
            pycld2.detect(text[:HEAD])
        bare.append(time.perf_counter() - start)
        for consensus, spent in ((plain, ours), (learned, slower)):
            start = time.perf_counter()
            consensus.judge(series)
            spent.append(time.perf_counter() - start)
    yield Figure("speed on news, in that of bare pycld2", min(bare) / min(ours), len(texts), 0.5)
    if taught:
        name = "the same, 12 languages taught"
        yield Figure(name, min(bare) / min(slower), len(texts))

"""Typos: what is proposed is wrong, and what is right is not proposed.

Tuned on: sentences of langid/nusax_train.tsv and langid/pud_13_parallel.tsv in Indonesian, the even
articles of news_en/wikinews_*.csv, the even pairs of typos/en_codespell_*.txt, and of the other
lists of typos/ the words whose CRC-32 is even. Reported on: the texts of news_id/, the odd
articles, the odd pairs, and the words whose CRC-32 is odd. What is proposed on news_id/ as it
stands is to be looked at by a person: --errors prints it.

A slip is planted into running text: a misspelling of the list for English; for Indonesian a letter
left out, put in, hit beside its key or swapped with the next. What else is proposed then is not
counted: it may be a slip of the author's. A look-alike is a word of a list one edit from another of
it: where both stand in the text as it is, or where one was put somewhere by chance.
"""

from __future__ import annotations

import csv
import functools
import json
import random
import re
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from figures import Figure, lines_of
from imprint.engine import Here
from imprint.typos.forms import ROWS
from imprint.typos.gather import gather
from imprint.typos.known import lists
from imprint.typos.look import Look
from imprint.typos.pairs import one_edit_apart
from imprint.typos.proposals import proposed
from imprint.typos.weigh import weigh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from imprint.typos.gather import Gathered
    from imprint.typos.proposals import Proposal

    Planted = dict[str, str]
    """Slip -> the word that it was."""

WORD = re.compile(r"\b[^\W\d_]{4,}\b")

ROUNDS = 5
"""How often slips are planted, each time others."""

KEYS = {
    letter: [
        ROWS[v][u] for v in range(3) for u in range(len(ROWS[v])) if abs(v - y) < 2 > abs(u - x)
    ]
    for y, row in enumerate(ROWS)
    for x, letter in enumerate(row)
}
"""Letter -> those around it on a keyboard."""


def figures(folder: Path) -> Iterator[Figure]:
    """Yield the figures of the sets that are in a folder."""
    yield from _seed(folder)
    news = _news(folder)
    english = _articles(folder)
    lists_of_pairs = sorted(folder.glob("typos/en_codespell*.txt"))
    if news:
        _, found = _proposals(news, "id")
        shown = tuple(f"{each.score:.3f} {each.wrong} -> {each.right}" for each in found)
        yield Figure(
            "proposals on Indonesian news, to be looked at",
            float(len(found)),
            len(news),
            errors=shown,
        )
        yield from _slips("Indonesian slips", news, "id", _any_slip)
    if english and lists_of_pairs:
        misspelt = _misspelt(lists_of_pairs)
        yield from _slips(
            "English misspellings", english, "en", functools.partial(_listed_slip, misspelt)
        )
    words = {
        "id": {
            line.strip() for path in folder.glob("typos/id_root*.txt") for line in lines_of(path)
        },
        "en": {
            line.split()[0]
            for path in folder.glob("typos/en_freq*.txt")
            for line in lines_of(path)
            if line.strip()
        },
    }
    for language, texts in (("id", news), ("en", english)):
        if texts and words[language]:
            yield from _look_alikes(texts, language, words[language])


def _proposals(texts: Sequence[str], language: str) -> tuple[Gathered, list[Proposal]]:
    """Return what is known of pairs in texts, and what is proposed."""
    with tempfile.TemporaryDirectory() as scratch:
        part = Path(scratch) / "part"
        batch = pa.record_batch({"language": [language] * len(texts), "text": list(texts)})
        with pa.ipc.new_file(str(part), batch.schema) as writer:
            writer.write_batch(batch)
        rows = np.packbits(np.ones(len(texts), bool), bitorder="little").tobytes()
        found = gather([Look(part, rows, Path(scratch) / "0")], Path(scratch), Here())
    words = {language: {*found.pairs["wrong"], *found.pairs["right"]}}
    return found, proposed(found, weigh(found, lists(words, [language])), (), ())


def _seed(folder: Path) -> Iterator[Figure]:
    """Yield whether the slip in the article that began it all is the first proposal, and alone."""
    path = next((each for each in (folder / "seed", folder.parent / "seed") if each.is_dir()), None)
    if path is None:
        return
    texts = [each.read_text("utf-8") for each in sorted(path.glob("*.txt"))]
    _, found = _proposals(texts, "id")
    first = [(each.wrong, each.right) for each in found[:1]] == [("CTSO", "CSTO")]
    yield Figure("seed article: CTSO -> CSTO is the first proposal", float(first), 1, 1)
    others = tuple(f"{each.wrong} -> {each.right}" for each in found if each.wrong != "CTSO")
    yield Figure(
        "seed article: other proposals", float(len(others)), 1, 0, most=True, errors=others
    )


def _slips(
    name: str, texts: Sequence[str], language: str, slip: Callable[[str, random.Random], str]
) -> Iterator[Figure]:
    """Yield how many slips that were planted are proposed with the word that they were."""
    planted = possible = right = named = 0
    missed = []
    for rng in map(random.Random, range(ROUNDS)):
        slipped, truth = _plant(texts, slip, rng)
        gathered, found = _proposals(slipped, language)
        pairs = set(gathered.pairs.select("wrong", "right").rows())
        chosen = {each.wrong.lower(): each.right.lower() for each in found}
        planted += len(truth)
        possible += sum(pair in pairs for pair in truth.items())
        right += sum(chosen.get(wrong) == word for wrong, word in truth.items())
        named += sum(wrong in chosen for wrong in truth)
        missed += [
            f"{w} for {r}: {chosen.get(w, 'nothing')}"
            for w, r in truth.items()
            if chosen.get(w) != r
        ]
    yield Figure(
        f"{name}, planted: proposed", right / max(1, planted), planted, errors=tuple(missed)
    )
    yield Figure(
        f"{name}: proposed, of those one edit from a word that is there",
        right / max(1, possible),
        possible,
    )
    yield Figure(f"{name}: with the right word, of those proposed", right / max(1, named), named)


def _plant(
    texts: Sequence[str], slip: Callable[[str, random.Random], str], rng: random.Random
) -> tuple[list[str], Planted]:
    """Return texts with slips, one word in a hundred of those that can have one."""
    there = {word.lower() for text in texts for word in WORD.findall(text)}
    planted: Planted = {}

    def replace(found: re.Match[str]) -> str:
        word = found[0]
        if not word.islower() or rng.random() > 0.01:
            return word
        wrong = slip(word, rng)
        if wrong == word or wrong in there:
            return word
        planted[wrong] = word
        return wrong

    return [WORD.sub(replace, text) for text in texts], planted


def _any_slip(word: str, rng: random.Random) -> str:
    """Return a word with a slip of the hand."""
    at, kind = rng.randrange(1, len(word)), rng.randrange(4)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    other = rng.choice([each for each in KEYS.get(letter, "e") if each != letter] or ["e"])
    slips = (
        before + after,
        before + rng.choice((letter, other)) + letter + after,
        before + other + after,
        before[:-1] + letter + before[-1] + after,
    )
    return slips[kind]


def _listed_slip(misspelt: Mapping[str, list[str]], word: str, rng: random.Random) -> str:
    """Return a misspelling of a list; of a word without one the word."""
    return rng.choice(misspelt.get(word, [word]))


def _misspelt(paths: Sequence[Path]) -> dict[str, list[str]]:
    """Return word -> its misspellings, of the odd lines."""
    found: dict[str, list[str]] = {}
    for path in paths:
        for line in lines_of(path)[1::2]:
            wrong, arrow, right = line.partition("->")
            if arrow and "," not in right:
                found.setdefault(right.strip().lower(), []).append(wrong.strip().lower())
    return found


def _look_alikes(texts: Sequence[str], language: str, words: set[str]) -> Iterator[Figure]:
    """Yield how many pairs of right words are proposed: as they stand, and put in by chance."""
    gathered, found = _proposals(texts, language)
    pairs = {
        pair for pair in gathered.pairs.select("wrong", "right").rows() if words.issuperset(pair)
    }
    chosen = {(each.wrong.lower(), each.right.lower()): each.score for each in found}
    bad = tuple(
        f"{w} -> {r}: {chosen[w, r]}"
        for w, r in sorted(pairs, key=lambda p: -chosen.get(p, 0))
        if (w, r) in chosen
    )
    name = f"look-alikes proposed ({language})"
    yield Figure(
        f"{name}, as they stand",
        len(bad) / max(1, len(pairs)),
        len(pairs),
        0.05,
        most=True,
        errors=bad,
    )
    put, errors = 0, []
    for rng in map(random.Random, range(ROUNDS)):
        more, truth = _put(texts, language, words, rng)
        _, found = _proposals(more, language)
        put += len(truth)
        errors += [
            f"{each.wrong} -> {each.right}: {each.score}" for each in found if each.wrong in truth
        ]
    yield Figure(
        f"{name}, put in", len(errors) / max(1, put), put, 0.05, most=True, errors=tuple(errors)
    )


def _put(
    texts: Sequence[str], language: str, words: set[str], rng: random.Random
) -> tuple[list[str], set[str]]:
    """Return texts with 200 words that are one edit from a frequent one, each once, anywhere."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in WORD.findall(text):
            counts[word.lower()] = counts.get(word.lower(), 0) + 1
    rare = [
        w
        for w in words
        if w not in counts and len(w) > 3 and w.isalpha() and zlib.crc32(w.encode()) % 2
    ]
    usual = [word for word, n in counts.items() if n > 3 and word in words]
    frames = [
        pl.DataFrame({"fold": sorted(each)}).with_columns(language=pl.lit(language))
        for each in (rare, usual)
    ]
    near = sorted(set(one_edit_apart(*frames)["wrong"]))
    more, put = list(texts), set(rng.sample(near, min(200, len(near))))
    for word in sorted(put):
        number = rng.randrange(len(more))
        pieces = more[number].split(" ")
        pieces.insert(rng.randrange(len(pieces) + 1), word)
        more[number] = " ".join(pieces)
    return more, put


def _news(folder: Path) -> list[str]:
    """Return the Indonesian news: of a table its first column, of a text its lines."""
    texts = []
    for path in sorted(folder.glob("news_id/*.csv")):
        content = path.read_bytes().decode("cp1252", "replace").splitlines(keepends=True)
        texts += [row[0] for row in list(csv.reader(content, delimiter=";"))[1:] if row]
    for path in sorted(folder.glob("news_id/*.txt")):
        texts.append("\n".join(lines_of(path)))
    return list(dict.fromkeys(texts))


def _articles(folder: Path) -> list[str]:
    """Return the odd English articles: of a table its longest column."""
    csv.field_size_limit(2**31 - 1)
    texts = []
    for path in sorted(folder.glob("news_en/*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
        texts += [max(row, key=len) for row in rows if row]
    for path in sorted(folder.glob("news_en/*.jsonl")):
        texts += [json.loads(line)["text"] for line in lines_of(path)]
    return texts[1::2]

"""Makes a corpus of a size: texts in the sentences of real ones, with defects and copies at rates.

What was put in is counted, so that who reads the corpus can be held to it. The same size, seed and
texts give the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEDIAN = 2500
"""Bytes of the median document. Source: short news."""

SPREAD = 0.6
"""Standard deviation of the logarithm of a document's size: a tenth is over twice the median."""

SHORTEST = 700
"""Bytes of the shortest: a word changed in it leaves a near-duplicate, over 0.9 alike."""

POOL, FOR_EACH = 20_000, 500
"""Sentences to draw from: so many, or one for so many bytes. Chosen: a sentence is in some three
documents of a large corpus; with one pool for all sizes it would be in a hundred, as no news is."""

EXCHANGED = 3
"""One word in so many is another in each sentence made of a real one. Chosen: two of these share an
eighth of their 5-word shingles; near-duplicates are then those that are counted."""

COPIES, NEAR, EMPTY = 0.05, 0.05, 0.002
"""Shares of the records that repeat an earlier text, repeat it nearly, and have no text."""

SOURCE, TYPO = 0.30, 0.05
"""Shares of the texts that end with an attribution, and that write CTSO for CSTO."""

CHANGED = 100
"""Words of a near-duplicate for each one that was exchanged: 5-word shingles stay 0.9 alike."""

RECENT = 1000
"""Texts back to which a copy reaches."""

PUBLISHERS = ("Alhurra", "Antara", "Reuters", "TASS", "Bernama")

DEFECTS = (
    (0.03, " ", "\u00a0", 2),
    (0.03, "\n", "\r\n", -1),
    (0.02, "\u201c", "\u00e2\u20ac\u0153", -1),
    (0.02, " ", "\u200b ", 1),
    (0.05, " ", "  ", 3),
)
"""Share of the records that have a defect, what is replaced by what in them, how often at most."""

ODD = re.compile("CTSO|  |[\u0000-\u001f\u0080-\u00bf\u200b\u2060\ufeff]|Sumber|Source|\u00e2")
"""What a sentence must not have: defects are put in, these only, so that they can be counted."""


@dataclasses.dataclass(frozen=True)
class Made:
    """What a corpus holds."""

    path: Path
    bytes: int
    records: int
    copies: int
    """Records that have the text of an earlier one, once cleaned and corrected."""
    near: int
    """Records that have nearly the text of an earlier one."""
    empty: int


def sentences(folder: Path) -> list[str]:
    """Return the sentences of the .txt and .jsonl files (field `text`) of a folder."""
    texts = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".txt":
            texts.append(path.read_text("utf-8", errors="replace"))
        elif path.suffix == ".jsonl":
            lines = path.read_text("utf-8").split("\n")
            texts += [str(json.loads(line).get("text", "")) for line in lines if line.strip()]
    found = (each.strip() for each in re.split(r"(?<=[.!?])\s+|\n+", "\n".join(texts)))
    kept = [each for each in found if len(each) > 40 and not ODD.search(each)]
    if not kept:
        raise SystemExit(f"bench: {folder}: no sentences, wanted .txt or .jsonl files with prose")
    return kept


def make(path: Path, size: int, seed: int, texts: Path) -> Made:
    """Write a corpus of about `size` bytes as JSON Lines, from the sentences of a folder."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    writer = _Writer(draw, sentences(texts), size)
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        while written < size:
            line = json.dumps({"text": writer.text()}, ensure_ascii=False)
            file.write(f"{line}\n")
            written += len(line.encode()) + 1
    return Made(path, written, **writer.counts)


def texts_of(path: Path) -> Iterator[str]:
    """Yield the texts of a corpus."""
    with path.open(encoding="utf-8", newline="") as file:
        for line in file:
            yield json.loads(line)["text"]


def scatter(path: Path, folder: Path, files: int) -> int:
    """Write the texts of a corpus as that many .txt files; return how many came to be.

    A file takes neighbouring texts, parted by an empty line. There are never more files than texts.
    """
    texts = list(texts_of(path))
    files = min(files, len(texts))
    for number in range(files):
        place = folder / f"{number // 1000:03}"  # a folder of many thousand names is slow to list
        place.mkdir(parents=True, exist_ok=True)
        start, end = (len(texts) * n // files for n in (number, number + 1))
        content = "\n\n".join(texts[start:end])
        (place / f"{number:06}.txt").write_text(content, "utf-8", newline="")
    return files


class _Writer:
    """Draws one text after the other, and counts what they are."""

    def __init__(self, draw: random.Random, found: list[str], size: int) -> None:
        self.draw = draw
        self.words = sorted({word for each in found for word in each.split() if word.isalpha()})
        real = draw.choices(found, k=max(POOL, size // FOR_EACH) - len(found))
        self.pool = [self._varied(each, each.count(" ") // EXCHANGED + 1) for each in real] + found
        self.mean = sum(len(each.encode()) + 1 for each in self.pool) / len(self.pool)
        self.recent: list[str] = []
        self.counts = {"records": 0, "copies": 0, "near": 0, "empty": 0}

    def text(self) -> str:
        """Return the next text, with its defects."""
        self.counts["records"] += 1
        kind = self.draw.random()
        if kind < EMPTY:
            self.counts["empty"] += 1
            return " \n"
        if self.recent and kind < EMPTY + COPIES:
            self.counts["copies"] += 1
            return self._damaged(self.draw.choice(self.recent))
        if self.recent and kind < EMPTY + COPIES + NEAR:
            self.counts["near"] += 1
            text = self.draw.choice(self.recent)
            return self._damaged(self._varied(text, max(1, text.count(" ") // CHANGED)))
        text = self._fresh()
        self.recent.append(text)
        if len(self.recent) == 2 * RECENT:
            del self.recent[:RECENT]
        return self._damaged(text)

    def _fresh(self) -> str:
        """Return a text that is like no other: a number in it sees to that."""
        draw = self.draw
        size = max(SHORTEST, draw.lognormvariate(math.log(MEDIAN), SPREAD))
        chosen = draw.choices(self.pool, k=max(2, round(size / self.mean)))
        abbreviation = "CTSO" if draw.random() < TYPO else "CSTO"
        chosen[0] += f" {abbreviation} \u201c{draw.randrange(10**9):09}\u201d."
        text = "\n".join(" ".join(chosen[n : n + 3]) for n in range(0, len(chosen), 3))
        if draw.random() < SOURCE:
            text += f"\nSumber: {draw.choice(PUBLISHERS)}."
        return text

    def _varied(self, text: str, times: int) -> str:
        """Return a text in which that many words are others, where it has such words."""
        words = text.split(" ")
        places = [n for n, word in enumerate(words) if word.isalpha() and "TSO" not in word]
        for place in self.draw.sample(places, min(times, len(places))):
            old = words[place]
            while words[place] == old:
                words[place] = self.draw.choice(self.words)
        return " ".join(words)

    def _damaged(self, text: str) -> str:
        """Return a text with the defects that a draw gives it; cleaning takes all of them away."""
        for share, right, wrong, times in DEFECTS:
            if self.draw.random() < share:
                text = text.replace(right, wrong, times)
        return text

"""Makes histories of releases at random, and holds every release to what imprint promises.

A history is a project whose raw files and declarations change from release to release: texts come,
go, are edited, quoted, copied and renamed, lines move, errata, encodings and takedowns are
declared. What is alike is told here by sets of shingles of Python strings, with nothing of imprint.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import random
import shutil
import unittest.mock
from typing import TYPE_CHECKING, Any

import imprint
from imprint import found
from tests.projects import ledger, make, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORDS = tuple(f"kata{n}" for n in range(2000))

WIDTH = 5
"""Words of a shingle."""

NEAR, SIMILAR, QUOTED = 0.9, 0.6, 0.9
"""From where on a miss counts as a fault: pairs that are just alike enough are found with 0.97."""

SHORTEST, LONGEST = 60, 140
"""Words of a text. Chosen: a quotation of 60 words is missed in 6 of 10,000 cases."""

FIRST, STEPS = 12, 6
"""Texts that a history begins with, and changes from one release to the next, at most."""


@dataclasses.dataclass
class Released:
    """What a release had, as its readers saw it."""

    version: str
    splits: dict[str, str]
    """The split of each record, by its id."""
    places: dict[tuple[str, int], tuple[str, str]]
    """Id and split of what stood at a place."""


class History:
    """One project on its way from release to release."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.draw = random.Random(seed)
        self.lines: list[str] = []
        """Texts of the one file of JSON Lines."""
        self.files: dict[str, str] = {}
        """Texts of the .txt files, by name."""
        self.number = 0
        self.errata: list[str] = []
        self.removals: list[str] = []
        self.rules = ""
        self.before: Released | None = None
        self.version = "0.0.0"
        for _ in range(FIRST):
            self.add()

    def release(self) -> None:
        """Change a few things, build, hold the build to the promises, put it on record."""
        actions: list[Callable[[], None]] = [
            *[self.add] * 3,
            *[self.edit] * 2,
            self.rename,
            self.remove,
            self.insert,
            self.reorder,
            self.correct,
            self.decode,
            self.take_down,
        ]
        for _ in range(self.draw.randrange(1, STEPS) if self.before else 0):
            self.draw.choice(actions)()
        self.version = f"{int(self.version.partition('.')[0]) + 1}.0.0"
        self.write()
        with unittest.mock.patch.object(found, "FEW", 1):  # what changes is much of so few texts
            built = imprint.build(self.root, workers=1)
        published, lost = rows(self.root), ledger(self.root)
        self._hold_counts(built.manifest.records, published, lost)
        self._hold_splits(published, lost)
        self._hold_groups(published)
        self._hold_removals(published)
        if self.draw.random() < 0.3:
            self._hold_bytes()
        if self.draw.random() < 0.8:  # a build that is not released binds nobody
            imprint.wheel(self.root)
            # A clone that has the record of this very release: the ledger may name another of two
            # that stand for a record, as both are released now.
            if self.draw.random() < 0.2:
                self._hold_bytes(ledger=False)
            self.before = Released(
                self.version,
                {row["id"]: row["split"] for row in published},
                {
                    (row["raw_file"], row["raw_index"]): (row["id"], row["split"])
                    for row in published
                },
            )

    def write(self) -> None:
        """Write raw/ and schema/ as they are now; what imprint wrote into schema/ stays."""
        shutil.rmtree(self.root / "raw", ignore_errors=True)
        raw: dict[str, str | bytes] = {
            name: text.encode("cp1252" if "latin" in name else "utf-8")
            for name, text in self.files.items()
        }
        content = "".join(json.dumps({"text": each}) + "\n" for each in self.lines)
        raw["all.jsonl"] = content or '{"text": ""}\n'
        make(self.root, raw, more=self.rules, errata="".join(self.errata))
        declared = self.root / "schema" / "dataset.toml"
        declared.write_text(declared.read_text().replace("1.0.0", self.version))
        path = self.root / "schema" / "removals.toml"
        there = path.read_text() if path.exists() else ""
        new = [each for each in self.removals if each not in there]
        if new:
            path.write_text(there + "".join(f"\n[[removal]]\n{each}" for each in new))

    def text(self) -> str:
        """Return a text: a new one, or one that copies, edits or quotes another."""
        draw, known = self.draw, self.texts()
        fresh = draw.choices(WORDS, k=draw.randrange(SHORTEST, LONGEST))
        kind = draw.random()
        if not known or kind < 0.5:
            return " ".join(fresh)
        words = draw.choice(known).split(" ")
        if kind < 0.58:
            return " ".join(words)
        if kind < 0.75:
            return " ".join(self._edited(words, draw.choice([1, 4, 12])))
        if kind < 0.9:
            return " ".join([*fresh[:40], *words, *fresh[40:]])
        return " ".join([*words, *draw.choice(known).split(" ")])

    def texts(self) -> list[str]:
        """Return all texts."""
        return [*self.files.values(), *self.lines]

    def add(self) -> None:
        """Add a text, as a file or as a line."""
        self.number += 1
        if self.draw.random() < 0.6:
            self.files[f"{self.draw.choice('abc')}/{self.number}.txt"] = self.text()
        else:
            self.lines.append(self.text())

    def edit(self) -> None:
        """Edit a text where it stands."""
        if self.files and self.draw.random() < 0.5:
            name = self.draw.choice(sorted(self.files))
            self.files[name] = " ".join(self._edited(self.files[name].split(" "), 3))
        elif self.lines:
            place = self.draw.randrange(len(self.lines))
            self.lines[place] = " ".join(self._edited(self.lines[place].split(" "), 3))

    def rename(self) -> None:
        """Give a file another name."""
        if self.files:
            name = self.draw.choice(sorted(self.files))
            self.number += 1
            kind = "latin" if "latin" in name else "b"
            self.files[f"{kind}/{self.number}.txt"] = self.files.pop(name)

    def remove(self) -> None:
        """Delete a file, or a line."""
        if self.files and self.draw.random() < 0.5:
            del self.files[self.draw.choice(sorted(self.files))]
        elif self.lines:
            del self.lines[self.draw.randrange(len(self.lines))]

    def insert(self) -> None:
        """Put a line in front of others: all that follow have another place."""
        self.lines.insert(self.draw.randrange(len(self.lines) + 1), self.text())

    def reorder(self) -> None:
        """Put the lines in another order."""
        self.draw.shuffle(self.lines)

    def correct(self) -> None:
        """Declare an erratum, which edits some records."""
        wrong = self.draw.choice(WORDS)
        entry = f'\n[[erratum]]\nwrong = "{wrong}"\nright = "{wrong}x"\nwhy = "a test"\n'
        if entry not in self.errata:
            self.errata.append(entry)

    def decode(self) -> None:
        """Add a file whose encoding is not told at first, and later is."""
        if not any("latin" in name for name in self.files):
            self.number += 1
            self.files[f"latin/{self.number}.txt"] = f"caf\u00e9 {self.text()}"
        elif not self.rules:
            self.rules = '\n[[read.rule]]\nfiles = "latin/**"\nencoding = "cp1252"\n'

    def take_down(self) -> None:
        """Name a text that must not be published."""
        known = [text for text in self.texts() if "\u00e9" not in text]
        if known:
            raw = self.draw.choice(known)
            digest = hashlib.sha256(raw.encode()).hexdigest()
            entry = f'sha256 = "{digest}"\nwhy = "a test"\n'
            if entry not in self.removals:
                self.removals.append(entry)

    def _edited(self, words: list[str], most: int) -> list[str]:
        """Exchange some words."""
        words = list(words)
        for _ in range(self.draw.randrange(1, most + 1)):
            words[self.draw.randrange(len(words))] = self.draw.choice(WORDS)
        return words

    def _hold_counts(self, records: Any, published: list[Any], lost: list[Any]) -> None:
        """Every record is published or in the ledger, and the totals say so."""
        lines = [line for line in lost if line["raw_index"] is not None]
        assert records.read == records.published + records.rejected + records.duplicate
        assert (records.published, records.read) == (len(published), len(published) + len(lines))
        there = {row["id"] for row in published} | {line["id"] for line in lines}
        assert len({row["id"] for row in published}) == len(published)
        assert all(line["duplicate_of"] in there for line in lines if line["duplicate_of"])

    def _hold_splits(self, published: list[Any], lost: list[Any]) -> None:
        """What was released is where it was, while its raw text or its place stays."""
        if self.before is None:
            return
        now = {row["id"] for row in [*published, *lost]}  # a duplicate is there, too
        for row in published:
            split = self.before.splits.get(row["id"])
            if split is None:
                stood, there = self.before.places.get(
                    (row["raw_file"], row["raw_index"]), ("", None)
                )
                split = there if stood not in now else None
            assert split in (None, row["split"]), row["id"]

    def _hold_groups(self, published: list[Any]) -> None:
        """What is alike is on one side, unless it was released on two; nothing is there twice."""
        old = self.before.splits if self.before else {}
        places = self.before.places if self.before else {}

        def bound(row: dict[str, Any]) -> bool:
            there = places.get((row["raw_file"], row["raw_index"]))
            return row["id"] in old or there is not None

        for one, other, jaccard, quoted in alike(published):
            if one["split"] != other["split"] and (jaccard >= SIMILAR or quoted >= QUOTED):
                assert all(map(bound, (one, other))), (one["raw_file"], other["raw_file"], jaccard)
            assert jaccard < NEAR, (one["raw_file"], other["raw_file"], jaccard)

    def _hold_removals(self, published: list[Any]) -> None:
        """Nothing that was taken down is published."""
        digests = {line.split('"')[1] for line in self.removals}
        assert not digests & {row["raw_sha256"] for row in published}

    def _hold_bytes(self, *, ledger: bool = True) -> None:
        """A fresh clone gives the same bytes."""
        clone = self.root.with_name(f"{self.root.name}-clone")
        shutil.rmtree(clone, ignore_errors=True)
        for name in ("raw", "schema"):
            shutil.copytree(self.root / name, clone / name)
        imprint.build(clone, workers=1)
        made, again = files(self.root), files(clone)
        if not ledger:
            made.pop("rejected.jsonl")
            again.pop("rejected.jsonl")
        assert again == made
        shutil.rmtree(clone)


def files(root: Path) -> dict[str, bytes]:
    """Return what a build left, by name."""
    build = root / "build"
    paths = [path for path in (build / "dataset").rglob("*") if path.is_file()]
    return {
        path.relative_to(build).as_posix(): path.read_bytes()
        for path in [*paths, build / "rejected.jsonl"]
    }


def alike(published: list[Any]) -> Iterator[tuple[Any, Any, float, float]]:
    """Yield the pairs of records that share a shingle, how similar they are, how much is quoted."""
    sets = []
    for row in published:
        words = row["text"].split()
        sets.append({tuple(words[n : n + WIDTH]) for n in range(len(words) - WIDTH + 1)})
    for (one, a), (other, b) in itertools.combinations(zip(published, sets, strict=True), 2):
        shared = len(a & b)
        if shared:
            yield one, other, shared / len(a | b), shared / min(len(a), len(b))

"""What is kept of a search promises: after any change, what a whole search would find."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint import again, found, near, propose
from imprint.engine import Here
from imprint.parts import HASHES, TEXT, WORDS, Part, Sink, with_sketches, write_sketches
from imprint.rooms.sketch import sketch

if TYPE_CHECKING:
    from pathlib import Path

VOCABULARY = [f"kata{n}" for n in range(2000)]

HALF = Fraction(1, 2)


class Corpus:
    """Texts in files, a part for each file, that change from build to build."""

    def __init__(self, folder: Path, seed: int, files: int = 4, texts: int = 30) -> None:
        self.folder = folder / "parts"
        self.folder.mkdir()
        self.draw = random.Random(seed)
        self.shared = [self.words(self.draw.randint(8, 40)) for _ in range(3)]
        """Passages that many texts have, so that some hashes are in more than are all paired."""
        self.files: dict[str, list[str]] = {}
        for number in range(files):
            self.files[f"{number}"] = []
            for _ in range(self.draw.randint(1, texts)):
                self.files[f"{number}"].append(self.text())

    def words(self, count: int) -> list[str]:
        """Return some words."""
        return self.draw.choices(VOCABULARY, k=count)

    def text(self) -> str:
        """Return a new text, or one that is like another, with some of what many have."""
        texts = [each for texts in self.files.values() for each in texts]
        words = self.words(self.draw.choice([3, 20, 60, 60, 60, 200, 1500]))
        if texts and self.draw.random() < 0.5:
            words = self.draw.choice(texts).split()
            for _ in range(self.draw.randint(0, max(1, len(words) // 8))):
                words[self.draw.randrange(len(words))] = f"lain{self.draw.randrange(10**6)}"
        for passage in self.shared:
            if self.draw.random() < 0.5:
                place = self.draw.randint(0, len(words))
                words[place:place] = passage
        return " ".join(words)

    def change(self) -> None:
        """Change, add, copy or take out a text; add, take out or rename a file."""
        name = self.draw.choice(sorted(self.files))
        texts = self.files[name]
        place = self.draw.randint(0, len(texts) - 1)
        copy = self.draw.choice(self.files[self.draw.choice(sorted(self.files))])
        match self.draw.randrange(8):
            case 0 | 1:
                texts[place] = self.text()
            case 2:
                texts.insert(place, self.text())
            case 3:
                texts.insert(place, copy)
            case 4 if len(texts) > 1:
                del texts[place]
            case 5:
                self.files[f"{self.draw.random()}"] = [self.text()]
            case 6 if len(self.files) > 2:
                del self.files[name]
            case 7:
                self.files[f"{self.draw.random()}"] = self.files.pop(name)

    def build(self) -> tuple[list[Part], pl.DataFrame]:
        """Return the parts and the facts of a build; only its parts are left."""
        parts = [self.part(name, texts) for name, texts in sorted(self.files.items())]
        frames, first = [], 0
        for part in parts:
            with pa.memory_map(str(part.accepted(self.folder))) as file:
                table = pa.ipc.open_file(file).read_all().select([WORDS, HASHES, TEXT])
                frame = pl.DataFrame(pl.from_arrow(table)).with_row_index("record", first)
            frames.append(frame.with_columns(pl.col("record").cast(pl.Int64)))
            first += part.accepted_records
        facts = pl.concat(frames).rename({WORDS: "words", HASHES: "hashes", TEXT: "text_digest"})
        return parts, facts.unique("text_digest", keep="first", maintain_order=True)

    def part(self, name: str, texts: list[str]) -> Part:
        """Write the part of a file, as prepare would."""
        key = hashlib.sha256("\n".join([name, *texts]).encode()).hexdigest()[:32]
        part = Part(key, (), (), "", len(texts))
        if not part.accepted(self.folder).exists():
            column = pa.array(texts, pa.string())
            digests = [hashlib.sha256(each.encode()).digest() for each in texts]
            batch = pa.record_batch({"text": column, TEXT: pa.array(digests, pa.binary())})
            sketched = sketch(column, 0)
            with Sink(part.accepted(self.folder)) as sink:
                sink.write(with_sketches(batch, sketched))
            write_sketches(part, self.folder, [sketched])
            part.rejected(self.folder).touch()
        return part

    def forget(self, parts: list[Part]) -> None:
        """Delete the parts that no build has any more."""
        keys = {part.key for part in parts}
        for path in self.folder.iterdir():
            if path.name.split(".")[0] not in keys:
                path.unlink()


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the searches that are whole, those that are not, and pairs that had to be recounted."""
    counts: Counter[str] = Counter()
    for home, name in ((near, "find"), (found, "_again"), (again.Change, "still")):
        whole = getattr(home, name)

        def count(*given: object, name: str = name, whole: object = whole) -> object:
            counts[name] += 1
            return whole(*given)  # type: ignore[operator]

        monkeypatch.setattr(home, name, count)
    return counts


def search(corpus: Corpus) -> pl.DataFrame:
    """Build, search with what is known, and forget what is not needed any more."""
    parts, facts = corpus.build()
    pairs = found.find(parts, corpus.folder, facts, HALF, Here())
    corpus.forget(parts)
    return pairs


def whole(corpus: Corpus) -> pl.DataFrame:
    """Search with nothing known."""
    parts, facts = corpus.build()
    return near.find(parts, corpus.folder, facts, HALF, Here())


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_again_is_what_a_whole_search_finds(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Whatever comes, goes, is copied or moves, in texts that share passages with many others."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(found, "FEW", 3)
        corpus = Corpus(tmp_path_factory.mktemp("found"), seed)
        for _ in range(6):
            assert search(corpus).equals(whole(corpus))
            for _ in range(corpus.draw.randint(1, 3)):
                corpus.change()


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_where_all_came_all_is_proposed(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Long texts are compared by fewer of their hashes here, too."""
    corpus = Corpus(tmp_path_factory.mktemp("found"), seed, files=2, texts=4)
    for _ in range(6):
        begin = corpus.words(1100)
        corpus.files["0"] += (" ".join([*begin, *corpus.words(n)]) for n in (400, 900, 1400))
    parts, facts = corpus.build()
    order, total = propose.ranked(facts).astype(np.int64), sum(map(len, corpus.files.values()))
    none = again.Texts.of(parts, corpus.folder, order[:0], order[:0])
    new = again.Texts.of(parts, corpus.folder, order, order)
    sizes = propose.sizes_of(facts, total, 0.5)
    change = again.Change(none, new, order, order[:0], sizes, 0.5)
    found_again, otherwise = change.proposed()
    assert not len(otherwise)
    proposed = propose.proposed(parts, corpus.folder, facts, 0.5, Here())
    assert found_again.tolist() == proposed.tolist()


def test_a_small_change_needs_no_whole_search(tmp_path: Path, searches: Counter[str]) -> None:
    """One text in a hundred that changes asks for nothing but what it can have changed."""
    corpus = Corpus(tmp_path, 1, files=1, texts=1)
    for name in ("a", "b"):
        corpus.files[name] = [corpus.text() for _ in range(150)]
    search(corpus)
    assert searches == {"find": 1}
    for _ in range(20):
        corpus.files["a"][corpus.draw.randrange(150)] = corpus.text()
        search(corpus)
    assert searches["find"] == 1
    assert searches["_again"] == 20
    assert searches["still"] > 0
    assert search(corpus).equals(whole(corpus))


def test_a_large_change_is_searched_whole(tmp_path: Path, searches: Counter[str]) -> None:
    """Where every tenth text is another, all workers look at all of them."""
    corpus = Corpus(tmp_path, 2, files=1, texts=1)
    corpus.files["a"] = [corpus.text() for _ in range(100)]
    search(corpus)
    corpus.files["a"][::10] = [corpus.text() for _ in range(10)]
    search(corpus)
    assert searches == {"find": 2}


@pytest.mark.parametrize("what", ["cut", "flipped", "gone", "part", "touched", "least", "source"])
def test_what_does_not_hold_is_not_used(
    tmp_path: Path, searches: Counter[str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A damaged memory, a part that is not what it was, another similarity: all is searched.

    So it is by another version of imprint, whose parts have other keys and the same texts.
    """
    corpus = Corpus(tmp_path, 3, files=1, texts=1)
    for name in ("a", "b"):
        corpus.files[name] = [corpus.text() for _ in range(150)]
    search(corpus)
    sketches = corpus.part("a", corpus.files["a"]).sketches(corpus.folder)
    corpus.files["a"][7] = corpus.text()
    memory = tmp_path / "parts.pairs"
    data = memory.read_bytes()
    match what:
        case "cut":
            memory.write_bytes(data[: len(data) // 2])
        case "flipped":
            middle = len(data) // 2
            memory.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        case "gone":
            memory.unlink()
        case "part":
            sketches.unlink()
        case "touched":
            sketches.write_bytes(sketches.read_bytes())
        case "source":
            monkeypatch.setattr(found, "own_digest", lambda: "another")
    parts, facts = corpus.build()
    least = Fraction(3, 5) if what == "least" else HALF
    pairs = found.find(parts, corpus.folder, facts, least, Here())
    assert searches == {"find": 2}
    assert pairs.equals(near.find(parts, corpus.folder, facts, least, Here()))

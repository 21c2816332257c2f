"""Cleaning repairs what is damaged and nothing else; legacy encodings are read as what they are."""

from __future__ import annotations

import gzip
import json
import unicodedata
from typing import TYPE_CHECKING

import ftfy
import pyarrow as pa

from figures import Figure, lines_of
from imprint.records import default_record_schema, parse_record_schema
from imprint.rooms.clean import clean
from imprint.rooms.read import Want, look, read
from imprint.settings import ReadOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STRAIGHT = str.maketrans("“”„‟‘’‚‛«»", '""""\'\'\'\'""')
"""Quotation marks, which ftfy straightens and imprint leaves as their author wrote them."""


def figures(folder: Path) -> Iterator[Figure]:
    """Yield the figures of the sets that are in a folder."""
    cases = [
        json.loads(line)
        for path in sorted(folder.glob("encoding/mojibake*.jsonl"))
        for line in lines_of(path)
    ]
    if cases:
        yield _mojibake(cases)
    texts = _undamaged(folder)
    if texts:
        after = _cleaned(texts)
        changed = [f"{a!r} -> {b!r}" for a, b in zip(texts, after, strict=True) if a != b]
        name = "clean text that cleaning changes"
        yield Figure(name, float(len(changed)), len(texts), 0, most=True, errors=tuple(changed))
        again = sum(a != b for a, b in zip(after, _cleaned(after), strict=True))
        yield Figure("text that a second cleaning changes", float(again), len(texts), 0, most=True)
    truth = folder / "encoding" / "truth.tsv"
    if truth.exists():
        yield _legacy(truth)


def _cleaned(texts: list[str]) -> list[str]:
    """Return texts as the room leaves them."""
    done: list[str] = clean(pa.record_batch({"text": texts}))["text"].to_pylist()
    return done


def _mojibake(cases: list[dict[str, str]]) -> Figure:
    """Return how many of the cases that ftfy itself gets right come out right."""
    repaired = _cleaned([each["original"] for each in cases])
    right, errors = 0, []
    total = 0
    for case, seen in zip(cases, repaired, strict=True):
        wanted = _straight(case["fixed"])
        if _straight(ftfy.fix_encoding(case["original"])) != wanted:
            continue
        total += 1
        if _straight(seen) == wanted:
            right += 1
        else:
            errors.append(f"{case['label']}: {seen!r}, wanted {case['fixed']!r}")
    name = "mojibake that ftfy repairs"
    return Figure(name, right / max(1, total), total, 1, errors=tuple(errors))


def _straight(text: str) -> str:
    """Return a text with straight quotation marks and no blanks but single spaces."""
    return " ".join(text.translate(STRAIGHT).split())


def _undamaged(folder: Path) -> list[str]:
    """Return sentences that have no defect: labelled ones, composed, with single spaces."""
    sentences = [
        line.partition("\t")[2]
        for path in sorted(folder.glob("langid/*.tsv"))
        for line in lines_of(path)
    ]
    for path in sorted(folder.glob("news_id/*.txt")):
        sentences += lines_of(path)
    for path in sorted(folder.glob("news_multi/*.jsonl.gz")):
        rows = gzip.decompress(path.read_bytes()).decode("utf-8").rstrip("\n").split("\n")
        sentences += [row[key] for row in map(json.loads, rows) for key in ("title", "content")]
    composed = (unicodedata.normalize("NFC", " ".join(each.split())) for each in sentences)
    return [each for each in composed if each]


def _legacy(truth: Path) -> Figure:
    """Return how many files in legacy encodings are read as what they hold."""
    lines = [line.split("\t") for line in lines_of(truth)[1:]]
    errors = []
    for name, codec in lines:
        path = truth.with_name(name)
        wanted = path.read_bytes().decode(codec).removeprefix("\ufeff")
        seen = _read(path)
        if seen != wanted:
            errors.append(f"{name}: wanted {codec}, read {(seen or '')[:60]!r}")
    share = 1 - len(errors) / len(lines)
    return Figure("files in legacy encodings read right", share, len(lines), errors=tuple(errors))


def _read(path: Path) -> str | None:
    """Return the text of a file, read as any under raw/ is; None where it is rejected."""
    options = ReadOptions()
    schema = parse_record_schema(default_record_schema(), "schema/record.json")
    reading = look(path, path.name, options)
    if reading.reason is not None:
        return None
    (batch,) = read(path, reading, options, Want(schema, 2**24, 10**7))
    text: str = batch["text"][0].as_py()
    return text

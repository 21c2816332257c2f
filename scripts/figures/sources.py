"""Sources are read where a text credits one, and nothing else is taken for one.

The rules and lists of the source room were made from tests/cases/source.jsonl, in words of our own;
their figures stand apart from those of the folder, of which nothing was used to make them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from figures import Figure, lines_of
from imprint.rooms.clean import clean
from imprint.rooms.source import source
from imprint.settings import Publishers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CASES = Path(__file__).parents[2] / "tests" / "cases" / "source.jsonl"

Case = dict[str, Any]


def figures(folder: Path) -> Iterator[Figure]:
    """Yield the figures of the labelled lines in a folder, then those of our own cases."""
    cases = [
        json.loads(line)
        for path in sorted(folder.glob("attribution/*.jsonl"))
        for line in lines_of(path)
    ]
    if not cases:
        return
    yield from _figures(cases, "", (0.95, 0.85, 0.03))
    yield from _figures(list(_own()), " (tuned on)", (None, None, None))


def _own() -> Iterator[Case]:
    """Yield the cases of the tests in the form of the labelled lines."""
    for case in map(json.loads, lines_of(CASES)):
        names = case.get("sources") or ([case["source"]] if case["source"] else [])
        yield {"text": case["text"], "gold": names, "credit": "text" if names else "none"}


def _figures(
    cases: Sequence[Case], said: str, wanted: tuple[float | None, float | None, float | None]
) -> Iterator[Figure]:
    """Yield precision, recall and the share of look-alikes that are taken for sources.

    Args:
        cases: each with `text`, the names that it credits in `gold`, and what the credit is of:
            "text", or "photo", "video", "byline", "none" and so on.
        said: what is added to the names of the figures.
        wanted: what they should be.
    """
    right = named = gold = 0
    wrong, missed, taken = [], [], []
    for case, found in zip(cases, _read([case["text"] for case in cases]), strict=True):
        credits_text = case.get("credit", "text") == "text"
        names = {each.casefold() for each in case["gold"]} if credits_text else set[str]()
        hits = [each for each in found if each.casefold() in names]
        right, named = right + len(hits), named + len(found)
        gold += len(names)
        told = f"{case.get('lang', '')} {case['text'][-100:]!r}: read {found}"
        if len(hits) < len(found):
            wrong.append(f"{told}, wanted {case['gold'] if names else case.get('credit')}")
        if names - {each.casefold() for each in found}:
            missed.append(f"{told}, wanted {case['gold']}")
        if not credits_text and found:
            taken.append(told)
    alike = sum(case.get("credit", "text") != "text" for case in cases)
    precision, recall, most = wanted
    yield Figure(
        f"sources, precision{said}", right / max(1, named), named, precision, errors=tuple(wrong)
    )
    yield Figure(f"sources, recall{said}", right / max(1, gold), gold, recall, errors=tuple(missed))
    yield Figure(
        f"look-alikes taken for sources{said}",
        len(taken) / max(1, alike),
        alike,
        most,
        most=True,
        errors=tuple(taken),
    )


def _read(texts: Sequence[str]) -> list[list[str]]:
    """Return the publishers that each text credits, as a build without publishers reads them."""
    count = len(texts)
    nothing = pa.nulls(count, pa.string())
    batch = pa.record_batch(
        {
            "text": pa.array(texts, pa.string()),
            "source": nothing,
            "raw_file": pa.array([""] * count),
            "_document_index": pa.array(range(count), pa.int64()),
            "_reason": nothing,
        }
    )
    read = source(clean(batch), Publishers(), strip=True, columns=("sources",))
    found: list[list[str]] = read["sources"].to_pylist()
    return found

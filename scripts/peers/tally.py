"""What a peer left, counted in its files: the line of JSON that every peer ends with."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from collections import Counter
from pathlib import Path

COUNTED = ("language", "source", "corrected")
"""Columns that are counted; a peer that lacks one has not done that work."""


@dataclasses.dataclass(frozen=True)
class Tally:
    """What was done to a corpus."""

    records: int
    """Published."""
    languages: dict[str, int]
    """Records by language, the most frequent five."""
    corrected: int
    """Records that an erratum changed."""
    sources: int
    """Records whose source is known."""


def count(folder: Path) -> Tally:
    """Count the Parquet files of a folder."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    records = corrected = sources = 0
    languages: Counter[str] = Counter()
    for path in sorted(folder.rglob("*.parquet")):
        with pq.ParquetFile(path) as file:
            records += file.metadata.num_rows
            table = file.read([name for name in COUNTED if name in file.schema_arrow.names])
        if "language" in table.column_names:
            counts = pc.value_counts(table["language"]).to_pylist()
            languages.update({each["values"]: each["counts"] for each in counts})
        if "corrected" in table.column_names:
            corrected += pc.sum(table["corrected"]).as_py() or 0
        if "source" in table.column_names:
            sources += len(table) - table["source"].null_count
    return Tally(records, dict(languages.most_common(5)), corrected, sources)


def arguments(*more: str) -> argparse.Namespace:
    """Return what every peer is given: the corpus, a fresh folder for its output, the workers.

    Args:
        more: names of the flags that it takes beside these, or `name=default` of a value.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("workers", type=int)
    for each in more:
        name, given, default = each.partition("=")
        if given:
            parser.add_argument(f"--{name}", default=default)
        else:
            parser.add_argument(f"--{name}", action="store_true")
    parsed = parser.parse_args()
    shutil.rmtree(parsed.output, ignore_errors=True)
    parsed.output.mkdir(parents=True)
    return parsed


def tell(folder: Path) -> None:
    """Print what stands in a folder."""
    print(json.dumps(dataclasses.asdict(count(folder))))

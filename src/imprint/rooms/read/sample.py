"""A first look into a file: which fields it has, and how long the texts in them are."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

from imprint.rooms.read.dialect import Dialect
from imprint.rooms.read.encoding import decoded
from imprint.rooms.read.files import chunks
from imprint.rooms.read.parquet import open_parquet
from imprint.rooms.read.table import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from imprint.rooms.read import Reading

SAMPLE_RECORDS = 200
"""How many records are looked at. Chosen: enough for a mean."""

ROW_CHARACTERS = 64 * 2**20
"""The longest row that is looked at."""


def text_lengths(path: Path, reading: Reading) -> dict[str, float]:
    """Return the mean length of the texts in every field that holds strings.

    Args:
        path: the file.
        reading: what `look` found; its reason does not matter where it names columns.

    Returns:
        {field: mean length over the first records}, in the order of the file; empty for a .txt.
    """
    lengths: dict[str, list[int]] = {}
    records = 0
    for record in itertools.islice(_records(path, reading), SAMPLE_RECORDS):
        records += 1
        for field, value in record:
            if isinstance(value, str | bytes):
                lengths.setdefault(field, []).append(len(value))
    return {field: sum(each) / records for field, each in lengths.items()}


def _records(path: Path, reading: Reading) -> Iterator[Iterable[tuple[str, object]]]:
    """Yield the first records that can be read, as pairs of field and value."""
    if reading.format == "parquet":
        with open_parquet(path, reading.raw_file, reading.compression) as file:
            for batch in file.iter_batches(SAMPLE_RECORDS, use_threads=False):
                yield from (record.items() for record in batch.to_pylist())
        return

    def stream() -> Iterator[bytes]:
        """Begin to read the file anew."""
        return decoded(chunks(path, reading.raw_file, reading.compression), reading.encoding)

    if reading.format == "csv":
        dialect = Dialect(reading.delimiter, reading.quote, reading.escape)
        rows = read_rows(stream, dialect, len(reading.columns), ROW_CHARACTERS)
        for row in itertools.islice(rows, 1, None):
            if row.cells is not None:
                yield zip(reading.columns, row.cells, strict=True)
    elif reading.format == "jsonl":
        for line in next(stream(), b"").split(b"\n")[: 2 * SAMPLE_RECORDS]:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record.items()

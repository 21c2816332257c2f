"""Cut a big file into ranges that can be read apart, and count the records before each.

JSON lines are cut where a line ends, Parquet between row groups. What a record is called (its
position in the file, the line that it stands on) is the same as if the file were read in one go.
"""

from __future__ import annotations

import codecs
import dataclasses
import itertools
from typing import TYPE_CHECKING

from imprint.rooms.read.files import CHUNK_BYTES, opened
from imprint.rooms.read.lines import line_feeds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imprint.rooms.read.reading import Reading

RANGE_BYTES = 15_000_000
"""What a range comes to at least: two chunks, so that cores finish at about the same time."""

BLANK = b" \t\r"
"""What a line without a record may hold. Source: RFC 8259, section 2, but the line end itself."""


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """A part of one file."""

    start: int
    """First byte; of Parquet, first row group."""
    end: int
    """Byte or row group behind the last."""
    records: int
    """Records of the file before this range."""
    lines: int
    """Lines of the file before it; 0 where the format has none."""


def can_be_cut(reading: Reading, unit: str) -> bool:
    """Say whether a file can be read in ranges.

    Not where it is compressed or in another code than UTF-8, where a quoted cell may hold line ends
    (CSV), and where the number of records is known only once they are read (paragraphs).
    """
    if reading.reason is not None or reading.compression or unit != "document":
        return False
    return reading.format == "parquet" or (
        reading.format == "jsonl" and reading.encoding == "utf-8"
    )


def cut(path: Path, reading: Reading) -> tuple[Range, ...]:
    """Return the ranges of a file, in its order; none where it is too small to be cut.

    Args:
        path: the file.
        reading: how it is read; one that `can_be_cut`.
    """
    if reading.format == "parquet":
        return _cut_parquet(path, reading.raw_file)
    found = []
    start = end = records = lines = 0
    before = (0, 0)
    for size, block in _blocks(path, reading.raw_file):
        end += size
        ends, blank = count_lines(block)
        records, lines = records + ends - blank, lines + ends
        if end - start >= RANGE_BYTES:
            found.append(Range(start, end, *before))
            start, before = end, (records, lines)
    if end > start:
        found.append(Range(start, end, *before))
    return tuple(found) if records and len(found) > 1 else ()


def count_lines(block: bytes) -> tuple[int, int]:
    r"""Count the lines of a block of whole lines, and those of them that are blank.

    >>> count_lines(b"{}\n \r\n\n{}")
    (4, 2)
    """
    import numpy as np

    if not block:
        return 0, 0
    data = np.frombuffer(block, np.uint8)
    begins = line_feeds(data) + 1
    ends = len(begins) + (block[-1:] != b"\n")
    begins = begins[: ends - 1]
    plain = int(np.count_nonzero(data[begins] == ord("{"))) + (block[:1] == b"{")
    if plain == ends:
        return ends, 0
    lines = block.removesuffix(b"\n").split(b"\n")
    return ends, sum(not line.strip(BLANK) for line in lines)


def _blocks(path: Path, raw_file: str) -> Iterator[tuple[int, bytes]]:
    """Yield a file in blocks of whole lines, each with its size in the file.

    A byte order mark is left out, and of a line that goes over several chunks all but a sign that
    it is not blank, however long it is.
    """
    size, carry, mark = 0, b"", codecs.BOM_UTF8
    with opened(path, raw_file, "") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            chunk, mark = chunk.removeprefix(mark), b""
            end = chunk.rfind(b"\n") + 1
            rest = len(chunk) - end
            if end:
                yield size - rest, carry + chunk[:end]
                size, carry = rest, b""
            if chunk[end:].strip(BLANK):
                carry = b"{"
            elif rest:
                carry = carry or b" "
    if size:
        yield size, carry


def _cut_parquet(path: Path, raw_file: str) -> tuple[Range, ...]:
    """Return ranges of whole row groups."""
    from imprint.rooms.read.parquet import open_parquet

    with open_parquet(path, raw_file, "") as file:
        groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
        rows = [0, *itertools.accumulate(group.num_rows for group in groups)]
    found, start, size = [], 0, 0
    for number, group in enumerate(groups, 1):
        size += group.total_byte_size
        if size >= RANGE_BYTES or number == len(groups):
            found.append(Range(start, number, rows[start], 0))
            start, size = number, 0
    return tuple(found) if len(found) > 1 else ()

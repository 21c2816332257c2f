"""Many small .txt files at once: opening a file is cheap, making a batch of it is not.

Files that are UTF-8 without a mark and hold text, which is nearly all, are read together; any other
is left to `look` and `read`, which know what to say of it. Both give the same records (a property
test).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from imprint.rooms.read.detect import is_binary
from imprint.rooms.read.encoding import MARKS, UTF8_THROUGHOUT, utf8_array
from imprint.rooms.read.files import content, name_format
from imprint.rooms.read.reading import Reading
from imprint.rooms.read.rows import Found, Position, to_batch
from imprint.settings import ReadOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from imprint.rooms.read.files import RawFile
    from imprint.rooms.read.rows import Want

SMALL_BYTES = 256 * 1024
"""Bytes up to which a file is read with others. Chosen: above, a batch of its own costs little."""

STARTS = tuple(mark for mark, _ in MARKS)
"""What a file with a byte order mark begins with."""


def is_small_text(file: RawFile, options: ReadOptions) -> bool:
    """Say whether a file is one that `read_many` may take: it looks at the name and the size."""
    plain = options.unit == "document" and options.encoding == "auto"
    return plain and file.bytes <= SMALL_BYTES and name_format(file.raw_file)[:2] == ("txt", "")


def reading_of(raw_file: str) -> Reading:
    """Return how a file that was taken was read: as `look` says it."""
    return Reading(raw_file, "txt", encoding="utf-8", why=UTF8_THROUGHOUT)


def read_many(
    files: Sequence[RawFile], want: Want
) -> tuple[pa.RecordBatch | None, list[Reading | None]]:
    """Read small text files, each of which is one document.

    Args:
        files: those that `is_small_text` named.
        want: the columns and the limits.

    Returns:
        A row for each file that is taken, in order; None where there is none. And of each file how
        it was read; None where it was not taken: what is empty, blank, binary, marked, not UTF-8,
        too long or cannot be opened.
    """
    import numpy as np
    import pyarrow as pa

    contents = [_content(file, want) for file in files]
    text = pa.array(contents, pa.binary())
    try:
        text = text.cast(pa.string())
    except pa.ArrowInvalid:
        contents = [c if c is not None and utf8_array(c) is not None else None for c in contents]
        text = pa.array(contents, pa.binary()).cast(pa.string())
    readings = [
        None if content is None else reading_of(file.raw_file)
        for file, content in zip(files, contents, strict=True)
    ]
    names = [reading.raw_file for reading in readings if reading is not None]
    if not names:
        return None, readings
    count = len(names)
    found = Found({"text": text.drop_null()}, np.ones(count, np.int64), lines_count=True)
    apart = dataclasses.replace(want, file_records=max(want.file_records, count))
    batch = to_batch(found, Position(""), ReadOptions(), apart)
    first = pa.array([0] * count, pa.int64())
    columns = (("raw_file", pa.array(names)), ("raw_index", first), ("_document_index", first))
    for name, column in columns:
        batch = batch.set_column(batch.schema.get_field_index(name), name, column)
    return batch, readings


def _content(file: RawFile, want: Want) -> bytes | None:
    """Return the bytes of a file, None where it needs a closer look."""
    try:
        data = content(file)
    except OSError:
        return None
    if not data.strip() or len(data) > want.record_bytes or not want.file_records:
        return None
    return None if data.startswith(STARTS) or is_binary(data) else data

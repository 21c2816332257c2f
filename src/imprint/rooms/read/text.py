"""Plain text: a file is one document; with unit = "paragraph" each of its lines is a record."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imprint.rooms.read.files import Unreadable
from imprint.rooms.read.lines import line_blocks
from imprint.rooms.read.rows import Found, Position, to_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from imprint.rooms.read.rows import Want
    from imprint.settings import ReadOptions

DOCUMENT_BYTES = 64 * 2**20
"""A .txt up to this size is one batch, so that an attribution line counts for all its paragraphs.
A longer one comes in several, and the line counts for those of its batch. Chosen: bounds memory."""


def read_txt(
    stream: Callable[[], Iterator[bytes]], position: Position, options: ReadOptions, want: Want
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a .txt.

    Args:
        stream: begins to read the file as UTF-8 without a mark, each time that it is called.
        position: the beginning of the file.
        options: `unit` counts.
        want: the columns and the limits.

    Raises:
        Unreadable: `empty`, where the file holds nothing but blanks.
    """
    by_line = options.unit == "paragraph"
    bound = DOCUMENT_BYTES if by_line else want.record_bytes
    digest, size, blank = hashlib.sha256(), 0, True
    held: list[bytes] = []
    for chunk in stream():
        digest.update(chunk)
        size += len(chunk)
        blank = blank and not chunk.strip()
        if size > bound:
            held.clear()
        else:
            held.append(chunk)
    if blank:
        raise Unreadable("empty", "the file holds nothing but blanks")
    if size <= bound:
        found = _found(b"".join(held), 1, digest.hexdigest(), lines_count=by_line)
        yield to_batch(found, position, options, want)
    elif by_line:
        yield from _read_long(stream, digest.hexdigest(), position, options, want)
    else:
        detail = f"the text has {size} bytes, over limits.record_bytes = {want.record_bytes}"
        yield to_batch(_lost(1, digest.hexdigest(), detail), position, options, want)


def _read_long(
    stream: Callable[[], Iterator[bytes]],
    digest: str,
    position: Position,
    options: ReadOptions,
    want: Want,
) -> Iterator[pa.RecordBatch]:
    """Yield the lines of one document that is too long for one batch."""
    line = 1
    for block in line_blocks(stream(), max(want.record_bytes, 1), lone_cr=True):
        position.documents = 0
        if block.overlong:
            detail = f"the line is over limits.record_bytes = {want.record_bytes}"
            found = _lost(line, block.overlong, detail)
            line += 1
        else:
            found = _found(block.data, line, digest, lines_count=True)
            line += _line_ends(block.data)
            if not block.data.strip():
                continue
        yield to_batch(found, position, options, want)


def _found(data: bytes, line: int, digest: str, *, lines_count: bool) -> Found:
    """Return a document, or a piece of one, that begins on a line."""
    import numpy as np
    import pyarrow as pa

    try:
        text = pa.array([data], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid as error:
        raise Unreadable(
            "encoding", "it was UTF-8 when it was looked at, and is not now"
        ) from error
    return Found({"text": text}, np.array([line]), digests=[digest], lines_count=lines_count)


def _lost(line: int, digest: str, detail: str) -> Found:
    """Return a document that is longer than allowed."""
    import numpy as np
    import pyarrow as pa

    text = pa.nulls(1, pa.string())
    return Found({"text": text}, np.array([line]), ["too-long"], [detail], [digest])


def _line_ends(data: bytes) -> int:
    r"""Count line ends: LF, CR LF and lone CR."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")

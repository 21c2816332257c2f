"""Read raw files: what they are, in which code, and their records as Arrow batches.

Text is read as text: "NA", "001" and "2020-01-01" stay what they are, whatever the format. Nothing
is lost without a word: what cannot be read is one rejected record, or one rejected file, with the
reason.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from imprint.rooms.read.files import (
    BLOCK_BYTES,
    MAX_BYTES,
    RawFile,
    Unreadable,
    chunks,
    content,
    list_files,
    list_objects,
    name_format,
)
from imprint.rooms.read.many import is_small_text, read_many
from imprint.rooms.read.ranges import Range, can_be_cut, cut
from imprint.rooms.read.reading import Reading
from imprint.rooms.read.rows import Position, Want

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from imprint.rooms.read.dialect import Dialect
    from imprint.settings import ReadOptions

__all__ = [
    "Range",
    "RawFile",
    "Reading",
    "Unreadable",
    "Want",
    "can_be_cut",
    "content",
    "cut",
    "is_small_text",
    "list_files",
    "list_objects",
    "look",
    "read",
    "read_many",
]


def look(path: Path, raw_file: str, options: ReadOptions) -> Reading:
    """Find out how a file is to be read; where it gives no record, say why.

    The whole file is read once, in bounded memory.

    Args:
        path: the file.
        raw_file: its name under raw/, escaped.
        options: what is declared for it.

    Raises:
        RawError: the system does not give the file out.
    """
    from imprint.rooms.read.encoding import find_code

    format_, compression, suffix = name_format(raw_file)
    reading = Reading(raw_file, format_, compression)
    if not format_:
        detail = f'nothing reads the suffix "{suffix}"' if suffix else "it has no suffix"
        detail += "; .txt, .jsonl, .csv, .tsv and .parquet are read, each also with .gz"
        return dataclasses.replace(reading, reason="format", detail=detail)
    try:
        if format_ == "parquet":
            return _look_at_parquet(path, reading, options)
        by_line = format_ == "jsonl"
        code = find_code(path, raw_file, compression, options.encoding, by_line=by_line)
        reading = dataclasses.replace(reading, encoding=code.codec, why=code.why)
        return reading if format_ != "csv" else _look_at_csv(path, reading, options, suffix)
    except Unreadable as fault:
        return dataclasses.replace(reading, reason=fault.reason, detail=fault.detail)


def _look_at_parquet(path: Path, reading: Reading, options: ReadOptions) -> Reading:
    """Find the columns of a Parquet file."""
    from imprint.rooms.read.dialect import hold_columns
    from imprint.rooms.read.parquet import holds_text, parquet_columns

    found = parquet_columns(path, reading.raw_file, reading.compression, options.text)
    kinds = dict(found)
    columns = tuple(name for name, _ in found)
    reading = dataclasses.replace(reading, columns=columns, why="as its footer says")
    try:
        hold_columns(columns, _needed(options))
    except Unreadable as fault:
        return dataclasses.replace(reading, reason=fault.reason, detail=fault.detail)
    kind = kinds[options.text]
    if holds_text(kind):
        return reading
    detail = f'its column "{options.text}" (read.text) is {kind}, wanted text'
    return dataclasses.replace(reading, reason="format", detail=detail)


def _look_at_csv(path: Path, reading: Reading, options: ReadOptions, suffix: str) -> Reading:
    """Find the dialect and the columns of a CSV file."""
    from imprint.rooms.read.dialect import find_dialect, first_row, hold_columns
    from imprint.rooms.read.encoding import decoded, first_characters

    text = first_characters(
        decoded(chunks(path, reading.raw_file, reading.compression), reading.encoding)
    )
    dialect, why = find_dialect(text, options.delimiter, suffix)
    reading = dataclasses.replace(
        reading,
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        escape=dialect.escape,
        columns=first_row(text, dialect),
        why=f"{reading.why}; {why}",
    )
    try:
        hold_columns(reading.columns, _needed(options))
    except Unreadable as fault:
        return dataclasses.replace(reading, reason=fault.reason, detail=fault.detail)
    return reading


def _needed(options: ReadOptions) -> dict[str, str]:
    """Return the columns that a table has to have: {setting: name}."""
    return {"read.text": options.text, **({"read.id": options.id} if options.id else {})}


def read(
    path: Path,
    reading: Reading,
    options: ReadOptions,
    want: Want,
    within: Range | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield a file's records as batches of about 8 MB, in the order of the file.

    Args:
        path: the file.
        reading: what `look` found with the same options.
        options: what is declared for it.
        want: the columns to bring home, and the limits.
        within: which of the ranges that `cut` gives; None for the whole file.

    Raises:
        Unreadable: the file as a whole gives no record; before the first batch, unless it changed.
        RawError: the system does not give the file out.
    """
    if reading.reason is not None:
        raise Unreadable(reading.reason, reading.detail or "")
    position = Position(reading.raw_file)
    if within is not None:
        position = Position(reading.raw_file, within.records, within.records)
    try:
        yield from _batches(path, reading, options, want, (position, within))
    except UnicodeError as error:
        raise Unreadable("encoding", str(error)) from error
    if within is None and not position.documents:
        raise Unreadable("empty", "the file has no line that is not blank")


def _batches(
    path: Path,
    reading: Reading,
    options: ReadOptions,
    want: Want,
    place: tuple[Position, Range | None],
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a file, or of a range of it, as its format's reader gives them."""
    position, within = place
    start, end = (0, MAX_BYTES) if within is None else (within.start, within.end)
    size = BLOCK_BYTES if reading.format == "jsonl" else MAX_BYTES
    if reading.format == "parquet":
        from imprint.rooms.read.parquet import read_parquet

        groups = None if within is None else range(start, end)
        yield from read_parquet(path, reading.compression, position, options, want, groups)
        return

    def stream() -> Iterator[bytes]:
        """Begin to read anew."""
        from imprint.rooms.read.encoding import decoded

        bytes_ = chunks(path, reading.raw_file, reading.compression, start, end, size)
        return decoded(bytes_, reading.encoding, marked=not start)

    if reading.format == "txt":
        from imprint.rooms.read.text import read_txt

        yield from read_txt(stream, position, options, want)
    elif reading.format == "jsonl":
        from imprint.rooms.read.jsonl import read_jsonl

        line = 1 if within is None else within.lines + 1
        yield from read_jsonl(stream, position, options, want, line)
    else:
        from imprint.rooms.read.table import read_csv

        yield from read_csv(stream, _layout(reading), position, options, want)


def _layout(reading: Reading) -> tuple[Dialect, tuple[str, ...]]:
    """Return how a CSV file is cut into cells, and the names of its columns."""
    from imprint.rooms.read.dialect import Dialect

    return Dialect(reading.delimiter, reading.quote, reading.escape), reading.columns

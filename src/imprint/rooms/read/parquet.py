"""Parquet: the wanted columns only, row group after row group."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from imprint.rooms.read.files import CHUNK_BYTES, Unreadable, opened
from imprint.rooms.read.rows import Found, Position, column_types, source_names, to_batch
from imprint.rooms.read.values import Mismatch, mismatch, take

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from imprint.rooms.read.rows import Want
    from imprint.settings import ReadOptions

BATCH_BYTES = 8 * 2**20
"""Of the text in one batch. Source: measured, 8 to 16 MB are fastest."""

BATCH_ROWS = 65_536
"""Rows that are decoded at once at most. Chosen: bounds what short texts cost."""


@contextlib.contextmanager
def open_parquet(path: Path, raw_file: str, compression: str) -> Iterator[Any]:
    """Open a Parquet file, by way of a temporary file where it is compressed.

    Raises:
        Unreadable: `unreadable`, where it is no Parquet file or is damaged.
    """
    import tempfile

    import pyarrow as pa
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(opened(path, raw_file, compression))
        if compression:
            plain = stack.enter_context(tempfile.TemporaryFile())
            while chunk := stream.read(CHUNK_BYTES):
                plain.write(chunk)
            plain.seek(0)
            stream = plain
        try:
            yield stack.enter_context(pq.ParquetFile(stream, page_checksum_verification=True))
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise Unreadable("unreadable", f"no whole Parquet file: {first}") from error


def parquet_columns(
    path: Path, raw_file: str, compression: str, text: str
) -> list[tuple[str, pa.DataType]]:
    """Return the columns of a Parquet file, having read that of the text.

    Damage shows only when a page is read, and a file is taken whole or not at all.

    Raises:
        Unreadable: `unreadable`; `empty` where it has no row.
    """
    with open_parquet(path, raw_file, compression) as file:
        if not file.metadata.num_rows:
            raise Unreadable("empty", "the file has no row")
        columns = [(field.name, field.type) for field in file.schema_arrow]
        if any(name == text for name, _ in columns):
            for _ in file.iter_batches(_rows_at_once(file), columns=[text], use_threads=False):
                pass
        return columns


def holds_text(kind: pa.DataType) -> bool:
    """Say whether a column of this type can give texts.

    >>> import pyarrow as pa
    >>> holds_text(pa.dictionary(pa.int32(), pa.string())), holds_text(pa.int64())
    (True, False)
    """
    import pyarrow.types as pt

    kind = kind.value_type if pt.is_dictionary(kind) else kind
    return any(
        test(kind)
        for test in (
            pt.is_string,
            pt.is_large_string,
            pt.is_string_view,
            pt.is_binary,
            pt.is_large_binary,
            pt.is_binary_view,
        )
    )


def read_parquet(
    path: Path,
    compression: str,
    position: Position,
    options: ReadOptions,
    want: Want,
    groups: Sequence[int] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a Parquet file.

    Args:
        path: the file.
        compression: of the file as a whole.
        position: of the first record.
        options: how the file is read.
        want: the columns and the limits.
        groups: numbers of the row groups to read; None for all.

    Raises:
        Unreadable: `unreadable`, also after some batches.
    """
    with open_parquet(path, position.raw_file, compression) as file:
        have = file.schema_arrow.names
        names = {c: n for c, n in source_names(options, want).items() if n in have}
        types = column_types(names, want)
        columns = list(dict.fromkeys(names.values()))
        rows = _rows_at_once(file)
        for batch in file.iter_batches(rows, groups, columns, use_threads=False):
            for piece in _pieces(batch, names["text"]):
                yield to_batch(_found(piece, names, types), position, options, want)


def _rows_at_once(file: Any) -> int:
    """Return how many rows come to about `BATCH_BYTES`, by what the footer says."""
    metadata = file.metadata
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    per_row = max(1, size // max(1, metadata.num_rows))
    return int(max(1, min(BATCH_ROWS, BATCH_BYTES // per_row)))


def _pieces(batch: pa.RecordBatch, text: str) -> Iterator[pa.RecordBatch]:
    """Halve a batch whose texts are larger than the footer let expect."""
    if batch.num_rows > 1 and batch.column(text).nbytes > 2 * BATCH_BYTES:
        half = batch.num_rows // 2
        yield from _pieces(batch.slice(0, half), text)
        yield from _pieces(batch.slice(half), text)
    else:
        yield batch


def _found(batch: pa.RecordBatch, names: dict[str, str], types: dict[str, Any]) -> Found:
    """Return what a batch holds, each column as its type."""
    bad: dict[int, tuple[str, str]] = {}
    values = {c: _column(batch.column(n), c, n, types[c], bad) for c, n in names.items()}
    count = batch.num_rows
    if not bad:
        return Found(values, None)
    rows = [bad.get(row, (None, None)) for row in range(count)]
    return Found(values, None, [reason for reason, _ in rows], [detail for _, detail in rows])


def _column(
    array: pa.Array, column: str, name: str, kind: pa.DataType, bad: dict[int, tuple[str, str]]
) -> pa.Array:
    """Return a column as its type; rows with a value that does not fit go to `bad`."""
    import pyarrow as pa

    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    ready = _cast(array, kind)
    needed = column in ("text", "id")
    if ready is not None and not (needed and ready.null_count):
        return ready
    values: list[object] = []
    for row, value in enumerate(array.cast(pa.binary()) if holds_text(array.type) else array):
        try:
            values.append(_value(value.as_py(), column, kind))
        except Mismatch as error:
            values.append(None)
            reason = "text" if column == "text" else "schema"
            bad.setdefault(row, (reason, mismatch(name, value.as_py(), str(error))))
    return pa.array(values, kind)


def _value(value: object, column: str, kind: pa.DataType) -> object:
    """Return one value as its column takes it."""
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Mismatch("UTF-8") from error
    return take(value, column, kind)


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Return a column as its type; None where a value's nature would change."""
    import pyarrow as pa
    import pyarrow.types as pt

    alike = (
        (holds_text(array.type) and pt.is_string(kind))
        or (pt.is_integer(array.type) and (pt.is_integer(kind) or pt.is_floating(kind)))
        or (pt.is_floating(array.type) and pt.is_floating(kind) and array.type == kind)
        or array.type == kind
    )
    if not alike:
        return None
    try:
        if pt.is_string(kind):
            array = array.cast(pa.large_binary())  # so that the next cast looks at every byte
        return array.cast(kind)
    except pa.ArrowInvalid:
        return None

"""Digests: of values, of what each row says, of where it stood, and of a dataset."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

PLACE = ("raw_file", "raw_index")
"""Where a record stood: no part of what it says, so a moved record is not an edited one."""

DIGEST_BYTES = 32
"""Of SHA-256."""

SAID_BYTES = 16
"""Of what a row says, in the record of a release."""

AT_ONCE = 65_536
"""Values whose digests are held at once where a part of each is wanted."""

SHORT = 1024
"""Values of this mean length are copied out to be digested, longer ones are not. Source: measured,
a view of a value costs what a copy of 2 to 3 KB does."""


def text_digests(text: pa.Array) -> pa.Array:
    """Return the SHA-256 of each text, as 32 bytes."""
    import pyarrow as pa

    return pa.array(sha256_of(text), pa.binary())


def sha256_of(column: pa.Array) -> list[bytes]:
    """Return the SHA-256 of every string or binary value; a null counts as an empty one.

    >>> import pyarrow as pa
    >>> sha256_of(pa.array(["a", "bc"])[1:])[0].hex()[:8]
    '1e0bbd6c'
    """
    import numpy as np
    import pyarrow as pa

    column = column.fill_null("") if column.null_count else column
    sha256 = hashlib.sha256
    if column.nbytes < SHORT * len(column):
        values = column.cast(pa.binary()).to_numpy(zero_copy_only=False)
        return [sha256(value).digest() for value in values]
    _, starts, data = column.buffers()
    if starts is None or not len(column):
        return []
    offsets = np.frombuffer(starts, np.int32)[column.offset : column.offset + len(column) + 1]
    view = memoryview(data if data is not None else pa.py_buffer(b""))
    return [sha256(view[a:b]).digest() for a, b in itertools.pairwise(offsets.tolist())]


def hash64(column: pa.Array) -> pa.Array:
    """Return the first 64 bits of the SHA-256 of each value."""
    import numpy as np
    import pyarrow as pa

    found = np.zeros(len(column), np.uint64)
    for start in range(0, len(column), AT_ONCE):  # digests take ten times the room of numbers
        words = np.frombuffer(b"".join(sha256_of(column[start : start + AT_ONCE])), ">u8")
        found[start : start + AT_ONCE] = words[:: DIGEST_BYTES // words.itemsize]
    return pa.array(found)


def ascending(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return hashes in ascending order.

    Measured: polars takes a quarter of the time that NumPy's own sort takes.
    """
    import polars as pl

    return pl.Series(hashes, dtype=pl.UInt64).sort().to_numpy()


def each_once(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return hashes in ascending order, each once."""
    import numpy as np

    every = ascending(hashes)
    return np.asarray(every[np.append(True, every[1:] != every[:-1])[: len(every)]])


def place_keys(batch: pa.RecordBatch) -> pa.Array:
    """Return where each record stood, as one value: its file and its position there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(
        batch["raw_file"], batch["raw_index"].cast(pa.string()), "\0"
    )


def row_digests(table: pa.Table | pa.RecordBatch, texts: pa.Array) -> list[bytes]:
    """Return the SHA-256 of what each record says: all columns but its id and its place.

    The same rows have the same digests under any version of any writer. Each value is written as
    its length and its text, numbers in decimal, floats by their bits, lists as JSON, null as `-`;
    the text by its own digest.

    Args:
        table: n records with the published columns and no other.
        texts: the digests of their texts, as `text_digests` gives them.
    """
    names = [name for name in table.schema.names if name not in {"id", "text", *PLACE}]
    return _digests([texts, *(table[name] for name in sorted(names))])


def said(batch: pa.RecordBatch, columns: Sequence[str] | None = None) -> pa.Array:
    """Return what each record says, short, as the record of a release has it.

    Args:
        batch: n records; what begins with `_` is not published.
        columns: those that count; by default all.
    """
    import pyarrow as pa

    names = [name for name in batch.schema.names if not name.startswith("_")]
    if columns is not None:
        names = [name for name in names if name in {"text", *columns}]
    rows = row_digests(batch.select(names), text_digests(batch["text"]))
    return pa.array([row[:SAID_BYTES] for row in rows], pa.binary())


def dataset_digest(schema: pa.Schema, splits: Iterator[tuple[str, bytes]]) -> str:
    """Return the digest of a dataset: of its schema, its splits and all its rows in order.

    Args:
        schema: of the published columns.
        splits: the name of each split in the declared order, and the digests of its rows one after
            the other, each as `placed_digests` gives it.
    """
    columns = "\n".join(f"{field.name} {field.type}" for field in schema)
    whole = hashlib.sha256(columns.encode())
    for name, rows in splits:
        whole.update(f"\n{name} {len(rows)}\n".encode())
        whole.update(rows)
    return whole.hexdigest()


def placed_digests(rows: Sequence[bytes], placed: pa.Table | pa.RecordBatch) -> list[bytes]:
    """Return the digests of records with their ids and places.

    Args:
        rows: the digest of what each of n records says.
        placed: n rows with `id`, `raw_file`, `raw_index`.
    """
    import pyarrow as pa

    said = pa.array(rows, pa.binary())
    return _digests([said, *(placed[name] for name in ("id", *PLACE))])


def _digests(columns: Sequence[pa.Array | pa.ChunkedArray]) -> list[bytes]:
    """Return the SHA-256 of each row of the columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    joined = pc.binary_join_element_wise(*(_canonical(column) for column in columns), b"")
    if isinstance(joined, pa.ChunkedArray):
        joined = joined.combine_chunks()
    return sha256_of(joined)


def _canonical(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return each value of a column as bytes that no other value of its type has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_nested(column.type):
        column = _as_json(column)
    elif pa.types.is_floating(column.type):
        bits = pa.int32() if column.type == pa.float32() else pa.int64()
        column = column.view(bits).cast(pa.string())
    elif not pa.types.is_binary(column.type):
        column = column.cast(pa.string())
    value = column.cast(pa.binary())
    length = pc.binary_length(value).cast(pa.string()).cast(pa.binary())
    return pc.fill_null(pc.binary_join_element_wise(length, value, b":"), b"-")


def _as_json(column: pa.Array) -> pa.Array:
    """Return each nested value as JSON; only those that hold something become Python objects."""
    import json

    import pyarrow as pa
    import pyarrow.compute as pc

    filled = pc.is_valid(column)
    if pa.types.is_list(column.type):
        filled = pc.fill_null(pc.greater(pc.list_value_length(column), 0), fill_value=False)
    encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
    dumped = [encode(value) for value in column.filter(filled).to_pylist()]
    empty = pc.if_else(pc.is_valid(column), "[]", pa.scalar(None, pa.string()))
    return pc.replace_with_mask(empty, filled, pa.array(dumped, pa.string()))

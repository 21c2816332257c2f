"""Write the published records as Parquet, cut where their own hashes say so.

The rows of a split stand in order of their document key's hash. A shard is a node of the binary
tree over that hash: the whole split is node 1, its halves 2 and 3, and so on; a node that is too
large is halved. Row groups are nodes of the same tree, further down. So a record that comes, goes
or changes rewrites the shard that it is in, at most two where a node is halved or joined, and no
other file.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    from imprint.records import RecordSchema

    Numbers = Sequence[int] | np.ndarray[Any, Any]

ROW_GROUP_BYTES = 96_000_000
"""Uncompressed bytes above which a row group is halved, so that they are 48 to 96 MB.

Source: the Hub's viewer wants them under 100 MB and gives up at 300 MB; seen 2026-11."""

CHUNKING = {"min_chunk_size": 32 * 1024, "max_chunk_size": 128 * 1024, "norm_level": 0}
"""Content-defined chunking of pages, about the 64 kB that the Hub's own storage cuts at: an edited
record then changes under half a percent of a shard's chunks (measured on 135 MB)."""

DEPTH = 64
"""Halvings after which a node is left as it is: all bits of the hash are used up."""

PLACE = ("raw_file", "raw_index")
"""Where a record stood: no part of what it says, so a moved record is not an edited one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A run of rows that one shard or row group holds."""

    number: int
    """Heap number: 1 is the whole, 2n and 2n + 1 are the halves of n."""
    start: int
    """First row."""
    end: int
    """Row behind the last."""


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """The rows of one row group that come from one part file."""

    part: Path
    rows: np.ndarray[Any, np.dtype[np.int64]]
    """Row numbers in the part file."""
    positions: np.ndarray[Any, np.dtype[np.int64]]
    """Where they stand in the row group."""


@dataclasses.dataclass(frozen=True, slots=True)
class RowGroup:
    """What one row group is gathered from."""

    pieces: tuple[Piece, ...]
    ids: pa.Array
    """The ids of its rows, which may differ from those in the parts where copies are kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shard:
    """What one task of the last pass writes."""

    path: Path
    groups: tuple[RowGroup, ...]
    record: RecordSchema


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What was written, as it came out."""

    path: Path
    bytes: int
    """Size of the file."""
    sha256: str
    """Digest of the file, in hex."""


def nodes(hashes: Numbers, sizes: Numbers, limit: int, root: int = 1) -> Iterator[Node]:
    """Cut rows into nodes of at most `limit` bytes, as far as their hashes differ.

    Args:
        hashes: of each row, 64-bit, ascending.
        sizes: bytes of each row.
        limit: bytes above which a node is halved.
        root: heap number of the node that holds all rows.

    Yields:
        Nodes that are not empty, in the order of their rows.

    >>> [(n.number, n.start, n.end) for n in nodes([0, 1, 2**63, 2**63 + 1], [5, 5, 5, 5], 10)]
    [(2, 0, 2), (3, 2, 4)]
    """
    import numpy as np

    keys = np.asarray(hashes, dtype=np.uint64)
    so_far = np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))])
    depth = root.bit_length() - 1
    low = (root - (1 << depth)) << (DEPTH - depth)
    pending = [(Node(root, 0, len(keys)), low, depth)]
    while pending:
        node, low, depth = pending.pop()
        if node.start == node.end:
            continue
        if so_far[node.end] - so_far[node.start] <= limit or depth == DEPTH:
            yield node
            continue
        middle = low + (1 << (DEPTH - depth - 1))
        inside = keys[node.start : node.end]
        cut = node.start + int(np.searchsorted(inside, np.uint64(middle), side="left"))
        left = Node(2 * node.number, node.start, cut)
        right = Node(2 * node.number + 1, cut, node.end)
        pending += [(right, middle, depth + 1), (left, low, depth + 1)]


def write_shard(shard: Shard) -> Written:
    """Gather the rows of a shard from the part files and write them as Parquet.

    At most one row group is in memory. Columns that repeat are dictionary-encoded; language, source
    and raw file carry statistics, so that a reader can skip; there is a page index.
    """
    import pyarrow.parquet as pq

    shard.path.parent.mkdir(parents=True, exist_ok=True)
    schema = shard.record.arrow.with_metadata(shard.record.huggingface_metadata())
    tags = [name for name in ("language", "source", "raw_file") if name in schema.names]
    with pq.ParquetWriter(
        shard.path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=tags,
        write_statistics=tags,
        write_page_index=True,
        use_content_defined_chunking=CHUNKING,
    ) as writer:
        for group in shard.groups:
            table = _gather(group, schema)
            writer.write_table(table, row_group_size=len(table))
    with shard.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(shard.path, shard.path.stat().st_size, digest)


def text_digests(text: pa.Array) -> pa.Array:
    """Return the SHA-256 of each text, as 32 bytes."""
    import pyarrow as pa

    digests = [hashlib.sha256(each.as_buffer()).digest() for each in text]
    return pa.array(digests, pa.binary())


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


def placed_digests(rows: Sequence[bytes], placed: pa.Table) -> bytes:
    """Return the digests of records with their ids and places, one after the other.

    Args:
        rows: the digest of what each of n records says.
        placed: n rows with `id`, `raw_file`, `raw_index`.
    """
    places = _digests([placed[name] for name in ("id", *PLACE)])
    pairs = zip(rows, places, strict=True)
    return b"".join(hashlib.sha256(row + place).digest() for row, place in pairs)


def _digests(columns: Sequence[pa.Array | pa.ChunkedArray]) -> list[bytes]:
    """Return the SHA-256 of each row of the columns."""
    import pyarrow.compute as pc

    joined = pc.binary_join_element_wise(*(_canonical(column) for column in columns), b"")
    return [hashlib.sha256(each.as_buffer()).digest() for each in joined]


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
    dumped = [
        json.dumps(value, ensure_ascii=False, sort_keys=True)
        for value in column.filter(filled).to_pylist()
    ]
    empty = pc.if_else(pc.is_valid(column), "[]", pa.scalar(None, pa.string()))
    return pc.replace_with_mask(empty, filled, pa.array(dumped, pa.string()))


def _gather(group: RowGroup, schema: pa.Schema) -> pa.Table:
    """Return the rows of one row group in their order, from the part files that hold them."""
    import numpy as np
    import pyarrow as pa

    tables = []
    for piece in group.pieces:
        with pa.memory_map(str(piece.part)) as file:
            part = pa.ipc.open_file(file).read_all().select(schema.names)
            tables.append(part.take(pa.array(piece.rows)))
    order = np.argsort(np.concatenate([piece.positions for piece in group.pieces]))
    table = pa.concat_tables(tables).take(pa.array(order))
    table = table.set_column(schema.get_field_index("id"), "id", group.ids)
    return table.cast(schema).combine_chunks()

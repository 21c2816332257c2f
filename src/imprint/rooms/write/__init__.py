"""Write the published records as Parquet, cut where their own hashes say so.

The rows of a split stand in order of their document key's hash. A shard is a node of the binary
tree over that hash: the whole split is node 1, its halves 2 and 3, and so on; a node that is too
large is halved. Row groups are nodes of the same tree, further down. So a record that comes, goes
or changes rewrites the shard that it is in, at most two where a node is halved or joined, and no
other file. A row group is written by itself, and a shard is joined from its row groups: so they can
be written apart, and one that an earlier build wrote is taken as it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from typing import TYPE_CHECKING, Any

from imprint.digests import sha256_of
from imprint.engine import compiled
from imprint.errors import Fault, MachineError
from imprint.rooms.write.footer import Source, join

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

Digest = bytes

DEPTH = 64
"""Halvings after which a node is left as it is: all bits of the hash are used up."""


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
    key: str = ""
    """Digest of all that decides the bytes of the row group."""
    bytes: int = 0
    """Of its text."""
    texts: tuple[Digest, ...] | None = None
    """SHA-256 of its texts, where they are to be held to it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shard:
    """A file to be written."""

    path: Path
    groups: tuple[RowGroup, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class WriteGroup:
    """The work of one task: one row group, as a Parquet file of its own."""

    path: Path
    group: RowGroup
    record: RecordSchema


@dataclasses.dataclass(frozen=True, slots=True)
class JoinGroups:
    """The work of one task: one shard, of row groups that are written."""

    path: Path
    sources: tuple[Source, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What was written, as it came out."""

    path: Path
    bytes: int
    """Size of the file."""
    sha256: str
    """Digest of the file, in hex."""
    seconds: float = 0.0
    """What it took to write it."""

    @property
    def name_on_store(self) -> str:
        """Return the name of a shard where nothing can be exchanged: with its digest."""
        return f"{self.path.stem}-{self.sha256[:16]}.parquet"


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


@compiled(starts=False)
def write_group(task: WriteGroup) -> Written:
    """Gather the rows of a row group from the part files and write them as Parquet.

    Columns that repeat are dictionary-encoded; language, source and raw file carry statistics, so
    that a reader can skip; there is a page index.
    """
    import pyarrow.parquet as pq

    start = time.perf_counter()
    task.path.parent.mkdir(parents=True, exist_ok=True)
    schema = task.record.arrow.with_metadata(task.record.huggingface_metadata())
    tags = [name for name in ("language", "source", "raw_file") if name in schema.names]
    table = _gather(task.group, schema)
    pq.write_table(
        table,
        task.path,
        row_group_size=len(table),
        compression="zstd",
        compression_level=1,
        use_dictionary=tags,
        write_statistics=tags,
        write_page_index=True,
        use_content_defined_chunking=CHUNKING,
    )
    with task.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    seconds = time.perf_counter() - start
    return Written(task.path, task.path.stat().st_size, digest, seconds)


@compiled(starts=False)
def join_groups(task: JoinGroups) -> Written:
    """Make a shard of its row groups."""
    start = time.perf_counter()
    task.path.parent.mkdir(parents=True, exist_ok=True)
    size, digest = join(task.sources, task.path)
    return Written(task.path, size, digest, time.perf_counter() - start)


def _gather(group: RowGroup, schema: pa.Schema) -> pa.Table:
    """Return the rows of one row group in their order, from the part files that hold them.

    Raises:
        MachineError: a text in them is not the one that was checked.
    """
    import numpy as np
    import pyarrow as pa

    found = [
        (rows, piece.positions[here])
        for piece in group.pieces
        for rows, here in taken(piece.part, piece.rows, schema.names)
    ]
    order = np.argsort(np.concatenate([positions for _, positions in found]))
    # Of several chunks take would make one by itself, and hold it beside them and what it takes.
    table = pa.Table.from_batches(rows for rows, _ in found).combine_chunks()
    del found
    table = table.take(pa.array(order))
    table = table.set_column(schema.get_field_index("id"), "id", group.ids)
    table = table.cast(schema).combine_chunks()
    if group.texts is not None and tuple(sha256_of(_only(table["text"]))) != group.texts:
        folder = group.pieces[0].part.parent
        seen, wanted = "a text that is not the one that was checked", "the cache as a build left it"
        fix = "look at the disk, then build again with --fresh"
        raise MachineError(Fault(str(folder), seen, wanted, fix))
    return table


def taken(
    part: Path, rows: np.ndarray[Any, np.dtype[np.int64]], names: Sequence[str]
) -> Iterator[tuple[pa.RecordBatch, np.ndarray[Any, np.dtype[np.bool_]]]]:
    """Yield some rows of a part file, batch by batch, and which of `rows` they are.

    Not from the whole file: take would copy all of it first, each time.

    Args:
        part: the file.
        rows: their numbers in it.
        names: of the columns.
    """
    import pyarrow as pa

    with pa.memory_map(str(part)) as file:
        reader, start = pa.ipc.open_file(file), 0
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number).select(names)
            here = (rows >= start) & (rows < start + len(batch))
            yield batch.take(pa.array(rows[here] - start)), here
            start += len(batch)


def _only(column: pa.ChunkedArray) -> pa.Array:
    """Return the one chunk of a column."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

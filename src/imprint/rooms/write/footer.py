"""Join Parquet files of the same columns without reading their pages.

A Parquet file is its row groups, one after the other, then indexes and a footer that say where each
begins. So row groups that were written apart, by several processes or by an earlier build, make one
file: their bytes are copied, and the places in the footer are moved. No library does this.

Source: github.com/apache/parquet-format: README.md, PageIndex.md and parquet.thrift, of which the
numbers of fields are; the compact protocol is described in apache/thrift,
doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAGIC = b"PAR1"

COPIED_AT_ONCE = 8 * 2**20

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
"""Types of the compact protocol; 4, 5 and 6 are whole numbers of 16, 32 and 64 bits."""

I16, I64 = 4, 6

I32, I64 = 5, 6

NUM_ROWS, ROW_GROUPS = 3, 4
"""Fields of FileMetaData; of RowGroup, 3 is the number of rows too."""

COLUMNS, GROUP_OFFSET, ORDINAL = 1, 5, 7
"""Fields of RowGroup."""

CHUNK_OFFSET, META, OFFSET_INDEX, OFFSET_LENGTH, COLUMN_INDEX, COLUMN_LENGTH = 2, 3, 4, 5, 6, 7
"""Fields of ColumnChunk."""

COMPRESSED_SIZE, DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE, BLOOM_FILTER = 7, 9, 10, 11, 14
"""Fields of ColumnMetaData: the size of the pages, and where they begin."""

PAGES, PAGE_OFFSET = 1, 1
"""Fields of OffsetIndex, and of PageLocation in it."""

Struct = dict[int, tuple[int, Any]]
"""Field -> (type, value), in the order of the fields."""


class Source(NamedTuple):
    """A row group of a Parquet file."""

    path: Path
    number: int


def join(sources: Sequence[Source], path: Path) -> tuple[int, str]:
    """Write a Parquet file of row groups that lie in others.

    Args:
        sources: row groups of files with the same columns and no Bloom filters; schema and metadata
            are the first file's.
        path: the file to write.

    Returns:
        Its size in bytes and its SHA-256 in hex.
    """
    footers = {path: read_footer(path) for path in dict.fromkeys(each.path for each in sources)}
    groups: list[Struct] = [
        footers[source.path][ROW_GROUPS][1][1][source.number] for source in sources
    ]
    with contextlib.ExitStack() as stack:
        files = {each: stack.enter_context(each.open("rb")) for each in footers}
        out = _Hashed(stack.enter_context(path.open("wb")))
        out.write(MAGIC)
        shifts = []
        for source, group in zip(sources, groups, strict=True):
            start, end = _extent(group)
            shifts.append(out.size - start)
            out.copy(files[source.path], start, end - start)
        for number, (group, shift) in enumerate(zip(groups, shifts, strict=True)):
            _move(group, shift, number)
        for place, length, moved in (
            (COLUMN_INDEX, COLUMN_LENGTH, 0),
            (OFFSET_INDEX, OFFSET_LENGTH, 1),
        ):
            for source, group, shift in zip(sources, groups, shifts, strict=True):
                _copy_indexes(group, files[source.path], (place, length), shift * moved, out)
        footer = footers[sources[0].path] | {
            NUM_ROWS: (I64, sum(group[NUM_ROWS][1] for group in groups)),
            ROW_GROUPS: (LIST, (STRUCT, groups)),
        }
        encoded = encode(footer)
        out.write(encoded + len(encoded).to_bytes(4, "little") + MAGIC)
    return out.size, out.digest.hexdigest()


def read_footer(path: Path) -> Struct:
    """Return the FileMetaData of a Parquet file."""
    with path.open("rb") as file:
        file.seek(-8, io.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, io.SEEK_END)
        return decode(file.read(length))


def decode(data: bytes) -> Struct:
    """Return the struct that bytes in the compact protocol hold."""
    return _struct(io.BytesIO(data))


def encode(struct: Struct) -> bytes:
    r"""Return a struct in the compact protocol.

    >>> encode({1: (I32, 1), 3: (BINARY, b"a")})
    b'\x15\x02(\x01a\x00'
    """
    out = bytearray()
    _put(out, STRUCT, struct)
    return bytes(out)


class _Hashed:
    """A file that is written from its beginning to its end, and hashed on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)

    def copy(self, file: IO[bytes], start: int, length: int) -> None:
        """Append a part of another file."""
        file.seek(start)
        while length:
            data = file.read(min(length, COPIED_AT_ONCE))
            if not data:
                raise EOFError(f"{file.name} is shorter than its footer says")
            self.write(data)
            length -= len(data)


def _chunks(group: Struct) -> list[Struct]:
    """Return the column chunks of a row group."""
    chunks: list[Struct] = group[COLUMNS][1][1]
    return chunks


def _extent(group: Struct) -> tuple[int, int]:
    """Return where the pages of a row group begin and end."""
    metas = [chunk[META][1] for chunk in _chunks(group)]
    starts = [meta.get(DICTIONARY_PAGE, meta[DATA_PAGE])[1] for meta in metas]
    ends = [start + meta[COMPRESSED_SIZE][1] for start, meta in zip(starts, metas, strict=True)]
    return min(starts), max(ends)


def _move(group: Struct, shift: int, number: int) -> None:
    """Note that the pages of a row group lie further on, and which of a file it is."""
    for chunk in _chunks(group):
        _shift(chunk, (CHUNK_OFFSET,), shift)
        _shift(chunk[META][1], (DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE), shift)
    _shift(group, (GROUP_OFFSET,), shift)
    if ORDINAL in group:
        group[ORDINAL] = (group[ORDINAL][0], number)


def _shift(struct: Struct, fields: Sequence[int], shift: int) -> None:
    """Add to places that are given; 0 is none."""
    for field in fields:
        if field in struct and struct[field][1]:
            struct[field] = (struct[field][0], struct[field][1] + shift)


def _copy_indexes(
    group: Struct, file: IO[bytes], fields: tuple[int, int], shift: int, out: _Hashed
) -> None:
    """Append the indexes of one kind of a row group, and note where they are now."""
    place, length = fields
    for chunk in _chunks(group):
        if place not in chunk:
            continue
        file.seek(chunk[place][1])
        data = file.read(chunk[length][1])
        if place == OFFSET_INDEX:
            index = decode(data)
            for page in index[PAGES][1][1]:
                _shift(page, (PAGE_OFFSET,), shift)
            data = encode(index)
        chunk[place], chunk[length] = (I64, out.size), (I32, len(data))
        out.write(data)


def _struct(data: IO[bytes]) -> Struct:
    """Read a struct."""
    struct: Struct = {}
    field = 0
    while head := data.read(1)[0]:
        kind, step = head & 0x0F, head >> 4
        field = field + step if step else _zigzag(data)
        struct[field] = (kind, _value(data, kind))
    return struct


def _value(data: IO[bytes], kind: int) -> Any:
    """Read a value of a type; a boolean field is its type alone."""
    if kind in (TRUE, FALSE):
        return None
    if kind == BYTE:
        return data.read(1)
    if kind == DOUBLE:
        return data.read(8)
    if kind == BINARY:
        return data.read(_varint(data))
    if kind == STRUCT:
        return _struct(data)
    if kind in (LIST, SET):
        head = data.read(1)[0]
        inner, count = head & 0x0F, head >> 4
        count = _varint(data) if count == 15 else count
        if inner in (TRUE, FALSE):
            return inner, [data.read(1) for _ in range(count)]
        return inner, [_value(data, inner) for _ in range(count)]
    if kind == MAP:
        raise ValueError("the footer holds a map, which the Parquet format has none of")
    return _zigzag(data)


def _varint(data: IO[bytes]) -> int:
    """Read a number of seven bits a byte, the lowest first."""
    value = shift = 0
    while True:
        byte = data.read(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7


def _zigzag(data: IO[bytes]) -> int:
    """Read a number whose lowest bit is its sign."""
    value = _varint(data)
    return (value >> 1) ^ -(value & 1)


def _put(out: bytearray, kind: int, value: Any) -> None:
    """Write a value of a type."""
    if kind == STRUCT:
        before = 0
        for field, (inner, held) in value.items():
            step = field - before
            out.append((step << 4 | inner) if 0 < step < 16 else inner)
            if not 0 < step < 16:
                _put_varint(out, field << 1)
            _put(out, inner, held)
            before = field
        out.append(0)
    elif kind in (LIST, SET):
        inner, items = value
        out.append((min(len(items), 15) << 4) | inner)
        if len(items) >= 15:
            _put_varint(out, len(items))
        for item in items:
            if inner in (TRUE, FALSE):
                out += item
            else:
                _put(out, inner, item)
    elif kind == BINARY:
        _put_varint(out, len(value))
        out += value
    elif kind in (BYTE, DOUBLE):
        out += value
    elif kind not in (TRUE, FALSE):
        _put_varint(out, (value << 1) ^ (value >> 63))


def _put_varint(out: bytearray, value: int) -> None:
    """Write a number of seven bits a byte, the lowest first."""
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)

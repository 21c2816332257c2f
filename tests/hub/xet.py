"""The two formats of Xet that a content store has to understand: xorbs and shards.

A xorb is a run of compressed chunks; a shard says of which chunks a file is made. A server that
keeps whole files needs both only to turn what was uploaded into bytes.

Source: the public xet-core sources, and what hf_xet 1.8.0 sends.
"""

from __future__ import annotations

import dataclasses
import struct

import pyarrow as pa

HEADER_BYTES = 48
"""Length of a shard's header, and of each of its records."""

END = b"\xff" * 32
"""The file hash that ends a shard's list of files."""

VERIFICATION, METADATA = 1 << 31, 1 << 30
"""Flags of a file's header: a record follows for each segment; a record with the sha256 follows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """A run of chunks [start, end) of one xorb, and how many bytes it gives."""

    xorb: str
    bytes: int
    start: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class XetFile:
    """One file as a shard describes it."""

    hash: str
    sha256: str
    segments: tuple[Segment, ...]

    @property
    def bytes(self) -> int:
        """The file's length."""
        return sum(segment.bytes for segment in self.segments)


@dataclasses.dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a xorb: where its header and body lie, and its bytes."""

    offset: int
    end: int
    content: bytes


def hash_text(raw: bytes) -> str:
    """Return a stored hash as it is written in URLs: four little-endian words in hex.

    >>> hash_text(bytes(range(32)))[:16]
    '0706050403020100'
    """
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", raw))


def parse_shard(shard: bytes) -> list[XetFile]:
    """Return the files that a shard describes."""
    files = []
    at = HEADER_BYTES
    while shard[at : at + 32] != END:
        name = hash_text(shard[at : at + 32])
        flags, count = struct.unpack_from("<II", shard, at + 32)
        at += HEADER_BYTES
        segments = []
        for _ in range(count):
            _, length, start, end = struct.unpack_from("<IIII", shard, at + 32)
            segments.append(Segment(hash_text(shard[at : at + 32]), length, start, end))
            at += HEADER_BYTES
        if flags & VERIFICATION:
            at += count * HEADER_BYTES
        digest = ""
        if flags & METADATA:
            digest = hash_text(shard[at : at + 32])
            at += HEADER_BYTES
        files.append(XetFile(name, digest, tuple(segments)))
    return files


def parse_xorb(xorb: bytes) -> list[Chunk]:
    """Return the chunks of a xorb, in order.

    Raises:
        ValueError: a header or a body does not hold together.
    """
    chunks: list[Chunk] = []
    at = 0
    # A xorb may carry a footer behind its chunks; it begins with a name, not with version 0.
    while at + 8 <= len(xorb) and xorb[at] == 0:
        packed = int.from_bytes(xorb[at + 1 : at + 4], "little")
        scheme = xorb[at + 4]
        length = int.from_bytes(xorb[at + 5 : at + 8], "little")
        body = xorb[at + 8 : at + 8 + packed]
        if len(body) != packed:
            raise ValueError(f"chunk {len(chunks)} is cut")
        chunks.append(Chunk(at, at + 8 + packed, _unpack(body, scheme, length)))
        at += 8 + packed
    return chunks


def _unpack(body: bytes, scheme: int, length: int) -> bytes:
    if scheme == 0:
        return body
    if scheme not in (1, 2):
        raise ValueError(f"unknown compression {scheme}")
    unpacked: bytes = pa.Codec("lz4").decompress(body, length, asbytes=True)
    return unpacked if scheme == 1 else _regroup(unpacked)


def _regroup(grouped: bytes) -> bytes:
    """Undo byte grouping: first all bytes at 0, 4, 8, ..., then those at 1, 5, 9, ...

    >>> _regroup(b"aebcd")
    b'abcde'
    """
    content = bytearray(len(grouped))
    at = 0
    for lane in range(4):
        size = len(range(lane, len(grouped), 4))
        content[lane::4] = grouped[at : at + size]
        at += size
    return bytes(content)

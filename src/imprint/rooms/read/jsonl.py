"""JSON lines: one object a line, strict, and a line that does not parse costs only itself.

A block of lines goes through pyarrow with an explicit schema. What pyarrow does not hold as
strictly as JSON does (NaN, two objects a line, one over two lines, bad UTF-8, deep nesting; a line
of `null` alone crashes it) is tested before. Where a block fails it is halved until the lines at
fault stand nearly alone, and these go through the slow twin, Python's json, which knows the reason.
On every line that the fast path takes, both give the same (a property test).

A field that is there twice makes a line bad where the field is wanted; others are not looked at.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from imprint.rooms.read.encoding import utf8_array
from imprint.rooms.read.lines import find_lines, line_blocks
from imprint.rooms.read.rows import Found, Position, column_types, source_names, to_batch
from imprint.rooms.read.values import (
    LONGEST_INTEGER,
    BadLine,
    Mismatch,
    Pairs,
    mismatch,
    pick,
    take,
)
from imprint.timing import slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from imprint.rooms.read.lines import Spans
    from imprint.rooms.read.rows import Want
    from imprint.settings import ReadOptions

SMALL_BYTES = 32 * 1024
"""A block this small that fails is read line by line. Chosen: halving it would not pay."""

DEPTH = 200
"""How deep a value may be nested, for both twins. Chosen: far under the limit of Python's json."""

LINE_BYTES = 64 * 2**20
"""A line may be at least this long, whatever limits.record_bytes says: it has other fields too."""

ESCAPED = 8
"""How much longer than its text a line may be. Source: RFC 8259, an escape is 6 bytes for 1."""


def read_jsonl(
    stream: Callable[[], Iterator[bytes]],
    position: Position,
    options: ReadOptions,
    want: Want,
    line: int = 1,
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a .jsonl, a batch for about 2 MB of it.

    Args:
        stream: begins to read the file as UTF-8 without a mark, each time that it is called.
        position: of the first record, which is 0 unless the stream is a range of the file.
        options: how the file is read.
        want: the columns and the limits.
        line: number of the first line.
    """
    names = source_names(options, want)
    parser = Parser(names, column_types(names, want))
    for block in line_blocks(stream(), max(LINE_BYTES, ESCAPED * want.record_bytes)):
        if block.overlong:
            found = parser.lost(line, "too-long", "the line is longer than can be", block.overlong)
            yield to_batch(found, position, options, want)
            line += 1
            continue
        spans = find_lines(block.data)
        for found in parser.parse(block.data, spans, line):
            yield to_batch(found, position, options, want)
        line += spans.ended


class Parser:
    """Reads blocks of lines into the wanted columns."""

    def __init__(self, names: Mapping[str, str], types: Mapping[str, pa.DataType]) -> None:
        self.names = names
        self.types = types
        self._whole_ids = False  # ids are numbers: learnt from the last block, for speed only

    def parse(self, block: bytes, spans: Spans, line: int) -> Iterator[Found]:
        """Yield what a block of whole lines holds, the first of which has number `line`."""
        if not len(spans.starts):
            return
        found = self.fast(block, spans, line)
        if found is not None:
            yield found
            return
        middle = _middle(block)
        if len(block) <= SMALL_BYTES or not middle:
            yield self.slow(block, spans, line)
            return
        for half in (block[:middle], block[middle:]):
            spans = find_lines(half)
            yield from self.parse(half, spans, line)
            line += spans.ended

    def fast(self, block: bytes, spans: Spans, line: int) -> Found | None:
        """Read a block with pyarrow; None where a line of it needs the slow twin."""
        if not spans.plain or not _is_strict(block) or _is_deep(block, spans):
            return None
        values = self._columns(block, whole_ids=self._whole_ids)
        if values is None and "id" in self.names:
            values = self._columns(block, whole_ids=not self._whole_ids)
            self._whole_ids ^= values is not None
        if values is None or len(values["text"]) != len(spans.starts):
            return None
        if "id" in values and (values["id"].null_count or _has_empty(values["id"])):
            return None
        return _with_missing_texts(values, self.names["text"], block, spans, line)

    def _columns(self, block: bytes, *, whole_ids: bool) -> dict[str, pa.Array] | None:
        """Return the columns as pyarrow reads them, None where it refuses."""
        import pyarrow as pa
        import pyarrow.json as pj

        fields = {self.names[c]: _json_type(t) for c, t in self.types.items()}
        if whole_ids:
            fields[self.names["id"]] = pa.int64()
        try:
            table = pj.read_json(
                pa.BufferReader(block),
                read_options=pj.ReadOptions(use_threads=False, block_size=len(block) + 1),
                parse_options=pj.ParseOptions(
                    explicit_schema=pa.schema(list(fields.items())),
                    unexpected_field_behavior="ignore",
                ),
            ).combine_chunks()
            columns = {c: table.column(self.names[c]) for c in self.types}
            return {c: _one(v.cast(self.types[c])) for c, v in columns.items()}
        except pa.ArrowInvalid:
            return None

    def slow(self, block: bytes, spans: Spans, line: int) -> Found:
        """Read a block line by line: exact, and with the reason of each bad line."""
        import pyarrow as pa

        rows, reasons, details, digests = [], [], [], []
        slow(len(spans.starts))
        for start, end in zip(spans.starts.tolist(), spans.ends.tolist(), strict=True):
            raw = block[start:end]
            row, reason, detail = self._line(raw)
            rows.append(row)
            reasons.append(reason)
            details.append(detail)
            digests.append(None if "text" in row else hashlib.sha256(raw).hexdigest())
        values = {
            column: pa.array([row.get(column) for row in rows], kind)
            for column, kind in self.types.items()
        }
        return Found(values, spans.numbers + line, reasons, details, digests)

    def lost(self, line: int, reason: str, detail: str, digest: str) -> Found:
        """Return one document that is rejected without being read."""
        import numpy as np
        import pyarrow as pa

        values = {column: pa.nulls(1, kind) for column, kind in self.types.items()}
        return Found(values, np.array([line]), [reason], [detail], [digest])

    def _line(self, raw: bytes) -> tuple[dict[str, Any], str | None, str | None]:
        """Return (values by column, reason, detail) of one line."""
        try:
            record = pick(_load(raw), frozenset(self.names.values()))
        except BadLine as error:
            return {}, "parse", str(error)
        row: dict[str, Any] = {}
        reason = detail = None
        for column, kind in self.types.items():
            name, value = self.names[column], record.get(self.names[column])
            try:
                row[column] = take(value, column, kind)
            except BadLine as error:
                return {}, "parse", str(error)
            except Mismatch as error:
                row.pop(column, None)
                if reason is None:
                    reason = "text" if column == "text" else "schema"
                    detail = mismatch(name, value, str(error))
        return row, reason, detail


def _refuse(constant: str) -> None:
    """Refuse NaN and Infinity, which Python's json would take."""
    raise BadLine(f"{constant} is no JSON")


def _integer(digits: str) -> int | float:
    """Return an integer; past 19 digits a float, so that no length is too much work."""
    if digits == "-0":
        return -0.0
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)


LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""What a line must contain to have half of a surrogate pair."""

STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
"""What is taken out of a line before its brackets are counted."""


@functools.cache
def _decoder() -> json.JSONDecoder:
    """Return the decoder of the slow twin."""
    return json.JSONDecoder(
        object_pairs_hook=Pairs, parse_constant=_refuse, parse_int=_integer, strict=True
    )


def _load(raw: bytes) -> object:
    """Parse one line.

    Raises:
        BadLine: with the reason.
    """
    if _depth_over(raw):
        raise BadLine(f"nested over {DEPTH} levels")
    try:
        value = _decoder().decode(raw.decode("utf-8"))
        if LONE_SURROGATE.search(raw):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        place = f"byte 0x{raw[error.start]:02x} at {error.start + 1}"
        raise BadLine(f"{place} is not UTF-8") from error
    except UnicodeEncodeError as error:
        raise BadLine("half of a surrogate pair is no character") from error
    except json.JSONDecodeError as error:
        raise BadLine(f"{error.msg} at character {error.pos + 1}") from error
    return value


def _depth_over(raw: bytes) -> bool:
    """Say whether a line is nested deeper than `DEPTH`."""
    if raw.count(b"[") + raw.count(b"{") <= DEPTH:
        return False
    depth = 0
    for byte in STRINGS.sub(b"", raw):
        depth += (byte in b"[{") - (byte in b"]}")
        if depth > DEPTH:
            return True
    return False


def _is_deep(block: bytes, spans: Spans) -> bool:
    """Say whether a line may be nested too deep; never false where one is."""
    import numpy as np

    # Bit 5 is all that tells [ from {.
    opening = (np.frombuffer(block, np.uint8) | 0x20) == ord("{")
    if np.count_nonzero(opening) <= len(spans.starts) + DEPTH - 1:
        return False
    places = np.flatnonzero(opening)
    counts = np.diff(np.searchsorted(places, np.append(spans.starts, len(block))))
    return bool(counts.max() > DEPTH)


CONSTANT = r"(?:NaN|Inf(?:inity)?)[ \t\r]*[,\]}]"
"""What pyarrow takes for a value besides JSON. Source: rapidjson, kParseNanAndInfFlag."""

AFTER_CONSTANT = b" \t\r,]}i"
"""What may stand behind NaN or Inf as values, and behind Inf in Infinity."""


def _is_strict(block: bytes) -> bool:
    """Say whether a block is UTF-8 without NaN; never true where it is not."""
    import polars as pl

    array = utf8_array(block)
    if array is None:
        return False
    if not _may_have_constant(block):
        return True
    return not pl.Series(pl.from_arrow(array)).str.contains(CONSTANT)[0]


def _may_have_constant(block: bytes) -> bool:
    """Say whether a block may hold NaN or Inf as a value; never false where it does.

    >>> [_may_have_constant(block) for block in (b"[NaN]", b"[Infinity]", b'["Inform", "NON"]')]
    [True, True, False]
    """
    import numpy as np

    data = np.frombuffer(block, np.uint8)
    follows = np.zeros(256, bool)
    follows[list(AFTER_CONSTANT)] = True
    for word in (b"NaN", b"Inf"):
        # The outer letters first: that they stand so is rare, and each test is of the whole block.
        hits = data[:-3] == word[0]
        hits &= data[2:-1] == word[2]
        if hits.any():
            places = np.flatnonzero(hits)
            if np.any((data[places + 1] == word[1]) & follows[data[places + 3]]):
                return True
    return False


def _middle(block: bytes) -> int:
    """Return where to halve a block at a line end; 0 where it is one line."""
    half = len(block) // 2
    middle = block.rfind(b"\n", 0, half) + 1 or block.find(b"\n", half) + 1
    return middle if middle < len(block) else 0


def _json_type(kind: pa.DataType) -> pa.DataType:
    """Return the type to read with: floats as float64, so that twins round alike."""
    import pyarrow as pa
    import pyarrow.types as pt

    return pa.float64() if pt.is_floating(kind) else kind


def _one(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _has_empty(column: pa.Array) -> bool:
    """Say whether a column has an empty string."""
    import pyarrow.compute as pc

    return bool(pc.any(pc.equal(column, "")).as_py())


def _with_missing_texts(
    values: dict[str, pa.Array], name: str, block: bytes, spans: Spans, line: int
) -> Found:
    """Return what pyarrow read; documents whose text is null are rejected."""
    import pyarrow.compute as pc

    text, numbers = values["text"], spans.numbers + line
    if not text.null_count:
        return Found(values, numbers)
    null = pc.is_null(text).to_pylist()
    return Found(
        values,
        numbers,
        ["text" if gone else None for gone in null],
        [mismatch(name, None, "a string") if gone else None for gone in null],
        [
            hashlib.sha256(block[a:b]).hexdigest() if gone else None
            for gone, a, b in zip(null, spans.starts.tolist(), spans.ends.tolist(), strict=True)
        ],
    )

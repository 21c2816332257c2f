"""From what a format gave to the batch that the other rooms work on.

A format's reader says what it found (`Found`): values, line numbers, and what went wrong. All that
is the same for every format is here: positions, digests, ids, paragraphs and limits.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from imprint.digests import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import polars as pl
    import pyarrow as pa

    from imprint.records import RecordSchema
    from imprint.settings import ReadOptions

ID_DIGITS = 16
"""How many hex digits of raw_sha256 make an id. Source: README, "What happens to a record"."""

WHITE_BYTES = bytes([*range(0x21), *range(0x80, 0xC0), 0xC2, 0xE1, 0xE2, 0xE3])
"""All that white space is written with in UTF-8, and more. Source: Unicode, White_Space."""

BEGINNING = 8
"""How many bytes of a text are looked at before all of it is. Chosen: most indents are shorter."""

SEEN = re.compile("[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
"""A character that is no white space. Source: Unicode, White_Space, as polars has it too."""


@dataclasses.dataclass(frozen=True, slots=True)
class Want:
    """What a reader has to bring home, and where it has to stop."""

    record: RecordSchema
    record_bytes: int
    """UTF-8 bytes of a record's text; a longer one is rejected."""
    file_records: int
    """Records of one file; those past it are rejected."""
    most: int | None = None
    """The highest number by which a document is chosen, of a sample; None: all are."""
    given: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Column -> the one value of all records of the file: what its sidecar says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What a format's reader found: n documents in the order of the file.

    `values` holds "text" and, where the input gave them, "id", "language", "source" and the extra
    fields by their published names, each with its Arrow type. A document that is rejected has a
    reason, a detail, no text, and the digest of what stood there instead of the text.
    """

    values: Mapping[str, pa.Array]
    lines: np.ndarray[Any, Any] | None
    """1-based line on which each document starts; None where the format has no lines."""
    reasons: Sequence[str | None] | None = None
    """None: no document is rejected."""
    details: Sequence[str | None] | None = None
    digests: Sequence[str | None] | None = None
    lines_count: bool = False
    """The text stands in the file as it is: each of its lines has a line number of its own."""


@dataclasses.dataclass(slots=True)
class Position:
    """How far into the file the reader is; formats know no positions."""

    raw_file: str
    records: int = 0
    documents: int = 0


def source_names(options: ReadOptions, want: Want) -> dict[str, str]:
    """Return which field of the input gives which column: {column: field}.

    >>> from types import SimpleNamespace as N
    >>> options = N(text="body", id="", fields={"language": "lang"})
    >>> source_names(options, N(record=N(extras=["url"])))
    {'text': 'body', 'language': 'lang', 'url': 'url'}
    """
    names = {"text": options.text}
    if options.id:
        names["id"] = options.id
    for column in ("language", "source"):
        if column in options.fields:
            names[column] = options.fields[column]
    for column in want.record.extras:
        names[column] = options.fields.get(column, column)
    return names


def column_types(names: Iterable[str], want: Want) -> dict[str, pa.DataType]:
    """Return the Arrow type of each column that `source_names` lists."""
    import pyarrow as pa

    own = ("text", "id", "language", "source")
    return {
        column: pa.string() if column in own else want.record.arrow.field(column).type
        for column in names
    }


def hex_digests(column: pa.Array) -> list[str]:
    """Return the SHA-256 of every string as hex digits, of "" where it is null."""
    return [digest.hex() for digest in sha256_of(column)]


def to_batch(found: Found, position: Position, options: ReadOptions, want: Want) -> pa.RecordBatch:
    """Turn what a reader found into a batch, and move `position` behind it.

    Args:
        found: n documents.
        position: where in the file the first of them stands; is moved.
        options: how the file is read; `id` and `unit` count here.
        want: the columns and the limits.

    Returns:
        A row for each document, or for each paragraph of each, in order. A document without a
        paragraph is one rejected row.
    """
    found = _with_given(found, want)
    columns = _documents(found, position, want)
    if options.unit == "paragraph":
        named = "id" in found.values
        columns = _paragraphs(columns, named=named, lines_count=found.lines_count)
    return _finish(columns, position, want)


def _with_given(found: Found, want: Want) -> Found:
    """Return what was found, with the values that hold for all records of the file."""
    import pyarrow as pa

    if not want.given:
        return found
    types = column_types(want.given, want)
    count = len(found.values["text"])
    given = {
        name: pa.repeat(pa.scalar(value, types[name]), count) for name, value in want.given.items()
    }
    return dataclasses.replace(found, values={**found.values, **given})


def _documents(found: Found, position: Position, want: Want) -> dict[str, Any]:
    """Return the columns of the documents, with their digests and keys."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    text = found.values["text"]
    count = len(text)
    digests = hex_digests(text)
    if found.digests is not None:
        digests = [given or own for given, own in zip(found.digests, digests, strict=True)]
    digest = pa.array(digests, pa.string())
    nothing = pa.nulls(count, pa.string())
    given = found.values.get("id", nothing)
    if found.reasons is not None:
        bad = pa.array([reason is not None for reason in found.reasons], pa.bool_())
        text = pc.if_else(bad, pa.scalar(None, pa.string()), text)
    columns: dict[str, Any] = {
        "text": text,
        "raw_sha256": digest,
        "id": pc.coalesce(given, pc.utf8_slice_codeunits(digest, 0, ID_DIGITS)),
        "language": found.values.get("language", nothing),
        "source": found.values.get("source", nothing),
    }
    for name in want.record.extras:
        kind = want.record.arrow.field(name).type
        columns[name] = found.values.get(name, pa.nulls(count, kind))
    columns["_document"] = pc.coalesce(given, digest)
    first = position.documents
    columns["_document_index"] = pa.array(np.arange(first, first + count, dtype=np.int64))
    has_lines = found.lines is not None
    columns["_line"] = (
        pa.array(found.lines, pa.int64()) if has_lines else pa.nulls(count, pa.int64())
    )
    for name, said in (("_reason", found.reasons), ("_detail", found.details)):
        columns[name] = pa.array(said, pa.string()) if said else nothing
    position.documents += count
    return columns


def _paragraphs(columns: dict[str, Any], *, named: bool, lines_count: bool) -> dict[str, Any]:
    """Split every document into its lines; reject one with blank lines only."""
    import polars as pl
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = _split(columns.pop("text"))
    rows = parts["row"].to_arrow()
    result = {name: pc.take(column, rows) for name, column in columns.items()}
    lines = parts["text"].to_arrow().cast(pa.string())
    whole = pc.is_null(lines)
    own = pa.array(hex_digests(lines), pa.string())
    result["text"] = lines
    result["raw_sha256"] = pc.if_else(whole, result["raw_sha256"], own)
    if lines_count:
        result["_line"] = pc.add(result["_line"], parts["line"].to_arrow())
    if named:
        number = parts["n"].cast(pl.String).to_arrow().cast(pa.string())
        result["id"] = pc.binary_join_element_wise(result["_document"], number, "#")
    else:
        result["id"] = pc.utf8_slice_codeunits(result["raw_sha256"], 0, ID_DIGITS)
    empty = pc.and_(whole, pc.is_null(result["_reason"]))
    _reject(result, empty, "the document has no line that is not blank", "empty")
    return result


def _split(text: pa.Array) -> pl.DataFrame:
    """Return row, text, line (from 0) and n (from 1) of every line with text.

    A text that is null or has blank lines only is one row whose text is null.
    """
    import polars as pl

    series = pl.Series("text", pl.from_arrow(text))
    if series.str.contains("\r", literal=True).any():
        series = series.str.replace_all(r"\r\n?", "\n")
    frame = pl.DataFrame({"text": series.str.split("\n")}).with_row_index("row")
    lines = frame.explode("text").with_columns(line=pl.int_range(pl.len()).over("row"))
    kept = lines.filter(pl.col("text").str.contains(r"\S"))
    kept = kept.with_columns(n=pl.int_range(1, pl.len() + 1).over("row"))
    lost = frame.join(kept, on="row", how="anti").select(
        "row", text=pl.lit(None, pl.String), line=pl.lit(0, pl.Int64), n=pl.lit(1, pl.Int64)
    )
    return pl.concat([kept, lost]).sort("row", "line") if len(lost) else kept


def _finish(columns: dict[str, Any], position: Position, want: Want) -> pa.RecordBatch:
    """Add the positions, hold the limits, and put the columns in their order."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    count = len(columns["text"])
    index = pa.array(np.arange(position.records, position.records + count, dtype=np.int64))
    size = pc.fill_null(pc.binary_length(columns["text"]).cast(pa.int64()), 0)
    columns["_raw_bytes"] = size
    long = pc.greater(size, want.record_bytes)
    if pc.any(long).as_py():
        _reject(columns, long, f"the text is over limits.record_bytes = {want.record_bytes}")
        columns["text"] = pc.if_else(long, pa.scalar(None, pa.string()), columns["text"])
    if position.records + count > want.file_records:
        over = pc.greater_equal(index, want.file_records)
        detail = f"the file has over limits.file_records = {want.file_records} records"
        _reject(columns, over, detail)
    _reject(columns, _blank(columns["text"]), "the text is blank", "empty")
    position.records += count
    head = {
        "text": columns.pop("text"),
        "raw_file": pa.repeat(pa.scalar(position.raw_file, pa.string()), count),
        "raw_index": index,
    }
    return pa.RecordBatch.from_pydict({**head, **columns})


def _blank(text: pa.Array) -> pa.Array:
    """Say of each text whether it holds nothing but white space; false for null."""
    import pyarrow as pa

    blank, doubtful = _maybe_blank(text)
    for row in doubtful.tolist():
        blank[row] = SEEN.search(text[row].as_py()) is None
    return pa.array(blank)


def _maybe_blank(text: pa.Array) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Say which texts are empty, and the rows of others that begin like white space.

    >>> import pyarrow as pa
    >>> empty, doubtful = _maybe_blank(pa.array(["", "a", " a", " ", None]))
    >>> empty.tolist(), doubtful.tolist()
    ([True, False, False, False, False], [3])
    """
    import numpy as np

    valid = text.is_valid().to_numpy(zero_copy_only=False)
    _, offsets, data = text.buffers()
    if data is None or not len(text):
        return valid, np.zeros(0, np.int64)
    ends = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    letters, starts, ends = np.frombuffer(data, np.uint8), ends[:-1], ends[1:]
    white = np.zeros(256, bool)
    white[list(WHITE_BYTES)] = True
    doubtful = np.flatnonzero(valid & (starts < ends))
    for further in range(BEGINNING):
        if not len(doubtful):
            break
        places = np.minimum(starts[doubtful] + further, ends[doubtful] - 1)
        doubtful = doubtful[white[letters[places]]]
    return valid & (starts == ends), doubtful


def _reject(columns: dict[str, Any], rows: pa.Array, detail: str, reason: str = "too-long") -> None:
    """Set the reason of the given rows that have none yet."""
    import pyarrow.compute as pc

    if not pc.any(rows).as_py():
        return
    new = pc.and_(rows, pc.is_null(columns["_reason"]))
    columns["_detail"] = pc.if_else(new, detail, columns["_detail"])
    columns["_reason"] = pc.if_else(new, reason, columns["_reason"])

"""A row's digest is of what it says, all of it and nothing else; a dataset's is of its rows."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.digests import (
    SHORT,
    dataset_digest,
    hash64,
    placed_digests,
    row_digests,
    sha256_of,
    text_digests,
)
from imprint.records import default_record_schema, parse_record_schema
from tests.test_write import RECORD, record

if TYPE_CHECKING:
    from collections.abc import Sequence

# A schema with every kind of column that a curator can declare.
KINDS = {
    "string": {"type": ["string", "null"]},
    "whole": {"type": ["integer", "null"]},
    "small": {"type": ["integer", "null"], "x-arrow": "uint8"},
    "number": {"type": ["number", "null"]},
    "single": {"type": ["number", "null"], "x-arrow": "float32"},
    "truth": {"type": ["boolean", "null"]},
    "list": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
    "object": {
        "type": ["object", "null"],
        "properties": {"b": {"type": ["integer", "null"]}, "a": {"type": ["string", "null"]}},
    },
}
WIDE = json.loads(default_record_schema())
WIDE["properties"] |= KINDS
WIDE_SCHEMA = parse_record_schema(json.dumps(WIDE), "schema/record.json").arrow

LETTERS = st.text(st.sampled_from(["a", ":", "-", "1", '"', "é", "\x00", "\n"]), max_size=3)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": LETTERS,
    "whole": st.integers(-(2**63), 2**63 - 1),
    "small": st.integers(0, 255),
    "number": st.floats(allow_nan=False),
    "single": st.floats(allow_nan=False, width=32),
    "truth": st.booleans(),
    "list": st.lists(st.none() | LETTERS, max_size=3),
    "object": st.fixed_dictionaries(
        {"a": st.none() | LETTERS, "b": st.none() | st.integers(-3, 3)}
    ),
}
EXTRAS = st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()})


def wide(extras: Sequence[dict[str, Any]]) -> pa.Table:
    """Return one row for each of the curator's columns; the rest of it is always the same."""
    return pa.Table.from_pylist([record(1, **each) for each in extras], WIDE_SCHEMA)


def digests(table: pa.Table | pa.RecordBatch) -> list[bytes]:
    """Return the digests of the rows of a table."""
    texts = table["text"]
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    return row_digests(table, text_digests(texts))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.none() | st.text() | st.just("é" * SHORT)), st.integers(0, 3), st.integers(0, 9))
def test_digests_of_values(values: list[str | None], start: int, count: int) -> None:
    """Short or long, sliced or not, text or bytes, each has the SHA-256 of its bytes."""
    wanted = [hashlib.sha256((value or "").encode()).digest() for value in values]
    for column in (pa.array(values, pa.string()), pa.array(values, pa.string()).cast(pa.binary())):
        assert sha256_of(column) == wanted
        assert sha256_of(column.slice(start, count)) == wanted[start : start + count]
        numbers = [int.from_bytes(digest[:8], "big") for digest in wanted]
        assert hash64(column).equals(pa.array(numbers, pa.uint64()))


@settings(deadline=None, max_examples=200)
@given(st.lists(EXTRAS, min_size=2, max_size=6))
def test_row_digests_tell_rows_apart(extras: list[dict[str, Any]]) -> None:
    """Two rows have one digest when they are equal to the last bit, and only then."""
    found = digests(wide([*extras, extras[0]]))
    said = [json.dumps(each, sort_keys=True) for each in [*extras, extras[0]]]
    assert all(len(each) == 32 for each in found)
    for i, left in enumerate(found):
        assert [left == right for right in found] == [said[i] == other for other in said]


@settings(deadline=None, max_examples=100)
@given(st.lists(EXTRAS, min_size=1, max_size=6), st.data())
def test_row_digests_do_not_depend_on_chunks(extras: list[dict[str, Any]], data: Any) -> None:
    """A row has the same digest alone, in a batch, and in a table of any chunks and slices."""
    table = wide(extras)
    found = digests(table)
    at = data.draw(st.integers(0, len(table)))
    assert digests(pa.concat_tables([table.slice(0, at), table.slice(at)])) == found
    assert digests(table.slice(at)) == found[at:]
    (batch,) = table.combine_chunks().to_batches()
    assert digests(batch) == found
    assert digests(batch.slice(at)) == found[at:]
    assert [digests(wide([each]))[0] for each in extras] == found


@pytest.mark.parametrize("name", WIDE_SCHEMA.names)
def test_every_column_counts(name: str) -> None:
    """A change in any column is another row; only its id and its place are no part of it."""
    plain: dict[str, Any] = {"string": "a", "whole": 1, "small": 1, "number": 1.0, "single": 1.0}
    plain |= {"truth": True, "list": ["a"], "object": {"a": "a", "b": 1}}
    other: dict[str, Any] = {
        "language_score": 0.25,
        "corrections": [{"wrong": "CTSO", "right": "CSTO", "count": 3}],
        "raw_index": 99,
        "whole": 2,
        "small": 2,
        "number": 1.5,
        "single": 1.5,
        "truth": False,
        "list": ["b"],
        "object": {"a": "a", "b": 2},
    }
    changed = plain | {name: other.get(name, "other")}
    same = digests(wide([plain])) == digests(wide([changed]))
    assert same == (name in {"id", "raw_file", "raw_index"})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"string": None}, {"string": ""}),
        ({"string": None}, {"string": "-"}),
        ({"string": "null"}, {"string": None}),
        ({"list": None}, {"list": []}),
        ({"list": []}, {"list": [None]}),
        ({"list": [None]}, {"list": [""]}),
        ({"list": [None]}, {"list": ["null"]}),
        ({"list": ["a", "b"]}, {"list": ['a", "b']}),
        ({"object": None}, {"object": {"a": None, "b": None}}),
        ({"number": 0.0}, {"number": -0.0}),
        ({"number": 0.0}, {"number": None}),
        ({"truth": False}, {"truth": None}),
        ({"string": "1", "whole": None}, {"string": None, "whole": 1}),
    ],
)
def test_near_values_differ(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Null, empty and the like are not taken for each other."""
    one, other = digests(wide([left, right]))
    assert one != other


def plainly(row: dict[str, Any]) -> bytes:
    """Return the digest of a row in the plainest way, with nothing of Arrow but its types."""
    whole = b"32:" + hashlib.sha256(row["text"].encode()).digest()
    for name in sorted(row.keys() - {"id", "text", "raw_file", "raw_index"}):
        value, kind = row[name], WIDE_SCHEMA.field(name).type
        if value is None:
            whole += b"-"
            continue
        if isinstance(value, list | dict):
            said = json.dumps(value, ensure_ascii=False, sort_keys=True)
        elif isinstance(value, float):
            form = "<fi" if kind == pa.float32() else "<dq"
            said = str(struct.unpack("<" + form[2], struct.pack(form[:2], value))[0])
        else:
            said = str(value).lower() if isinstance(value, bool) else str(value)
        whole += str(len(said.encode())).encode() + b":" + said.encode()
    return hashlib.sha256(whole).digest()


@settings(deadline=None, max_examples=200)
@given(EXTRAS)
def test_row_digests_are_fixed(extras: dict[str, Any]) -> None:
    """What is digested is as documented: a release's digests may not drift with a version."""
    (row,) = wide([extras]).to_pylist()
    assert digests(wide([extras])) == [plainly(row)]


def test_a_move_is_no_edit() -> None:
    """A moved record says the same, and stands elsewhere."""
    one, moved = record(1), record(1, raw_file="b.txt", raw_index=9)
    table = pa.Table.from_pylist([one, moved, record(1)], RECORD.arrow)
    found = digests(table)
    assert found[0] == found[1]
    first, second, third = placed_digests(found, table)
    assert first == third != second


def test_dataset_digest_sees_schema_splits_and_order() -> None:
    """Another column, split, order of splits or order of rows is another dataset."""
    a, b = b"a" * 32, b"b" * 32
    schema = RECORD.arrow
    made = [
        dataset_digest(schema, iter([("train", a + b)])),
        dataset_digest(schema, iter([("train", b + a)])),
        dataset_digest(schema, iter([("test", a + b)])),
        dataset_digest(schema, iter([("train", a), ("test", b)])),
        dataset_digest(schema, iter([("test", b), ("train", a)])),
        dataset_digest(WIDE_SCHEMA, iter([("train", a + b)])),
    ]
    assert len(set(made)) == len(made)
    assert dataset_digest(schema, iter([("train", a + b)])) == made[0]

"""What writing promises: shards that stay, rows that are told apart, bytes that do not vary."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import imprint
from imprint.records import default_record_schema, parse_record_schema
from imprint.rooms.write import (
    Piece,
    RowGroup,
    Shard,
    nodes,
    row_digests,
    text_digests,
    write_shard,
)
from tests.projects import make, rows, sentences

if TYPE_CHECKING:
    from pathlib import Path

RECORD = parse_record_schema(default_record_schema(), "record.json")

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=40).map(sorted)


@given(HASHES, st.integers(1, 60))
def test_nodes_cover_all_rows_once(hashes: list[int], limit: int) -> None:
    """Every row is in one node, in order; a node keeps the limit, or all its hashes are equal."""
    found = list(nodes(hashes, [7] * len(hashes), limit))
    assert [row for node in found for row in range(node.start, node.end)] == list(
        range(len(hashes))
    )
    for node in found:
        inside = hashes[node.start : node.end]
        assert 7 * len(inside) <= limit or len(set(inside)) == 1
        depth = node.number.bit_length() - 1
        assert all(1 << depth | value >> (64 - depth) == node.number for value in inside)


@given(HASHES, st.integers(0, 2**64 - 1), st.integers(7, 60))
def test_one_more_row_changes_few_nodes(hashes: list[int], more: int, limit: int) -> None:
    """A record that comes changes the node that it falls into, or cuts it: no other is touched."""

    def content(values: list[int]) -> dict[int, tuple[int, ...]]:
        found = nodes(values, [7] * len(values), limit)
        return {node.number: tuple(values[node.start : node.end]) for node in found}

    before, after = content(hashes), content(sorted([*hashes, more]))
    gone = [number for number in before if before[number] != after.get(number)]
    assert len(gone) <= 1
    touched = [number for number in after if after[number] != before.get(number)]
    assert all(not gone or bin(number).startswith(bin(gone[0])) for number in touched)


def table(count: int, **other: list[Any]) -> pa.Table:
    """Return records as they are published."""
    columns: dict[str, list[Any]] = {
        "id": [f"id{n}" for n in range(count)],
        "text": [f"teks {n}" for n in range(count)],
        "language": ["id"] * count,
        "language_score": [0.5] * count,
        "source": [None] * count,
        "corrections": [[]] * count,
        "raw_file": ["a.txt"] * count,
        "raw_index": list(range(count)),
        "raw_sha256": ["0" * 64] * count,
    }
    return pa.table(columns | other, RECORD.arrow)


def digests(records: pa.Table) -> list[bytes]:
    """Return the digests of what records say."""
    return row_digests(records, text_digests(records["text"]))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("text", "teks 0 "),
        ("language", "ms"),
        ("language_score", 0.501),
        ("source", ""),
        ("corrections", [{"wrong": "a", "right": "b", "count": 1}]),
        ("raw_sha256", "1" * 64),
    ],
)
def test_any_change_changes_the_digest(column: str, value: object) -> None:
    """Whatever a record says is in its digest; null and an empty string differ."""
    assert digests(table(1, **{column: [value]})) != digests(table(1))


@pytest.mark.parametrize(("column", "value"), [("id", "x"), ("raw_file", "b"), ("raw_index", 9)])
def test_a_move_does_not(column: str, value: object) -> None:
    """A record that moved, or is numbered otherwise, says what it said."""
    assert digests(table(1, **{column: [value]})) == digests(table(1))


def test_digests_do_not_depend_on_chunks() -> None:
    """The same rows in other chunks, or as part of a longer column, have the same digests."""
    whole = table(10)
    parts = pa.concat_tables([whole.slice(0, 3), whole.slice(3)])
    assert digests(parts) == digests(whole) == digests(whole.slice(0, 4)) + digests(whole.slice(4))


def written(folder: Path, cuts: list[int]) -> Path:
    """Write twenty records whose parts were cut at these rows."""
    whole, pieces = table(20), []
    folder.mkdir()
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, 20], strict=True)):
        part = folder / f"{number}.arrow"
        with pa.ipc.new_file(str(part), whole.schema) as file:
            file.write_table(whole.slice(start, end - start), max_chunksize=3)
        numbers = pa.array(range(end - start)).to_numpy()
        pieces.append(Piece(part, numbers, numbers + start))
    group = RowGroup(tuple(pieces), whole["id"].combine_chunks())
    return write_shard(Shard(folder / "train-1.parquet", (group,), RECORD)).path


@pytest.mark.parametrize("cuts", [[1], [5, 6, 19], list(range(1, 20))], ids=len)
def test_same_bytes_however_the_parts_were_cut(tmp_path: Path, cuts: list[int]) -> None:
    """A shard has the same bytes, and the rows in their order, wherever its rows were before."""
    one = written(tmp_path / "one", [])
    assert pq.ParquetFile(one).read().to_pylist() == table(20).to_pylist()
    assert written(tmp_path / "two", cuts).read_bytes() == one.read_bytes()


def test_what_was_written_is_told(tmp_path: Path) -> None:
    """The size and the digest that come back are those of the file."""
    path = written(tmp_path / "one", [])
    again = write_shard(
        Shard(
            path,
            (
                RowGroup(
                    (Piece(tmp_path / "one" / "0.arrow", *[pa.array(range(20)).to_numpy()] * 2),),
                    table(20)["id"].combine_chunks(),
                ),
            ),
            RECORD,
        )
    )
    assert again.bytes == path.stat().st_size
    assert again.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_readers_can_skip(tmp_path: Path) -> None:
    """Language and source carry statistics, tags are in a dictionary, pages have an index."""
    meta = pq.ParquetFile(written(tmp_path / "one", [])).metadata.row_group(0)
    columns = {meta.column(n).path_in_schema: meta.column(n) for n in range(meta.num_columns)}
    assert columns["language"].statistics.min == "id"
    assert "RLE_DICTIONARY" in columns["language"].encodings
    assert "RLE_DICTIONARY" not in columns["text"].encodings
    assert columns["text"].has_offset_index
    assert {column.compression for column in columns.values()} == {"ZSTD"}


def test_digest_does_not_depend_on_shards(tmp_path: Path) -> None:
    """Cut into many shards, the dataset has the same rows and the same digest."""
    one = imprint.build(make(tmp_path / "one", sentences(60)), workers=1)
    many = imprint.build(
        make(tmp_path / "many", sentences(60), more="[write]\nshard_bytes = 500\n"), workers=1
    )
    assert len(many.manifest.splits["train"].files) > 5
    assert many.manifest.digest == one.manifest.digest
    assert rows(tmp_path / "many") == rows(tmp_path / "one")


def test_edited_record_rewrites_one_shard(tmp_path: Path) -> None:
    """A record that changes in place leaves every other shard byte for byte."""
    lines = [f'{{"nr": "n{n}", "text": "Berita nomor {n} dari kota itu."}}\n' for n in range(200)]
    more = '[read]\nid = "nr"\n[write]\nshard_bytes = 400\n'
    root = make(tmp_path, {"a.jsonl": "".join(lines)}, more=more)
    before = {file.path: file.sha256 for file in imprint.build(root, workers=1).manifest.files}
    lines[77] = lines[77].replace("Berita", "Kabar")
    make(tmp_path, {"a.jsonl": "".join(lines)}, more=more)
    after = {file.path: file.sha256 for file in imprint.build(root, workers=1).manifest.files}
    shards = [path for path in before if path.startswith("data/")]
    assert len(shards) >= 20
    assert [path for path in shards if after.get(path) != before[path]] != []
    assert (
        len(
            [
                path
                for path in {*before, *after}
                if path.startswith("data/") and after.get(path) != before.get(path)
            ]
        )
        <= 2
    )

"""Shards are nodes of a tree over hashes, and hold their rows in the same bytes every time."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

import imprint
from imprint import publish
from imprint.engine import Here
from imprint.records import default_record_schema, parse_record_schema
from imprint.reuse import NOTHING, write_shards
from imprint.rooms.write import (
    ROW_GROUP_BYTES,
    Node,
    Piece,
    RowGroup,
    Shard,
    Written,
    nodes,
)
from tests.projects import make, rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

RECORD = parse_record_schema(default_record_schema(), "schema/record.json")

# Hashes that share many first bits, or all, and such as real keys have.
HASHES = st.one_of(
    st.integers(0, 2**64 - 1),
    st.sampled_from([0, 1, 2, 2**32, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1]),
)
ROWS = st.lists(st.tuples(HASHES, st.integers(0, 40)), max_size=30).map(sorted)
LIMITS = st.integers(0, 100)

Row = tuple[int, int]


def cut(sized: Sequence[Row], limit: int, root: int = 1) -> list[Node]:
    """Return the nodes of rows, each its hash and its size."""
    return list(nodes([h for h, _ in sized], [s for _, s in sized], limit, root))


def held(sized: Sequence[Row], limit: int) -> dict[int, list[Row]]:
    """Return the rows of each node, by its number."""
    return {node.number: list(sized[node.start : node.end]) for node in cut(sized, limit)}


@settings(deadline=None)
@given(ROWS, LIMITS)
def test_nodes_cover_all_rows_in_order(sized: list[Row], limit: int) -> None:
    """Every row is in one node, and the nodes follow each other without a gap."""
    found = cut(sized, limit)
    assert [row for node in found for row in range(node.start, node.end)] == [*range(len(sized))]
    assert all(node.start < node.end for node in found)
    assert len({node.number for node in found}) == len(found)


@settings(deadline=None)
@given(ROWS, LIMITS)
def test_nodes_are_as_small_as_they_can_be(sized: list[Row], limit: int) -> None:
    """A node is over the limit only where all bits of its hashes are used up."""
    for number, inside in held(sized, limit).items():
        if sum(size for _, size in inside) > limit:
            assert len({key for key, _ in inside}) == 1
            assert number.bit_length() == 65


@settings(deadline=None)
@given(ROWS, LIMITS)
def test_nodes_are_as_large_as_they_can_be(sized: list[Row], limit: int) -> None:
    """Whatever was halved was over the limit."""
    found = held(sized, limit)
    for number in {each >> up for each in found for up in range(1, each.bit_length())}:
        below = [
            row
            for each, inside in found.items()
            if each >> max(0, each.bit_length() - number.bit_length()) == number
            for row in inside
        ]
        assert sum(size for _, size in below) > limit


@settings(deadline=None)
@given(ROWS, LIMITS)
def test_the_number_is_the_first_bits(sized: list[Row], limit: int) -> None:
    """A node's number is a one, and then the bits that the hashes of its rows begin with."""
    for number, inside in held(sized, limit).items():
        depth = number.bit_length() - 1
        assert {(1 << depth) + (key >> (64 - depth)) for key, _ in inside} == {number}


@settings(deadline=None)
@given(ROWS, LIMITS, LIMITS)
def test_row_groups_are_nodes_of_the_same_tree(sized: list[Row], limit: int, more: int) -> None:
    """Cutting each shard further gives what cutting the whole at the lower limit gives."""
    fine = [
        (each.number, node.start + each.start, node.start + each.end)
        for node in cut(sized, limit + more)
        for each in cut(sized[node.start : node.end], limit, node.number)
    ]
    assert fine == [(each.number, each.start, each.end) for each in cut(sized, limit)]


@settings(deadline=None)
@given(ROWS, LIMITS, st.tuples(HASHES, st.integers(0, 40)))
def test_a_record_changes_one_place(sized: list[Row], limit: int, new: Row) -> None:
    """What a record that comes or goes changes lies under one node, whole before or after it."""
    before, after = held(sized, limit), held(sorted([*sized, new]), limit)
    gone = [number for number in before if before[number] != after.get(number)]
    come = [number for number in after if after[number] != before.get(number)]
    assert len(gone) <= 1
    top = gone[0] if gone else min(come)
    assert all(number >> (number.bit_length() - top.bit_length()) == top for number in come)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 3000), st.integers(1000, 20000))
def test_a_record_rewrites_two_shards_at_most(seed: int, n: int, limit: int) -> None:
    """Where records are small beside a shard, one that comes, goes or grows rewrites two."""
    draw = random.Random(seed)
    more = sorted((draw.getrandbits(64), draw.randint(1, 20)) for _ in range(n))
    place = draw.randrange(n)
    key, size = more[place]
    fewer = more[:place] + more[place + 1 :]
    grown = [*more[:place], (key, size + 20), *more[place + 1 :]]
    for one, other in [(fewer, more), (more, fewer), (more, grown), (grown, more)]:
        before, after = held(one, limit), held(other, limit)
        written = [number for number in after if after[number] != before.get(number)]
        assert len(written) <= 2
        assert len([number for number in before if number not in after]) <= 2


def test_a_limit_met_is_kept() -> None:
    """Exactly the limit is one node, a byte more is two."""
    halves = [(0, 5), (2**63, 5)]
    assert held(halves, 10) == {1: halves}
    assert held(halves, 9) == {2: halves[:1], 3: halves[1:]}
    assert cut([], 10) == []


def record(number: int, /, **columns: Any) -> dict[str, Any]:
    """Return a published row."""
    text = f"Kalimat nomor {number}. " * (1 + number % 7)
    plain = {
        "id": f"id-{number}",
        "text": text,
        "language": ["id", "ms", "jv"][number % 3],
        "language_score": 0.5,
        "source": "Antara" if number % 2 else None,
        "corrections": [{"wrong": "CTSO", "right": "CSTO", "count": 2}] if number % 5 == 0 else [],
        "raw_file": f"{number % 4}.txt",
        "raw_index": number,
        "raw_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    return plain | columns


def pressed(
    folder: Path, table: pa.Table, parts: Sequence[Sequence[int]], groups: Sequence[int]
) -> Written:
    """Write a shard of all rows of a table.

    Args:
        folder: where part files and shard belong.
        table: the rows.
        parts: the rows of each part file, in the order in which it holds them.
        groups: where a row group ends and another begins.
    """
    private = pa.array([b"private"] * len(table), pa.binary())
    whole = table.append_column("_row", private)
    paths = [folder / f"part-{number}.arrow" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        with pa.ipc.new_file(str(path), whole.schema) as file:
            file.write_table(whole.take(pa.array(part, pa.int64())), max_chunksize=3)
    ends = [0, *groups, len(table)]
    made = [
        RowGroup(
            tuple(
                Piece(
                    path,
                    np.array([n for n, row in enumerate(part) if start <= row < end], np.int64),
                    np.array([row - start for row in part if start <= row < end], np.int64),
                )
                for path, part in zip(paths, parts, strict=True)
            ),
            table["id"].slice(start, end - start).combine_chunks(),
        )
        for start, end in itertools.pairwise(ends)
        if start < end
    ]
    return shard(folder / "data" / "train-1.parquet", *made)


def shard(path: Path, *groups: RowGroup) -> Written:
    """Write a shard of row groups."""
    task = Shard(path, groups)
    (written,) = write_shards([task], RECORD, path.parent / "scratch", Here(), NOTHING)
    return written


def divided(n: int, draw: random.Random) -> list[list[int]]:
    """Return the rows divided over parts in some way, in some order within each."""
    parts: list[list[int]] = [[] for _ in range(draw.randint(1, 5))]
    for row in draw.sample(range(n), n):
        draw.choice(parts).append(row)
    return parts


TABLE = pa.Table.from_pylist([record(number) for number in range(60)], RECORD.arrow)


def test_a_shard_holds_its_rows(tmp_path: Path) -> None:
    """Rows are gathered from all parts in their order; private columns stay behind."""
    written = pressed(tmp_path, TABLE, divided(60, random.Random(1)), [20, 50])
    found = pq.read_table(written.path, partitioning=None)
    assert found.to_pylist() == TABLE.to_pylist()
    assert found.schema.remove_metadata() == RECORD.arrow
    features = json.loads(found.schema.metadata[b"huggingface"])["info"]["features"]
    assert features == RECORD.features
    assert written.bytes == written.path.stat().st_size
    assert written.sha256 == hashlib.sha256(written.path.read_bytes()).hexdigest()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32))
def test_bytes_do_not_depend_on_the_parts(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """The same rows give the same file, however they were divided over part files."""
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    left = pressed(one, TABLE, [[*range(60)]], [31])
    right = pressed(other, TABLE, divided(60, random.Random(seed)), [31])
    assert (left.bytes, left.sha256) == (right.bytes, right.sha256)


def test_ids_of_copies_are_written(tmp_path: Path) -> None:
    """A row has the id that was settled, where it differs from the one in its part."""
    part = tmp_path / "part.arrow"
    with pa.ipc.new_file(str(part), TABLE.schema) as file:
        file.write_table(TABLE)
    piece = Piece(part, np.array([7, 7]), np.array([1, 0]))
    group = RowGroup((piece,), pa.array(["x", "x-2"], pa.string()))
    written = shard(tmp_path / "train-1.parquet", group)
    found = pq.read_table(written.path)
    assert found["id"].to_pylist() == ["x", "x-2"]
    assert found["text"].to_pylist() == [TABLE["text"][7].as_py()] * 2


def test_readers_can_skip(tmp_path: Path) -> None:
    """Tags carry statistics and a page index, every column knows where its pages lie."""
    written = pressed(tmp_path, TABLE, [[*range(60)]], [20, 50])
    file = pq.ParquetFile(written.path)
    assert [file.metadata.row_group(n).num_rows for n in range(3)] == [20, 30, 10]
    for number in range(3):
        group = file.metadata.row_group(number)
        columns = {
            group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)
        }
        assert all(column.has_offset_index for column in columns.values())
        assert all(column.compression == "ZSTD" for column in columns.values())
        tags = {name for name, column in columns.items() if column.has_column_index}
        assert tags == {"language", "source", "raw_file"}
        for name in tags:
            assert columns[name].statistics.has_min_max, name
            assert columns[name].has_dictionary_page, name
        assert columns["text"].statistics is None
    filtered = pq.read_table(written.path, filters=[("language", "=", "jv")])
    assert filtered.num_rows == 20


WORDS = ["pasukan", "kota", "hari", "Kamis", "jalan", "air", "rumah", "pasar", "harga", "naik"]
WORDS += ["sekolah", "murid", "guru", "sungai", "jembatan", "hujan", "malam", "kepala", "desa"]


def lines(number: int) -> str:
    """Return a JSON line file of texts that have little in common."""
    draw = random.Random(5)
    texts = (" ".join(draw.choices(WORDS, k=40)) + f" {n}." for n in range(number))
    return "\n".join(json.dumps({"text": text}) for text in texts)


def test_the_digest_does_not_depend_on_the_shards(tmp_path: Path) -> None:
    """The size of the shards changes files and names; rows, order and digest stay."""
    built = {}
    for limit in (512_000_000, 20_000, 3000):
        more = f"[dedup]\nnear = 0\n[write]\nshard_bytes = {limit}\n"
        project = make(tmp_path / str(limit), {"a.jsonl": lines(200)}, more=more)
        manifest = imprint.build(project, workers=1).manifest
        built[limit] = (manifest, rows(project))
    manifests = [manifest for manifest, _ in built.values()]
    assert len({manifest.digest for manifest in manifests}) == 1
    counts = [len(manifest.splits["train"].files) for manifest in manifests]
    assert counts[0] == 1 < counts[1] < counts[2]
    one, *others = (found for _, found in built.values())
    assert len(one) == 200
    assert all(found == one for found in others)


def test_an_edited_record_rewrites_its_shard(tmp_path: Path) -> None:
    """A record that changes in place leaves every other shard as it was, by name and by bytes."""
    more = '[read]\nid = "n"\n[dedup]\nnear = 0\n[write]\nshard_bytes = 3000\n'
    records = [json.loads(line) | {"n": f"n{n}"} for n, line in enumerate(lines(200).split("\n"))]
    found = []
    for word in ("", "Kemarin "):
        records[77]["text"] = word + records[77]["text"]
        raw: dict[str, str | bytes] = {"a.jsonl": "\n".join(map(json.dumps, records))}
        manifest = imprint.build(make(tmp_path, raw, more=more), workers=1).manifest
        found.append({each.path: each.sha256 for each in manifest.files if "data/" in each.path})
    before, after = found
    assert len(before) >= 20
    assert 1 <= len(after.items() - before.items()) <= 2
    assert len(before.keys() - after.keys()) <= 1


def test_row_groups_are_under_their_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row group is larger than its limit, uncompressed, and the Hub's viewer can show it."""
    assert ROW_GROUP_BYTES < 100_000_000
    limit = 100_000
    monkeypatch.setattr(publish, "ROW_GROUP_BYTES", limit)
    more = "[dedup]\nnear = 0\n[splits]\nshares = { train = 1 }\n"
    project = make(tmp_path / "a", {"a.jsonl": lines(700)}, more=more)
    imprint.build(project, workers=1)
    file = pq.ParquetFile(project / "build" / "dataset" / "data" / "train-1.parquet")
    groups = [file.metadata.row_group(n) for n in range(file.num_row_groups)]
    assert len(groups) >= 4
    assert Counter(group.total_byte_size < limit for group in groups) == {True: len(groups)}

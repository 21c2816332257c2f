"""Parquet files are joined without reading their pages, and read as if written in one go."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.rooms.write import CHUNKING
from imprint.rooms.write.footer import Source, Struct, decode, encode, join, read_footer

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "text": pa.string(),
        "language": pa.string(),
        "corrections": pa.list_(pa.struct({"wrong": pa.string(), "count": pa.int32()})),
        "score": pa.float32(),
    }
)


def table(rows: int, seed: int) -> pa.Table:
    """Return rows of texts of very different lengths, with nulls and empty lists."""
    draw = random.Random(seed)
    made: list[dict[str, Any]] = [
        {
            "id": f"{seed}-{number}",
            "text": None
            if draw.random() < 0.1
            else "kata " * draw.choice([0, 3, 900]) + str(number),
            "language": draw.choice(["id", "ms", None]),
            "corrections": [{"wrong": "a", "count": number}] * draw.choice([0, 0, 2]),
            "score": draw.random(),
        }
        for number in range(rows)
    ]
    return pa.Table.from_pylist(made, SCHEMA)


def write(path: Path, given: pa.Table) -> Source:
    """Write one row group as the press does."""
    pq.write_table(
        given,
        path,
        row_group_size=max(1, len(given)),
        compression="zstd",
        use_dictionary=["language"],
        write_statistics=["language"],
        write_page_index=True,
        use_content_defined_chunking=CHUNKING,
    )
    return Source(path, 0)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=5), st.integers(0, 99))
def test_joined_files_read_as_one(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], seed: int
) -> None:
    """Row groups come back in their order, whole, with their statistics and page indexes."""
    folder = tmp_path_factory.mktemp("join")
    tables = [table(size, seed + n) for n, size in enumerate(sizes)]
    sources = [write(folder / f"{n}.parquet", each) for n, each in enumerate(tables)]
    size, _ = join(sources, folder / "all.parquet")
    assert size == (folder / "all.parquet").stat().st_size
    file = pq.ParquetFile(folder / "all.parquet", page_checksum_verification=True)
    assert file.read().equals(pa.concat_tables(tables))
    assert [file.metadata.row_group(n).num_rows for n in range(len(sizes))] == sizes
    column = file.metadata.row_group(len(sizes) - 1).column(2)
    assert column.has_column_index
    assert column.has_offset_index
    for number, each in enumerate(tables):
        assert file.read_row_group(number).equals(each)
    scanned = pl.scan_parquet(folder / "all.parquet").filter(pl.col("language") == "ms")
    wanted = pl.DataFrame(pl.from_arrow(pa.concat_tables(tables))).filter(
        pl.col("language") == "ms"
    )
    assert scanned.collect()["id"].to_list() == wanted["id"].to_list()


def test_joining_one_changes_nothing(tmp_path: Path) -> None:
    """A file of one row group, joined alone, has the bytes that it had."""
    source = write(tmp_path / "a.parquet", table(2000, 1))
    join([source], tmp_path / "b.parquet")
    assert (tmp_path / "b.parquet").read_bytes() == source.path.read_bytes()


def test_row_groups_of_a_joined_file_can_be_joined(tmp_path: Path) -> None:
    """It does not matter whether a row group lay alone or in another shard."""
    apart = [write(tmp_path / f"{n}.parquet", table(400 + n, n)) for n in range(4)]
    join(apart, tmp_path / "all.parquet")
    inside = [Source(tmp_path / "all.parquet", number) for number in range(4)]
    join([inside[2], apart[0], inside[1]], tmp_path / "mixed.parquet")
    join([apart[2], apart[0], apart[1]], tmp_path / "wanted.parquet")
    assert (tmp_path / "mixed.parquet").read_bytes() == (tmp_path / "wanted.parquet").read_bytes()


def test_footers_are_written_as_they_were_read(tmp_path: Path) -> None:
    """What the codec reads it writes in the same bytes."""
    path = write(tmp_path / "a.parquet", table(50, 3)).path
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    assert encode(read_footer(path)) == data[-8 - length : -8]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_numbers_survive(numbers: list[int]) -> None:
    """Numbers of 64 bits and fields far apart come back as they were."""
    struct: Struct = {1 + 20 * n: (6, number) for n, number in enumerate(numbers)}
    struct[1000] = (9, (6, numbers))
    assert decode(encode(struct)) == struct


def test_a_source_that_is_cut_is_refused(tmp_path: Path) -> None:
    """A file that is shorter than its footer says is an error and no shorter shard."""
    source = write(tmp_path / "a.parquet", table(500, 5))
    data = source.path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    source.path.write_bytes(data[:100] + data[-8 - length :])
    with pytest.raises(EOFError):
        join([source], tmp_path / "b.parquet")

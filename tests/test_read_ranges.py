"""What reading a big file in ranges promises: the same records as reading it whole."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import imprint
from imprint import inputs
from imprint.rooms.read import can_be_cut, cut, files, ranges, read
from imprint.rooms.read.ranges import count_lines
from imprint.settings import ReadOptions
from tests.projects import make
from tests.reading import look_at, want

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = st.lists(
    st.sampled_from(
        [
            b'{"text": "satu"}',
            b'{"text": "dua\\n\\u00e9", "x": {"y": [1]}}',
            '{"text": "tiga é"}'.encode(),
            b"",
            b" \t",
            b"\r",
            b"{broken",
            b"null",
            b'{"text": 5}',
            b'\xef\xbb\xbf{"text": "mark"}',
            b'{"text": "\xff"}',
            b'{"text": "' + b"x" * 90 + b'"}\r',
        ]
    ),
    min_size=1,
    max_size=40,
)


@contextlib.contextmanager
def tiny(chunk: int = 64, whole: int = 100) -> Iterator[None]:
    """Make chunks and ranges so small that a few lines fill them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK_BYTES", chunk)
        patch.setattr(ranges, "CHUNK_BYTES", chunk)
        patch.setattr(ranges, "RANGE_BYTES", whole)
        yield


def rows(path: Path, *, whole: bool) -> list[dict[str, Any]]:
    """Return every row of a file, read whole or range by range."""
    reading = look_at(path)
    assert reading.reason is None
    pieces = (None,) if whole else cut(path, reading) or (None,)
    return [
        row
        for piece in pieces
        for batch in read(path, reading, ReadOptions(), want(), piece)
        for row in batch.to_pylist()
    ]


@given(lines=LINES, mark=st.booleans(), ends=st.booleans())
def test_ranges_give_what_the_whole_gives(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], mark: bool, ends: bool
) -> None:
    """Wherever a .jsonl is cut, records, positions, lines and reasons are those of the whole."""
    path = tmp_path_factory.mktemp("ranges") / "a.jsonl"
    body = b"\n".join([b'{"text": "first"}', *lines, b'{"text": "last"}'])
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + body + (b"\n" if ends else b""))
    assume(look_at(path).reason is None)  # else the file is rejected whole
    with tiny():
        assert rows(path, whole=False) == rows(path, whole=True)


@given(lines=LINES)
def test_ranges_cover_a_file_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """Ranges lie end to end, begin behind a line end, and know how much was before."""
    path = tmp_path_factory.mktemp("ranges") / "a.jsonl"
    path.write_bytes(b"\n".join([b'{"text": "first"}', *lines, b'{"text": "last"}', b""]))
    with tiny():
        found = cut(path, look_at(path))
    data = path.read_bytes()
    assert [each.start for each in found[1:]] == [each.end for each in found[:-1]]
    for each in found:
        before = data[: each.start]
        assert before[-1:] in (b"", b"\n")
        assert each.lines == before.count(b"\n")
        assert each.records == sum(bool(line.strip(b" \t\r")) for line in before.split(b"\n"))
    assert not found or (found[0].start, found[-1].end) == (0, len(data))


def test_blank_lines_are_no_records() -> None:
    """A line of blanks is counted as a line and as no record."""
    assert count_lines(b'{"a": 1}\n\n  \n{"a": 2}\n') == (4, 2)


def test_a_line_longer_than_chunks_is_one(tmp_path: Path) -> None:
    """A line that goes over many chunks is never cut."""
    path = tmp_path / "a.jsonl"
    texts = ["x" * 1000, "y", "z" * 500, "w"]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    with tiny():
        assert len(cut(path, look_at(path))) > 1
        assert [row["text"] for row in rows(path, whole=False)] == texts


def test_parquet_is_cut_between_row_groups(tmp_path: Path) -> None:
    """A Parquet file read in ranges of row groups gives the records of the whole."""
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"berita {n} " + "x" * n for n in range(100)]})
    pq.write_table(table, path, row_group_size=7, compression="none")
    with tiny():
        found = cut(path, look_at(path))
        assert len(found) > 5
        assert [each.records for each in found][:2] == [0, found[0].end * 7]
        assert rows(path, whole=False) == rows(path, whole=True)


@pytest.mark.parametrize(
    ("name", "options", "fits"),
    [
        ("a.jsonl", {}, True),
        ("a.jsonl", {"unit": "paragraph"}, False),
        ("a.csv", {}, False),
        ("a.txt", {}, False),
    ],
)
def test_what_can_be_cut(tmp_path: Path, name: str, options: dict[str, str], fits: bool) -> None:
    """Only where a border can be found without reading the records is a file cut."""
    path = tmp_path / name
    path.write_text('{"text": "a"}\n' if name.endswith("jsonl") else "text\na\n")
    assert can_be_cut(look_at(path, **options), options.get("unit", "document")) is fits


def test_a_project_in_ranges_has_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A big file that is cut gives the dataset that it gives whole, ledger and all."""
    lines = [json.dumps({"text": f"Berita nomor {n} dari Jakarta."}) for n in range(300)]
    lines[17:17] = ["", "{broken", lines[3]]
    lines[203:203] = [" ", "null"]
    project = make(tmp_path / "p", {"a.jsonl": "\n".join(lines)})
    whole = imprint.build(project, workers=1, fresh=True)
    before = {path.name: path.read_bytes() for path in whole.folder.rglob("*.*")}
    ledger = whole.rejected.read_bytes()
    monkeypatch.setattr(inputs, "BIG", 1000)
    with tiny(chunk=500, whole=2000):
        parts = imprint.build(project, workers=1, fresh=True)
    assert len(list((tmp_path / "p" / "build" / "cache" / "parts").glob("*.json"))) > 5
    after = {path.name: path.read_bytes() for path in parts.folder.rglob("*.*")}
    assert after == before
    assert parts.rejected.read_bytes() == ledger
    again = imprint.build(project, workers=1)
    assert again.manifest == parts.manifest

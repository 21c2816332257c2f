"""Small text files that are read together give what each gives alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.rooms.read import RawFile, Unreadable, is_small_text, look, read, read_many
from imprint.settings import ReadOptions
from tests.reading import want

if TYPE_CHECKING:
    from pathlib import Path

CONTENTS = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.text(max_size=40).map(str.encode),
        st.sampled_from(
            [
                b"",
                b" \n\t",
                b"\xc2\xa0\n",
                b"\xef\xbb\xbfmark",
                "halo".encode("utf-16"),
                b"a\xc3",
                b"\xa9b",
                b"\x00\x01\x02" * 9,
                b"satu\r\ndua",
                b"x" * 60,
                b"bagus",
            ]
        ),
    ),
    min_size=1,
    max_size=12,
)


def files(folder: Path, contents: list[bytes]) -> list[RawFile]:
    """Write files and list them."""
    found = []
    for number, content in enumerate(contents):
        path = folder / f"{number:02}.txt"
        path.write_bytes(content)
        found.append(RawFile(path, path.name, len(content), 0, 0))
    return found


def alone(file: RawFile) -> tuple[Any, list[dict[str, Any]]]:
    """Return how a file is read by itself, and its rows; None for one that gives none."""
    reading = look(file.path, file.raw_file, ReadOptions())
    try:
        batches = read(file.path, reading, ReadOptions(), want(record_bytes=50))
        return reading, [row for batch in batches for row in batch.to_pylist()]
    except Unreadable:
        return None, []


@given(CONTENTS)
def test_together_as_alone(tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]) -> None:
    """Every file that is taken has the reading and the row that it has alone; none is invented."""
    listed = files(tmp_path_factory.mktemp("many"), contents)
    batch, taken = read_many(listed, want(record_bytes=50))
    rows = [] if batch is None else batch.to_pylist()
    wanted = []
    for file, reading in zip(listed, taken, strict=True):
        if reading is not None:
            told, its_rows = alone(file)
            assert reading == told
            wanted += its_rows
    assert rows == wanted


def test_nearly_all_are_taken(tmp_path: Path) -> None:
    """Plain UTF-8 is taken, beyond ASCII too; what needs a closer look is not."""
    good = [b"Berita.", "“Kutipan” é".encode(), b"a\r\n\r\nb"]
    odd = [b"", b" ", b"\xff\xfea\x00", b"caf\xe9", b"y" * 60]
    batch, taken = read_many(files(tmp_path, good + odd), want(record_bytes=50))
    assert [reading is not None for reading in taken] == [True] * 3 + [False] * 5
    assert batch is not None
    assert batch["raw_index"].to_pylist() == [0, 0, 0]


def test_a_file_that_is_gone_is_left_to_others(tmp_path: Path) -> None:
    """What cannot be opened is not taken, so that it is told as it always is."""
    listed = files(tmp_path, [b"satu", b"dua"])
    listed[0].path.unlink()
    batch, taken = read_many(listed, want())
    assert [reading is None for reading in taken] == [True, False]
    assert batch is not None


@pytest.mark.parametrize(
    ("name", "options", "small"),
    [
        ("a.txt", {}, True),
        ("A.TXT", {}, True),
        ("a.txt.gz", {}, False),
        ("a.jsonl", {}, False),
        ("a.txt", {"unit": "paragraph"}, False),
        ("a.txt", {"encoding": "cp1252"}, False),
    ],
)
def test_which_files_are_read_together(
    tmp_path: Path, name: str, options: dict[str, str], small: bool
) -> None:
    """Only whole texts whose code is not declared."""
    file = RawFile(tmp_path / name, name, 5, 0, 0)
    assert is_small_text(file, ReadOptions(**options)) is small  # type: ignore[arg-type]

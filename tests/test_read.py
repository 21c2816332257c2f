"""What reading promises, whatever the format: no byte lost, no record lost, no guess."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import os
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.errors import ProjectError, RawError
from imprint.rooms.read import list_files
from imprint.rooms.read.lines import line_blocks
from imprint.rooms.read.rows import BEGINNING, SEEN, WHITE_BYTES, _blank
from tests.reading import SHARED, look_at, lost, reasons, rows_of, texts, want


def sha256(data: bytes) -> str:
    """Return the digest in hex."""
    return hashlib.sha256(data).hexdigest()


def put(folder: Path, name: str, data: bytes) -> Path:
    """Write a file, compressed where its name says so."""
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


COLUMNS = {
    "text": "string",
    "raw_file": "string",
    "raw_index": "int64",
    "raw_sha256": "string",
    "id": "string",
    "language": "string",
    "source": "string",
    "_document": "string",
    "_document_index": "int64",
    "_line": "int64",
    "_reason": "string",
    "_detail": "string",
    "_raw_bytes": "int64",
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"x"),
        ("a.txt.gz", b"x"),
        ("a.jsonl", b'{"text": "x"}'),
        ("a.csv", b"text,other\nx,y\n"),
        ("a.tsv.gz", b"text\tother\nx\ty\n"),
    ],
)
@pytest.mark.parametrize("unit", ["document", "paragraph"])
def test_every_format_gives_the_same_columns(
    tmp_path: Path, name: str, data: bytes, unit: str
) -> None:
    """Names and types are those that the rooms rely on, for every format."""
    from imprint.rooms.read import read
    from imprint.settings import ReadOptions

    path = put(tmp_path, name, data)
    options = ReadOptions(unit=unit)  # type: ignore[arg-type]
    (batch,) = read(path, look_at(path, unit=unit), options, want())
    assert {field.name: str(field.type) for field in batch.schema} == COLUMNS
    assert batch["text"].to_pylist() == ["x"]
    assert batch["raw_sha256"].to_pylist() == [sha256(b"x")]
    assert batch["id"].to_pylist() == [sha256(b"x")[:16]]


# --- which files


def test_files_are_listed_by_the_bytes_of_their_paths(tmp_path: Path) -> None:
    """Order is that of the bytes, names are escaped, hidden ones are left out."""
    names = [
        b"\xff.txt",
        "\U0001f600.txt".encode(),
        b"b.txt",
        b"a\xff.txt",
        b"a/z.txt",
        b"a.txt",
        b"\xc3\xa9.txt",
        b"back\\slash.txt",
    ]
    for name in [*names, b".hidden", b".git/x.txt", b"a/.x.txt"]:
        path = os.fsencode(tmp_path) + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        Path(os.fsdecode(path)).write_bytes(b"x")
    listed = [file.raw_file for file in list_files(tmp_path, ["**/*"], [])]
    expected = ["a.txt", "a/z.txt", "a\\xff.txt", "b.txt", "back\\\\slash.txt", "é.txt"]
    assert listed == [*expected, "\U0001f600.txt", "\\xff.txt"]


def test_globs_choose_files(tmp_path: Path) -> None:
    """A file has to fit an include, and no exclude."""
    for name in ("a.txt", "b.csv", "sub/a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [f.raw_file for f in list_files(tmp_path, ["**/*.txt"], ["sub/**"])] == ["a.txt"]


def test_links_are_followed_inside_raw_only(tmp_path: Path) -> None:
    """A link out of raw/ is left out, one inside is followed, a circle ends."""
    raw = tmp_path / "raw"
    (raw / "a").mkdir(parents=True)
    (raw / "a" / "x.txt").write_bytes(b"x")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (raw / "out.txt").symlink_to(tmp_path / "secret.txt")
    (raw / "up").symlink_to(tmp_path)
    (raw / "in.txt").symlink_to(raw / "a" / "x.txt")
    (raw / "a" / "circle").symlink_to(raw)
    assert [f.raw_file for f in list_files(raw, ["**/*"], [])] == [
        "a/x.txt",
        "in.txt",
    ]


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    """A broken link inside raw/ is an error of the raw folder, not a file less."""
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    with pytest.raises(RawError, match=r"raw/gone\.txt"):
        list_files(tmp_path, ["**/*"], [])


def test_a_sidecar_goes_with_its_file(tmp_path: Path) -> None:
    """It is no raw file itself; one without its file is refused, for what it says would be lost."""
    put(tmp_path, "a.txt.meta.toml", b'source = "X"')
    with pytest.raises(ProjectError, match=r"a\.txt\.meta\.toml: a sidecar of a file that is not"):
        list_files(tmp_path, ["**/*"], [])
    assert list_files(tmp_path, ["**/*"], ["**/*.meta.toml"]) == []
    put(tmp_path, "a.txt", b"Satu.")
    put(tmp_path, "b.txt", b"Dua.")
    for include in (["**/*"], ["*.txt"]):
        found = {each.raw_file: bool(each.sidecar) for each in list_files(tmp_path, include, [])}
        assert found == {"a.txt": True, "b.txt": False}
    excluded = list_files(tmp_path, ["**/*"], ["**/*.meta.toml"])
    assert not any(each.sidecar for each in excluded)
    assert [each.raw_file for each in list_files(tmp_path, ["b.*"], [])] == ["b.txt"]


def test_a_suffix_that_nothing_reads(tmp_path: Path) -> None:
    """Such a file is said to be of no format."""
    assert lost(put(tmp_path, "a.pdf", b"%PDF"))[0] == "format"
    assert lost(put(tmp_path, "README", b"hello"))[0] == "format"


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """What the system does not give out is not a line of the ledger."""
    with pytest.raises(RawError, match=r"raw/gone\.txt: No such file"):
        look_at(tmp_path / "gone.txt")


# --- text files


def test_a_text_file_is_one_record_unchanged(tmp_path: Path) -> None:
    """Line ends, blanks and order stay; the digest is of the bytes without the mark."""
    data = "satu\r\n\r\n dua\u00a0\rtiga\n".encode()
    (row,) = rows_of(put(tmp_path, "a.txt", b"\xef\xbb\xbf" + data))
    assert row["text"].encode() == data
    assert row["raw_sha256"] == row["_document"] == sha256(data)
    assert (row["raw_index"], row["_line"], row["_raw_bytes"]) == (0, 1, len(data))


def test_paragraphs_are_lines(tmp_path: Path) -> None:
    """Lines end at LF, CR LF and CR and nowhere else; blank ones are no record, but count."""
    data = "satu\r\n\r\n \t\u00a0\ndua\x0b\x0c\x1c\x85\u2028x\rtiga".encode()
    rows = rows_of(put(tmp_path, "a.txt", data), unit="paragraph")
    assert texts(rows) == ["satu", "dua\x0b\x0c\x1c\x85\u2028x", "tiga"]
    assert [row["_line"] for row in rows] == [1, 4, 5]
    assert [row["raw_index"] for row in rows] == [0, 1, 2]
    assert [row["raw_sha256"] for row in rows] == [sha256(str(t).encode()) for t in texts(rows)]
    assert {row["_document"] for row in rows} == {sha256(data)}
    assert {row["_document_index"] for row in rows} == {0}


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b" \r\n\n"])
@pytest.mark.parametrize("unit", ["document", "paragraph"])
def test_a_file_without_text_is_empty(tmp_path: Path, data: bytes, unit: str) -> None:
    """Nothing, a mark alone and blanks alone are one empty file each."""
    assert lost(put(tmp_path, "a.txt", data), unit=unit)[0] == "empty"


def test_long_paragraph_files_come_in_several_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions, lines and the document's key are the same however a long file is cut."""
    data = b"".join(b"line %d\n\n" % n for n in range(500))
    path = put(tmp_path, "a.txt", data)
    whole = rows_of(path, unit="paragraph")
    monkeypatch.setattr("imprint.rooms.read.text.DOCUMENT_BYTES", 100)
    monkeypatch.setattr("imprint.rooms.read.files.CHUNK_BYTES", 64)
    assert rows_of(path, unit="paragraph") == whole


# --- compression


@pytest.mark.parametrize("name", ["a.txt.gz", "a.jsonl.gz", "a.csv.gz", "a.parquet.gz"])
def test_a_cut_file_is_unreadable_as_a_whole(tmp_path: Path, name: str) -> None:
    """A file that breaks off gives no record, however much of it could be read."""
    path = put(tmp_path, name, os.urandom(100_000))
    path.write_bytes(path.read_bytes()[:50_000])
    assert lost(path)[0] == "unreadable"


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    """Files that were put together with cat are read to the end."""
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"satu ") + gzip.compress(b"dua"))
    assert texts(rows_of(path)) == ["satu dua"]


def test_what_is_not_gzip_is_unreadable(tmp_path: Path) -> None:
    """The suffix is a claim that the bytes have to keep."""
    path = tmp_path / "a.txt.gz"
    path.write_bytes(b"plain text")
    assert lost(path)[0] == "unreadable"


# --- limits


def test_a_record_over_the_limit_is_rejected(tmp_path: Path) -> None:
    """It keeps its digest and its place, and says which limit it is past."""
    path = put(tmp_path, "a.txt", "é".encode() * 6)
    assert reasons(rows_of(path, want(record_bytes=12))) == [None]
    (row,) = rows_of(path, want(record_bytes=11))
    assert (row["text"], row["_reason"]) == (None, "too-long")
    assert "limits.record_bytes = 11" in row["_detail"]
    assert row["raw_sha256"] == sha256("é".encode() * 6)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
def test_records_past_the_limit_of_a_file_are_rejected(tmp_path: Path, name: str) -> None:
    """The first ones are read, the rest is said to be too many."""
    data = {
        "a.txt": b"a\nb\nc\n",
        "a.jsonl": b'{"text":"a"}\n{"text":"b"}\n{"text":"c"}\n',
        "a.csv": b"text,x\na,1\nb,2\nc,3\n",
    }[name]
    rows = rows_of(put(tmp_path, name, data), want(file_records=2), unit="paragraph")
    assert reasons(rows) == [None, None, "too-long"]
    assert "limits.file_records = 2" in rows[2]["_detail"]


# --- parquet


def put_parquet(folder: Path, **columns: pa.Array) -> Path:
    """Write a Parquet file."""
    import pyarrow.parquet as pq

    path = folder / "a.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_keeps_texts_and_types(tmp_path: Path) -> None:
    """Every string type gives texts; a null or what is not UTF-8 is one rejected record."""
    path = put_parquet(
        tmp_path,
        text=pa.array(["NA", None, "2020-01-01"]).dictionary_encode(),
        n=pa.array([1, None, 3], pa.int16()),
    )
    rows = rows_of(path, want(n={"type": ["integer", "null"]}))
    assert texts(rows) == ["NA", None, "2020-01-01"]
    assert reasons(rows) == [None, "text", None]
    assert [row["n"] for row in rows] == [1, None, 3]
    assert [row["_line"] for row in rows] == [None] * 3
    path = put_parquet(tmp_path, text=pa.array([b"a", b"\xff", "é".encode()], pa.binary()))
    assert texts(rows_of(path)) == ["a", None, "é"]
    wrong = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"\xff"], pa.binary()).buffers())
    path = put_parquet(tmp_path, text=wrong)
    assert reasons(rows_of(path)) == [None, "text"]


def test_parquet_changes_no_types(tmp_path: Path) -> None:
    """A number is no string and a fraction no whole number: such a record is rejected."""
    path = put_parquet(
        tmp_path, text=pa.array(["a", "b"]), n=pa.array([1.0, 1.5]), s=pa.array([1, 2])
    )
    rows = rows_of(path, want(n={"type": "integer"}))
    assert [row["n"] for row in rows] == [1, None]
    assert reasons(rows) == [None, "schema"]
    assert rows[1]["_detail"] == 'field "n": 1.5, wanted a whole number'
    assert reasons(rows_of(path, want(s={"type": "string"}))) == ["schema", "schema"]
    assert lost(path, text="n")[0] == "format"
    assert lost(path, text="nothing")[0] == "format"


def test_damaged_parquet_is_unreadable(tmp_path: Path) -> None:
    """Neither half a file nor a damaged page gives some of the records."""
    path = put_parquet(tmp_path, text=pa.array([f"text {n}" for n in range(10_000)]))
    data = path.read_bytes()
    path.write_bytes(data[:-10])
    assert lost(path)[0] == "unreadable"
    path.write_bytes(data[:2000] + b"\xff" * 50 + data[2050:])
    assert look_at(path).reason == "unreadable"  # before the first batch


def test_parquet_without_rows_is_empty(tmp_path: Path) -> None:
    """As any file without a record."""
    assert lost(put_parquet(tmp_path, text=pa.array([], pa.string())))[0] == "empty"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpora are not there")
@pytest.mark.parametrize(
    ("name", "field", "count"),
    [("alltypes_plain", "string_col", 8), ("binary", "foo", 12), ("datapage_v2.snappy", "a", 5)],
)
def test_parquet_of_other_writers(name: str, field: str, count: int) -> None:
    """Files of other writers give all of their rows."""
    rows = rows_of(SHARED / "formats" / "parquet" / f"{name}.parquet", text=field)
    assert len(rows) == count


# --- blocks


@given(
    st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"long line"]), max_size=30),
    st.integers(1, 7),
    st.booleans(),
)
def test_blocks_end_where_lines_end(parts: list[bytes], size: int, lone_cr: bool) -> None:
    """Nothing is lost or added, and no block but the last ends inside a line."""
    data = b"".join(parts)
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    blocks = [block.data for block in line_blocks(chunks, 10**6, lone_cr=lone_cr)]
    assert b"".join(blocks) == data
    for block, after in itertools.pairwise(blocks):
        assert block.endswith((b"\n", b"\r") if lone_cr else b"\n")
        assert not (block.endswith(b"\r") and after.startswith(b"\n"))


def test_a_line_past_the_cap_is_passed_by() -> None:
    """It comes as its digest, and the lines around it as they are."""
    long = b"x" * 50
    chunks = [b"a\n" + long[:30], long[30:40], long[40:] + b"\r", b"\nb\n"]
    blocks = list(line_blocks(chunks, 20))
    assert [block.data for block in blocks] == [b"a\n", b"", b"b\n"]
    assert blocks[1].overlong == sha256(long)


def test_white_space_is_the_same_everywhere() -> None:
    """What the test of single texts takes for white space is what polars takes for it."""
    letters = [chr(n) for n in range(sys.maxunicode + 1) if not 0xD800 <= n < 0xE000]
    seen = pl.Series(letters).str.contains(r"\S")
    white = [letter for letter, other in zip(letters, seen, strict=True) if not other]
    assert [letter for letter in letters if not SEEN.search(letter)] == white
    assert set("".join(white).encode()) <= set(WHITE_BYTES)


WHITE = st.text(st.sampled_from(" \n\t\x1c\xa0\u2028\u3000"), max_size=2 * BEGINNING)


@given(st.lists(st.none() | st.text(max_size=3) | WHITE | st.tuples(WHITE, st.text()).map("".join)))
def test_blank_texts(values: list[str | None]) -> None:
    """A text is blank where it has white space only; one that is not there is not blank."""
    column = pa.array(values, pa.string())
    under = pa.array([" " if value is None else value for value in values], pa.string())
    covered = pa.Array.from_buffers(
        pa.string(), len(values), [column.buffers()[0], *under.buffers()[1:]]
    )
    seen = pl.Series(values, dtype=pl.String).str.contains(r"\S")
    wanted = (~seen).fill_null(value=False).to_list()
    assert _blank(column).to_pylist() == wanted
    assert _blank(column.slice(1)).to_pylist() == wanted[1:]
    assert _blank(covered).to_pylist() == wanted

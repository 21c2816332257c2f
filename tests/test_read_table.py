"""What reading CSV promises: cells are text, and a row that is wrong costs only itself."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.rooms.read.dialect import Dialect, closed
from imprint.rooms.read.table import read_rows
from tests.reading import SHARED, look_at, lost, reasons, rows_of, texts, want

if TYPE_CHECKING:
    from pathlib import Path


def put(folder: Path, data: str | bytes, name: str = "a.csv") -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


ANY = {"type": ["string", "null"]}
INTEGER = {"type": ["integer", "null"]}
NUMBER = {"type": ["number", "null"]}
BOOLEAN = {"type": ["boolean", "null"]}


def test_cells_stay_text(tmp_path: Path) -> None:
    """What looks like a date, a number or nothing is text; blanks and line breaks stay."""
    data = 'text,x\nNA,001\nnull,2020-01-01\n" a\r\nb ""c"" ",\n'
    rows = rows_of(put(tmp_path, data), want(x=ANY))
    assert texts(rows) == ["NA", "null", ' a\r\nb "c" ']
    assert [row["x"] for row in rows] == ["001", "2020-01-01", ""]
    assert rows[2]["raw_sha256"] == hashlib.sha256(b' a\r\nb "c" ').hexdigest()


def test_numbers_only_where_the_record_says_so(tmp_path: Path) -> None:
    """A cell becomes a number by record.json; one that is none is a rejected record."""
    data = "text,n,f,b\na,007,1e3,TRUE\nb,,,\nc, 5 ,.5,false\nd,x,1,true\ne,1,nan,true\nf,1,1,yes\n"
    rows = rows_of(put(tmp_path, data), want(n=INTEGER, f=NUMBER, b=BOOLEAN))
    assert [(row["n"], row["f"], row["b"]) for row in rows[:3]] == [
        (7, 1000.0, True),
        (None, None, None),
        (5, 0.5, False),
    ]
    assert reasons(rows) == [None, None, None, "schema", "schema", "schema"]
    assert texts(rows) == ["a", "b", "c", None, None, None]
    assert rows[3]["_detail"] == "field \"n\": 'x', wanted a whole number"


def test_a_row_with_another_number_of_cells_costs_only_itself(tmp_path: Path) -> None:
    """It has its true line, and the rest is read; a blank line is no record."""
    data = 'text,x\n"a\r\na",1\n\n  \nb\nc,1,2\n"d",1\n'
    rows = rows_of(put(tmp_path, data))
    assert texts(rows) == ["a\r\na", None, None, "d"]
    assert reasons(rows) == [None, "parse", "parse", None]
    assert [row["_line"] for row in rows] == [2, 6, 7, 8]
    assert rows[2]["_detail"] == "3 cells, wanted 2 as in the header"
    assert rows[2]["raw_sha256"] == hashlib.sha256(b"c,1,2").hexdigest()


def test_what_stands_behind_a_closing_mark(tmp_path: Path) -> None:
    """A row that is quoted wrongly is rejected, not read as something near."""
    rows = rows_of(put(tmp_path, 'text,x\n"a" b,1\nc,2\n'), delimiter=",")
    assert texts(rows) == [None, "c"]
    assert reasons(rows) == ["parse", None]


@pytest.mark.parametrize("cap", [10**7, 0])
def test_a_mark_that_is_never_closed_costs_one_line(
    tmp_path: Path, cap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the file is read from the next line on, however long it is."""
    monkeypatch.setattr("imprint.rooms.read.table.OTHER_CELLS_BYTES", cap)
    monkeypatch.setattr("imprint.rooms.read.table.LOOK_LINES", 2)
    more = "".join(f"t{n},{n}\n" for n in range(100))
    rows = rows_of(
        put(tmp_path, 'text,x\na,1\n"b,2\n' + more), want(record_bytes=20), delimiter=","
    )
    assert texts(rows) == ["a", None, *(f"t{n}" for n in range(100))]
    assert rows[1]["_detail"] == "a quotation mark is opened and never closed"
    assert [row["_line"] for row in rows] == list(range(2, 104))


def test_a_cell_that_is_too_long_is_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row past what is kept is one rejected record, and the row behind it is read."""
    monkeypatch.setattr("imprint.rooms.read.table.OTHER_CELLS_BYTES", 0)
    monkeypatch.setattr("imprint.rooms.read.table.LOOK_LINES", 2)
    monkeypatch.setattr("imprint.rooms.read.files.CHUNK_BYTES", 16)
    long = '"' + "line, one\n" * 30 + '",1\n'
    data = "text,x\na,1\n" + long + "b,2\n" + "y" * 500 + ",1\nc,3\n"
    rows = rows_of(put(tmp_path, data), want(record_bytes=50), delimiter=",")
    assert texts(rows) == ["a", None, "b", None, "c"]
    assert reasons(rows) == [None, "too-long", None, "too-long", None]
    assert [row["_line"] for row in rows] == [2, 3, 34, 35, 36]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_dialects_are_found(tmp_path: Path, delimiter: str, end: str) -> None:
    """The delimiter is found by itself, line ends are all the same."""
    rows = [["text", "n"], ["Satu, dua; tiga", "1"], ['kata "empat"', "2"], ["lima\nenam", "3"]]
    sink = io.StringIO()
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL, delimiter=delimiter, lineterminator=end)
    writer.writerows(rows)
    path = put(tmp_path, sink.getvalue())
    assert look_at(path).delimiter == delimiter
    assert texts(rows_of(path)) == [row[0] for row in rows[1:]]


def test_a_declared_delimiter_holds(tmp_path: Path) -> None:
    """What is declared is not looked for."""
    path = put(tmp_path, "text:x;y\na,b:c;d\n")
    assert texts(rows_of(path, delimiter=":")) == ["a,b"]


def test_one_column(tmp_path: Path) -> None:
    """A file of one column keeps its lines whole, whatever signs stand in them."""
    path = put(tmp_path, 'text\nsatu\n"dua, tiga"\nempat\n')
    assert texts(rows_of(path)) == ["satu", "dua, tiga", "empat"]
    path = put(tmp_path, 'text\nHalo, apa kabar?\nBaik, "terima" kasih\nSama, sama; ya\n')
    assert texts(rows_of(path)) == ["Halo, apa kabar?", 'Baik, "terima" kasih', "Sama, sama; ya"]


def test_tabs_by_the_suffix(tmp_path: Path) -> None:
    """A .tsv has tabs; marks quote in it only where that makes its rows even."""
    plain = put(tmp_path, 'text\tx\n"Halo," katanya\t1\n5" pipa\t2\n', "a.tsv")
    assert texts(rows_of(plain)) == ['"Halo," katanya', '5" pipa']
    quoted = put(tmp_path, 'text\tx\n"a\tb"\t1\n', "b.tsv")
    assert texts(rows_of(quoted)) == ["a\tb"]


@pytest.mark.parametrize(
    ("data", "reason", "seen"),
    [
        ("a,b\n1,2\n", "format", 'no column "text" (read.text), but "a", "b"'),
        ("text,text\n1,2\n", "format", 'the column "text" (read.text) twice'),
        ("text,b\n", "empty", "no row under the header"),
        ("\n\n", "empty", ""),
        ("", "empty", ""),
    ],
)
def test_a_file_without_records(tmp_path: Path, data: str, reason: str, seen: str) -> None:
    """It says what its header has, so that the rule can be written."""
    found, detail = lost(put(tmp_path, data), delimiter=",")
    assert found == reason
    assert seen in detail


def test_imprints_names_in_a_header_mean_nothing(tmp_path: Path) -> None:
    """Columns like id and source are taken over by read.id and read.fields only."""
    path = put(tmp_path, "text,id,source,Language\na,7,Antara,id\nb,,,\n")
    rows = rows_of(path)
    assert [(row["source"], row["language"]) for row in rows] == [(None, None)] * 2
    rows = rows_of(path, id="id", fields={"source": "source", "language": "Language"})
    assert [rows[0][name] for name in ("id", "source", "language")] == ["7", "Antara", "id"]
    assert (rows[1]["_reason"], rows[1]["source"]) == ("schema", None)


CELL = st.text(st.sampled_from('ab,;"\n\r\t é\x0b\x1c\u2028'), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6), st.integers(1, 9))
def test_what_was_written_is_read(cells: list[tuple[str, str]], size: int) -> None:
    """Every cell that csv writes comes back, for any border of chunks; lines are true."""
    sink = io.StringIO()
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator="\n")
    lines = []
    for row in [("head", "er"), *cells]:
        text = sink.getvalue()
        lines.append(1 + text.count("\n") + text.count("\r") - text.count("\r\n"))
        writer.writerow(row)
    data = sink.getvalue().encode()

    def stream() -> list[bytes]:
        return [data[start : start + size] for start in range(0, len(data), size)]

    rows = list(read_rows(lambda: iter(stream()), Dialect(",", '"'), 2, 10**6))
    assert [tuple(row.cells or ()) for row in rows[1:]] == cells
    assert [row.line for row in rows] == lines


def test_samples_end_where_no_mark_is_open() -> None:
    """A sample that ends inside a cell would be judged by half a row."""
    assert closed('a,b\n"x\n\ny",c\n"op\nen', whole=False) == 'a,b\n"x\n\ny",c\n'
    assert closed('"open\n', whole=True) == '"open\n'


shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpora are not there")


@shared
def test_the_csv_spectrum() -> None:
    """Every trap of csv-spectrum is read as its answers say."""
    for path in sorted((SHARED / "formats" / "csv_spectrum" / "csvs").glob("*.csv")):
        answers = json.loads((path.parents[1] / "json" / f"{path.stem}.json").read_text("utf-8"))
        first, *others = answers[0]
        names: dict[str, Any] = {f"c{n}": ANY for n, _ in enumerate(others)}
        fields = {f"c{n}": name for n, name in enumerate(others)}
        rows = rows_of(path, want(**names), text=first, fields=fields)
        assert [
            {first: row["text"], **{fields[name]: row[name] for name in names}} for row in rows
        ] == answers, path.name


@shared
def test_a_news_file_as_it_was_published() -> None:
    """Semicolons, Windows-1252, mixed line ends and long cells are found out unaided."""
    path = SHARED / "news_id" / "hoax250_first110.csv"
    reading = look_at(path, text="berita")
    assert (reading.encoding, reading.delimiter) == ("cp1252", ";")
    rows = rows_of(path, want(tagging=ANY), text="berita")
    assert len(rows) == 108
    assert set(reasons(rows)) == {None}
    assert {row["tagging"] for row in rows} == {"Valid", "Hoax"}
    decoded = list(csv.reader(io.StringIO(path.read_bytes().decode("cp1252"), ""), delimiter=";"))
    assert texts(rows) == [row[0] for row in decoded[1:]]
    lines = path.read_bytes().decode("cp1252").replace("\r\n", "\n").split("\n")
    for row in rows:
        start = row["text"].replace("\r\n", "\n").split("\n")[0].replace('"', '""')
        assert start in lines[row["_line"] - 1]

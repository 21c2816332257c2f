"""What reading JSON lines promises: strict, and a bad line costs only itself."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imprint.rooms.read.jsonl import CONSTANT, Parser, _may_have_constant
from imprint.rooms.read.lines import find_lines
from tests.reading import SHARED, Rows, lost, reasons, rows_of, texts, want

if TYPE_CHECKING:
    from pathlib import Path

    from imprint.rooms.read.rows import Found

TYPES = {
    "text": pa.string(),
    "id": pa.string(),
    "n": pa.int64(),
    "f": pa.float32(),
    "b": pa.bool_(),
    "tags": pa.list_(pa.string()),
    "who": pa.struct([("name", pa.string()), ("age", pa.int16())]),
}


def put(folder: Path, *lines: str | bytes) -> Path:
    """Write lines."""
    path = folder / "a.jsonl"
    path.write_bytes(b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines))
    return path


def test_strings_stay_what_they_are(tmp_path: Path) -> None:
    """What looks like a date, a number or nothing is text."""
    given = ["NA", "null", "001", "2020-01-01", "2020-01-01T00:00:00Z", "1e5", "true"]
    assert texts(rows_of(put(tmp_path, *(json.dumps({"text": t}) for t in given)))) == given


def test_a_bad_line_costs_only_itself(tmp_path: Path) -> None:
    """It has its true line number, its reason, and the digest of the line."""
    lines = [
        '{"text": "a"}',
        "",
        '{"text": "b"',
        " \t\r",
        '{"text": "c"}\r',
        '{"text": "\\ud800"}',
        "[",
    ]
    rows = rows_of(put(tmp_path, *lines))
    assert texts(rows) == ["a", None, "c", None, None]
    assert reasons(rows) == [None, "parse", None, "parse", "parse"]
    assert [row["_line"] for row in rows] == [1, 3, 5, 6, 7]
    assert [row["raw_index"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[1]["raw_sha256"] == hashlib.sha256(lines[2].encode()).hexdigest()
    assert rows[1]["_detail"] == "Expecting ',' delimiter at character 13"
    assert rows[3]["_detail"] == "half of a surrogate pair is no character"


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ("null", "parse", "no JSON object"),
        ("5", "parse", "no JSON object"),
        ('{"text": NaN}', "parse", "NaN is no JSON"),
        ('{"other": -Infinity, "text": "a"}', "parse", "-Infinity is no JSON"),
        ('{"text": "a", "text": "b"}', "parse", 'field "text" is there twice'),
        ('{"text": "a"}{"text": "b"}', "parse", "Extra data at character 14"),
        ('{"text": "a\tb"}', "parse", "Invalid control character at at character 12"),
        ('{"text": ' + "[" * 5000 + "]" * 5000 + "}", "parse", "nested over 200 levels"),
        (
            '{"text": "a", "other": ' + "[" * 999 + "]" * 999 + "}",
            "parse",
            "nested over 200 levels",
        ),
        ("{}", "text", 'field "text": missing, wanted a string'),
        ('{"text": null}', "text", 'field "text": missing, wanted a string'),
        ('{"text": 5}', "text", 'field "text": 5, wanted a string'),
        ('{"text": "a", "n": "5"}', "schema", "field \"n\": '5', wanted a whole number"),
        ('{"text": "a", "n": 1.5}', "schema", 'field "n": 1.5, wanted a whole number'),
        ('{"text": "a", "n": 9223372036854775808}', "schema", None),
        ('{"text": "a", "n": true}', "schema", 'field "n": True, wanted a whole number'),
        ('{"text": " "}', "empty", "the text is blank"),
    ],
)
def test_what_is_wrong_with_a_line(
    tmp_path: Path, line: str, reason: str, detail: str | None
) -> None:
    """Every kind of bad line says what was seen and what was wanted, between good ones."""
    good = '{"text": "good", "n": 1}'
    rows = rows_of(put(tmp_path, good, line, good), want(n={"type": ["integer", "null"]}))
    assert reasons(rows) == [None, reason, None]
    if detail is not None:
        assert rows[1]["_detail"] == detail


@pytest.mark.parametrize(
    "line",
    [
        '{"other": 1, "other": 2, "text": "a"}',
        '{"text": "a", "n": 5.0}',
        '{"text": "a", "other": ' + "9" * 6000 + "}",
        '{"te\\u0078t": "a"}',
        ' {"text": "a"} \r',
        '{"text": "a", "other": "NaN, Infinity]"}',
        '{"text": "a", "ID": 7, "Language": "xx", "source": "y"}',
    ],
)
def test_what_is_right_with_a_line(tmp_path: Path, line: str) -> None:
    """Odd lines that are JSON are read; imprint's own names in them mean nothing."""
    (row,) = rows_of(put(tmp_path, line), want(n={"type": ["integer", "null"]}))
    assert (row["text"], row["_reason"]) == ("a", None)
    assert (row["language"], row["source"], row["id"]) == (None, None, row["raw_sha256"][:16])


def test_fields_are_taken_over_by_name(tmp_path: Path) -> None:
    """read.id and read.fields name fields of the input; language and source only come so."""
    line = '{"body": "a", "nr": "x1", "lang": "id", "who": "Antara", "link": "u", "source": "no"}'
    options = {
        "text": "body",
        "id": "nr",
        "fields": {"language": "lang", "source": "who", "url": "link"},
    }
    (row,) = rows_of(put(tmp_path, line), want(url={"type": "string"}), **options)
    assert [row[name] for name in ("text", "id", "language", "source", "url")] == [
        "a",
        "x1",
        "id",
        "Antara",
        "u",
    ]
    assert row["_document"] == "x1"


def test_ids_are_strings_or_whole_numbers(tmp_path: Path) -> None:
    """A number is written in digits; a missing or empty id is rejected and has the raw digest."""
    lines = ['{"nr": 7, "text": "a"}', '{"nr": "7b", "text": "b"}', '{"text": "c"}']
    rows = rows_of(put(tmp_path, *lines, '{"nr": "", "text": "d"}'), id="nr")
    assert [row["id"] for row in rows][:2] == ["7", "7b"]
    assert reasons(rows) == [None, None, "schema", "schema"]
    assert rows[2]["id"] == hashlib.sha256(b"c").hexdigest()[:16]
    assert rows[2]["_detail"] == 'field "nr": missing, wanted a value for the id'
    assert [row["id"] for row in rows_of(put(tmp_path, lines[0]), id="nr")] == ["7"]


def test_paragraphs_of_documents(tmp_path: Path) -> None:
    """Each line of each text is a record; one without a line is one rejected record."""
    lines = ['{"nr": 1, "text": "a\\r\\n\\r\\nb"}', '{"nr": 2, "text": "\\n"}', '{"nr": 3}', "x"]
    rows = rows_of(put(tmp_path, *lines), unit="paragraph", id="nr")
    assert texts(rows) == ["a", "b", None, None, None]
    assert [row["id"] for row in rows][:4] == ["1#1", "1#2", "2#1", "3#1"]
    assert reasons(rows) == [None, None, "empty", "text", "parse"]
    assert [row["_document_index"] for row in rows] == [0, 0, 1, 2, 3]
    assert [row["raw_index"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["_line"] for row in rows] == [1, 1, 2, 3, 4]


def test_a_line_that_is_too_long_is_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one rejected record, whatever stands in it, and the rest is read."""
    monkeypatch.setattr("imprint.rooms.read.jsonl.LINE_BYTES", 100)
    monkeypatch.setattr("imprint.rooms.read.files.CHUNK_BYTES", 64)
    path = put(tmp_path, '{"text": "a"}', "x" * 1000, '{"text": "b"}')
    rows = rows_of(path, want(record_bytes=10))
    assert texts(rows) == ["a", None, "b"]
    assert reasons(rows) == [None, "too-long", None]
    assert rows[1]["raw_sha256"] == hashlib.sha256(b"x" * 1000).hexdigest()
    assert rows[2]["_line"] == 3


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \r\n\t"])
def test_blank_lines_are_an_empty_file(tmp_path: Path, data: bytes) -> None:
    """A file without a record is empty."""
    assert lost(put(tmp_path, data))[0] == "empty"


def test_the_border_of_chunks_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are the same for any size of block, with good and bad lines."""
    lines = [json.dumps({"text": f"é {n}"}) if n % 7 else '{"text": bad' for n in range(300)]
    lines[5] = '{"text":\r"a"}\r'
    path = put(tmp_path, *lines)
    whole = rows_of(path)
    assert [row["_line"] for row in whole] == list(range(1, 301))
    monkeypatch.setattr("imprint.rooms.read.jsonl.SMALL_BYTES", 64)
    assert rows_of(path) == whole
    for size in (1, 17, 100, 4096):
        monkeypatch.setattr("imprint.rooms.read.files.CHUNK_BYTES", size)
        assert rows_of(path) == whole


# --- the fast path and its twin

KEYS = st.sampled_from([*TYPES, "name", "age", "other", "Text", ""])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**66), 2**66),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=6),
        st.sampled_from(["NaN", "Inf, x", "2020-01-01", "5", "\u2028", "\ufeff", "{", "[["]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
FITTING = st.fixed_dictionaries(
    {"text": st.text(), "id": st.text(min_size=1) | st.integers(-(2**63), 2**63 - 1)},
    optional={
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.integers(-(10**20), 10**20) | st.floats(-1e30, 1e30),
        "b": st.none() | st.booleans(),
        "tags": st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
        "who": st.none()
        | st.fixed_dictionaries({}, optional={"name": st.text(), "age": st.integers(-9, 9)}),
        "other": VALUES,
    },
)
ROUNDS_TWICE = '{"text":"a","id":"1","f":1.00000017881393432617187499}'
LINES = st.one_of(
    FITTING.map(json.dumps),
    FITTING.map(lambda record: json.dumps(record, ensure_ascii=False)),
    st.dictionaries(KEYS, VALUES, max_size=4).map(json.dumps),
    st.sampled_from(
        [
            "null",
            "",
            " ",
            "{}",
            "[]",
            '{"text":"a"}{"text":"b"}',
            '{"text":',
            '"a"}',
            '{"other":NaN}',
            '{"text":"a","id":"1","other": -Infinity ]',
            '{"text":"a","id":"1","f":-0}',
            '{"text":"a","id":"1","n":-0}',
            '{"text":"a","id":"1","f":1e400}',
            '{"text":"a","id":"1","other":1E400}',
            '{"text":"a","id":"1","f":5e-324}',
            ROUNDS_TWICE,
            '{"text":"a","id":"1","other":1,"other":2}',
            '{"text":"a","id":"1","who":{"x":1,"x":2,"name":"n"}}',
            '{"text":"a","id":"1","who":{"name":"n","name":"m"}}',
            '{"text":"\\ud83d\\ude00","id":"1"}',
            '{"text":"\\udc00","id":"1"}',
            '{"text":"a\\u0000","id":"1"}',
            '{"\\u0074ext":"a","id":"1"}',
        ]
    ),
)


def as_rows(found: list[Found]) -> Rows:
    """Return what was found, a dictionary a document."""
    rows: Rows = []
    for each in found:
        columns: dict[str, list[Any]] = {c: v.to_pylist() for c, v in each.values.items()}
        assert {c: v.type for c, v in each.values.items()} == TYPES
        for row in range(len(columns["text"])):
            rejected = each.reasons[row] if each.reasons else None
            rows.append(
                {c: v[row] for c, v in columns.items()}
                | {
                    "line": int(each.lines[row]) if each.lines is not None else None,
                    "reason": rejected,
                    "detail": each.details[row] if each.details else None,
                    "digest": each.digests[row] if each.digests else None,
                }
            )
    return rows


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=5))
@example(['{"text":"a","id":1}', '{"text":"b","id":"2"}'])
@example([ROUNDS_TWICE])
@example(['{"text":"a","id":"1","f":-0}'])
def test_the_fast_path_is_its_slow_twin(lines: list[str]) -> None:
    """Whatever the fast path takes, it reads as the slow one does."""
    block = "\n".join(lines).encode()
    parser = Parser({name: name for name in TYPES}, TYPES)
    spans = find_lines(block)
    fast = parser.fast(block, spans, 1) if len(spans.starts) else None
    if fast is not None:
        slow = as_rows([parser.slow(block, spans, 1)])
        assert repr(as_rows([fast])) == repr(slow)  # repr tells -0.0 from 0.0


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"\n", b"\r", b" ", b"\t", b"{", b"}", b"a", b"{}\n"])))
@example([b"{}", b"\n" * 20, b"{}" * 20])
def test_lines_are_found_where_they_stand(pieces: list[bytes]) -> None:
    """The lines that are not blank, with their numbers, as splitting the block gives them."""
    block = b"".join(pieces)
    lines = [line.removesuffix(b"\r") for line in block.split(b"\n")]
    there = [(n, line) for n, line in enumerate(lines) if line.strip(b" \t\r")]
    spans = find_lines(block)
    found = [block[a:b] for a, b in zip(spans.starts, spans.ends, strict=True)]
    assert list(zip(spans.numbers.tolist(), found, strict=True)) == there
    assert spans.ended == block.count(b"\n")
    assert spans.plain == all(line[:1] == b"{" and line[-1:] == b"}" for _, line in there)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["N", "a", "I", "n", "f", "inity", " ", "\t", "\r", ",", "]", "}", "é"])
    )
)
@example(["N", "a", "N", "a", "N", "}"])
@example(["I", "n", "f", "inity", "]"])
@example(["I", "n", "f", "\t", "}"])
@example(["N", "a", "N", "\r", "}"])
def test_no_constant_is_overlooked(pieces: list[str]) -> None:
    """The quick test for NaN and Infinity may see one too many, never one too few."""
    text = "".join(pieces)
    if re.search(CONSTANT, text):
        assert _may_have_constant(text.encode())


@settings(max_examples=100, deadline=None)
@given(FITTING)
def test_the_fast_path_takes_what_fits(record: dict[str, Any]) -> None:
    """Ordinary lines do not fall to the slow twin: else its speed would be a tale."""
    constant = any(word in json.dumps(record) for word in ("NaN", "Inf"))
    block = json.dumps(record).encode()
    parser = Parser({name: name for name in TYPES}, TYPES)
    assert parser.fast(block, find_lines(block), 1) is not None or constant


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpora are not there")
def test_the_json_suite_as_values_of_lines(tmp_path: Path) -> None:
    """What must parse does, what must be refused is, each between two good lines."""
    good = b'{"text": "good"}'
    for path in sorted((SHARED / "formats" / "json_suite").glob("[yn]_*.json")):
        value = path.read_bytes()
        if b"\n" in value.strip():
            continue  # a line cannot hold it
        line = b'{"text": "a", "other": ' + value.strip() + b"}"
        try:
            expected = None if isinstance(json.loads(line), dict) else "parse"
        except (ValueError, RecursionError):
            expected = "parse"
        if path.name.startswith("n_") and expected is None:
            continue  # NaN is taken by Python's json; a fragment may be right inside an object
        rows = rows_of(put(tmp_path, good, line, good))
        assert [rows[0]["_reason"], rows[-1]["_reason"]] == [None, None], path.name
        assert reasons(rows)[1:-1] == [expected], path.name

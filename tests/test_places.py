"""Declaration files are read as their formats say, and every key knows its line."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.errors import ProjectError
from imprint.places import decode, read_json, read_toml

BARE = st.text("abcdefgh-_0123456789", min_size=1, max_size=6)
QUOTED = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
NAMES = BARE | QUOTED | st.sampled_from(["value", "key", "key_line", "value_line", "value_raw"])
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.datetimes().map(lambda moment: moment.replace(microsecond=0))
    | st.dates()
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
    max_leaves=6,
)
TABLES = st.dictionaries(NAMES, VALUES, max_size=4)
ARRAYS = st.lists(TABLES, min_size=1, max_size=3)
DOCUMENTS = st.tuples(TABLES, st.dictionaries(NAMES, TABLES | ARRAYS, max_size=3))


def quote(text: str) -> str:
    """Return a string as TOML writes it."""
    escaped = "".join(
        c if c not in '"\\' and c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in text
    )
    return f'"{escaped}"'


def inline(value: Any) -> str:
    """Return a value as TOML writes it on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{quote(key)} = {inline(each)}' for key, each in value.items())}}}"
    return str(value)


def body(table: dict[str, Any]) -> list[str]:
    """Return a table's keys, a line each."""
    return [f"{quote(key)} = {inline(value)}" for key, value in table.items()]


def document(top: dict[str, Any], tables: dict[str, Any]) -> str:
    """Return a TOML document: keys first, then [tables] and [[arrays of tables]]."""
    lines = body(top)
    for name, table in tables.items():
        if name in top:
            continue
        if isinstance(table, dict):
            lines += ["", f"[{quote(name)}]", *body(table)]
        else:
            for each in table:
                lines += ["# one more", f"[[ {quote(name)} ]]", *body(each)]
    return "\n".join(lines) + "\n"


@given(DOCUMENTS)
def test_toml_is_what_tomllib_reads(parts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The compiled parser gives what the standard library's gives, in the same order."""
    text = document(*parts)
    expected = tomllib.loads(text)
    found = read_toml(text, "a.toml").value
    assert repr(found) == repr(expected)


@given(st.text("ab=[]{}\"'.,#\n 1-\\", max_size=24))
def test_toml_refuses_what_tomllib_refuses(text: str) -> None:
    """What is no TOML to the standard library is none to us, and the other way round."""
    try:
        expected: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        expected = None
    try:
        found = read_toml(text, "a.toml").value
    except ProjectError as error:
        found = None
        place = error.faults[0].place
    else:
        place = "a.toml:"
    assert found == expected
    assert place.startswith("a.toml:")


@given(DOCUMENTS)
def test_lines_of_toml(parts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Every key of a table is found on the line on which it is written."""
    text = document(*parts)
    located = read_toml(text, "a.toml")
    lines = text.split("\n")
    for path, line in located.lines.items():
        if len(path) == 1 and path[0] in parts[0]:
            assert lines[line - 1].startswith(f"{quote(str(path[0]))} =")
        if len(path) == 1 and path[0] not in parts[0]:
            assert quote(str(path[0])) in lines[line - 1]
            assert lines[line - 1].startswith("[")
    assert all((name,) in located.lines for name in located.value)


def test_headers_inside_a_string_are_none() -> None:
    """What looks like a header inside a string of several lines is not taken for one."""
    text = 'a = """\n[b]\n[[c]]\n"""\n[b]\nx = 1\n[[c]]\n[[c]]\n[c.d]\ny = 1\n'
    lines = read_toml(text, "a.toml").lines
    assert lines[("b",)] == 5
    assert lines[("c", 0)] == 7
    assert lines[("c", 1, "d")] == 9


def test_nearest_place() -> None:
    """A value without a line of its own has the place of what holds it."""
    located = read_toml("[a]\nb = 1\n", "a.toml")
    assert located.at(("a", "c")) == "a.toml:1"
    assert located.at(("z",)) == "a.toml"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3)
    ),
)


@given(JSON, st.sampled_from([None, 1]))
def test_json_lines(value: Any, indent: int | None) -> None:
    """JSON is read as it is, and every key and element is found on its line."""
    text = json.dumps(value, indent=indent)
    located = read_json(text, "a.json")
    assert located.value == value
    lines = text.split("\n")

    def walk(part: Any, path: tuple[str | int, ...]) -> int:
        count = 0
        if isinstance(part, dict | list):
            for key, below in part.items() if isinstance(part, dict) else enumerate(part):
                line = lines[located.lines[(*path, key)] - 1]
                assert isinstance(part, list) or json.dumps(key) in line
                count += 1 + walk(below, (*path, key))
        return count

    assert walk(value, ()) == len(located.lines)


@pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', '{"a": 1, "a": 2}', "[1,]", "[" * 100_000])
def test_no_json(text: str) -> None:
    """What is no JSON, or holds a key twice, is refused with its place."""
    with pytest.raises(ProjectError) as caught:
        read_json(text, "a.json")
    assert caught.value.faults[0].place.startswith("a.json")


DEEP = [
    "a = " + "[" * 5000 + "]" * 5000,
    "a = " + "{b = " * 5000 + "1" + "}" * 5000,
    ".".join("a" * 5000) + " = 1",
    "[" + " . ".join("a" * 5000) + "]",
    ".".join(['"a"'] * 5000) + " = 1",
]


@pytest.mark.parametrize("text", DEEP)
def test_deep_toml(text: str) -> None:
    """What would take the parser down is refused before it is given to it."""
    with pytest.raises(ProjectError, match="nested"):
        read_toml(text, "a.toml")


def test_brackets_in_strings_are_not_deep() -> None:
    """Expressions and comments may hold as many brackets and dots as they like."""
    text = "".join(f"k{n} = '[\\[{{.....'\n# [[[[ it's\n" for n in range(300))
    text += "x = [" + ", ".join(["0.5"] * 500) + "]\n"
    assert len(read_toml(text, "a.toml").value) == 301


def test_decode() -> None:
    """A mark in front is dropped; what is not UTF-8 is named with its line."""
    assert decode(b"\xef\xbb\xbfa", "a") == "a"
    with pytest.raises(ProjectError, match=r"a:2: byte 0xe9"):
        decode(b"a\n\xe9\n", "a")

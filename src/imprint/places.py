"""The declaration files as values that know where they stand: TOML and JSON with lines.

A fault in a value can only be mended quickly when its line is named, so both readers keep the line
of every key. A path is the tuple of keys and list positions that leads to a value.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from imprint.errors import Fault, ProjectError, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
"""The keys and list positions that lead to a value: `("read", "rule", 0, "files")`."""

HEADER = re.compile(r"^[ \t]*\[(\[)?(?P<keys>[^\n]*?)\]?\][ \t]*(#[^\n]*)?$", re.MULTILINE)
"""A line that could open a TOML table. Source: TOML 1.0, "Table" and "Array of Tables"."""

JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
"""A token of JSON that is known to be well-formed. Source: RFC 8259, section 2."""


DEEPEST = 100
"""Levels of nesting that are read. Chosen: the parser of TOML crashes past some thousands, and no
declaration of ours has ten."""

STRINGS = re.compile(
    r'"""(?:\\.|[^\\])*?"""|' r"'''.*?'''|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'|#[^\n]*", re.DOTALL
)
"""Strings and comments of TOML; JSON's strings among them."""

DOTTED = re.compile(rf"(?:[\w-]*[ \t]*\.[ \t]*){{{DEEPEST},}}")
"""A dotted key that is too deep, once its quoted parts are taken out."""


@dataclasses.dataclass(frozen=True, slots=True)
class Located:
    """A declaration file that was read: its value, and the line of every part of it."""

    place: str
    """The file, relative to the project: `schema/dataset.toml`."""
    value: Any
    lines: dict[Path, int]
    """1-based line on which a key, or a list's element, starts."""
    raw: dict[Path, str]
    """Numbers as they are written, for those that must not be rounded (TOML only)."""

    def at(self, path: Path) -> str:
        """Return the place of a value: of the nearest known one above where it has no line.

        >>> Located("a.toml", {}, {("x",): 3}, {}).at(("x", "y"))
        'a.toml:3'
        """
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.place}:{self.lines[path]}" if path else self.place

    def get(self, path: Path) -> Any:
        """Return the value at a path, None where there is none."""
        value = self.value
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def decode(data: bytes, place: str) -> str:
    """Return a declaration file as text.

    Raises:
        ProjectError: it is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ProjectError(
            Fault(f"{place}:{line}", f"byte 0x{data[error.start]:02x}", "UTF-8", "save it as UTF-8")
        ) from error


def read_toml(text: str, place: str) -> Located:
    r"""Read a TOML document, and find the line of every key.

    >>> read_toml("a = 1\n[b]\nc = [1, 2]\n", "x.toml").lines
    {('a',): 1, ('b',): 2, ('b', 'c'): 3, ('b', 'c', 0): 3, ('b', 'c', 1): 3}

    Raises:
        ProjectError: it is no TOML.
    """
    import toml_rs

    text = text.replace("\r\n", "\n")
    _refuse_deep(text, place)
    try:
        document = toml_rs.load_with_metadata(text, toml_version="1.0.0")
    except toml_rs.TOMLDecodeError as error:
        said = str(error).rstrip().rpartition("\n")[2]
        line = text.split("\n")[error.lineno - 1].strip()
        raise ProjectError(
            Fault(
                f"{place}:{error.lineno}",
                f"{said} at column {error.colno} of {seen(line)}",
                "TOML",
                "mend that line",
            )
        ) from error
    located = Located(place, document.value, {}, {})
    _walk_toml(document.value, document.meta["nodes"], (), located)
    _find_headers(text, located, set(_inner_lines(document.meta["nodes"])))
    ordered = dict(sorted(located.lines.items(), key=lambda item: item[1]))
    return dataclasses.replace(located, lines=ordered)


def _refuse_deep(text: str, place: str) -> None:
    """Refuse what is nested so deep that no parser should be given it."""
    depth = 0
    bare = STRINGS.sub("", text)
    too_deep = DOTTED.search(bare) is not None
    for match in re.finditer(r"[\[{]|[\]}]", bare):
        depth = depth + 1 if match[0] in "[{" else max(depth - 1, 0)
        too_deep = too_deep or depth > DEEPEST
    if too_deep:
        seen_ = f"values nested over {DEEPEST} levels deep"
        raise ProjectError(Fault(place, seen_, "flat tables", "write it flat"))


def _walk_toml(value: Any, node: Any, path: Path, located: Located) -> None:
    """Take over the lines that the parser gives for a value and all below it."""
    line = _line_of(node)
    if line:
        located.lines[path] = line
        if isinstance(value, int | float) and not isinstance(value, bool):
            located.raw[path] = node["value_raw"]
        node = node["value"]
    if isinstance(value, dict):
        for key, below in value.items():
            _walk_toml(below, node[key], (*path, key), located)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            _walk_toml(below, node[index], (*path, index), located)


def _line_of(node: Any) -> int:
    """Return the line of what the parser says of a key or an element; 0 where it is a table's.

    What it says of a table is a dict of what it says of its keys: they can have any name.
    """
    for name in ("key_line", "value_line"):
        line = node.get(name)
        if isinstance(line, int):
            return line
        if isinstance(line, tuple):
            return int(line[0])
    return 0


def _inner_lines(node: Any) -> Iterator[int]:
    """Yield the lines of every value that has several, but its first."""
    if isinstance(node, dict):
        if isinstance(node.get("value_line"), tuple):
            first, last = node["value_line"]
            yield from range(first + 1, last + 1)
        for below in node.values():
            yield from _inner_lines(below)
    elif isinstance(node, list):
        for below in node:
            yield from _inner_lines(below)


def _find_headers(text: str, located: Located, inside: set[int]) -> None:
    """Add the lines of `[table]` headers, for which the parser gives none.

    Only lines that do not belong to a value are looked at: a string of several lines can hold what
    looks like a header.
    """
    import toml_rs

    arrays: dict[Path, int] = {}
    number, counted = 1, 0
    for match in HEADER.finditer(text):
        number += text.count("\n", counted, match.start("keys"))
        counted = match.start("keys")
        if number in inside:
            continue
        header = f"[{match['keys']}]"
        try:
            keys: Any = toml_rs.loads(header, toml_version="1.0.0")
        except toml_rs.TOMLDecodeError:
            continue
        path: Path = ()
        while keys:
            (key,) = keys
            keys = keys[key]
            path = (*path, key)
            if keys and path in arrays:
                path = (*path, arrays[path])
        if match[1]:
            arrays[path] = arrays.get(path, -1) + 1
            path = (*path, arrays[path])
        if isinstance(located.get(path), dict):
            located.lines.setdefault(path, number)


def read_json(text: str, place: str) -> Located:
    r"""Read a JSON document, and find the line of every key.

    >>> read_json('{"a": 1,\n "b": [1,\n 2]}', "x.json").lines
    {('a',): 1, ('b',): 2, ('b', 0): 2, ('b', 1): 3}

    Raises:
        ProjectError: it is no JSON, or a key is there twice.
    """
    faults: list[Fault] = []
    _refuse_deep(text, place)
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        said = f"{error.msg} at column {error.colno}"
        fault = Fault(f"{place}:{error.lineno}", said, "JSON", "mend that line")
        raise ProjectError(fault) from error
    except ValueError as error:
        raise ProjectError(Fault(place, str(error), "JSON", "mend it")) from error
    located = Located(place, value, {}, {})
    _walk_json(text, located, faults)
    if faults:
        raise ProjectError(faults)
    return located


def _refuse_constant(name: str) -> None:
    """Refuse what Python's parser takes and JSON does not know."""
    raise ValueError(f"{name}, which is no JSON")


def _walk_json(text: str, located: Located, faults: list[Fault]) -> None:
    """Find the line of every key and element of a well-formed document, token by token."""
    path: list[str | int] = []
    line, at, fresh = 1, 0, False
    for match in JSON_TOKEN.finditer(text):
        part = match[0]
        line += text.count("\n", at, match.start())
        at = match.start()
        if part in ("]", "}"):
            path.pop()
            fresh = False
            continue
        if part == ",":
            fresh = True
            if isinstance(path[-1], int):
                path[-1] += 1
            continue
        if part == ":":
            continue
        if fresh and path and isinstance(path[-1], str):
            path[-1] = json.loads(part)
            fresh = False
            if tuple(path) in located.lines:
                faults.append(
                    Fault(
                        f"{located.place}:{line}",
                        f'"{path[-1]}" for the second time',
                        "each key once",
                        "take one of the two out",
                    )
                )
            located.lines.setdefault(tuple(path), line)
            continue
        if path and isinstance(path[-1], int):
            located.lines.setdefault(tuple(path), line)
            fresh = False
        if part == "{":
            path.append("")
            fresh = True
        elif part == "[":
            path.append(0)
            fresh = True

"""Hold a TOML declaration to its struct, and tell every fault so that it can be mended.

The struct is turned into a JSON Schema, a compiled validator lists all that does not fit it, and
the faults are put into words here: the line, what stands there, what was wanted, the nearest name.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from imprint.errors import SEEN_CHARACTERS, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from imprint.places import Located, Path

Declared = TypeVar("Declared", bound=msgspec.Struct)

TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
}
"""What people call the types of JSON."""

NO_JSON = "\0"
"""Stands for a value that JSON does not know, so that it is of a wrong type everywhere."""


def declared(
    located: Located,
    struct: type[Declared],
    later: Callable[[Located], Iterable[tuple[Path, Fault]]],
) -> tuple[Declared | None, list[Fault]]:
    """Turn a declaration into its struct.

    Args:
        located: the declaration.
        struct: what it should be.
        later: yields the path and the fault of everything that is not there yet.

    Returns:
        The struct, or None and everything that is wrong.
    """
    not_there = list(later(located))
    paths = [path for path, _ in not_there]
    faults = [fault for _, fault in not_there]
    validator, _ = _validator(struct)
    for error in validator.iter_errors(_as_json(located.value)):
        path = tuple(error.instance_path)
        if not any(path[: len(each)] == each for each in paths):
            faults += _in_words(located, struct, path, error)
    if faults:
        return None, faults
    value = _with_fractions(located, struct)
    return msgspec.convert(value, struct, strict=False, dec_hook=_fraction), []


@functools.cache
def _validator(struct: type[msgspec.Struct]) -> tuple[Any, Any]:
    """Return the compiled check of a struct, and the schema that it was made from."""
    import jsonschema_rs

    schema = msgspec.json.schema(struct, schema_hook=lambda _: {"type": "number"})
    return jsonschema_rs.Draft202012Validator(schema), schema


def _fraction(_: type, value: Any) -> Fraction:
    """Return an exact number; msgspec asks for it."""
    return Fraction(value)


def _as_json(value: Any) -> Any:
    """Return a TOML value as JSON knows it; what it does not know is of no type that is wanted."""
    if isinstance(value, dict):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else {NO_JSON: None}
    return value if isinstance(value, str | int) else {NO_JSON: None}


def _with_fractions(located: Located, struct: type[msgspec.Struct]) -> Any:
    """Return the value with every share as it is written, before it was rounded to binary."""
    value = located.value
    shares = located.get(("splits", "shares"))
    if "splits" not in struct.__struct_fields__ or not isinstance(shares, dict):
        return value
    exact = {name: exact_number(located, ("splits", "shares", name)) for name in shares}
    return {**value, "splits": {**value["splits"], "shares": exact}}


def exact_number(located: Located, path: Path) -> Fraction:
    """Return a number exactly as it is written."""
    written = located.raw.get(path, "").replace("_", "")
    try:
        return Fraction(written)
    except ValueError:  # 0x10 and its like, which are whole
        return Fraction(located.get(path))


def _in_words(
    located: Located, struct: type[msgspec.Struct], path: Path, error: Any
) -> Iterator[Fault]:
    """Yield the faults of one error of the validator."""
    kind, table = error.kind.name, _header(located, path)
    if kind == "additionalProperties":
        known = _known_keys(struct, error)
        for key in error.kind.unexpected:
            yield unknown_key(located.at((*path, key)), key, known, table)
    elif kind == "required":
        name, table_value = error.kind.property, located.get(path)
        if any(
            nearest(key, [name]) for key in table_value if key not in _known_keys(struct, error)
        ):
            return  # the misspelt key is told already
        inside = f" in {table}" if table else ""
        fix = f"add {name} = ... to " + (table or "the top of the file")
        yield Fault(located.at(path), f"no {name}{inside}", "it, having no default", fix)
    else:
        value = located.get(path)
        wanted = _wants(kind, error.kind)
        yield Fault(
            located.at(path), written(path, value), wanted, _order(path, kind, error, value)
        )


def _wants(kind: str, error: Any) -> str:
    """Return what would have been right, of a value that does not fit."""
    if kind == "type":
        return TYPES[error.types[0]]
    if kind == "enum":
        return " or ".join(toml(option) for option in error.options)
    if kind == "minLength":
        return "some text"
    if kind in ("minimum", "maximum"):
        return f"{error.limit} or {'more' if kind == 'minimum' else 'less'}"
    raise AssertionError(kind)  # no struct of ours gives another keyword


def _order(path: Path, kind: str, error: Any, value: Any) -> str:
    """Return how a value that does not fit is mended."""
    key = next(part for part in reversed(path) if isinstance(part, str))
    place = "" if path[-1] == key else " there"
    if kind == "type":
        types = error.kind.types
        if "string" in types and not isinstance(value, dict | list):
            return f"put it in quotes: {'' if place else key + ' = '}{toml(str(value))}"
        if types[0] in ("integer", "number") and isinstance(value, str):
            plain = value.replace("_", "").replace(" ", "")
            if re.fullmatch(r"[0-9]+", plain):
                return f"write {key} = {plain}"
        if "array" in types and not isinstance(value, dict):
            return f"put it in brackets: {key} = [{toml(value)}]"
        if "boolean" in types and str(value).lower() in ("true", "false"):
            return f"write {key} = {str(value).lower()}"
        if "array" in types:
            return f"write [[{key_of(path)}]]"
        return f"write {TYPES[types[0]]}{place}"
    if kind == "enum" and isinstance(value, str) and nearest(value, error.kind.options):
        return f"write {key} = {toml(nearest(value, error.kind.options))}"
    return f"change {key}, or take it out"


def _known_keys(struct: type[msgspec.Struct], error: Any) -> list[str]:
    """Return the keys of the table that an error is about."""
    _, schema = _validator(struct)
    for step in error.schema_path[:-1]:
        schema = schema[step]
    return list(schema.get("properties", ()))


def _header(located: Located, path: Path) -> str:
    """Return the header of the table at a path: [read], [[read.rule]]; "" for the file itself."""
    if not path:
        return ""
    many = isinstance(path[-1], int) and isinstance(located.get(path), dict)
    return f"[[{key_of(path)}]]" if many else f"[{key_of(path)}]"


def written(path: Path, value: Any) -> str:
    """Return a key and its value as a fault shows them.

    >>> written(("read", "rule", 0, "files"), 5)
    'read.rule.files = 5'
    """
    return f"{key_of(path)} = {toml(value)}"


def key_of(path: Path) -> str:
    """Return the dotted key of a path, without the positions in lists."""
    return ".".join(part for part in path if isinstance(part, str))


def toml(value: Any) -> str:
    """Return a value as TOML writes it, cut to the length of a fault.

    >>> toml("a"), toml(True), toml([1, "b"])
    ('"a"', 'true', '[1, "b"]')
    """
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, list):
        text = f"[{', '.join(toml(each) for each in value)}]"
    elif isinstance(value, dict):
        text = "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    else:
        text = str(value)
    return text if len(text) <= SEEN_CHARACTERS else text[: SEEN_CHARACTERS - 3] + "..."


def unknown_key(place: str, key: str, known: Collection[str], table: str) -> Fault:
    """Return the fault of a key that there is not, with the nearest that there is."""
    near = nearest(key, known)
    inside = f" in {table}" if table else ""
    if near:
        return Fault(place, f'unknown key "{key}"{inside}', f'"{near}"', f'write "{near}"')
    names = ", ".join(known)
    return Fault(place, f'unknown key "{key}"{inside}', f"one of {names}", "take it out")


def nearest(name: str, known: Collection[str]) -> str:
    """Return the known name that is nearest to one that is not known; "" where none is near.

    >>> nearest("incldue", ["include", "exclude"]), nearest("zzz", ["include"])
    ('include', '')
    """
    folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(name.casefold(), folded, 1)
    return folded[found[0]] if found else ""

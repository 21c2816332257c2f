"""Values as their columns take them: nothing is turned into what it was not.

A number is a number and a string a string; the one exception is a CSV cell, which becomes a number
where record.json says number.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from imprint.errors import seen

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST_INTEGER = 20
"""Digits and sign of the longest int64. Source: -9223372036854775808."""

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""What a cell may hold where record.json says integer or number."""


class BadLine(Exception):  # noqa: N818  (an outcome that becomes a row's reason)
    """A line is no JSON object as it should be; the message says why."""


class Pairs(list[tuple[str, Any]]):
    """A JSON object with every pair that was there, twice or not."""


def pick(pairs: object, wanted: frozenset[str]) -> dict[str, Any]:
    """Return the wanted fields of an object; refuse one that is there twice."""
    if isinstance(pairs, dict):
        return {key: value for key, value in pairs.items() if key in wanted}
    if not isinstance(pairs, Pairs):
        raise BadLine("no JSON object")
    record: dict[str, Any] = {}
    for key, value in pairs:
        if key in wanted:
            if key in record:
                raise BadLine(f'field "{key}" is there twice')
            record[key] = value
    return record


class Mismatch(Exception):  # noqa: N818  (an outcome that becomes a row's reason)
    """A value does not fit its column; the message says what was wanted."""


def mismatch(name: str, value: object, wanted: str) -> str:
    """Return the detail of a value that does not fit.

    >>> mismatch("text", 5, "a string"), mismatch("text", None, "a string")
    ('field "text": 5, wanted a string', 'field "text": missing, wanted a string')
    """
    return f'field "{name}": {"missing" if value is None else seen(value)}, wanted {wanted}'


def convert(value: object, kind: pa.DataType) -> object:
    """Return a JSON value as its Arrow type takes it; null fits every type.

    Raises:
        Mismatch: it does not fit.
    """
    import pyarrow.types as pt

    if value is None:
        return None
    if pt.is_string(kind) and isinstance(value, str):
        return value
    if pt.is_boolean(kind) and isinstance(value, bool):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if pt.is_integer(kind) and number:
        return _whole(value, kind)  # type: ignore[arg-type]
    if pt.is_floating(kind) and number and math.isfinite(value):  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    if pt.is_list(kind) and isinstance(value, list) and not isinstance(value, Pairs):
        return [convert(item, kind.value_type) for item in value]
    if pt.is_struct(kind) and isinstance(value, Pairs | dict):
        record = pick(value, frozenset(field.name for field in kind))
        return {field.name: convert(record.get(field.name), field.type) for field in kind}
    raise Mismatch(WANTED.get(str(kind), str(kind)))


WANTED = {
    "string": "a string",
    "int64": "a whole number",
    "double": "a number",
    "bool": "true or false",
}
"""How a type is called in a detail."""


def _whole(value: float, kind: pa.DataType) -> int:
    """Return a whole number that fits the type; 5.0 is one, as in JSON Schema."""
    if math.isfinite(value) and value == int(value):
        bits = kind.bit_width
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if str(kind)[0] == "i" else (0, 2**bits)
        if low <= int(value) < high:
            return int(value)
    raise Mismatch(WANTED.get(str(kind), str(kind)))


def take(value: object, column: str, kind: pa.DataType) -> object:
    """Return a value as its column takes it: text and id have to be there.

    Raises:
        Mismatch: it does not fit.
    """
    if column == "id":
        return parse_id(value)
    if column == "text" and value is None:
        raise Mismatch("a string")
    return convert(value, kind)


def parse_id(value: object) -> str:
    """Return an id: a string that is not empty, or a whole number in decimal digits."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return str(value)
    raise Mismatch("a value for the id")


def parse_cell(cell: str, kind: pa.DataType, column: str = "") -> object:
    """Return a cell as its type takes it; an empty cell is no number.

    Raises:
        Mismatch: it does not fit.

    >>> import pyarrow as pa
    >>> parse_cell("007", pa.int64()), parse_cell(" 1e3 ", pa.float64()), parse_cell("", pa.int64())
    (7, 1000.0, None)
    """
    if column == "id":
        if not cell:
            raise Mismatch("a value for the id")
        return cell
    text = cell.strip()
    if str(kind) == "string":
        return cell
    if not text:
        return None
    if str(kind) == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if INTEGER.fullmatch(text) and len(text) <= LONGEST_INTEGER:
        return convert(int(text), kind)
    if NUMBER.fullmatch(text):
        return convert(float(text), kind)
    return convert(cell, kind)

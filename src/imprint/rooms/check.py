"""Hold every record to schema/record.json; what breaks a rule is rejected, with the reason.

Most rules are tested on whole columns. Only the rows that such a test picked are turned into
JSON and given to the validator, which has the last word: the tests may pick a row too many, never
one too few.
"""

from __future__ import annotations

import functools
import json
import math
import re
from typing import TYPE_CHECKING, Any

from imprint.errors import seen
from imprint.records import is_nullable, json_type
from imprint.timing import slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from imprint.records import RecordSchema

    Rows = npt.NDArray[np.bool_]
    """A truth value for each row."""

PORTABLE = re.compile(r"(?!.*\[:)[^\\.]*")
"""Patterns that mean the same to JSON Schema and to the column engine: without classes and dots.

Source: JSON Schema 2020-12, section 6.4: patterns are ECMA-262, where `\\d` and `\\w` are ASCII."""


def check(batch: pa.RecordBatch, record: RecordSchema) -> pa.RecordBatch:
    """Reject every record that is not what schema/record.json says.

    No record is added, dropped or moved. Records with a reason already are passed over. A null
    where the type does not admit null counts as a field that is not there.

    Args:
        batch: n records whose columns have the types of `record`. A column that is not there counts
            as one of nulls.
        record: what a record is.

    Returns:
        n records in the same order; `_reason` is "schema" and `_detail` names the field, the value
        and the rule where one is broken.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    open_rows = pc.is_null(batch["_reason"]).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(suspects(batch, record) & open_rows)
    slow(len(rows))
    if not len(rows):
        return batch
    reasons, details = batch["_reason"].to_pylist(), batch["_detail"].to_pylist()
    names = [name for name in record.names if name in batch.schema.names]
    picked = batch.select(names).take(pa.array(rows))
    for row, values in zip(rows.tolist(), picked.to_pylist(), strict=True):
        detail = broken_rule(values, record)
        if detail is not None:
            reasons[row], details[row] = "schema", detail
    for name, values in (("_reason", reasons), ("_detail", details)):
        column = pa.array(values, pa.string())
        batch = batch.set_column(batch.schema.get_field_index(name), name, column)
    return batch


def broken_rule(values: Mapping[str, Any], record: RecordSchema) -> str | None:
    """Return the rule that a record breaks, in words; None where it breaks none.

    Args:
        values: a record as Python values, by column.
        record: what a record is.
    """
    validator = _validator(json.dumps(record.document))
    errors = list(validator.iter_errors(_as_json(values, record.document)))
    if not errors:
        return None
    order = {name: position for position, name in enumerate(record.names)}

    def place(error: Any) -> tuple[int, list[str], str]:
        """Return where an error stands in the order of the columns."""
        path = list(error.instance_path) or [getattr(error.kind, "property", "")]
        return order.get(path[0], -1), [str(part) for part in path], error.kind.name

    errors.sort(key=place)
    more = f"; and {len(errors) - 1} more" if len(errors) > 1 else ""
    return _in_words(errors[0]) + more


@functools.lru_cache(maxsize=16)
def _validator(document: str) -> Any:
    """Return the compiled validator of a JSON Schema."""
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(
        json.loads(document), pattern_options=jsonschema_rs.RegexOptions()
    )


def _as_json(value: Any, schema: dict[str, Any]) -> Any:
    """Return a value as JSON: without the fields that are not there, numbers finite.

    A number that is not finite is none in JSON; as a string it breaks the type.
    """
    kind = json_type(schema)
    if value is None:
        return None
    if kind == "object":
        return {
            name: _as_json(value.get(name), each)
            for name, each in schema["properties"].items()
            if value.get(name) is not None or is_nullable(each)
        }
    if kind == "array":
        return [_as_json(each, schema["items"]) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _in_words(error: Any) -> str:
    """Return what the validator found: the field, the value and the rule."""
    kind, path = error.kind.name, list(error.instance_path)
    shown = seen(error.instance)
    if kind == "required":
        path, shown = [*path, error.kind.property], "missing"
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]
    wanted = RULES[kind](error.kind.as_dict())
    return f'field "{field}": {shown}, wanted {wanted} ({kind})'


def _one_of(options: list[Any]) -> str:
    """Return values as alternatives, as many as fit a line."""
    text = " or ".join(json.dumps(each, ensure_ascii=False) for each in options)
    return text if len(text) <= 200 else text[:197] + "..."


RULES: dict[str, Callable[[dict[str, Any]], str]] = {
    "type": lambda rule: _one_of(rule["types"]),
    "required": lambda _: "a value",
    "enum": lambda rule: _one_of(rule["options"]),
    "const": lambda rule: _one_of([rule["expected_value"]]),
    "pattern": lambda rule: f"a match of {rule['pattern']}",
    "minLength": lambda rule: f"at least {rule['limit']} characters",
    "maxLength": lambda rule: f"at most {rule['limit']} characters",
    "minItems": lambda rule: f"at least {rule['limit']} items",
    "maxItems": lambda rule: f"at most {rule['limit']} items",
    "minimum": lambda rule: f"{rule['limit']} or more",
    "maximum": lambda rule: f"{rule['limit']} or less",
    "exclusiveMinimum": lambda rule: f"more than {rule['limit']}",
    "exclusiveMaximum": lambda rule: f"less than {rule['limit']}",
}
"""Keyword -> what it wants, in words."""


def suspects(batch: pa.RecordBatch, record: RecordSchema) -> Rows:
    """Say of each row whether it may break a rule; false is certain, true is not.

    Args:
        batch: n records.
        record: what a record is.
    """
    import numpy as np
    import pyarrow.compute as pc

    found = np.zeros(len(batch), dtype=np.bool_)
    required = record.document.get("required", ())
    for name, schema in record.document["properties"].items():
        if name not in batch.schema.names:
            found |= name in required or is_nullable(schema)
            continue
        column = batch[name]
        found |= _suspect_values(column, schema)
        if name in required and not is_nullable(schema) and column.null_count:
            found |= _numpy(pc.is_null(column))
    return found


def _suspect_values(column: pa.Array, schema: dict[str, Any]) -> Rows:
    """Say of each value whether it may break its rules; a null that is no value does not."""
    import numpy as np
    import pyarrow.compute as pc

    kind = json_type(schema)
    found = np.zeros(len(column), dtype=np.bool_)
    for test in _tests(kind, schema):
        found |= ~_numpy(pc.fill_null(test(column), fill_value=True))
    unlisted = None not in schema.get("enum", [None]) or schema.get("const") is not None
    if is_nullable(schema) and unlisted:
        found |= _numpy(pc.is_null(column))
    if kind == "array":
        inside = pc.list_flatten(column)
        bad = _suspect_values(inside, schema["items"])
        if not is_nullable(schema["items"]):
            bad |= _numpy(pc.is_null(inside))
        found[_numpy(pc.list_parent_indices(column))[bad]] = True
    if kind == "object":
        required = schema.get("required", ())
        for name, each in schema["properties"].items():
            inside = pc.struct_field(column, name)
            bad = _suspect_values(inside, each)
            if name in required and not is_nullable(each):
                bad |= _numpy(pc.is_null(inside))
            found |= bad & _numpy(pc.is_valid(column))
    return found


def _numpy(column: pa.Array) -> Any:
    """Return a column without nulls as numpy."""
    return column.to_numpy(zero_copy_only=False)


def _tests(kind: str, schema: dict[str, Any]) -> Iterator[Callable[[pa.Array], pa.Array]]:
    """Yield the tests on whole columns that stand for a property's keywords.

    Each gives true where the rule is kept for certain, and null or true for null.
    """
    import pyarrow.compute as pc

    if kind == "number":
        yield pc.is_finite
    for keyword, rule in schema.items():
        if keyword in ("enum", "const"):
            yield functools.partial(_is_among, values=rule if keyword == "enum" else [rule])
        elif keyword in ("minLength", "maxLength", "minItems", "maxItems"):
            measure = pc.utf8_length if keyword.endswith("Length") else pc.list_value_length
            yield functools.partial(_counts, measure=measure, keyword=keyword, limit=rule)
        elif keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            yield functools.partial(_within, keyword=keyword, limit=rule)
        elif keyword == "pattern":
            yield functools.partial(_matches, pattern=rule)


def _is_among(column: pa.Array, values: list[Any]) -> pa.Array:
    """Say of each value whether it is one of those that the column's type can hold exactly."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fitting = []
    for value in values:
        try:
            scalar = pa.scalar(value, column.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            continue
        if value is not None and scalar.as_py() == value:
            fitting.append(scalar.as_py())
    found = pc.is_in(column, pa.array(fitting, column.type))
    return pc.if_else(pc.is_null(column), pa.scalar(value=True), found)


def _counts(column: pa.Array, measure: Any, keyword: str, limit: int) -> pa.Array:
    """Say of each value whether it is as long as it has to be, in characters or items."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bound = pa.scalar(min(limit, 2**62), pa.int64())
    compare = pc.greater_equal if keyword.startswith("min") else pc.less_equal
    return compare(measure(column).cast(pa.int64()), bound)


def _within(column: pa.Array, keyword: str, limit: float) -> pa.Array:
    """Say of each number whether it keeps a limit; of none where the type cannot hold it."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    compare = {
        "minimum": pc.greater_equal,
        "maximum": pc.less_equal,
        "exclusiveMinimum": pc.greater,
        "exclusiveMaximum": pc.less,
    }[keyword]
    kind = pa.float64() if pt.is_floating(column.type) else column.type
    try:
        bound = pa.scalar(limit, kind)
    except (pa.ArrowInvalid, OverflowError):
        bound = None
    if bound is None or bound.as_py() != limit:
        return pa.repeat(pa.scalar(value=False), len(column))
    return compare(column.cast(kind), bound)


def _matches(column: pa.Array, pattern: str) -> pa.Array:
    """Say of each text whether a pattern matches somewhere in it, as JSON Schema means patterns."""
    import polars as pl
    import pyarrow as pa

    if PORTABLE.fullmatch(pattern):
        return pl.Series(pl.from_arrow(column)).str.contains(pattern).to_arrow()
    fits = _validator(json.dumps({"pattern": pattern})).is_valid
    found = [None if text is None else fits(text) for text in column.to_pylist()]
    return pa.array(found, pa.bool_())

"""Every record is held to schema/record.json, and what breaks a rule is named."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema_rs
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.records import RecordSchema, default_record_schema, parse_record_schema
from imprint.rooms.check import broken_rule, check, suspects

OWN_VALUES: dict[str, Any] = {
    "id": "a",
    "text": "Berita",
    "language": "id",
    "language_score": 0.5,
    "source": None,
    "corrections": [],
    "raw_file": "a.txt",
    "raw_index": 0,
    "raw_sha256": "0" * 64,
}


def schema_of(properties: dict[str, Any], required: list[str]) -> RecordSchema:
    """Return a record schema with one or more columns of the curator's."""
    document = json.loads(default_record_schema())
    document["properties"] |= properties
    document["required"] += required
    return parse_record_schema(json.dumps(document), "record.json")


def batch_of(record: RecordSchema, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Return rows as a batch with reasons, imprint's own columns filled."""
    batch = pa.RecordBatch.from_pylist([{**OWN_VALUES, **row} for row in rows], record.arrow)
    nothing = pa.nulls(len(rows), pa.string())
    return batch.append_column("_reason", nothing).append_column("_detail", nothing)


def details(record: RecordSchema, *rows: dict[str, Any]) -> list[str | None]:
    """Return the detail of each row after the check."""
    found: list[str | None] = check(batch_of(record, list(rows)), record)["_detail"].to_pylist()
    return found


CASES = [
    ({"type": "string", "minLength": 2}, "x", "'x', wanted at least 2 characters (minLength)"),
    (
        {"type": "string", "maxLength": 1},
        "e\u0301",
        "'e\u0301', wanted at most 1 characters (maxLength)",
    ),
    ({"type": "string", "maxLength": 1}, "\U0001f600", None),
    ({"type": "string", "pattern": "^a+$"}, "ab", "'ab', wanted a match of ^a+$ (pattern)"),
    ({"type": "string", "pattern": "a"}, "bab", None),
    (
        {"type": "string", "pattern": r"^\d$"},
        "\u0663",
        "'\u0663', wanted a match of ^\\d$ (pattern)",
    ),
    ({"type": "string", "enum": ["a", "b"]}, "c", '\'c\', wanted "a" or "b" (enum)'),
    ({"type": "string", "const": "a"}, "c", "'c', wanted \"a\" (const)"),
    ({"type": "integer", "minimum": 1990}, 5, "5, wanted 1990 or more (minimum)"),
    ({"type": "integer", "maximum": 4.5}, 5, "5, wanted 4.5 or less (maximum)"),
    ({"type": "integer", "exclusiveMinimum": 5}, 5, "5, wanted more than 5 (exclusiveMinimum)"),
    (
        {"type": "number", "exclusiveMaximum": 0.5},
        0.5,
        "0.5, wanted less than 0.5 (exclusiveMaximum)",
    ),
    ({"type": "number"}, math.nan, "'nan', wanted \"number\" (type)"),
    ({"type": "number", "x-arrow": "float32"}, math.inf, "'inf', wanted \"number\" (type)"),
    ({"type": "boolean", "const": True}, False, "False, wanted true (const)"),
    (
        {"type": "integer", "maximum": 2**53},
        2**53 + 1,
        f"{2**53 + 1}, wanted {2**53} or less (maximum)",
    ),
]


@pytest.mark.parametrize(("schema", "value", "detail"), CASES)
def test_each_rule_in_words(schema: dict[str, Any], value: object, detail: str | None) -> None:
    """A broken rule is told with the field, the value and the rule."""
    record = schema_of({"x": schema}, [])
    assert details(record, {"x": value}) == [detail and f'field "x": {detail}']


def test_lists_and_structs() -> None:
    """A rule inside a list or a struct is told with the way to the value."""
    record = schema_of(
        {
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 2}, "minItems": 1},
            "place": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "height": {"type": "integer", "maximum": 9},
                },
                "required": ["name"],
            },
        },
        [],
    )
    assert details(
        record,
        {"tags": ["ab", "abc"]},
        {"tags": []},
        {"tags": [None]},
        {"tags": None, "place": None},
        {"place": {"name": None, "height": 1}},
        {"place": {"name": "a", "height": 10}},
        {"place": {"name": "a", "height": None}},
    ) == [
        "field \"tags[1]\": 'abc', wanted at most 2 characters (maxLength)",
        'field "tags": [], wanted at least 1 items (minItems)',
        'field "tags[0]": None, wanted "string" (type)',
        None,
        'field "place.name": missing, wanted a value (required)',
        'field "place.height": 10, wanted 9 or less (maximum)',
        None,
    ]


def test_null_is_a_field_that_is_not_there() -> None:
    """Null breaks `required` where the type does not admit it, and nothing else."""
    text = {"type": "string", "minLength": 3}
    assert details(schema_of({"x": text}, ["x"]), {"x": None}) == [
        'field "x": missing, wanted a value (required)'
    ]
    assert details(schema_of({"x": text}, []), {"x": None}) == [None]
    admitting = {**text, "type": ["string", "null"]}
    assert details(schema_of({"x": admitting}, ["x"]), {"x": None}) == [None]
    listed = {**admitting, "enum": ["abc", None]}
    assert details(schema_of({"x": listed}, []), {"x": None}) == [None]
    unlisted = {**admitting, "enum": ["abc"]}
    assert details(schema_of({"x": unlisted}, []), {"x": None}) == [
        'field "x": None, wanted "abc" (enum)'
    ]


def test_several_faults_of_one_record() -> None:
    """The first in the order of the columns is told, the others are counted."""
    record = schema_of(
        {"b": {"type": "integer", "minimum": 1}, "a": {"type": "string", "const": "x"}}, []
    )
    assert details(record, {"a": "y", "b": 0, "text": ""}) == [
        "field \"text\": '', wanted at least 1 characters (minLength); and 2 more"
    ]


def test_long_values_are_cut() -> None:
    """A detail does not repeat a whole text."""
    record = schema_of({"x": {"type": "string", "maxLength": 9}}, [])
    (detail,) = details(record, {"x": "y" * 10_000})
    assert detail is not None
    assert len(detail) < 200


def test_a_column_that_is_not_there() -> None:
    """A column that no raw file has counts as one of nulls."""
    for required, expected in (([], [None]), (["x"], ["schema"])):
        record = schema_of({"x": {"type": "string"}}, list(required))
        batch = batch_of(record, [{}]).drop_columns(["x"])
        assert check(batch, record)["_reason"].to_pylist() == expected


def test_the_first_reason_stays() -> None:
    """Rows that are rejected already are passed over, whatever their text."""
    record = schema_of({}, [])
    batch = batch_of(record, [{"text": None}, {"text": ""}, {}])
    reasons = pa.array(["parse", None, None], pa.string())
    batch = batch.set_column(batch.schema.get_field_index("_reason"), "_reason", reasons)
    checked = check(batch, record)
    assert checked["_reason"].to_pylist() == ["parse", "schema", None]
    assert checked["_detail"][0].as_py() is None
    assert checked.schema == batch.schema
    assert checked.select(record.names) == batch.select(record.names)


def test_an_empty_batch() -> None:
    """No records are no faults."""
    record = schema_of({}, [])
    assert len(check(batch_of(record, []), record)) == 0


TEXTS = st.text("ab\u00e9\u0663 \n\U0001f600", max_size=4)
PATTERNS = st.sampled_from(
    ["^a", "b$", r"^\w+$", r"\d", ".", "^.$", "a|b", "[^a]", "(?i)^A", "^$", r"\s", "[a-b]{2}"]
)
COUNT = st.integers(0, 4)
FLOATS = st.floats(width=32) | st.sampled_from([0.1, 0.5, -0.0, 1e300])
INTEGERS = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63)])


def optional(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw some of the keywords."""
    return st.fixed_dictionaries({}, optional=keywords)


def limits(numbers: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Return the keywords that numbers can have."""
    names = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    return dict.fromkeys(names, numbers)


FINITE = FLOATS.filter(math.isfinite)
Drawn = tuple[dict[str, Any], st.SearchStrategy[Any]]


def typed(
    kind: str, keywords: st.SearchStrategy[dict[str, Any]], values: Any
) -> st.SearchStrategy[Drawn]:
    """Draw a property of a type, with what its values are drawn from."""

    def build(rest: dict[str, Any], null: bool, listed: bool) -> Drawn:
        if null and listed and "enum" in rest:
            rest = {**rest, "enum": [*rest["enum"], None]}
        if null and listed and len(rest) == 1 and "const" in rest:
            rest = {"const": None}
        return {"type": [kind, "null"] if null else kind, **rest}, values | st.none()

    return st.builds(build, keywords, st.booleans(), st.booleans())


STRINGS = typed(
    "string",
    optional(
        minLength=COUNT,
        maxLength=COUNT,
        pattern=PATTERNS,
        const=TEXTS,
        enum=st.lists(TEXTS, min_size=1),
    ),
    TEXTS,
)
WHOLES = typed(
    "integer",
    optional(**limits(INTEGERS | FINITE), const=INTEGERS, enum=st.lists(INTEGERS, min_size=1)),
    INTEGERS,
)
NUMBERS = typed(
    "number",
    optional(
        **limits(INTEGERS | FINITE),
        const=INTEGERS | FINITE,
        enum=st.lists(INTEGERS | FINITE, min_size=1),
        **{"x-arrow": st.sampled_from(["float32", "float64"])},
    ),
    FLOATS,
)
BOOLEANS = typed("boolean", optional(const=st.booleans(), enum=st.just([True])), st.booleans())
SCALARS = STRINGS | WHOLES | NUMBERS | BOOLEANS


def in_list(drawn: Drawn) -> st.SearchStrategy[Drawn]:
    """Draw a list of what was drawn."""
    schema, values = drawn
    return typed(
        "array",
        optional(minItems=COUNT, maxItems=COUNT).map(lambda rest: {**rest, "items": schema}),
        st.lists(values, max_size=4),
    )


def in_struct(drawn: Drawn) -> st.SearchStrategy[Drawn]:
    """Draw a struct around what was drawn."""
    schema, values = drawn
    return typed(
        "object",
        optional(required=st.just(["a"])).map(
            lambda rest: {**rest, "properties": {"a": schema, "b": {"type": "string"}}}
        ),
        st.fixed_dictionaries({"a": values, "b": st.just("x")}),
    )


NESTED = st.recursive(
    SCALARS, lambda below: below.flatmap(in_list) | below.flatmap(in_struct), max_leaves=3
)


@settings(max_examples=400, deadline=None)
@given(NESTED, st.booleans(), st.data())
def test_the_column_tests_never_miss(drawn: Drawn, required: bool, data: st.DataObject) -> None:
    """Testing whole columns first rejects exactly what validating every row rejects."""
    schema, values = drawn
    record = schema_of({"x": schema}, ["x"] if required else [])
    rows = data.draw(st.lists(values, min_size=1, max_size=6))
    batch = batch_of(record, [{"x": value} for value in rows])
    offset = data.draw(st.integers(0, len(rows) - 1))
    sliced = batch.slice(offset)
    plain = sliced.select(record.names).to_pylist()
    expected = [broken_rule(row, record) for row in plain]
    assert check(sliced, record)["_detail"].to_pylist() == expected


@settings(max_examples=200, deadline=None)
@given(SCALARS, st.data())
def test_the_rules_are_those_of_json_schema(drawn: Drawn, data: st.DataObject) -> None:
    """A value that is there passes exactly when the validator alone takes it for the property."""
    schema, values = drawn
    record = schema_of({"x": schema}, [])
    value = data.draw(values.filter(lambda each: each is not None))
    stored = batch_of(record, [{"x": value}])["x"][0].as_py()
    if isinstance(stored, float) and not math.isfinite(stored):
        expected = False
    else:
        validator = jsonschema_rs.Draft202012Validator(
            {key: rule for key, rule in schema.items() if key != "x-arrow"},
            pattern_options=jsonschema_rs.RegexOptions(),
        )
        expected = validator.is_valid(stored)
    assert (details(record, {"x": value}) == [None]) is expected


def test_only_suspects_are_validated() -> None:
    """The rows that keep the usual rules are cleared without a validator."""
    record = schema_of(
        {
            "year": {"type": "integer", "minimum": 1990, "x-arrow": "int16"},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 9}},
        },
        ["year"],
    )
    rows = [{"year": 2000 + row, "kind": "a", "tags": ["x"]} for row in range(9)]
    rows[4]["year"] = 1000
    rows[5]["kind"] = rows[6]["tags"] = None
    assert suspects(batch_of(record, rows), record).nonzero()[0].tolist() == [4]


def same_as_row_by_row(schema: dict[str, Any], values: list[Any]) -> None:
    """Hold the check of a whole column to the check of every value on its own."""
    record = schema_of({"x": schema}, [])
    batch = batch_of(record, [{"x": value} for value in values])
    expected = [broken_rule(row, record) for row in batch.select(record.names).to_pylist()]
    assert check(batch, record)["_detail"].to_pylist() == expected


EDGES = [
    "",
    "a",
    "A",
    "ab",
    "\u00e9",
    "e\u0301",
    "\u0663",
    "\r",
    "\n",
    "\u2028",
    "\u00a0",
    "\ufeff",
    "a\n",
    None,
]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\w+$",
        r"^\d$",
        "^.$",
        r"^\s$",
        "^[^a]$",
        "(?i)^A$",
        "a$",
        "^$",
        r"\ba",
        r"^\S",
        "^[a-b&&b]",
        r"\p{L}",
    ],
)
def test_patterns_mean_what_json_schema_says(pattern: str) -> None:
    r"""Where the engines differ (`\w`, `\d`, `\s`, the dot), JSON Schema's meaning counts."""
    same_as_row_by_row({"type": "string", "pattern": pattern}, EDGES)


NUMBERS_OF: dict[str, list[Any]] = {
    "int8": [-128, -1, 0, 1, 127, None],
    "int64": [-(2**63), 0, 2**53, 2**53 + 1, 2**63 - 1, None],
    "uint64": [0, 1, 2**53 + 1, 2**64 - 1, None],
    "float32": [-0.0, 0.1, 0.5, 2.0**53, math.inf, math.nan, None],
    "float64": [-0.0, 0.1, 0.5, 2.0**53, 1e300, -math.inf, None],
}
BOUNDS = [0, 0.1, 0.5, 1.5, -1, 127, 200, 2**53, 2**53 + 1, 2**63, 2**64, 1e300, -1e300]


@pytest.mark.parametrize("keyword", [*limits(st.none()), "const", "enum"])
@pytest.mark.parametrize("kind", NUMBERS_OF)
def test_limits_are_exact(kind: str, keyword: str) -> None:
    """Limits count exactly, also those that the column's type cannot hold."""
    json_type = "integer" if "int" in kind else "number"
    for bound in BOUNDS:
        if keyword in ("const", "enum") and json_type == "integer" and isinstance(bound, float):
            continue
        rule = [bound, 1] if keyword == "enum" else bound
        same_as_row_by_row({"type": json_type, "x-arrow": kind, keyword: rule}, NUMBERS_OF[kind])


@pytest.mark.parametrize(
    "rule",
    [
        {"const": "a"},
        {"const": None},
        {"enum": ["a"]},
        {"enum": [None]},
        {"const": "a", "enum": ["a", None]},
    ],
)
def test_null_among_values(rule: dict[str, Any]) -> None:
    """Null is one of the listed values, or it is not."""
    same_as_row_by_row({"type": ["string", "null"], **rule}, ["a", "b", None])

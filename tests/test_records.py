"""schema/record.json is the one truth: Arrow schema, features and check follow from it."""

from __future__ import annotations

import json
from typing import Any

import datasets
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint import records
from imprint.errors import ProjectError
from imprint.records import OWN, REASONS, default_record_schema, parse_record_schema

NAMES = st.text("abcxyz_\u00e9 -", min_size=1, max_size=5).filter(lambda name: name[0] != "_")


def with_extras(**properties: Any) -> str:
    """Return a record.json with other columns in front of imprint's own, or in their place."""
    document = json.loads(default_record_schema())
    document["properties"] = {**properties, **document["properties"], **properties}
    return json.dumps(document)


def nullable(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a schema as it is, or admitting null."""
    return st.sampled_from([schema, {**schema, "type": [schema["type"], "null"]}])


PLAIN = st.one_of(
    st.sampled_from(["string", "integer", "number", "boolean"]).map(lambda kind: {"type": kind}),
    st.sampled_from(["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]).map(
        lambda kind: {"type": "integer", "x-arrow": kind}
    ),
    st.sampled_from(["float32", "float64"]).map(lambda kind: {"type": "number", "x-arrow": kind}),
)
PROPERTIES = st.recursive(
    PLAIN.flatmap(nullable),
    lambda below: st.one_of(
        below.map(lambda items: {"type": "array", "items": items}),
        st.dictionaries(NAMES, below, min_size=1, max_size=3).map(
            lambda properties: {"type": "object", "properties": properties}
        ),
    ),
    max_leaves=5,
)


def test_the_default_has_every_column() -> None:
    """The first record.json names imprint's own columns, with their types."""
    record = parse_record_schema(default_record_schema("csto-news"), "record.json")
    assert record.names == list(OWN)
    assert record.extras == []
    correction = pa.struct([("wrong", pa.string()), ("right", pa.string()), ("count", pa.int32())])
    assert record.arrow == pa.schema(
        {
            "id": pa.string(),
            "text": pa.string(),
            "language": pa.string(),
            "language_score": pa.float32(),
            "source": pa.string(),
            "corrections": pa.list_(correction),
            "raw_file": pa.string(),
            "raw_index": pa.int64(),
            "raw_sha256": pa.string(),
        }
    )
    assert record.arrow.field("corrections").type == records.CORRECTIONS
    assert all("description" in each for each in record.document["properties"].values())


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, PROPERTIES, max_size=4))
def test_features_are_those_of_datasets(properties: dict[str, Any]) -> None:
    """The features, made without datasets, are what datasets makes of the same Arrow schema."""
    properties = {name: each for name, each in properties.items() if name.lower() not in OWN}
    record = parse_record_schema(with_extras(**properties), "record.json")
    features = datasets.Features.from_dict(record.features)
    assert features.to_dict() == record.features
    assert features == datasets.Features.from_arrow_schema(record.arrow)
    assert features.arrow_schema.equals(record.arrow)
    marked = record.arrow.with_metadata(record.huggingface_metadata())
    assert datasets.Features.from_arrow_schema(marked).to_dict() == record.features
    assert features.arrow_schema.metadata == record.huggingface_metadata()


def test_columns_stand_in_the_order_of_properties() -> None:
    """The order of the columns is that of `properties`, the curator's among imprint's own."""
    record = parse_record_schema(with_extras(z={"type": "string"}, a={"type": "integer"}), "r")
    assert record.names == ["z", "a", *OWN]
    assert record.extras == ["z", "a"]
    assert record.arrow.names == record.names


def test_limits_on_own_columns_are_taken() -> None:
    """A column of imprint's own can be narrowed, not retyped."""
    text = default_record_schema().replace('"minLength": 1', '"minLength": 20')
    record = parse_record_schema(text, "r")
    assert record.document["properties"]["text"]["minLength"] == 20
    with pytest.raises(ProjectError, match='"text" of type int64, wanted string'):
        parse_record_schema(with_extras(text={"type": "integer"}), "r")


BAD = {
    "anyOf": {"type": "string", "anyOf": []},
    "$ref": {"$ref": "#/x"},
    "format": {"type": "string", "format": "date"},
    "multipleOf": {"type": "integer", "multipleOf": 2},
    "null": {"type": "null"},
    "two types": {"type": ["string", "integer"]},
    "null twice": {"type": ["null", "null"]},
    "a limit of another type": {"type": "string", "minimum": 1},
    "negative length": {"type": "string", "minLength": -1},
    "broken length": {"type": "string", "minLength": 1.5},
    "true as a number": {"type": "integer", "minimum": True},
    "empty enum": {"type": "string", "enum": []},
    "enum of another type": {"type": "integer", "enum": [1, "2"]},
    "number in booleans": {"type": "boolean", "enum": [1]},
    "null in an enum": {"type": "string", "enum": ["a", None]},
    "const of another type": {"type": "integer", "const": 1.5},
    "look-behind": {"type": "string", "pattern": "(?<!a)b"},
    "posix class": {"type": "string", "pattern": "[[:alpha:]]"},
    "no regex": {"type": "string", "pattern": "("},
    "no items": {"type": "array"},
    "bad items": {"type": "array", "items": {"type": "strin"}},
    "no properties": {"type": "object"},
    "required of nothing": {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["b"],
    },
    "required that is no list": {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": "a",
    },
    "private field": {"type": "object", "properties": {"_type": {"type": "string"}}},
    "float as integer": {"type": "integer", "x-arrow": "float32"},
    "x-arrow of a string": {"type": "string", "x-arrow": "int8"},
    "no schema": True,
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_of_the_subset_is_refused(case: str) -> None:
    """Nothing of JSON Schema that is not listed is passed over in silence."""
    with pytest.raises(ProjectError) as caught:
        parse_record_schema(with_extras(extra=BAD[case]), "r.json")
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].place == "r.json:1"


@pytest.mark.parametrize(
    "name", ["ID", "Text", "SOURCE", "Sources", "Encoding", "languages_found", "_x", "", "a\n"]
)
def test_reserved_names(name: str) -> None:
    """Imprint's own names are reserved in any case, private ones too."""
    with pytest.raises(ProjectError) as caught:
        parse_record_schema(with_extras(**{name: {"type": "string"}}), "r.json")
    assert len(caught.value.faults) == 1


@pytest.mark.parametrize("name", list(OWN))
def test_every_own_column_has_to_be_named(name: str) -> None:
    """A column of imprint's own that is not named is a fault, with what to add."""
    document = json.loads(default_record_schema())
    del document["properties"][name]
    with pytest.raises(ProjectError, match=f'no column "{name}".*add "{name}": ') as caught:
        parse_record_schema(json.dumps(document), "r.json")
    assert len(caught.value.faults) == 1


@pytest.mark.parametrize(
    "text", ["[]", "1", "{}", '{"type": "array"}', '{"type": "object", "properties": []}']
)
def test_no_schema_of_a_record(text: str) -> None:
    """What is no schema of an object is refused in one fault."""
    with pytest.raises(ProjectError) as caught:
        parse_record_schema(text, "r.json")
    assert len(caught.value.faults) == 1


def test_other_dialects_are_refused() -> None:
    """Only the dialect of 2020-12 is read."""
    text = default_record_schema().replace("2020-12", "2019-09")
    with pytest.raises(ProjectError, match=r"\$schema"):
        parse_record_schema(text, "r.json")


def test_every_reason_is_a_sentence() -> None:
    """Each code of the ledger is explained."""
    assert all(code.islower() and " " in sentence for code, sentence in REASONS.items())


def test_importing_is_cheap() -> None:
    """Nothing heavy is imported before it is needed."""
    import subprocess
    import sys

    code = (
        "import imprint.project, sys; print([m for m in ('pyarrow', 'polars') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"

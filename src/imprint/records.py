"""What a record is: imprint's own columns, the codes of the ledger, and schema/record.json.

schema/record.json is the one truth: the Arrow schema, the Hugging Face features and the check come
from it. A listed subset of JSON Schema is taken; everything else is a fault, never passed over.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
from typing import TYPE_CHECKING, Any

from imprint.columns import (
    CORRECTION,
    DIALECT,
    OPTIONAL,
    OWN,
    REASONS,
    RESERVED,
    default_record_schema,
    feature_in_words,
    own_feature,
    own_property,
)
from imprint.errors import Fault, ProjectError, seen
from imprint.places import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from imprint.places import Located, Path

__all__ = [
    "OWN",
    "REASONS",
    "RESERVED",
    "RecordSchema",
    "arrow_type",
    "default_record_schema",
    "is_nullable",
    "json_type",
    "parse_record_schema",
]

TYPES = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}
"""JSON type -> Arrow type, unless x-arrow says otherwise."""

NARROWER = {
    "integer": ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    "number": ("float32", "float64"),
}
"""What x-arrow may say of a JSON type."""

NOTES = frozenset({"title", "description", "examples", "$comment"})
"""Keywords that say something to people only."""

LIMITS = {
    "string": frozenset({"minLength", "maxLength", "pattern", "enum", "const"}),
    "integer": frozenset(
        {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const", "x-arrow"}
    ),
    "boolean": frozenset({"enum", "const"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "object": frozenset({"properties", "required"}),
}
LIMITS["number"] = LIMITS["integer"]
"""The keywords that mean something for a type. Chosen: what schema, features and check can hold."""

COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
VALUES = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def __getattr__(name: str) -> Any:
    """Make `CORRECTIONS`, the Arrow type of the column `corrections`, when it is asked for."""
    if name != "CORRECTIONS":
        raise AttributeError(name)
    import pyarrow as pa

    kinds = {"string": pa.string(), "int32": pa.int32()}
    return pa.list_(pa.struct([(field, kinds[kind]) for field, kind in CORRECTION.items()]))


@dataclasses.dataclass(frozen=True)
class RecordSchema:
    """What schema/record.json says, and what follows from it."""

    document: dict[str, Any]
    """The JSON Schema of one record."""

    @property
    def names(self) -> list[str]:
        """Return the published columns, in the order of `properties`."""
        return list(self.document["properties"])

    @property
    def extras(self) -> list[str]:
        """Return the columns that are the curator's own, in the order of `properties`."""
        return [name for name in self.names if name not in RESERVED]

    @functools.cached_property
    def arrow(self) -> pa.Schema:
        """Return the Arrow schema of the published columns, without metadata."""
        import pyarrow as pa

        return pa.schema(
            [(name, arrow_type(schema)) for name, schema in self.document["properties"].items()]
        )

    @functools.cached_property
    def features(self) -> dict[str, Any]:
        """Return the features as `datasets.Features.to_dict()` writes them."""
        return {name: _feature(schema) for name, schema in self.document["properties"].items()}

    def huggingface_metadata(self) -> dict[bytes, bytes]:
        """Return the schema metadata from which `datasets` takes the features."""
        info = {"info": {"features": self.features}}
        return {b"huggingface": json.dumps(info).encode()}


def json_type(schema: dict[str, Any]) -> str:
    """Return the JSON type of a property, without "null".

    >>> json_type({"type": ["string", "null"]})
    'string'
    """
    declared = schema["type"]
    return declared if isinstance(declared, str) else next(t for t in declared if t != "null")


def is_nullable(schema: dict[str, Any]) -> bool:
    """Say whether a property's type admits null."""
    return not isinstance(schema["type"], str)


def arrow_name(schema: dict[str, Any]) -> str:
    """Return the name of the Arrow type of a property that is neither array nor object."""
    name: str = schema.get("x-arrow") or TYPES[json_type(schema)]
    return name


def arrow_type(schema: dict[str, Any]) -> pa.DataType:
    """Return the Arrow type of a property.

    >>> arrow_type({"type": "array", "items": {"type": "integer", "x-arrow": "int8"}})
    ListType(list<item: int8>)
    """
    import pyarrow as pa

    kind = json_type(schema)
    if kind == "array":
        return pa.list_(arrow_type(schema["items"]))
    if kind == "object":
        return pa.struct([(n, arrow_type(each)) for n, each in schema["properties"].items()])
    return pa.type_for_alias(arrow_name(schema))


def _feature(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a property as `datasets` writes its feature."""
    kind = json_type(schema)
    if kind == "array":
        return {"feature": _feature(schema["items"]), "_type": "List"}
    if kind == "object":
        return {name: _feature(each) for name, each in schema["properties"].items()}
    return {"dtype": arrow_name(schema), "_type": "Value"}


def parse_record_schema(text: str, place: str) -> RecordSchema:
    """Read schema/record.json.

    Args:
        text: what stands in it.
        place: its path, for the faults.

    Raises:
        ProjectError: everything that is wrong with it.
    """
    located = read_json(text, place)
    faults = list(_document_faults(located))
    if faults:
        raise ProjectError(sorted(faults, key=_order))
    return RecordSchema(located.value)


def _order(fault: Fault) -> tuple[str, int]:
    """Order faults by their lines."""
    name, _, line = fault.place.rpartition(":")
    return (name, int(line)) if line.isdigit() else (fault.place, 0)


def _document_faults(located: Located) -> Iterator[Fault]:
    """Yield what is wrong with the document as a whole, then with its parts."""
    document, where = located.value, located.at
    top = LIMITS["object"] | NOTES | {"$schema", "$id", "type"}
    if not isinstance(document, dict):
        yield Fault(where(()), seen(document), "a JSON Schema", "write an object")
        return
    for key in document:
        if key not in top:
            yield _unknown_keyword(where((key,)), key, top)
    if document.get("$schema", DIALECT).rstrip("#") != DIALECT:
        yield Fault(
            where(("$schema",)),
            f"$schema = {seen(document['$schema'])}",
            f'"{DIALECT}"',
            "write that",
        )
    if document.get("type") != "object":
        yield Fault(
            where(("type",)), f"type = {seen(document.get('type'))}", '"object"', 'write "object"'
        )
        return
    if not isinstance(document.get("properties"), dict):
        seen_ = "no properties" if "properties" not in document else "properties that are no object"
        yield Fault(where(("properties",)), seen_, "the columns of a record", "name them")
        return
    yield from _required_faults(located, ())
    for name, schema in document["properties"].items():
        path: Path = ("properties", name)
        fault = _name_fault(where(path), name)
        if fault is not None:
            yield fault
            continue
        found = list(_property_faults(located, path, schema))
        yield from found
        if not found and name in (OWN | OPTIONAL):
            yield from _own_faults(where(path), name, schema)
    for name in OWN:
        if name not in document["properties"]:
            fix = f'add "{name}": {own_property(name)}'
            yield Fault(where(("properties",)), f'no column "{name}"', "it: it is imprint's", fix)


def _name_fault(place: str, name: str) -> Fault | None:
    """Return what is wrong with a column's name."""
    if name not in (OWN | OPTIONAL) and name.casefold() in RESERVED:
        wanted = f'"{name.casefold()}" or another name'
        return Fault(place, f'"{name}", which is reserved in any case', wanted, "rename it")
    if name.startswith("_") or not name or not name.isprintable():
        wanted = "a name that does not begin with _ and can be printed"
        return Fault(place, f"the column {seen(name)}", wanted, "rename it")
    return None


def _own_faults(place: str, name: str, schema: dict[str, Any]) -> Iterator[Fault]:
    """Yield the fault of a column of imprint's own that has another type."""
    wanted: Any = own_feature((OWN | OPTIONAL)[name])
    if _feature(schema) != wanted:
        yield Fault(
            place,
            f'"{name}" of type {feature_in_words(_feature(schema))}',
            f"{feature_in_words(wanted)}, as imprint makes it",
            f'write "{name}": {own_property(name)}',
        )


def _required_faults(located: Located, path: Path) -> Iterator[Fault]:
    """Yield what is wrong with the `required` of an object."""
    schema = located.get(path)
    names = schema.get("required", [])
    place = located.at((*path, "required"))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        yield Fault(place, f"required = {seen(names)}", "a list of names", "write a list")
        return
    for name in names:
        told = not path and name in OWN  # that the column is missing
        if name not in schema["properties"] and not told:
            yield Fault(
                place,
                f'"{name}" in required',
                _nearest(name, schema["properties"]),
                "name it in properties, or take it out of required",
            )


def _property_faults(located: Located, path: Path, schema: Any) -> Iterator[Fault]:
    """Yield what is wrong with one property, and with what stands in it."""
    where = located.at
    if not isinstance(schema, dict):
        yield Fault(where(path), seen(schema), "a JSON Schema", 'write {"type": ...}')
        return
    kind = _declared_type(schema.get("type"))
    if kind is None:
        yield Fault(
            where((*path, "type")) if "type" in schema else where(path),
            f"type = {seen(schema['type'])}" if "type" in schema else "no type",
            'one of "' + '", "'.join(LIMITS) + '", or a list of one of them and "null"',
            "write its type",
        )
        return
    allowed = LIMITS[kind] | NOTES | {"type"}
    for key, value in schema.items():
        place = where((*path, key))
        if key not in allowed:
            yield _unknown_keyword(place, key, allowed, kind)
        else:
            wanted = _keyword_wants(key, value, kind, nullable=is_nullable(schema))
            if wanted:
                fix = "mend it, or take it out"
                yield Fault(place, f"{key} = {seen(value)}", wanted, fix)
    if kind == "array":
        if "items" not in schema:
            yield Fault(where(path), "an array without items", "what it holds", "add items")
        else:
            yield from _property_faults(located, (*path, "items"), schema["items"])
    if kind == "object":
        if not isinstance(schema.get("properties"), dict) or not schema["properties"]:
            yield Fault(where(path), "an object without properties", "its fields", "name them")
            return
        yield from _required_faults(located, path)
        for name, each in schema["properties"].items():
            at = (*path, "properties", name)
            if not name or name.startswith("_"):
                yield Fault(where(at), f"the field {seen(name)}", "no _ in front", "rename it")
            yield from _property_faults(located, at, each)


def _declared_type(declared: Any) -> str | None:
    """Return the JSON type that is declared, without "null"; None where it is none of ours."""
    if isinstance(declared, list):
        rest = [kind for kind in declared if kind != "null"]
        declared = rest[0] if len(rest) == 1 and len(declared) == 2 else None
    return declared if isinstance(declared, str) and declared in LIMITS else None


def _keyword_wants(key: str, value: Any, kind: str, *, nullable: bool) -> str:
    """Return what a keyword's value should have been; "" where it is right."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if key in COUNTS:
        right = number and isinstance(value, int) and value >= 0
        return "" if right else "a whole number, 0 or more"
    if key in VALUES:
        return "" if number else "a number"
    if key == "pattern":
        return _pattern_wants(value)
    if key == "x-arrow":
        return "" if value in NARROWER[kind] else "one of " + ", ".join(NARROWER[kind])
    if key == "const":
        return "" if _fits(value, kind, nullable=nullable) else f"a value of type {kind}"
    if key == "enum":
        right = isinstance(value, list) and value != []
        right = right and all(_fits(each, kind, nullable=nullable) for each in value)
        return "" if right else f"a list of values of type {kind}"
    return ""


def _pattern_wants(pattern: Any) -> str:
    """Return what is wrong with a pattern, in the words of the engine that will run it."""
    import jsonschema_rs

    if not isinstance(pattern, str):
        return "a regular expression"
    if "[:" in pattern:
        return "a regular expression without [:names:], which JSON Schema does not know"
    try:
        jsonschema_rs.Draft202012Validator(
            {"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, ValueError):
        return "a regular expression in Rust's syntax, without look-around"
    return ""


def _fits(value: Any, kind: str, *, nullable: bool) -> bool:
    """Say whether a value of `enum` or `const` has the property's type."""
    if value is None:
        return nullable
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "string":
        return isinstance(value, str)
    whole = isinstance(value, int)
    return (kind == "integer" and whole) or (
        kind == "number" and (whole or isinstance(value, float))
    )


def _unknown_keyword(place: str, key: str, allowed: frozenset[str], kind: str = "") -> Fault:
    """Return the fault of a keyword that is not of the subset, or means nothing for the type."""
    of = f' for type "{kind}"' if kind else ""
    near = difflib.get_close_matches(key, allowed, 1, 0.75)
    fix = f'write "{near[0]}"' if near else "take it out"
    names = sorted(allowed - NOTES - {"$schema", "$id"})
    return Fault(place, f'keyword "{key}"{of}', "one of " + ", ".join(names), fix)


def _nearest(name: str, known: Any) -> str:
    """Return the nearest known name, or all where none is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f'"{near[0]}"' if near else "one of " + ", ".join(known)
